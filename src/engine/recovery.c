/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a recovery, in the order that all nodes keep, kernels too:
 *
 *	clear unused	resources without locks, and the directory's records, are discarded
 *	ping		every member has answered a STATUS
 *	dir nodes	the directory node of each resource in use is computed anew
 *	wait nodes	*** all have done so; the low node gives out slots
 *	names		the directory is rebuilt from what the others master
 *	wait dir	*** all have done so
 *	waiters pre	operations of ours that wait for a gone node are marked, or answered here
 *	purge		master copies of gone nodes are dropped	      (only if somebody is gone, or
 *	masters		new masters are found			       without a directory; a joiner
 *	locks		our locks are sent to them		       only answers the others)
 *	wait locks	*** all have done so
 *	finalise	conversions, value blocks; empty resources become unused     (as above)
 *	wait done	*** all have done so; before it the request queue is purged and the gone are
 *			forgotten: what they left has been dealt with, and one of them may be back
 *	requests	messages that came meanwhile are processed
 *	waiters post	operations that were marked are done again
 *	grant		what the recovery has made possible is granted
 *	late requests	locking is open; messages that came during the last three steps
 *
 * Locking opens for programs after the grant pass, so that nothing else moves along the list of
 *resources while that walks it; until then new messages join the request queue, and they do until
 *it is empty, so that their order is kept.
 *
 * A stop ends any step at once. What a step has done stays, and is done again or found done by the
 *next recovery: gone nodes are kept until everything of theirs has been dealt with, a resource
 *whose master is being changed keeps RESOURCE_NEW_MASTER until all nodes have recovered their
 *locks.
 *
 * The list of members is taken over by the start itself: an abort must not lose who went.
 */
#include "engine/recovery.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/barrier.h"
#include "engine/lockspace.h"
#include "engine/names.h"
#include "engine/node.h"
#include "engine/rebuild.h"
#include "engine/recovery_room.h"
#include "engine/remaster.h"
#include "engine/requestqueue.h"
#include "engine/resource.h"
#include "engine/waiter.h"

/* What a timer may work at once; engine_work() does the rest. */
#define TICK_BUDGET 64u

/* ---- the steps ---- */

static enum recovery_progress clear_unused(struct engine_lockspace *ls, uint32_t *budget)
{
	return resource_discard_unused(ls, *budget) ? RECOVERY_MORE : RECOVERY_NEXT;
}

static enum recovery_progress ping(struct engine_lockspace *ls, uint32_t *budget)
{
	return barrier_ping(ls);
}

/*
 * A master names all that it has in use. One that does not name a resource of our directory has
 * dropped it, without a REMOVE since that was the recovery's doing; what we have on it are
 * operations whose answer is under way. If those do not make it master anew, there is none: the
 * record must end with them.
 */
static void doubt_master(struct engine_lockspace *ls, struct resource *resource)
{
	bool elsewhere = resource->master_nodeid && !resource_is_master(resource);

	if (elsewhere && resource->dir_nodeid == ls->engine->nodeid && !ls->nodir)
		resource->flags |= RESOURCE_UNCONFIRMED;
	else
		resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
}

static enum recovery_progress dir_nodes(struct engine_lockspace *ls, uint32_t *budget)
{
	struct walk *walk = &ls->recovery.room->walk;
	struct resource *resource;

	for (; (resource = walk_resource(walk)); walk_next(walk)) {
		if (!*budget)
			return RECOVERY_MORE;
		--*budget;
		resource->dir_nodeid = member_directory(ls, resource->hash);
		doubt_master(ls, resource);
	}
	return RECOVERY_NEXT;
}

static enum recovery_progress wait_nodes(struct engine_lockspace *ls, uint32_t *budget)
{
	return barrier_wait(ls, RECOVERY_STATUS_NODES);
}

/*
 * Without a directory there are no names. Its place is taken by dropping all master copies: every
 * node sends all its locks anew, and none can arrive before we have said that we are here.
 */
