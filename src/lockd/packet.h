/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Packets to programs, while they are being built or wait for room in a socket. A program has at
 * most one. Free ones are kept for the next, so that a turn under load allocates nothing.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/client.h"

#define PACKET_KEEP 16 /* free packets that are kept */

struct packet {
	struct packet *next; /* only of free ones */
	uint32_t bytes;
	_Alignas(8) uint8_t data[CLIENT_PACKET_MAX];
};

struct packet_store {
	struct packet *free;
	uint32_t free_count;
	uint32_t used_count;
};

/** packet_get() - an empty packet; NULL: no memory */
struct packet *packet_get(struct packet_store *store);
/** packet_put() - NULL is allowed */
void packet_put(struct packet_store *store, struct packet *packet);
void packet_store_done(struct packet_store *store);

static inline uint32_t packet_room(const struct packet *packet)
{
	return CLIENT_PACKET_MAX - packet->bytes;
}

/** packet_append() - the next record, zeroed but for its head; @bytes fits and is a multiple of 8
 */
void *packet_append(struct packet *packet, enum client_record_type type, uint32_t bytes,
	uint8_t flags, uint32_t serial);
