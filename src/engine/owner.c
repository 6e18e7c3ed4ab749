/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/owner.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/message.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/request.h"
#include "engine/resource.h"
#include "engine/value.h"
#include "engine/waiter.h"

static void adopt_flags(struct lock *lock, const struct owner_answer *answer)
{
	lock->sbflags = answer->sbflags;
	lock->shared = (uint8_t)((lock->shared & WIRE_FLAG_ORPHAN) | answer->shared);
}

/*
 * The master granted another mode than was asked for: PR or CW. It says which, so that owner and
 * master agree even where ALTPR and ALTCW were both given, or on a conversion.
 */
static void adopt_mode(struct lock *lock, const struct owner_answer *answer)
{
	if (!(lock->sbflags & DLM_SBF_ALTMODE_BIT))
		return;
	if (answer->grmode == DLM_MODE_PR || answer->grmode == DLM_MODE_CW)
		lock->rqmode = (int8_t)answer->grmode;
	else if (lock->exflags & DLM_LKF_ALTPR)
		lock->rqmode = DLM_MODE_PR;
	else if (lock->exflags & DLM_LKF_ALTCW)
		lock->rqmode = DLM_MODE_CW;
}

static void take_value(struct lock *lock, const struct owner_answer *answer)
{
	uint32_t bytes = lock->resource->ls->lvb_bytes;
	uint8_t *lvb = lock_lvb(lock);

	if (!lvb || !answer->lvb || !(lock->exflags & DLM_LKF_VALBLK))
		return;
	if (mode_value(lock->grmode, lock->rqmode) != MODE_VALUE_READ)
		return;
	memcpy(lvb, answer->lvb, answer->lvb_bytes < bytes ? answer->lvb_bytes : bytes);
	lock->lvbseq = answer->lvbseq;
}

static void grant(struct lock *lock, const struct owner_answer *answer)
{
	take_value(lock, answer);
	value_seen(lock, answer->lvb && answer->lvb_bytes);
	lock->grmode = lock->rqmode;
	lock->rqmode = DLM_MODE_IV;
	lock->highbast = 0;
	if (lock->status == LOCK_NONE)
		lock_enqueue(lock, LOCK_GRANTED);
	else
		lock_requeue(lock, LOCK_GRANTED);
}

static void demote(struct lock *lock)
{
	if (!(lock->sbflags & DLM_SBF_DEMOTED_BIT))
		return;
	lock->grmode = DLM_MODE_NL;
	client_account(lock);
}

static void on_some_queue(struct lock *lock)
{
	if (!(lock->flags & LOCK_PENDING))
		return;
	lock->flags &= (uint16_t)~LOCK_PENDING;
	lock->resource->pending_count--;
}

/* After a request was answered: what overlapped it is sent now, or is void. */
static void send_overlaps(struct lock *lock, int result)
{
	uint16_t overlaps = lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);

	lock->flags &= (uint16_t) ~(LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);
	if (overlaps & LOCK_OVERLAP_UNLOCK)
		request_send_unlock(lock);
	else if ((overlaps & LOCK_OVERLAP_CANCEL) && result == -EINPROGRESS)
		request_send_cancel(lock);
	else
		lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
}

/* The one that we took for the master is not: look again, unless the program has given up. */
static void try_again(struct lock *lock, int result)
{
	struct resource *resource = lock->resource;
	uint32_t nodeid = resource->ls->engine->nodeid;
	uint32_t lkid = lock->lkid;

	if (resource->dir_nodeid != nodeid && !resource_is_master(resource) && !resource->ls->nodir)
		resource_set_master(resource, 0);
	lock->nodeid = 0;
	if (lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL)) {
		request_end_overlapped(lock);
		request_confirm_master(resource, lkid, result);
		return;
	}
	(void)request_start(lock, true);
	if (resource_is_master(resource))
		request_confirm_master(resource, lkid, 0);
}

/*
 * Who answers has the resource. But a refusal in the request queue is from before the recovery: it
 * left no lock there, and in the recovery the master may have discarded the resource.
 */
static bool shows_master(const struct resource *resource, int result)
{
	if (result == -EAGAIN)
		return resource->ls->recovery.step != RECOVERY_REQUESTS;
	return !result || result == -EINPROGRESS;
}