static enum recovery_progress names(struct engine_lockspace *ls, uint32_t *budget)
{
	return ls->nodir ? rebuild_purge(ls, budget) : names_collect(ls, budget);
}

static enum recovery_progress wait_dir(struct engine_lockspace *ls, uint32_t *budget)
{
	return barrier_wait(ls, RECOVERY_STATUS_DIR);
}

static enum recovery_progress waiters_pre(struct engine_lockspace *ls, uint32_t *budget)
{
	waiter_recover_pre(ls);
	return RECOVERY_NEXT;
}

static enum recovery_progress purge(struct engine_lockspace *ls, uint32_t *budget)
{
	return ls->nodir ? RECOVERY_NEXT : rebuild_purge(ls, budget);
}

static enum recovery_progress wait_locks(struct engine_lockspace *ls, uint32_t *budget)
{
	return barrier_wait(ls, RECOVERY_STATUS_LOCKS);
}

static enum recovery_progress wait_done(struct engine_lockspace *ls, uint32_t *budget)
{
	return barrier_wait(ls, RECOVERY_STATUS_DONE);
}

static enum recovery_progress requests(struct engine_lockspace *ls, uint32_t *budget)
{
	return requestqueue_process(ls, *budget) ? RECOVERY_MORE : RECOVERY_NEXT;
}

static enum recovery_progress waiters_post(struct engine_lockspace *ls, uint32_t *budget)
{
	return waiter_recover_post(ls, *budget) ? RECOVERY_MORE : RECOVERY_NEXT;
}

struct step {
	const char *name;
	enum recovery_progress (*run)(struct engine_lockspace *ls, uint32_t *budget);
	bool rebuild_only;
};

static const struct step STEPS[] = {
	[RECOVERY_IDLE] = {"", NULL, false},
	[RECOVERY_STOPPED] = {"stopped", NULL, false},
	[RECOVERY_FAILED] = {"failed", NULL, false},
	[RECOVERY_CLEAR_UNUSED] = {"clear unused", clear_unused, false},
	[RECOVERY_PING] = {"ping", ping, false},
	[RECOVERY_DIR_NODES] = {"dir nodes", dir_nodes, false},
	[RECOVERY_WAIT_NODES] = {"wait nodes", wait_nodes, false},
	[RECOVERY_NAMES] = {"directory", names, false},
	[RECOVERY_WAIT_DIR] = {"wait dir", wait_dir, false},
	[RECOVERY_WAITERS_PRE] = {"waiters pre", waiters_pre, false},
	[RECOVERY_PURGE] = {"purge", purge, true},
	[RECOVERY_MASTERS] = {"masters", remaster_run, true},
	[RECOVERY_LOCKS] = {"locks", rebuild_send_locks, true},
	[RECOVERY_WAIT_LOCKS] = {"wait locks", wait_locks, false},
	[RECOVERY_FINALISE] = {"finalise", rebuild_finalise, true},
	[RECOVERY_WAIT_DONE] = {"wait done", wait_done, false},
	[RECOVERY_REQUESTS] = {"requests", requests, false},
	[RECOVERY_WAITERS_POST] = {"waiters post", waiters_post, false},
	[RECOVERY_GRANT] = {"grant", rebuild_grant, false},
	[RECOVERY_LATE_REQUESTS] = {"late requests", requests, false},
};

const char *recovery_step_name(enum recovery_step step)
{
	return STEPS[step].name;
}

/* ---- from step to step ---- */

static void trace_step(const struct engine_lockspace *ls)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_RECOVERY,
		.lockspace = ls,
		.code = ls->recovery.status,
		.text = ls->recovery.step == RECOVERY_IDLE ? "complete"
							   : STEPS[ls->recovery.step].name,
	};

	if (node_is_traced(ls->engine))
		node_trace(ls->engine, &trace);
}

static void move(struct engine_lockspace *ls, enum recovery_step step)
{
	ls->recovery.step = step;
	ls->recovery.step_since_ms = ls->engine->now_ms;
	ls->recovery.wait_nodeid = 0;
}

