/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which lock of a resource may be granted now. Source: docs/protocol/wire.md, "Grant rules": the
 * numbers in comments are the lines of its table; the first that matches decides.
 */
#include "engine/queue.h"

#include <errno.h>
#include <stddef.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/message.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/resource.h"
#include "engine/value.h"
#include "engine/waiter.h"

/* When a decision is asked for. */
struct moment {
	bool arriving;   /* the first time, not a later rescan */
	bool recovering; /* the grant pass at the end of a recovery */
};

static bool conflicts_on(const struct list *queue, const struct lock *lock)
{
	const struct lock *other;

	list_for_each (other, queue, queue)
		if (other != lock && !mode_compatible(other->grmode, lock->rqmode))
			return true;
	return false;
}

static bool is_first(const struct list *queue, const struct lock *lock)
{
	return queue->next == &lock->queue;
}

static bool is_conversion(const struct lock *lock)
{
	return lock->grmode != DLM_MODE_IV;
}

static bool in_turn(const struct lock *lock, struct moment when)
{
	const struct resource *resource = lock->resource;

	if (is_conversion(lock)) {
		if (when.arriving && !(lock->exflags & DLM_LKF_QUECVT)) /* 5 */
			return true;
		if (when.arriving) /* 6 */
			return list_empty(&resource->converting);
		if (lock->exflags & DLM_LKF_NOORDER) /* 7 */
			return true;
		return is_first(&resource->converting, lock); /* 8 */
	}
	if (lock->exflags & DLM_LKF_NOORDER) /* 7 */
		return true;
	if (!list_empty(&resource->converting))
		return false;
	if (when.arriving) /* 9 */
		return list_empty(&resource->waiting);
	return is_first(&resource->waiting, lock); /* 10 */
}

static bool is_grantable(const struct lock *lock, struct moment when)
{
	const struct resource *resource = lock->resource;

	if (lock->exflags & DLM_LKF_EXPEDITE) /* 1 */
		return true;
	if (conflicts_on(&resource->granted, lock)) /* 2 */
		return false;
	if (conflicts_on(&resource->converting, lock)) /* 3 */
		return false;
	if (is_conversion(lock) && when.recovering && !when.arriving) /* 4 */
		return true;
	return in_turn(lock, when);
}

/*
 * Two conversions that each wait for what the other has. One ahead in the queue (all of them, for a
 * conversion that is not queued yet) that waits for us is enough, since we wait for our turn; one
 * behind must be in our way too.
 */
static bool is_conversion_deadlock(const struct lock *lock)
{
	const struct lock *other;
	bool passed_self = false;

	list_for_each (other, &lock->resource->converting, queue) {
		if (other == lock) {
			passed_self = true;
			continue;
		}
		if (mode_compatible(lock->grmode, other->rqmode))
			continue;
		if (!passed_self || !mode_compatible(other->grmode, lock->rqmode))
			return true;
	}
	return false;
}

static void demote(struct lock *lock)
{
	lock->grmode = DLM_MODE_NL;
	lock->sbflags |= DLM_SBF_DEMOTED_BIT;
	client_account(lock);
	queue_trace(lock, ENGINE_TRACE_UNGRANT, DLM_MODE_NL);
}

static int other_mode(const struct lock *lock)
{
	if ((lock->exflags & DLM_LKF_ALTPR) && lock->rqmode != DLM_MODE_PR)
		return DLM_MODE_PR;
	if ((lock->exflags & DLM_LKF_ALTCW) && lock->rqmode != DLM_MODE_CW)
		return DLM_MODE_CW;
	return DLM_MODE_IV;
}

static bool is_grantable_otherwise(struct lock *lock, struct moment when)
{
	int8_t asked = lock->rqmode;
	int other = other_mode(lock);

	if (other == DLM_MODE_IV)
		return false;
	lock->rqmode = (int8_t)other;
	when.recovering = false;
	if (is_grantable(lock, when)) {
		lock->sbflags |= DLM_SBF_ALTMODE_BIT;
		return true;
	}
	lock->rqmode = asked;
	return false;
}

/* Return: 1 grant; 0 not now, perhaps DEMOTED; -EDEADLK */
static int decide(struct lock *lock, struct moment when)
{
	if (is_grantable(lock, when))
		return 1;
	if (is_conversion(lock) && !(lock->exflags & DLM_LKF_NOQUEUE) &&
		is_conversion_deadlock(lock)) {
		if (!(lock->exflags & DLM_LKF_CONVDEADLK))
			return -EDEADLK;
		demote(lock);
		return 0;
	}
	return is_grantable_otherwise(lock, when);
}

int queue_can_grant(struct lock *lock)
{
	return decide(lock, (struct moment){.arriving = true});
}

void queue_trace(const struct lock *lock, enum engine_trace_kind kind, int mode)
{
	const struct resource *resource = lock->resource;
	const struct engine *engine = resource->ls->engine;

	if (node_is_traced(engine)) {
		const struct engine_trace trace = {
			.kind = kind,
			.lockspace = resource->ls,
			.nodeid = lock->flags & LOCK_MASTER_COPY ? lock->nodeid : engine->nodeid,
			.lkid = lock->lkid,
			.mode = mode,
			.name = resource->name,
			.name_bytes = resource->name_bytes,
		};

		node_trace(engine, &trace);
	}
}

