/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What goes to a program: answers as they are made, completions and blocking ASTs when the turn's
 * input is through, many in a packet. Callbacks are fetched from the engine only while the socket
 * takes packets. Before each packet the lease says what the program holds.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lockd/connection.h"

/** output_reserve() - room for the answers of one more record. Return: false: none, keep it for
 * later */
bool output_reserve(struct connection *c);
/** output_unreserve() - no more records for now: what was reserved and not used is given back */
void output_unreserve(struct connection *c);
/* After output_reserve(); each record has at most two of these. Nothing happens for serial 0 ... */
void output_answer(struct connection *c, uint32_t serial, int32_t result, uint32_t value);
/** output_refused() - ... but a refusal without a serial is told as such */
void output_refused(
	struct connection *c, const struct client_head *head, uint32_t lkid, int32_t error);
void output_ids(struct connection *c, uint32_t first);
/** output_want() - it has something to be sent when the turn ends */
void output_want(struct connection *c);
/** output_flush() - send what can be sent. @c may be gone afterwards. */
void output_flush(struct connection *c);
/** output_discard() - the program reads no more */
void output_discard(struct connection *c);
/** output_send() - one packet now. Return: 0; -EAGAIN no room in the socket; -EPIPE ... it is gone
 */
int output_send(struct connection *c, const struct packet *packet, int pass_fd);
/** output_lease() - write what it holds now */
void output_lease(struct connection *c);