/* Locking is open again, for programs and for messages. */
static void open_locking(struct engine_lockspace *ls)
{
	remote_index_clear(&ls->recovery.room->copies);
	ls->running = true;
	ls->ever_started = true;
	ls->recovery.count++;
	node_recovered(ls, ls->recovery.start_number, 0);
}

/* What has to be so before a step runs for the first time. */
static void begin(struct engine_lockspace *ls, enum recovery_step step)
{
	struct recovery *recovery = &ls->recovery;
	struct recovery_room *room = recovery->room;

	switch (step) {
	case RECOVERY_WAIT_NODES:
		recovery->status |= RECOVERY_STATUS_NODES;
		break;
	case RECOVERY_WAIT_DIR:
		recovery->status |= RECOVERY_STATUS_DIR;
		break;
	case RECOVERY_MASTERS:
		remaster_begin(ls);
		break;
	case RECOVERY_LOCKS:
		rebuild_send_begin(ls);
		break;
	case RECOVERY_WAIT_LOCKS:
		names_drop(ls); /* all have what they asked for, and resources will move soon */
		recovery->status |= RECOVERY_STATUS_LOCKS;
		break;
	case RECOVERY_FINALISE: /* those that came with LOCKs, in front of the root list, too */
	case RECOVERY_GRANT:
		walk_begin(&room->walk, ls->active.next, &ls->active);
		break;
	case RECOVERY_WAIT_DONE:
		requestqueue_purge(ls);
		member_forget_gone(ls);
		recovery->status |= RECOVERY_STATUS_DONE;
		break;
	case RECOVERY_LATE_REQUESTS:
		open_locking(ls);
		break;
	case RECOVERY_IDLE:
	case RECOVERY_STOPPED:
	case RECOVERY_FAILED:
	case RECOVERY_CLEAR_UNUSED:
	case RECOVERY_PING:
	case RECOVERY_DIR_NODES:
	case RECOVERY_NAMES:
	case RECOVERY_WAITERS_PRE:
	case RECOVERY_PURGE:
	case RECOVERY_REQUESTS:
	case RECOVERY_WAITERS_POST:
		break;
	}
}

static void enter(struct engine_lockspace *ls, enum recovery_step step)
{
	struct recovery_room *room = ls->recovery.room;

	move(ls, step);
	room->ask.state = ASK_NONE;
	room->ask.sleep_ms = 0;
	room->target = 0;
	room->finalising = false;
	walk_begin(&room->walk, room->root, &ls->active);
	begin(ls, step);
	trace_step(ls);
}

static enum recovery_step next_step(const struct engine_lockspace *ls)
{
	enum recovery_step step = ls->recovery.step;

	if (step == RECOVERY_LATE_REQUESTS)
		return RECOVERY_IDLE;
	do
		step++;
	while (STEPS[step].rebuild_only && !ls->recovery.room->rebuild);
	return step;
}

bool recovery_work(struct engine_lockspace *ls, uint32_t budget)
{
	if (names_answer(ls, &budget))
		return true;
	while (STEPS[ls->recovery.step].run) {
		switch (STEPS[ls->recovery.step].run(ls, &budget)) {
		case RECOVERY_MORE:
			return true;
		case RECOVERY_WAIT:
			return false;
		case RECOVERY_NEXT:
			enter(ls, next_step(ls));
			break;
		}
	}
	return false;
}

void recovery_fail(struct engine_lockspace *ls, int error)
{
	uint32_t nodeid = ls->recovery.wait_nodeid;

	ls->recovery.room->ask.state = ASK_NONE;
	move(ls, RECOVERY_FAILED);
	ls->recovery.wait_nodeid = nodeid; /* whom it failed on */
	trace_step(ls);
	node_recovered(ls, ls->recovery.start_number, error);
}

void recovery_want_grant(struct resource *resource)
{
	resource->flags |= RESOURCE_RECOVER_GRANT;
	resource->ls->recovery.room->grant_wanted = true;
}

bool recovery_active(const struct engine_lockspace *ls)
{
	const struct recovery *recovery = &ls->recovery;

	return recovery->step != RECOVERY_IDLE && recovery->step <= RECOVERY_FINALISE &&
	       !recovery->room->sweeping;
}

