/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The messages of recovery: built and sent, and on receipt gated by how far we are, matched with
 * what was asked, and handed to the room that they are for.
 * Source: docs/protocol/wire.md, "Recovery messages".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/wire.h"

struct engine;
struct engine_lockspace;
struct lock;
struct resource;

/** rcom_compared_flags() - of a lockspace's flags those that must be equal on all members */
uint32_t rcom_compared_flags(uint32_t flags);
/** rcom_config_equal() - whether who has sent @reply and a lockspace of ours can be members of one
 * lockspace; @reply is not "not ready" */
bool rcom_config_equal(uint32_t flags, uint32_t lvb_bytes, const struct wire_rcom *reply);
/** rcom_send_probe() - ask for the STATUS of a lockspace that need not exist here */
void rcom_send_probe(struct engine *engine, uint32_t nodeid, uint32_t global_id, uint64_t id);

/** rcom_ask_status() - the room's one request; the answer makes it ASK_ANSWERED */
void rcom_ask_status(struct engine_lockspace *ls, uint32_t nodeid, uint32_t flags);
/** rcom_ask_names() - go on after the last name of the last block, or begin */
void rcom_ask_names(struct engine_lockspace *ls, uint32_t nodeid);
/** rcom_send_names() - a block of WIRE_NAMES_BYTES as answer to (id, number) of @nodeid */
void rcom_send_names(struct engine_lockspace *ls, uint32_t nodeid, uint64_t id, uint64_t number,
	const uint8_t *payload);
/** rcom_send_lookup() - ask the directory of @resource; @id comes back */
void rcom_send_lookup(struct engine_lockspace *ls, const struct resource *resource, uint64_t id);
/** rcom_send_lock() - our lock to the new master of its resource */
void rcom_send_lock(struct engine_lockspace *ls, const struct lock *lock);
