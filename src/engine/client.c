/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/client.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/request.h"
#include "engine/resource.h"

int engine_client_new(struct engine_lockspace *ls, void *context, struct engine_client **ret)
{
	struct engine *engine = ls->engine;
	struct engine_client *client = alloc_zeroed(engine->settings.alloc, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->ls = ls;
	client->context = context;
	if (++engine->client_number >= UINT32_MAX - 1)
		engine->client_number = 1;
	client->number = engine->client_number;
	list_init(&client->dirty);
	list_init(&client->locks);
	list_add_tail(&ls->clients, &client->entry);
	ls->client_count++;
	*ret = client;
	return 0;
}

void client_dirty(struct engine_client *client)
{
	if (!client->closing && !list_linked(&client->dirty))
		list_add_tail(&client->ls->engine->dirty_clients, &client->dirty);
}

void client_attach(struct engine_client *client, struct lock *lock)
{
	lock->client = client;
	list_add_tail(&client->locks, &lock->owner);
	client->lock_count++;
}

static bool is_held(const struct lock *lock)
{
	return lock->grmode > DLM_MODE_NL && !(lock->flags & (LOCK_ENDED | LOCK_MASTER_COPY));
}

static bool is_orphan(const struct lock *lock)
{
	return !lock->client && (lock->shared & WIRE_FLAG_ORPHAN);
}

static void count_held(struct lock *lock, int by)
{
	if (lock->client)
		lock->client->held_count += (uint32_t)by;
	else if (is_orphan(lock))
		lock->resource->ls->orphan_held_count += (uint32_t)by;
}

static void count_persistent(struct lock *lock, int by)
{
	if (lock->client)
		lock->client->persistent_held_count += (uint32_t)by;
}

void client_account(struct lock *lock)
{
	bool held = is_held(lock);
	bool persistent = held && (lock->exflags & DLM_LKF_PERSISTENT);

	if (held != !!(lock->flags & LOCK_COUNTED)) {
		lock->flags ^= LOCK_COUNTED;
		count_held(lock, held ? 1 : -1);
	}
	if (persistent != !!(lock->flags & LOCK_COUNTED_PERSISTENT)) {
		lock->flags ^= LOCK_COUNTED_PERSISTENT;
		count_persistent(lock, persistent ? 1 : -1);
	}
}

/* Take the lock out of all counts, before its owner changes. */
static void unaccount(struct lock *lock)
{
	if (lock->flags & LOCK_COUNTED)
		count_held(lock, -1);
	if (lock->flags & LOCK_COUNTED_PERSISTENT)
		count_persistent(lock, -1);
	lock->flags &= (uint16_t) ~(LOCK_COUNTED | LOCK_COUNTED_PERSISTENT);
}

static void detach(struct engine_lockspace *ls, struct lock *lock)
{
	list_remove(&lock->owner);
	if (lock->client)
		lock->client->lock_count--;
	else if (lock->shared & WIRE_FLAG_ORPHAN)
		ls->orphan_count--;
	lock->client = NULL;
}

/* ---- peers that do not take what they are sent ---- */

void client_sent(const struct lock *lock, uint32_t nodeid)
{
	const struct engine *engine = lock->resource->ls->engine;
	const struct link *link;

	if (!lock->client)
		return;
	link = node_link(engine, nodeid);
	if (link && node_queued_bytes(link) > engine->settings.peer_queue_bytes)
		lock->client->full_nodeid = nodeid;
}

bool engine_client_held(struct engine_client *client)
{
	const struct engine *engine = client->ls->engine;
	const struct link *link;

	if (!client->full_nodeid)
		return false;
	link = node_link(engine, client->full_nodeid);
	if (link && node_queued_bytes(link) > engine->settings.peer_queue_bytes / 2)
		return true;
	client->full_nodeid = 0;
	return false;
}

/* ---- the end of a lock ---- */

/* An ended lock leaves its resource at once; its id stays until its last callback was taken. */
static struct engine_lockspace *leave_resource(struct lock *lock)
{
	struct resource *resource = lock->resource;
	struct engine_lockspace *ls = resource->ls;

	must(!list_linked(&lock->queue) && !list_linked(&lock->waiter));
	unaccount(lock);
	if (lock->flags & LOCK_PENDING) {
		lock->flags &= (uint16_t)~LOCK_PENDING;
		resource->pending_count--;
	}
	return ls;
}

/* A lock on no queue that still refers to its resource: that may not go. */
static void keep_resource(struct lock *lock)
{
	if (!lock->resource || (lock->flags & LOCK_PENDING))
		return;
	lock->flags |= LOCK_PENDING;
	lock->resource->pending_count++;
}

void client_settle(struct lock *lock)
{
	struct engine_client *client = lock->client;
	struct engine_lockspace *ls;
	struct resource *resource = lock->resource;

	if (!(lock->flags & LOCK_ENDED))
		return;
	if (list_linked(&lock->waiter)) {
		keep_resource(lock); /* one more reply is due; its arrival settles it */
		return;
	}
	if (resource) {
		ls = leave_resource(lock);
		lock->resource = NULL;
		resource_put(resource);
	} else {
		ls = client->ls;
	}
	if (lock->flags & LOCK_CALLBACK_LISTED)
		return;
	detach(ls, lock);
	lock_free(ls, lock);
}

static void make_orphan(struct engine_lockspace *ls, struct lock *lock)
{
	unaccount(lock);
	detach(ls, lock);
	lock->shared |= WIRE_FLAG_ORPHAN;
	list_add_tail(&ls->orphans, &lock->owner);
	ls->orphan_count++;
	client_account(lock);
	request_orphan(lock);
}

/* One lock of a program that is gone. What it waited for is given up, what it held is unlocked. */
static void abandon(struct engine_lockspace *ls, struct lock *lock)
{
	bool persistent = (lock->exflags & DLM_LKF_PERSISTENT) && lock->grmode != DLM_MODE_IV;

	callback_drop(lock);
	if (lock->flags & LOCK_ENDED)
		client_settle(lock);
	else if (persistent)
		make_orphan(ls, lock);
	else
		request_abandon(lock);
}

static void drop_blocks(struct engine_client *client)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (client->block_first[i])
			lockid_block_drop(&client->ls->ids, client->block_first[i]);
	memset(client->block_first, 0, sizeof(client->block_first));
}