/* ---- beginning and end ---- */

int recovery_init(struct engine_lockspace *ls, uint64_t seed)
{
	struct recovery *recovery = &ls->recovery;

	memset(recovery, 0, sizeof(*recovery));
	ls->running = false;
	ls->stopped = true;
	recovery->room = alloc_zeroed(ls->engine->settings.alloc, sizeof(*recovery->room));
	if (!recovery->room)
		return -ENOMEM;
	remote_index_init(&recovery->room->copies, ls->engine->settings.alloc);
	recovery->step = RECOVERY_STOPPED;
	recovery->number = seed;
	recovery->room->next_id = seed ^ seed << 32;
	recovery->room->root = &ls->active;
	return 0;
}

void recovery_done(struct engine_lockspace *ls)
{
	struct recovery_room *room = ls->recovery.room;

	if (!room)
		return;
	names_done(ls);
	remote_index_done(&room->copies);
	alloc_put(ls->engine->settings.alloc, room, sizeof(*room));
	ls->recovery.room = NULL;
}

void recovery_stop(struct engine_lockspace *ls)
{
	ls->running = false;
	ls->stopped = true;
	ls->recovery.number++;
	ls->recovery.status = 0;
	ls->recovery.room->ask.state = ASK_NONE;
	names_drop(ls);
	member_slots_forget(ls);
	move(ls, RECOVERY_STOPPED);
	trace_step(ls);
}

int recovery_start(struct engine_lockspace *ls, const struct engine_member *members, size_t count,
	uint32_t start_number)
{
	struct recovery *recovery = &ls->recovery;
	int gone, error;

	if (!ls->stopped)
		return -EBUSY;
	error = member_check(ls, members, count);
	if (!error)
		error = names_prepare(ls, (uint32_t)count);
	if (error)
		return error;
	gone = member_install(ls, members, count);
	if (gone < 0)
		return gone;
	recovery->number++;
	recovery->start_number = start_number;
	recovery->room->rebuild = gone > 0 || ls->nodir;
	recovery->room->root = ls->active.next;
	ls->stopped = false;
	enter(ls, RECOVERY_CLEAR_UNUSED);
	return 0;
}

/* ---- time ---- */

static bool ask_due(struct engine_lockspace *ls)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	if (ask->state != ASK_SENT && ask->state != ASK_SLEEPING)
		return false;
	if (ls->engine->now_ms < ask->at_ms)
		return false;
	if (ask->state == ASK_SENT && ask->type == WIRE_RCOM_NAMES)
		names_restart(ls);
	ask->state = ASK_NONE;
	return true;
}

void recovery_tick(struct engine_lockspace *ls)
{
	bool due = ask_due(ls);

	if (rebuild_send_tick(ls) || due)
		(void)recovery_work(ls, TICK_BUDGET);
}

/* NAMES wait for their time: an answer that was lost has moved on in the kernel that gave it
 * (6.12). */
void recovery_connected(struct engine_lockspace *ls, uint32_t nodeid)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	if (ask->state != ASK_SENT || ask->type != WIRE_RCOM_STATUS || ask->nodeid != nodeid)
		return;
	ask->state = ASK_NONE;
	(void)recovery_work(ls, TICK_BUDGET);
}

bool recovery_wait_answers(const struct engine_lockspace *ls)
{
	return ls->recovery.wait_nodeid && ls->recovery.room->ask.sleep_ms;
}

uint64_t recovery_deadline(const struct engine_lockspace *ls)
{
	const struct recovery_room *room = ls->recovery.room;
	uint64_t deadline = UINT64_MAX;

	if (room->ask.state == ASK_SENT || room->ask.state == ASK_SLEEPING)
		deadline = room->ask.at_ms;
	if (ls->recovery.step == RECOVERY_LOCKS && room->locks_again &&
		!walk_resource(&room->walk) && room->again_at_ms < deadline)
		deadline = room->again_at_ms;
	return deadline;
}
