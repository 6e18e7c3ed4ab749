/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Waiting for the others by STATUS: the ping of all members, and the four barriers, which the low
 * node leads: it polls each member for a bit and then shows that all have it; the rest poll the low
 * node. Source: docs/protocol/wire.md, "Recovery", "Barriers".
 */
#include <stdint.h>

#include "engine/recovery_room.h"

struct engine_lockspace;

/** barrier_ping() - the step: every other member has answered once */
enum recovery_progress barrier_ping(struct engine_lockspace *ls);
/** barrier_wait() - the step: our status has @bit, and in the end the bit of all, which is bit << 1
 */
enum recovery_progress barrier_wait(struct engine_lockspace *ls, uint32_t bit);
/** barrier_note_reply() - what a STATUS_REPLY says beside the bits: number, slot, generation */
void barrier_note_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *reply);