void owner_request_reply(struct lock *lock, const struct owner_answer *answer)
{
	struct resource *resource = lock->resource;

	if (shows_master(resource, answer->result))
		resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
	switch (answer->result) {
	case 0:
	case -EINPROGRESS:
		adopt_flags(lock, answer);
		lock->remid = answer->remid;
		on_some_queue(lock);
		if (answer->result) {
			lock_enqueue(lock, LOCK_WAITING);
		} else {
			adopt_mode(lock, answer);
			grant(lock, answer);
			callback_completion(lock, 0);
		}
		request_confirm_master(resource, lock->lkid, answer->result);
		send_overlaps(lock, answer->result);
		return;
	case -EAGAIN:
		lock->flags &= (uint16_t) ~(LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);
		callback_completion(lock, -EAGAIN);
		request_confirm_master(resource, lock->lkid, -EAGAIN);
		client_settle(lock);
		return;
	default: /* -EBADR, -ENOTBLK; and what no correct master says: asking again harms nobody */
		try_again(lock, -EBADR);
		return;
	}
}

void owner_lookup_reply(struct lock *lock, uint32_t master_nodeid)
{
	struct resource *resource = lock->resource;
	bool ours = master_nodeid == resource->ls->engine->nodeid;

	resource_set_master(resource, master_nodeid);
	lock->nodeid = ours ? 0 : master_nodeid;
	if (ours || !master_nodeid)
		resource->first_lkid = 0;
	if (lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL)) {
		request_end_overlapped(lock);
		resource->first_lkid = 0;
		request_run_lookups(resource); /* the first of them is first now */
		return;
	}
	(void)request_start(lock, true);
	if (ours)
		request_run_lookups(resource);
}

void owner_convert_reply(struct lock *lock, const struct owner_answer *answer)
{
	if (lock->status != LOCK_GRANTED)
		return; /* it was cancelled and answered out of turn; nothing is converting */
	switch (answer->result) {
	case 0:
		adopt_flags(lock, answer);
		demote(lock);
		adopt_mode(lock, answer);
		grant(lock, answer);
		callback_completion(lock, 0);
		break;
	case -EINPROGRESS:
		adopt_flags(lock, answer);
		demote(lock);
		lock_requeue(lock, LOCK_CONVERTING);
		return;
	case -EDEADLK:
		adopt_flags(lock, answer);
		lock->rqmode = DLM_MODE_IV;
		callback_completion(lock, -EDEADLK);
		break;
	case -ENOENT:
		/* The master does not have it (any more): the lock is lost, its owner must know. */
		lock_dequeue(lock);
		callback_completion(lock, -DLM_STATUS_EUNLOCK);
		client_settle(lock);
		break;
	default:
		callback_completion(lock, -EAGAIN);
		break;
	}
}

void owner_unlock_reply(struct lock *lock, const struct owner_answer *answer)
{
	/* -ENOENT: the master has forgotten it: it is as gone as if it had been unlocked. */
	if (answer->result == -DLM_STATUS_EUNLOCK)
		adopt_flags(lock, answer);
	waiter_clear(lock);
	on_some_queue(lock);
	lock_dequeue(lock);
	callback_completion(lock, -DLM_STATUS_EUNLOCK);
	client_settle(lock);
}

void owner_cancel_reply(struct lock *lock, const struct owner_answer *answer)
{
	if (answer->result != -DLM_STATUS_ECANCEL) {
		lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
		return;
	}
	adopt_flags(lock, answer);
	/* It may have been demoted while it waited, or recovery may have settled what it holds. */
	if (lock->status != LOCK_WAITING && answer->grmode != DLM_MODE_IV) {
		if (answer->grmode == DLM_MODE_NL && lock->grmode != DLM_MODE_NL)
			lock->sbflags |=
				DLM_SBF_DEMOTED_BIT; /* a kernel's answer does not say it */
		lock->grmode = (int8_t)answer->grmode;
	}
	if (lock->status == LOCK_WAITING) {
		lock_dequeue(lock);
	} else if (lock->status == LOCK_CONVERTING) {
		lock->rqmode = DLM_MODE_IV;
		lock_requeue(lock, LOCK_GRANTED);
	} else {
		lock->rqmode = DLM_MODE_IV;
	}
	callback_completion(lock, -DLM_STATUS_ECANCEL);
	client_settle(lock);
}

void owner_granted(struct lock *lock, const struct owner_answer *answer)
{
	waiter_granted(lock);
	adopt_flags(lock, answer);
	demote(lock);
	adopt_mode(lock, answer);
	grant(lock, answer);
	callback_completion(lock, 0);
}
