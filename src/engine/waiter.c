/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/waiter.h"

#include <errno.h>
#include <stddef.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/owner.h"
#include "engine/request.h"
#include "engine/resource.h"

void waiter_add(struct lock *lock, uint8_t type)
{
	if (lock->wait_type || (lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL))) {
		must(type == WIRE_MSG_UNLOCK || type == WIRE_MSG_CANCEL);
		lock->flags |= type == WIRE_MSG_UNLOCK ? LOCK_OVERLAP_UNLOCK : LOCK_OVERLAP_CANCEL;
	} else {
		lock->wait_type = type;
	}
	lock->wait_count++;
	if (!list_linked(&lock->waiter))
		list_add_tail(&lock->resource->ls->waiters, &lock->waiter);
}

static void count_down(struct lock *lock)
{
	must(lock->wait_count > 0);
	lock->flags &= (uint16_t)~LOCK_RESEND;
	if (!--lock->wait_count)
		list_remove(&lock->waiter);
}

void waiter_clear(struct lock *lock)
{
	lock->wait_type = 0;
	lock->wait_count = 0;
	lock->flags &= (uint16_t) ~(LOCK_RESEND | LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);
	list_remove(&lock->waiter);
}

void waiter_granted(struct lock *lock)
{
	if (!(lock->flags & LOCK_RESEND))
		return;
	waiter_clear(lock);
	lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
}

/* The overlapping operation is answered: an older one that never was will not be any more. */
static void overlap_done(struct lock *lock, uint16_t flag)
{
	lock->flags &= (uint16_t)~flag;
	if (lock->wait_type) {
		lock->wait_type = 0;
		count_down(lock);
	}
	count_down(lock);
}

int waiter_reply(struct lock *lock, uint8_t type, int result)
{
	if (type == WIRE_MSG_CANCEL_REPLY && lock->late_cancels) {
		/* Without this it would be taken for the answer to a later cancel. */
		lock->late_cancels--;
		return -ESRCH;
	}
	if (!list_linked(&lock->waiter))
		return -ESRCH;
	if ((lock->flags & LOCK_OVERLAP_UNLOCK) && type == WIRE_MSG_UNLOCK_REPLY) {
		overlap_done(lock, LOCK_OVERLAP_UNLOCK);
		return 0;
	}
	if ((lock->flags & LOCK_OVERLAP_CANCEL) && type == WIRE_MSG_CANCEL_REPLY) {
		overlap_done(lock, LOCK_OVERLAP_CANCEL);
		return 0;
	}
	if (type == WIRE_MSG_CANCEL_REPLY && lock->wait_type != WIRE_MSG_CANCEL)
		return -ESRCH;
	if (!lock->wait_type)
		return -ESRCH;
	if (type == WIRE_MSG_CONVERT_REPLY && lock->wait_type == WIRE_MSG_CONVERT &&
		(lock->flags & LOCK_OVERLAP_CANCEL) && !result) {
		/* The conversion won; the reply to the cancel is still to come and says nothing. */
		lock->late_cancels++;
		lock->wait_type = 0;
		lock->flags &= (uint16_t) ~(LOCK_OVERLAP_CANCEL | LOCK_DEADLOCK_CANCEL);
		count_down(lock);
		count_down(lock);
		return 0;
	}
	lock->wait_type = 0;
	count_down(lock);
	return 0;
}

/* ---- recovery ---- */

static bool is_stranded(const struct lock *lock)
{
	const struct engine_lockspace *ls = lock->resource->ls;

	return ls->nodir || member_is_gone(ls, lock->nodeid);
}

/* The master is gone, and with it what it knew: the lock is unlocked as the program wanted. */
static void fake_unlock(struct lock *lock)
{
	const struct owner_answer answer = {
		.result = -DLM_STATUS_EUNLOCK,
		.shared = lock->shared,
		.sbflags = lock->sbflags,
		.grmode = DLM_MODE_IV,
	};

	waiter_clear(lock);
	owner_unlock_reply(lock, &answer);
}

/* Converts between PR and CW: what it holds only its master can say, see convert_from_nothing(). */
static bool holds_unknown(const struct lock *lock)
{
	return lock->status == LOCK_CONVERTING &&
	       (lock->grmode == DLM_MODE_IV || mode_is_middle_pair(lock->grmode, lock->rqmode));
}

static void fake_cancel(struct lock *lock)
{
	const struct owner_answer answer = {
		.result = -DLM_STATUS_ECANCEL,
		.shared = lock->shared,
		.sbflags = lock->sbflags,
		.grmode = DLM_MODE_IV,
	};
	/* a conversion that was refused leaves its mode in rqmode; nothing converts for all that */
	bool nothing = lock->status == LOCK_GRANTED;

	if (holds_unknown(lock)) { /* cancelled again, at the new master */
		lock->flags |= LOCK_RESEND | LOCK_OVERLAP_CANCEL;
		return;
	}
	waiter_clear(lock);
	if (nothing)
		lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
	else
		owner_cancel_reply(lock, &answer);
}