void engine_client_close(struct engine_client *client)
{
	struct engine_lockspace *ls = client->ls;
	struct lock *lock, *next;

	must(!client->closing);
	client->closing = true;
	list_remove(&client->dirty);
	drop_blocks(client);
	list_for_each_safe (lock, next, &client->locks, owner) {
		lock->flags |= LOCK_SILENT;
		lock->flags &= (uint16_t)~LOCK_CALLBACK_LISTED;
		lock->callback_next = NULL;
		lock->cast_count = 0;
		lock->bast_mode = DLM_MODE_IV;
	}
	client->callback_first = NULL;
	client->callback_last = NULL;
	list_remove(&client->entry);
	list_add_tail(&ls->closing, &client->entry);
}

static void finish_close(struct engine_client *client)
{
	struct engine *engine = client->ls->engine;

	node_client_closed(client);
	client->ls->client_count--;
	list_remove(&client->entry);
	list_remove(&client->dirty);
	alloc_put(engine->settings.alloc, client, sizeof(*client));
}

/*
 * Locks that were abandoned go to the end of the list while their reply is awaited, so that the
 * first one that was abandoned already means that all were.
 */
static bool close_some(struct engine_client *client, uint32_t *budget)
{
	struct engine_lockspace *ls = client->ls;

	while (*budget) {
		struct lock *lock = list_first(&client->locks, struct lock, owner);

		if (!lock) {
			finish_close(client);
			return false;
		}
		if (lock->flags & LOCK_ABANDONED)
			return false;
		lock->flags |= LOCK_ABANDONED;
		list_remove(&lock->owner);
		list_add_tail(&client->locks, &lock->owner);
		abandon(ls, lock);
		--*budget;
	}
	return true;
}

bool client_close_work(struct engine_lockspace *ls, uint32_t budget)
{
	struct engine_client *client, *next;

	if (!ls->running)
		return false;
	list_for_each_safe (client, next, &ls->closing, entry)
		if (close_some(client, &budget))
			return true;
	return false;
}

int engine_client_ids(struct engine_client *client, uint32_t *ret_first)
{
	struct lockid *ids = &client->ls->ids;
	uint32_t first;
	int error = lockid_block_take(ids, client->number, &first);

	if (error)
		return error;
	if (client->block_first[0])
		lockid_block_drop(ids, client->block_first[0]);
	client->block_first[0] = client->block_first[1];
	client->block_first[1] = first;
	*ret_first = first;
	return 0;
}

