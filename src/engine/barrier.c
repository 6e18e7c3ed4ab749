/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/barrier.h"

#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/rcom.h"

#define POLL_STEP_MS 20u
#define POLL_MAX_MS  1000u

/* Between two polls of a node that is not there yet: 1, 2, 4 ... 32, 52, 72 ... ms. Nearly all of a
 * small recovery is this waiting. */
static void sleep_longer(struct engine_lockspace *ls)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	if (ask->sleep_ms < POLL_STEP_MS)
		ask->sleep_ms = ask->sleep_ms ? 2 * ask->sleep_ms : 1;
	else if (ask->sleep_ms < POLL_MAX_MS)
		ask->sleep_ms += POLL_STEP_MS;
	ask->state = ASK_SLEEPING;
	ask->at_ms = ls->engine->now_ms + ask->sleep_ms;
}

/*
 * Ask @nodeid until its status has @bits (0: until it answers).
 * Return: RECOVERY_NEXT when it has
 */
static enum recovery_progress poll(
	struct engine_lockspace *ls, uint32_t nodeid, uint32_t bits, uint32_t flags)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	ls->recovery.wait_nodeid = nodeid;
	if (ask->state == ASK_NONE)
		rcom_ask_status(ls, nodeid, flags);
	if (ask->state != ASK_ANSWERED)
		return RECOVERY_WAIT;
	if ((ask->status & bits) != bits) {
		sleep_longer(ls);
		return RECOVERY_WAIT;
	}
	ask->state = ASK_NONE;
	ask->sleep_ms = 0;
	return RECOVERY_NEXT;
}

static enum recovery_progress poll_all(struct engine_lockspace *ls, uint32_t bits)
{
	struct recovery_room *room = ls->recovery.room;

	for (; room->target < ls->members.count; room->target++) {
		uint32_t nodeid = ls->members.list[room->target].nodeid;

		if (nodeid != ls->engine->nodeid && poll(ls, nodeid, bits, 0) == RECOVERY_WAIT)
			return RECOVERY_WAIT;
	}
	return RECOVERY_NEXT;
}

enum recovery_progress barrier_ping(struct engine_lockspace *ls)
{
	return poll_all(ls, 0);
}

enum recovery_progress barrier_wait(struct engine_lockspace *ls, uint32_t bit)
{
	uint32_t all = bit << 1;
	bool nodes = bit == RECOVERY_STATUS_NODES;

	if (member_is_low(ls)) {
		if (poll_all(ls, bit) == RECOVERY_WAIT)
			return RECOVERY_WAIT;
		if (nodes)
			member_slots_assign(ls);
		ls->recovery.status |= all;
		return RECOVERY_NEXT;
	}
	return poll(ls, ls->members.low_nodeid, all, nodes ? WIRE_STATUS_NEED_SLOTS : 0);
}

void barrier_note_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *reply)
{
	struct member *member = member_find(ls, nodeid);

	if (ls->recovery.step == RECOVERY_PING) {
		member->number = reply->seq;
		member->number_known = true;
	}
	if (ls->recovery.step != RECOVERY_WAIT_NODES)
		return;
	if (member_is_low(ls)) {
		member->slot = reply->config.slot;
		member->generation = reply->config.generation;
	} else if ((uint32_t)reply->result & RECOVERY_STATUS_NODES_ALL) {
		member_slots_copy(ls, reply);
	}
}