/*
 * PR to CW or back: either may have been granted by the master that is gone, and others may have
 * been granted what goes with that one only. So neither is claimed: the lock converts from nothing,
 * and the new master settles it by what the others hold.
 */
static void convert_from_nothing(struct lock *lock)
{
	lock_requeue(lock, LOCK_CONVERTING);
	lock->grmode = DLM_MODE_IV;
	lock->resource->flags |= RESOURCE_RECOVER_CONVERT;
	/* It stays counted as held: its program may have either mode until this is settled. */
	if (lock->flags & LOCK_OVERLAP_CANCEL)
		lock->flags |= LOCK_RESEND; /* cancelled again, at the new master */
	else
		waiter_clear(lock);
}

static void strand_convert(struct lock *lock)
{
	if (lock->flags & LOCK_OVERLAP_UNLOCK)
		fake_unlock(lock);
	else if (mode_is_middle_pair(lock->grmode, lock->rqmode))
		convert_from_nothing(lock);
	else
		lock->flags |= LOCK_RESEND;
}

/* The operation itself was answered; the one that overlapped it was not. */
static void strand_overlap(struct lock *lock)
{
	if (lock->flags & LOCK_OVERLAP_UNLOCK)
		fake_unlock(lock);
	else if (lock->flags & LOCK_OVERLAP_CANCEL)
		fake_cancel(lock);
}

static void strand(struct lock *lock)
{
	switch (lock->wait_type) {
	case WIRE_MSG_REQUEST:
		lock->flags |= LOCK_RESEND;
		break;
	case WIRE_MSG_CONVERT:
		strand_convert(lock);
		break;
	case WIRE_MSG_UNLOCK:
		fake_unlock(lock);
		break;
	case WIRE_MSG_CANCEL:
		if (lock->flags & LOCK_OVERLAP_UNLOCK)
			fake_unlock(lock);
		else
			fake_cancel(lock);
		break;
	default:
		strand_overlap(lock);
		break;
	}
}

/* Those to be done again go to the front, so that redoing does not search. */
void waiter_recover_pre(struct engine_lockspace *ls)
{
	struct lock *lock, *next;
	struct list again;

	list_init(&again);
	list_for_each_safe (lock, next, &ls->waiters, waiter) {
		if (lock->wait_type == WIRE_MSG_LOOKUP)
			lock->flags |= LOCK_RESEND;
		else if (!(lock->flags & LOCK_RESEND) && is_stranded(lock))
			strand(lock); /* frees no other lock: nothing is granted or sent here */
	}
	list_for_each_safe (lock, next, &ls->waiters, waiter) {
		if (!(lock->flags & LOCK_RESEND))
			continue;
		list_remove(&lock->waiter);
		list_add_tail(&again, &lock->waiter);
	}
	list_take_all(&again, &ls->waiters);
	list_take_all(&ls->waiters, &again);
}

static void resend_request(struct lock *lock)
{
	struct resource *resource = lock->resource;
	uint16_t overlaps = lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);
	uint32_t lkid = lock->lkid;

	waiter_clear(lock);
	if (overlaps) {
		lock->flags |= overlaps;
		request_end_overlapped(lock);
		request_confirm_master(resource, lkid, -EBADR);
		return;
	}
	lock->nodeid = 0;
	(void)request_start(lock, true);
	if (resource_is_master(resource))
		request_confirm_master(resource, lkid, 0);
}

static void resend_convert(struct lock *lock)
{
	uint16_t overlaps = lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);

	waiter_clear(lock);
	if (overlaps & LOCK_OVERLAP_UNLOCK) {
		request_send_unlock(lock);
	} else if (lock->status == LOCK_CONVERTING) { /* see convert_from_nothing() */
		if (overlaps)
			request_send_cancel(lock);
	} else if (overlaps) {
		lock->rqmode = DLM_MODE_IV;
		callback_completion(lock, -DLM_STATUS_ECANCEL);
	} else {
		request_restart_convert(lock);
	}
}

static struct lock *next_resend(struct engine_lockspace *ls)
{
	struct lock *lock;

	list_for_each (lock, &ls->waiters, waiter)
		if (lock->flags & LOCK_RESEND)
			return lock;
	return NULL;
}

bool waiter_recover_post(struct engine_lockspace *ls, uint32_t budget)
{
	struct lock *lock;

	/* Redoing one operation can end or start others: look anew after each. */
	while ((lock = next_resend(ls))) {
		if (!budget--)
			return true;
		if (lock->wait_type == WIRE_MSG_CONVERT || lock->status == LOCK_CONVERTING)
			resend_convert(lock);
		else
			resend_request(lock);
	}
	return false;
}