void engine_client_info(const struct engine_client *client, struct engine_client_info *ret)
{
	const struct lock *lock;

	memset(ret, 0, sizeof(*ret));
	ret->lock_count = client->lock_count;
	ret->held_count = client->held_count;
	ret->persistent_held_count = client->persistent_held_count;
	for (lock = client->callback_first; lock; lock = lock->callback_next)
		ret->callback_count += lock->cast_count + (lock->bast_mode != DLM_MODE_IV);
	list_for_each (lock, &client->locks, owner)
		if (list_linked(&lock->waiter) || lock->status == LOCK_WAITING ||
			lock->status == LOCK_CONVERTING || (lock->flags & LOCK_LOOKUP_WAIT))
			ret->waiting_count++;
}

void engine_client_counts(
	const struct engine_client *client, uint32_t *ret_held, uint32_t *ret_persistent_held)
{
	*ret_held = client->held_count;
	*ret_persistent_held = client->persistent_held_count;
}

/* ---- orphans ---- */

struct orphan_search {
	struct lock *found;
	bool other_mode;
};

static void search_queue(struct list *queue, int mode, struct orphan_search *search)
{
	struct lock *lock;

	list_for_each (lock, queue, queue) {
		if (!is_orphan(lock) || (lock->flags & (LOCK_MASTER_COPY | LOCK_ENDED)))
			continue;
		if (lock->grmode != mode || list_linked(&lock->waiter))
			search->other_mode = true;
		else if (!search->found)
			search->found = lock;
	}
}

int engine_adopt(
	struct engine_client *client, const struct engine_lock_args *args, uint32_t *ret_lkid)
{
	struct engine_lockspace *ls = client->ls;
	struct orphan_search search = {0};
	struct resource *resource;
	int error = request_check_new(client, args);

	if (error)
		return error;
	resource = resource_find(
		ls, args->name, args->name_bytes, resource_hash(args->name, args->name_bytes));
	if (!resource)
		return -ENOENT;
	search_queue(&resource->granted, args->mode, &search);
	search_queue(&resource->converting, args->mode, &search);
	if (!search.found)
		return search.other_mode ? -EAGAIN : -ENOENT;
	if ((args->flags & DLM_LKF_VALBLK) && lock_lvb_make(ls, search.found))
		return -ENOMEM;
	if (lock_set_xid(ls, search.found, args->xid))
		return -ENOMEM;
	request_adopt(client, search.found, args);
	*ret_lkid = search.found->lkid;
	return 0;
}

void client_adopted(struct engine_client *client, struct lock *lock)
{
	unaccount(lock);
	detach(client->ls, lock);
	lock->shared &= (uint8_t)~WIRE_FLAG_ORPHAN;
	lock->flags &= (uint16_t) ~(LOCK_SILENT | LOCK_ABANDONED);
	lock->cast_mode_last = lock->grmode;
	client_attach(client, lock);
	client_account(lock);
}

void client_purge_orphans(struct engine_lockspace *ls, uint32_t pid)
{
	struct lock *lock, *next;

	list_for_each_safe (lock, next, &ls->orphans, owner)
		if (!pid || lock->pid == pid)
			request_abandon(lock);
}

static void purge_own(struct engine_client *client)
{
	uint32_t left = client->lock_count;
	struct lock *lock;

	/* Giving up one lock may end others too: so never trust a "next" pointer. */
	while (left-- && (lock = list_first(&client->locks, struct lock, owner))) {
		list_remove(&lock->owner);
		list_add_tail(&client->locks, &lock->owner);
		callback_drop(lock);
		lock->flags |= LOCK_SILENT;
		if (lock->flags & LOCK_ENDED)
			client_settle(lock);
		else
			request_abandon(lock);
	}
}

int engine_purge(struct engine_client *client, uint32_t nodeid, uint32_t pid, uint32_t own_pid)
{
	struct engine_lockspace *ls = client->ls;

	if (!ls->running)
		return -EAGAIN;
	if (nodeid && nodeid != ls->engine->nodeid)
		return request_send_purge(ls, nodeid, pid);
	if (pid && pid == own_pid)
		purge_own(client);
	else
		client_purge_orphans(ls, pid);
	return 0;
}

void client_free_all(struct engine_lockspace *ls)
{
	struct list *lists[] = {&ls->clients, &ls->closing};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct engine_client *client, *next;

		list_for_each_safe (client, next, lists[i], entry) {
			list_remove(&client->entry);
			list_remove(&client->dirty);
			alloc_put(ls->engine->settings.alloc, client, sizeof(*client));
		}
	}
}
