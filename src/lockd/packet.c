/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/packet.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"

struct packet *packet_get(struct packet_store *store)
{
	struct packet *packet = store->free;

	if (packet) {
		store->free = packet->next;
		store->free_count--;
	} else {
		packet = malloc(sizeof(*packet));
		if (!packet)
			return NULL;
	}
	packet->next = NULL;
	packet->bytes = 0;
	store->used_count++;
	return packet;
}

void packet_put(struct packet_store *store, struct packet *packet)
{
	if (!packet)
		return;
	must(store->used_count > 0);
	store->used_count--;
	if (store->free_count >= PACKET_KEEP) {
		free(packet);
		return;
	}
	packet->next = store->free;
	store->free = packet;
	store->free_count++;
}

void packet_store_done(struct packet_store *store)
{
	while (store->free) {
		struct packet *packet = store->free;

		store->free = packet->next;
		free(packet);
	}
	store->free_count = 0;
}

void *packet_append(struct packet *packet, enum client_record_type type, uint32_t bytes,
	uint8_t flags, uint32_t serial)
{
	struct client_head *head = (struct client_head *)(void *)(packet->data + packet->bytes);

	must(bytes % 8 == 0);
	must(bytes <= packet_room(packet));
	memset(head, 0, bytes);
	head->bytes = (uint16_t)bytes;
	head->type = (uint8_t)type;
	head->flags = flags;
	head->serial = serial;
	packet->bytes += bytes;
	return head;
}
