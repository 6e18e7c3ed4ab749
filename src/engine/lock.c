/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/lock.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/resource.h"

static struct list *queue_of(struct resource *resource, enum lock_status status)
{
	switch (status) {
	case LOCK_GRANTED:
		return &resource->granted;
	case LOCK_CONVERTING:
		return &resource->converting;
	case LOCK_WAITING:
		return &resource->waiting;
	case LOCK_NONE:
		break;
	}
	must(status != LOCK_NONE);
	return NULL;
}

int lock_new(
	struct engine_lockspace *ls, struct resource *resource, uint32_t lkid, struct lock **ret)
{
	struct lock *lock;
	int error;

	if (!lkid) {
		error = lockid_own(&ls->ids, &lkid);
		if (error)
			return error;
	}
	if (lock_find(ls, lkid))
		return -EEXIST;
	lock = pool_get(&ls->lock_pool);
	if (!lock)
		return -ENOMEM;
	memset(lock, 0, sizeof(*lock));
	lock->lkid = lkid;
	lock->resource = resource;
	lock->grmode = DLM_MODE_IV;
	lock->rqmode = DLM_MODE_IV;
	lock->highbast = DLM_MODE_IV;
	lock->bast_mode = DLM_MODE_IV;
	lock->cast_mode_last = DLM_MODE_NL;
	lock->since_s = (uint32_t)(ls->engine->now_ms / 1000);
	list_init(&lock->queue);
	list_init(&lock->waiter);
	list_init(&lock->owner);
	hash_insert(&ls->locks, &lock->by_id);
	lockid_used(&ls->ids, lkid);
	*ret = lock;
	return 0;
}

static size_t extra_bytes(const struct engine_lockspace *ls)
{
	return sizeof(struct lock_extra) + ls->lvb_bytes;
}

void lock_free(struct engine_lockspace *ls, struct lock *lock)
{
	must(!list_linked(&lock->queue));
	must(!list_linked(&lock->waiter));
	must(!list_linked(&lock->owner));
	must(!(lock->flags & (LOCK_CALLBACK_LISTED | LOCK_COUNTED)));
	hash_remove(&ls->locks, &lock->by_id);
	lockid_unused(&ls->ids, lock->lkid);
	alloc_put(ls->engine->settings.alloc, lock->extra, extra_bytes(ls));
	pool_put(&ls->lock_pool, lock);
}

struct lock *lock_find(const struct engine_lockspace *ls, uint32_t lkid)
{
	struct hash_node *node = hash_chain(&ls->locks, hash_mix(lkid));

	for (; node; node = node->next) {
		struct lock *lock = list_entry(node, struct lock, by_id);

		if (lock->lkid == lkid)
			return lock;
	}
	return NULL;
}

static struct lock *find_remote_on(const struct list *queue, uint32_t nodeid, uint32_t remid)
{
	struct lock *lock;

	list_for_each (lock, queue, queue)
		if (lock->nodeid == nodeid && lock->remid == remid &&
			(lock->flags & LOCK_MASTER_COPY))
			return lock;
	return NULL;
}

struct lock *lock_find_remote(const struct resource *resource, uint32_t nodeid, uint32_t remid)
{
	struct lock *lock = find_remote_on(&resource->granted, nodeid, remid);

	if (!lock)
		lock = find_remote_on(&resource->converting, nodeid, remid);
	if (!lock)
		lock = find_remote_on(&resource->waiting, nodeid, remid);
	return lock;
}

uint8_t *lock_lvb(const struct lock *lock)
{
	return lock->flags & LOCK_HAS_LVB ? lock->extra->lvb : NULL;
}

static int extra_make(struct engine_lockspace *ls, struct lock *lock)
{
	if (!lock->extra)
		lock->extra = alloc_zeroed(ls->engine->settings.alloc, extra_bytes(ls));
	return lock->extra ? 0 : -ENOMEM;
}

int lock_lvb_make(struct engine_lockspace *ls, struct lock *lock)
{
	if (extra_make(ls, lock))
		return -ENOMEM;
	lock->flags |= LOCK_HAS_LVB;
	return 0;
}

int lock_set_xid(struct engine_lockspace *ls, struct lock *lock, uint64_t xid)
{
	if (!xid && !lock->extra)
		return 0;
	if (extra_make(ls, lock))
		return -ENOMEM;
	lock->extra->xid = xid;
	return 0;
}

bool lock_is_master_side(const struct lock *lock)
{
	return (lock->flags & LOCK_MASTER_COPY) || resource_is_master(lock->resource);
}

/*
 * New grants go before the first entry that requests less than they were granted. Entries of the
 * grant queue normally request nothing (IV), so the newest comes first: it shows in the order of
 * BASTs.
 */
static void enqueue_granted(struct lock *lock)
{
	struct list *queue = &lock->resource->granted;
	struct lock *other;

	list_for_each (other, queue, queue) {
		if (other->rqmode < lock->grmode) {
			list_add_before(&other->queue, &lock->queue);
			return;
		}
	}
	list_add_tail(queue, &lock->queue);
}

void lock_enqueue(struct lock *lock, enum lock_status status)
{
	struct list *queue = queue_of(lock->resource, status);

	must(!list_linked(&lock->queue));
	lock->status = (uint8_t)status;
	if (status == LOCK_GRANTED)
		enqueue_granted(lock);
	else if (lock->exflags & DLM_LKF_HEADQUE)
		list_add_head(queue, &lock->queue);
	else
		list_add_tail(queue, &lock->queue);
}

void lock_enqueue_tail(struct lock *lock, enum lock_status status)
{
	must(!list_linked(&lock->queue));
	lock->status = (uint8_t)status;
	list_add_tail(queue_of(lock->resource, status), &lock->queue);
}

void lock_dequeue(struct lock *lock)
{
	list_remove(&lock->queue);
	lock->status = LOCK_NONE;
	lock->flags &= (uint16_t)~LOCK_LOOKUP_WAIT;
}

void lock_requeue(struct lock *lock, enum lock_status status)
{
	lock_dequeue(lock);
	lock_enqueue(lock, status);
}
