/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Recovery of one lockspace: the fixed sequence of steps between a stop and the end of a start,
 * its barriers, and the RCOM messages. Work on many resources is done in slices.
 * Source: docs/protocol/wire.md, "Recovery".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/wire.h"

struct engine_lockspace;

#define RECOVERY_STATUS_NODES     0x01u
#define RECOVERY_STATUS_NODES_ALL 0x02u
#define RECOVERY_STATUS_DIR       0x04u
#define RECOVERY_STATUS_DIR_ALL   0x08u
#define RECOVERY_STATUS_LOCKS     0x10u
#define RECOVERY_STATUS_LOCKS_ALL 0x20u
#define RECOVERY_STATUS_DONE      0x40u
#define RECOVERY_STATUS_DONE_ALL  0x80u

/* What a lockspace is at. The steps of a start are in order; recovery.c documents each. */
enum recovery_step {
	RECOVERY_IDLE = 0, /* completed, everything runs */
	RECOVERY_STOPPED,
	RECOVERY_FAILED, /* until the next stop */
	RECOVERY_CLEAR_UNUSED,
	RECOVERY_PING,
	RECOVERY_DIR_NODES,
	RECOVERY_WAIT_NODES,
	RECOVERY_NAMES,
	RECOVERY_WAIT_DIR,
	RECOVERY_WAITERS_PRE,
	RECOVERY_PURGE,
	RECOVERY_MASTERS,
	RECOVERY_LOCKS,
	RECOVERY_WAIT_LOCKS,
	RECOVERY_FINALISE,
	RECOVERY_WAIT_DONE,
	RECOVERY_REQUESTS,
	RECOVERY_WAITERS_POST,
	RECOVERY_GRANT,
	RECOVERY_LATE_REQUESTS,
};

struct recovery_room; /* private to the rooms of recovery: recovery_room.h */

struct recovery {
	enum recovery_step step;
	uint64_t number;       /* R: +1 at each stop and start; random at first */
	uint32_t status;       /* RECOVERY_STATUS_* */
	uint32_t start_number; /* the caller's, of the last start */
	uint64_t step_since_ms;
	uint32_t wait_nodeid; /* the node that the step waits for, 0: none */
	uint64_t count;       /* completed recoveries */
	struct recovery_room *room;
};

/** recovery_init() - stopped, status 0. @seed: start of number and request ids. Return: 0; -ENOMEM
 */
int recovery_init(struct engine_lockspace *ls, uint64_t seed);
void recovery_done(struct engine_lockspace *ls);
/** recovery_stop() - abort what runs, status 0, number + 1. See engine_lockspace_stop() */
void recovery_stop(struct engine_lockspace *ls);
/** recovery_start() - see engine_lockspace_start() */
int recovery_start(struct engine_lockspace *ls, const struct engine_member *members, size_t count,
	uint32_t start_number);
/** recovery_work() - one slice of at most @budget items. Return: true if more can be done now */
bool recovery_work(struct engine_lockspace *ls, uint32_t budget);
void recovery_tick(struct engine_lockspace *ls);
/** recovery_connected() - a connection to @nodeid came or went: what we asked may have died with
 * it, and with it the wish for another */
void recovery_connected(struct engine_lockspace *ls, uint32_t nodeid);
/** recovery_wait_answers() - the node that is waited for answers, and is not as far itself */
bool recovery_wait_answers(const struct engine_lockspace *ls);
uint64_t recovery_deadline(const struct engine_lockspace *ls);
/** recovery_receive() - an RCOM for this lockspace, from a peer */
void recovery_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom);
/** recovery_receive_unknown() - an RCOM for a lockspace that this node does not have: STATUS gets
 * "not ready" */
void recovery_receive_unknown(
	struct engine *engine, uint32_t nodeid, uint32_t global_id, const struct wire_rcom *rcom);
/**
 * recovery_active() - between a stop and the moment when all locks are where they belong: nothing
 * may move from the resources in use to the unused, since the steps walk along them
 */
bool recovery_active(const struct engine_lockspace *ls);
const char *recovery_step_name(enum recovery_step step);
