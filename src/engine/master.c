/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/master.h"

#include <errno.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/node.h"
#include "engine/queue.h"
#include "engine/resource.h"
#include "engine/value.h"

/* From the first moment on some queue, the queues keep the resource in use. */
static void settle_pending(struct lock *lock)
{
	if (!(lock->flags & LOCK_PENDING))
		return;
	lock->flags &= (uint16_t)~LOCK_PENDING;
	lock->resource->pending_count--;
}

int master_request(struct lock *lock)
{
	int result;

	must(lock->status == LOCK_NONE);
	if (queue_can_grant(lock) == 1) {
		queue_grant(lock);
		result = 0;
	} else if (!(lock->exflags & DLM_LKF_NOQUEUE)) {
		lock_enqueue(lock, LOCK_WAITING);
		queue_trace(lock, ENGINE_TRACE_QUEUE, lock->rqmode);
		result = -EINPROGRESS;
	} else {
		result = -EAGAIN;
	}
	if (result != -EAGAIN)
		settle_pending(lock);
	if (result != -EINPROGRESS)
		callback_completion(lock, result);
	return result;
}

static void bast_effects(struct lock *lock, int result)
{
	if (result == -EINPROGRESS)
		queue_bast_blockers(lock, false);
	else if (result == -EAGAIN && (lock->exflags & DLM_LKF_NOQUEUEBAST))
		queue_bast_blockers(lock, true);
}

void master_request_effects(struct lock *lock, int result)
{
	bast_effects(lock, result);
}

static int convert_granted(struct lock *lock)
{
	queue_grant(lock);
	callback_completion(lock, 0);
	return 0;
}

static bool is_demoted(const struct lock *lock)
{
	return lock->sbflags & DLM_SBF_DEMOTED_BIT;
}

int master_convert(struct lock *lock)
{
	int decision;

	must(lock->status == LOCK_GRANTED);
	decision = queue_can_grant(lock);
	if (decision == 1)
		return convert_granted(lock);
	if (decision == -EDEADLK && !(lock->exflags & DLM_LKF_NODLCKWT)) {
		lock->rqmode = DLM_MODE_IV;
		callback_completion(lock, -EDEADLK);
		return -EDEADLK;
	}
	if (is_demoted(lock)) {
		queue_rescan_converts(lock->resource);
		if (queue_can_grant(lock) == 1)
			return convert_granted(lock);
	}
	if (lock->exflags & DLM_LKF_NOQUEUE) {
		callback_completion(lock, -EAGAIN);
		return -EAGAIN;
	}
	lock_requeue(lock, LOCK_CONVERTING);
	queue_trace(lock, ENGINE_TRACE_QUEUE, lock->rqmode);
	return -EINPROGRESS;
}

void master_convert_effects(struct lock *lock, int result)
{
	if (!result)
		queue_rescan(lock->resource, false);
	else
		bast_effects(lock, result);
}

int master_unlock(struct lock *lock)
{
	value_on_unlock(lock);
	lock_dequeue(lock);
	queue_trace(lock, ENGINE_TRACE_UNGRANT, DLM_MODE_IV);
	lock->grmode = DLM_MODE_IV;
	callback_completion(lock, -DLM_STATUS_EUNLOCK);
	return -DLM_STATUS_EUNLOCK;
}

int master_cancel(struct lock *lock)
{
	if (lock->status == LOCK_CONVERTING) {
		lock->rqmode = DLM_MODE_IV;
		lock_requeue(lock, LOCK_GRANTED);
	} else if (lock->status == LOCK_WAITING) {
		lock_dequeue(lock);
	} else {
		return 0;
	}
	callback_completion(lock, -DLM_STATUS_ECANCEL);
	return -DLM_STATUS_ECANCEL;
}

void master_left_effects(struct resource *resource)
{
	queue_rescan(resource, false);
}
