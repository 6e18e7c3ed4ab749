/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking inside, for checkers, and the invariants that the whole state must keep. */
#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/probe.h"
#include "engine/resource.h"

typedef void (*see_lock)(void *context, const struct engine_lock_view *view);

static struct engine_lock_view view_of(const struct lock *lock)
{
	const struct resource *resource = lock->resource;
	bool copy = lock->flags & LOCK_MASTER_COPY;

	return (struct engine_lock_view){
		.name = resource->name,
		.name_bytes = resource->name_bytes,
		.lkid = lock->lkid,
		.remote_lkid = lock->remid,
		.owner_nodeid = copy ? lock->nodeid : resource->ls->engine->nodeid,
		.master_nodeid = resource->master_nodeid,
		.is_master = resource_is_master(resource),
		.granted_mode = lock->grmode,
		.requested_mode = lock->rqmode,
		.status = lock->status,
		.exflags = lock->exflags,
		.waiting_reply = list_linked(&lock->waiter),
		.orphan = !copy && (lock->shared & WIRE_FLAG_ORPHAN) && !lock->client,
		.client_context = lock->client ? lock->client->context : NULL,
	};
}

static void see_queue(const struct list *queue, see_lock see, void *context)
{
	const struct lock *lock;

	list_for_each (lock, queue, queue) {
		const struct engine_lock_view view = view_of(lock);

		see(context, &view);
	}
}

static void see_resource(const struct resource *resource, see_lock see, void *context)
{
	see_queue(&resource->granted, see, context);
	see_queue(&resource->converting, see, context);
	see_queue(&resource->waiting, see, context);
	see_queue(&resource->lookup, see, context);
}

void engine_lockspace_each_lock(const struct engine_lockspace *ls, see_lock see, void *context)
{
	const struct resource *resource;
	const struct lock *lock;

	list_for_each (resource, &ls->active, entry)
		see_resource(resource, see, context);
	list_for_each (lock, &ls->waiters, waiter) {
		if (lock->flags & LOCK_PENDING) {
			const struct engine_lock_view view = view_of(lock);

			see(context, &view);
		}
	}
}

void engine_resource_each_lock(const struct engine_lockspace *ls, const void *name,
	size_t name_bytes, see_lock see, void *context)
{
	const struct resource *resource;
	uint32_t bytes = (uint32_t)name_bytes;

	resource = resource_find(ls, name, bytes, resource_hash(name, bytes));
	if (resource)
		see_resource(resource, see, context);
}

int engine_resource_view(const struct engine_lockspace *ls, const void *name, size_t name_bytes,
	struct engine_resource_view *ret)
{
	uint32_t bytes = (uint32_t)name_bytes;
	const struct resource *resource =
		resource_find(ls, name, bytes, resource_hash(name, bytes));

	if (!resource)
		return -ENOENT;
	*ret = (struct engine_resource_view){
		.master_nodeid = resource->master_nodeid,
		.dir_nodeid = resource->dir_nodeid,
		.in_use = resource->flags & RESOURCE_IN_USE,
		.value_valid = !(resource->flags & RESOURCE_VALNOTVALID),
		.value_seq = resource->lvbseq,
		.value = resource->lvb,
	};
	return 0;
}

/* ---- invariants ---- */

static uint32_t check_queue(
	const struct resource *resource, const struct list *queue, enum lock_status status)
{
	const struct lock *lock;
	uint32_t count = 0;

	list_for_each (lock, queue, queue) {
		must(lock->resource == resource);
		must(lock->status == status);
		must(!(lock->flags & LOCK_ENDED));
		must(!!(lock->flags & LOCK_LOOKUP_WAIT) == (status == LOCK_NONE));
		if (lock->flags & LOCK_MASTER_COPY)
			must(lock->nodeid && lock->remid && !lock->client);
		count++;
	}
	return count;
}

/* Two granted locks that do not go together, on the one node that decides. */
static void check_compatible(const struct resource *resource)
{
	const struct list *queues[] = {&resource->granted, &resource->converting};
	uint32_t counts[DLM_MODE_EX + 1] = {0};
	const struct lock *lock;
	int one, other;
	unsigned int i;

	for (i = 0; i < 2; i++)
		list_for_each (lock, queues[i], queue)
			if (lock->grmode != DLM_MODE_IV)
				counts[lock->grmode]++;
	for (one = DLM_MODE_NL; one <= DLM_MODE_EX; one++)
		for (other = one; other <= DLM_MODE_EX; other++)
			if (counts[one] && counts[other] && (one != other || counts[one] > 1))
				must(mode_compatible(one, other));
}

static void check_resource(
	const struct engine_lockspace *ls, const struct resource *resource, bool grants)
{
	bool in_use = resource->flags & RESOURCE_IN_USE;

	must(resource->ls == ls);
	must(resource_find(ls, resource->name, resource->name_bytes, resource->hash) == resource);
	check_queue(resource, &resource->granted, LOCK_GRANTED);
	check_queue(resource, &resource->converting, LOCK_CONVERTING);
	check_queue(resource, &resource->waiting, LOCK_WAITING);
	check_queue(resource, &resource->lookup, LOCK_NONE);
	if (!in_use)
		must(!resource_has_locks(resource));
	else if (!recovery_active(ls))
		must(resource_has_locks(resource));
	if (grants && resource_is_master(resource) && ls->running)
		check_compatible(resource);
}

static void check_client(const struct engine_client *client)
{
	uint32_t count = 0, held = 0, persistent = 0;
	const struct lock *lock;

	list_for_each (lock, &client->locks, owner) {
		must(lock->client == client);
		must(lock_find(client->ls, lock->lkid) == lock);
		count++;
		held += !!(lock->flags & LOCK_COUNTED);
		persistent += !!(lock->flags & LOCK_COUNTED_PERSISTENT);
	}
	must(count == client->lock_count);
	must(held == client->held_count);
	must(persistent == client->persistent_held_count);
}

static void check_waiters(const struct engine_lockspace *ls)
{
	const struct lock *lock;

	list_for_each (lock, &ls->waiters, waiter) {
		must(lock->wait_count > 0);
		must(!(lock->flags & LOCK_MASTER_COPY));
	}
}

static void check_lockspace(const struct engine_lockspace *ls, bool grants)
{
	const struct list *clients[] = {&ls->clients, &ls->closing};
	const struct list *lists[] = {&ls->active, &ls->unused, &ls->records};
	const struct engine_client *client;
	const struct resource *resource;
	const struct lock *lock;
	uint32_t orphans = 0;
	size_t count = 0;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		list_for_each (resource, lists[i], entry) {
			must(!!(resource->flags & RESOURCE_IN_USE) == (i == 0));
			check_resource(ls, resource, grants);
			count++;
		}
	}
	must(count == ls->resources.count);
	for (i = 0; i < 2; i++)
		list_for_each (client, clients[i], entry)
			check_client(client);
	list_for_each (lock, &ls->orphans, owner) {
		must(!lock->client && (lock->shared & WIRE_FLAG_ORPHAN));
		orphans++;
	}
	must(orphans == ls->orphan_count);
	check_waiters(ls);
}

static void check_engine(const struct engine *engine, bool grants)
{
	const struct engine_lockspace *ls;
	const struct link *link;

	list_for_each (link, &engine->links, entry)
		link_check(link);
	probe_check(engine);
	list_for_each (ls, &engine->lockspaces, entry)
		check_lockspace(ls, grants);
}

void engine_check(const struct engine *engine)
{
	check_engine(engine, true);
}

void engine_check_structure(const struct engine *engine)
{
	check_engine(engine, false);
}
