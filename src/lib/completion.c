/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/completion.h"

#include <errno.h>
#include <string.h>

#include "base/pure/dlmconst.h"
#include "lib/handle.h"
#include "lib/waitcall.h"

int completion_reserve(struct handle *handle, bool waits, struct delivery **ret)
{
	struct delivery *reserved = NULL;

	if (!waits) {
		reserved = dispatch_new(&handle->dispatch);
		if (!reserved)
			return -ENOMEM;
	}
	*ret = reserved;
	return 0;
}

static void waiter_add(struct lock *lock, struct waitcall *wait)
{
	wait->next = lock->waiters;
	lock->waiters = wait;
}

void completion_expect_lock(
	struct lock *lock, const struct lock_call *call, struct delivery *reserved)
{
	lock->op = call->flags & LKF_CONVERT ? LOCK_CONVERT : LOCK_REQUEST;
	lock->mode_wanted = (uint8_t)call->mode;
	lock->told = !call->wait;
	lock->reserved = reserved;
	lock->cancelled = false;
	lock->value_block = call->flags & LKF_VALBLK;
	lock->ast = call->ast;
	lock->ast_arg = call->ast_arg;
	lock->bast = call->bast;
	lock->bast_arg = call->bast_arg;
	lock->lksb = call->wait ? NULL : call->lksb;
	if (call->wait)
		waiter_add(lock, call->wait);
}

void completion_expect_unlock(struct handle *handle, struct lock *lock,
	const struct unlock_call *call, struct delivery *reserved)
{
	if (lock->op != LOCK_IDLE)
		lock->cancelled = true;
	if (!(call->flags & LKF_CANCEL) && !call->deadlock)
		lock->op = LOCK_UNLOCK;
	if (call->wait) {
		waiter_add(lock, call->wait);
	} else if (!call->deadlock) {
		lock->told = true;
		lock->lksb = call->lksb;
		if (call->ast_arg)
			lock->ast_arg = call->ast_arg;
	}
	if (lock->told && !lock->reserved)
		lock->reserved = reserved;
	else
		dispatch_drop(&handle->dispatch, reserved);
}

static void lock_settle(struct lock *lock)
{
	lock->op = LOCK_IDLE;
	lock->told = false;
	lock->waiters = NULL;
	lock->reserved = NULL;
}

void completion_unexpect(struct handle *handle, struct lock *lock)
{
	dispatch_drop(&handle->dispatch, lock->reserved);
	lock_settle(lock);
}

static void tell_waiters(const struct lock *lock, const struct completion *completion)
{
	struct waitcall *wait;
	struct waitcall *next;

	for (wait = lock->waiters; wait; wait = next) {
		next = wait->next;
		waitcall_end(wait, completion, lock->value_block);
	}
}

static void tell_callback(
	struct handle *handle, struct lock *lock, const struct completion *completion)
{
	struct delivery *delivery = lock->reserved;

	delivery->call = lock->ast;
	delivery->arg = lock->ast_arg;
	delivery->lkid = lock->lkid;
	delivery->lksb = lock->lksb;
	delivery->status = -completion->status;
	delivery->sbflags = completion->sbflags;
	delivery->has_lvb = completion->lvb && lock->value_block;
	if (delivery->has_lvb)
		memcpy(delivery->lvb, completion->lvb, sizeof(delivery->lvb));
	dispatch_add(&handle->dispatch, delivery);
}

static void lock_complete(
	struct handle *handle, struct lock *lock, const struct completion *completion)
{
	if (lock->waiters) {
		tell_waiters(lock, completion);
		handle->news = true;
	}
	if (lock->told)
		tell_callback(handle, lock, completion);
	else
		dispatch_drop(&handle->dispatch, lock->reserved);
	lock_settle(lock);
	lock->mode = completion->mode;
	if (!completion->status)
		lock->cancelled = false; /* it came too late */
	if (completion->ended)
		table_remove(&handle->table, lock);
}

void completion_take(struct handle *handle, const struct completion *completion)
{
	struct lock *lock = table_find(&handle->table, completion->lkid);

	if (lock && lock->op != LOCK_IDLE)
		lock_complete(handle, lock, completion);
}

/* Without memory a program is not told that it blocks somebody. It is told of all else. */
void completion_blocked(struct handle *handle, uint32_t lkid, uint8_t mode)
{
	struct lock *lock = table_find(&handle->table, lkid);
	struct delivery *delivery;

	if (!lock || !lock->bast)
		return;
	delivery = dispatch_new(&handle->dispatch);
	if (!delivery)
		return;
	delivery->blocking = true;
	delivery->call = lock->bast;
	delivery->arg = lock->bast_arg;
	delivery->lkid = lkid;
	delivery->mode = mode;
	dispatch_add(&handle->dispatch, delivery);
}

struct fail_all {
	struct handle *handle;
	int status;
};

static void fail_one(void *context, struct lock *lock)
{
	const struct fail_all *fail = context;
	struct completion completion = {
		.lkid = lock->lkid, .status = fail->status, .mode = lock->mode};

	if (lock->op != LOCK_IDLE)
		lock_complete(fail->handle, lock, &completion);
}

void completion_fail_all(struct handle *handle, int status)
{
	struct fail_all fail = {handle, status};

	table_each(&handle->table, fail_one, &fail);
}

static void purge_one(void *context, struct lock *lock)
{
	struct handle *handle = context;
	struct completion completion = {.lkid = lock->lkid,
		.status = -DLM_STATUS_EUNLOCK,
		.mode = DLM_MODE_IV,
		.ended = true};

	lock->told = false;
	lock_complete(handle, lock, &completion);
}

void completion_purge_all(struct handle *handle)
{
	table_each(&handle->table, purge_one, handle);
}