void queue_grant(struct lock *lock)
{
	bool moves = lock->grmode != lock->rqmode;

	must(mode_valid(lock->rqmode));
	value_on_grant(lock);
	if (!(lock->flags & LOCK_MASTER_COPY))
		value_seen(lock, lock->resource->lvb);
	lock->grmode = lock->rqmode;
	if (lock->status == LOCK_NONE)
		lock_enqueue(lock, LOCK_GRANTED);
	else if (moves || lock->status != LOCK_GRANTED)
		lock_requeue(lock, LOCK_GRANTED);
	lock->rqmode = DLM_MODE_IV;
	lock->highbast = 0;
	queue_trace(lock, ENGINE_TRACE_GRANT, lock->grmode);
}

/* A queued lock is granted: its owner is told. */
static void grant_pending(struct lock *lock)
{
	queue_grant(lock);
	if (lock->flags & LOCK_MASTER_COPY) {
		message_send_grant(lock);
		return;
	}
	waiter_granted(lock);
	callback_completion(lock, 0);
}

static void send_bast(struct lock *lock, int mode)
{
	if (lock->flags & LOCK_MASTER_COPY)
		message_send_bast(lock, mode);
	else
		callback_blocking(lock, mode);
}

/* What is left blocked after a rescan. */
struct blocked {
	int high; /* highest mode asked for, IV: nothing is blocked */
	bool cw;  /* somebody asks for CW */
};

static void note_blocked(struct blocked *blocked, const struct lock *lock)
{
	if (lock->rqmode > blocked->high)
		blocked->high = lock->rqmode;
	if (lock->rqmode == DLM_MODE_CW)
		blocked->cw = true;
}

/* Return: true when the pass must begin again: a grant or a demotion changed what others may have.
 */
static bool scan_converts_once(
	struct resource *resource, bool recovering, bool *demoted_before, struct blocked *blocked)
{
	const struct moment when = {.recovering = recovering};
	struct lock *lock, *next;

	*blocked = (struct blocked){.high = DLM_MODE_IV};
	list_for_each_safe (lock, next, &resource->converting, queue) {
		bool was_demoted = lock->sbflags & DLM_SBF_DEMOTED_BIT;
		int decision = decide(lock, when);

		if (decision == 1) {
			grant_pending(lock);
			return true;
		}
		if (!was_demoted && (lock->sbflags & DLM_SBF_DEMOTED_BIT) && !*demoted_before) {
			*demoted_before = true;
			return true;
		}
		if (decision == -EDEADLK && (lock->exflags & DLM_LKF_NODLCKWT) &&
			(lock->asts & WIRE_ASTS_BAST) && lock->highbast < lock->rqmode) {
			/* Its owner may resolve what it wanted not to be refused for. */
			send_bast(lock, lock->rqmode);
			lock->highbast = lock->rqmode;
		}
		note_blocked(blocked, lock);
	}
	return false;
}

static void scan_converts(struct resource *resource, bool recovering, struct blocked *blocked)
{
	bool demoted = false;

	while (scan_converts_once(resource, recovering, &demoted, blocked))
		;
}

static void scan_waiting(struct resource *resource, struct blocked *blocked)
{
	const struct moment when = {0};
	struct lock *lock, *next;

	list_for_each_safe (lock, next, &resource->waiting, queue) {
		if (decide(lock, when) == 1)
			grant_pending(lock);
		else
			note_blocked(blocked, lock);
	}
}

static void bast_after_rescan(struct resource *resource, const struct blocked *blocked)
{
	struct lock *lock, *next;

	list_for_each_safe (lock, next, &resource->granted, queue) {
		int mode = blocked->high;
		bool needed;

		if (!(lock->asts & WIRE_ASTS_BAST))
			continue;
		if (lock->grmode == DLM_MODE_PR && blocked->cw)
			needed = lock->highbast < DLM_MODE_EX;
		else
			needed = lock->highbast < blocked->high &&
				 !mode_compatible(lock->grmode, blocked->high);
		if (!needed)
			continue;
		if (blocked->cw && mode == DLM_MODE_PR && lock->grmode == DLM_MODE_PR)
			mode = DLM_MODE_CW;
		send_bast(lock, mode);
		lock->highbast = (int8_t)blocked->high;
	}
}

void queue_rescan(struct resource *resource, bool recovering)
{
	struct blocked blocked;

	must(resource_is_master(resource));
	scan_converts(resource, recovering, &blocked);
	scan_waiting(resource, &blocked);
	if (blocked.high != DLM_MODE_IV)
		bast_after_rescan(resource, &blocked);
}

void queue_rescan_converts(struct resource *resource)
{
	struct blocked blocked;

	scan_converts(resource, false, &blocked);
}

static bool must_tell(const struct lock *holder, const struct lock *lock)
{
	if (!(holder->asts & WIRE_ASTS_BAST))
		return false;
	if (mode_is_middle_pair(holder->grmode, lock->rqmode))
		return holder->highbast < DLM_MODE_EX;
	return holder->highbast < lock->rqmode && !mode_compatible(holder->grmode, lock->rqmode);
}

static void bast_queue(struct list *queue, struct lock *lock)
{
	struct lock *holder, *next;

	list_for_each_safe (holder, next, queue, queue) {
		if (holder == lock || !must_tell(holder, lock))
			continue;
		send_bast(holder, lock->rqmode);
		holder->highbast = lock->rqmode;
	}
}

void queue_bast_blockers(struct lock *lock, bool converting)
{
	bast_queue(&lock->resource->granted, lock);
	if (converting)
		bast_queue(&lock->resource->converting, lock);
}
