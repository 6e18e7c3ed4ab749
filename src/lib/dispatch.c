/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that callbacks make are gathered, so that a program that is driven by its completions
 * sends one packet for each that it receives. That must not hold a request back for long: what is
 * gathered leaves when nothing is left to deliver, when the clock has moved on, when a callback
 * waits for something of ours, and when any other thread makes a call. Of a large batch the first
 * half leaves when it is done, so that the daemon works on it while the program works on the other.
 * A callback that once took its time has the requests of the next ones leave at once.
 */
#include "lib/dispatch.h"

#include <string.h>
#include <time.h>

#include "base/pure/dlmconst.h"
#include "lib/handle.h"
#include "lib/lksb.h"
#include "lib/mode.h"

#define SLOW_MS     10 /* a callback that takes longer waits for something */
#define HASTY_COUNT 64
#define SPLIT_LEAST 32u /* of a batch so large half is sent ahead */

/* The handle whose callback this thread is in. */
static __thread const struct handle *inside __attribute__((tls_model("initial-exec")));

void dispatch_init(struct dispatch *dispatch)
{
	memset(dispatch, 0, sizeof(*dispatch));
	dispatch->tail = &dispatch->head;
	pool_init(&dispatch->pool, alloc_system(), sizeof(struct delivery));
}

void dispatch_done(struct dispatch *dispatch)
{
	pool_done(&dispatch->pool);
	dispatch->head = NULL;
	dispatch->tail = &dispatch->head;
}

struct delivery *dispatch_new(struct dispatch *dispatch)
{
	struct delivery *delivery = pool_get(&dispatch->pool);

	if (delivery)
		memset(delivery, 0, offsetof(struct delivery, lvb));
	return delivery;
}

void dispatch_drop(struct dispatch *dispatch, struct delivery *delivery)
{
	if (delivery)
		pool_put(&dispatch->pool, delivery);
}

void dispatch_add(struct dispatch *dispatch, struct delivery *delivery)
{
	delivery->next = NULL;
	*dispatch->tail = delivery;
	dispatch->tail = &delivery->next;
	dispatch->count++;
}

static struct delivery *take_first(struct dispatch *dispatch)
{
	struct delivery *delivery = dispatch->head;

	if (!delivery)
		return NULL;
	dispatch->count--;
	dispatch->head = delivery->next;
	if (!dispatch->head)
		dispatch->tail = &dispatch->head;
	return delivery;
}

bool dispatch_pending(const struct handle *handle)
{
	return handle->dispatch.head || lost_pending(&handle->lost);
}

bool dispatch_inside(const struct handle *handle)
{
	return inside == handle;
}

bool dispatch_elsewhere(const struct handle *handle)
{
	return handle->dispatch.depth && inside != handle;
}

/* lvmlockd gives (void *)1 where it wants no callback but the kernel wants an address. */
static bool callable(void (*call)(void *arg))
{
	return (uintptr_t)call >= 4096;
}

static void write_lksb(const struct delivery *delivery)
{
	struct dlm_lksb *lksb = delivery->lksb;

	if (!lksb)
		return;
	if (delivery->has_lvb && lksb->sb_lvbptr)
		memcpy(lksb->sb_lvbptr, delivery->lvb, DLM_LVB_LEN);
	lksb_lkid(lksb, delivery->lkid);
	lksb->sb_flags = (char)delivery->sbflags;
	lksb_status(lksb, delivery->status);
}

/* A lock that is gone, or was lowered meanwhile, blocks nobody any more. */
static bool is_stale(const struct handle *handle, const struct delivery *delivery)
{
	const struct lock *lock;

	if (!delivery->blocking)
		return false;
	lock = table_find(&handle->table, delivery->lkid);
	return !lock || mode_compatible(lock->mode, delivery->mode);
}

/* Coarse: costs a few nanoseconds, moves every few milliseconds. */
static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void run_one(struct handle *handle, const struct delivery *delivery)
{
	const struct handle *outside = inside;
	uint64_t began_ms = clock_ms();

	inside = handle;
	pthread_mutex_unlock(&handle->mutex);
	if (!delivery->blocking)
		write_lksb(delivery);
	if (callable(delivery->call))
		delivery->call(delivery->arg);
	pthread_mutex_lock(&handle->mutex);
	inside = outside;
	if (handle->dispatch.hasty)
		handle->dispatch.hasty--;
	if (clock_ms() - began_ms >= SLOW_MS)
		handle->dispatch.hasty = HASTY_COUNT;
}

static void run_all(struct handle *handle)
{
	struct delivery *delivery;

	while (!handle->closed && (delivery = take_first(&handle->dispatch))) {
		if (!is_stale(handle, delivery))
			run_one(handle, delivery);
		dispatch_drop(&handle->dispatch, delivery);
		if (!handle->closed)
			handle->ops->flush_old(handle);
	}
	if (!handle->closed && lost_pending(&handle->lost))
		lost_tell(handle);
}

void dispatch_run(struct handle *handle)
{
	if (dispatch_elsewhere(handle))
		return;
	handle->dispatch.depth++;
	run_all(handle);
	handle->dispatch.depth--;
	pthread_cond_broadcast(&handle->changed); /* whoever waited for its turn */
	if (!handle->closed)
		(void)handle->ops->flush(handle); /* a loss is found by the next that receives */
}
