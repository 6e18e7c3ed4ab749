/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/resource.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/node.h"

static struct pool *pool_for(struct engine_lockspace *ls, uint32_t name_bytes)
{
	return &ls->resource_pools[(name_bytes - 1) / 8];
}

uint32_t resource_hash(const void *name, uint32_t bytes)
{
	return hash_name(name, bytes, 0);
}

struct resource *resource_find(
	const struct engine_lockspace *ls, const void *name, uint32_t bytes, uint32_t hash)
{
	struct hash_node *node = hash_chain(&ls->resources, hash);

	for (; node; node = node->next) {
		struct resource *resource = list_entry(node, struct resource, by_name);

		if (resource->hash == hash && resource->name_bytes == bytes &&
			!memcmp(resource->name, name, bytes))
			return resource;
	}
	return NULL;
}

int resource_new(struct engine_lockspace *ls, const void *name, uint32_t bytes, uint32_t hash,
	struct resource **ret)
{
	struct resource *resource;

	must(bytes >= 1 && bytes <= DLM_NAME_BYTES_MAX);
	resource = pool_get(pool_for(ls, bytes));
	if (!resource)
		return -ENOMEM;
	memset(resource, 0, sizeof(*resource));
	resource->ls = ls;
	resource->hash = hash;
	resource->name_bytes = (uint8_t)bytes;
	memcpy(resource->name, name, bytes);
	list_init(&resource->entry);
	list_init(&resource->granted);
	list_init(&resource->converting);
	list_init(&resource->waiting);
	list_init(&resource->lookup);
	resource->dir_nodeid = member_directory(ls, hash);
	if (ls->nodir)
		resource->master_nodeid = resource->dir_nodeid;
	resource->unused_since = resource_clock(ls);
	hash_insert(&ls->resources, &resource->by_name);
	resource_file(resource);
	*ret = resource;
	return 0;
}

bool resource_has_locks(const struct resource *resource)
{
	return !list_empty(&resource->granted) || !list_empty(&resource->converting) ||
	       !list_empty(&resource->waiting) || !list_empty(&resource->lookup) ||
	       resource->pending_count;
}

void resource_free(struct resource *resource)
{
	struct engine_lockspace *ls = resource->ls;

	must(!resource_has_locks(resource));
	list_remove(&resource->entry);
	hash_remove(&ls->resources, &resource->by_name);
	resource_lvb_drop(resource);
	pool_put(pool_for(ls, resource->name_bytes), resource);
}

static bool is_remote_record(const struct resource *resource)
{
	return resource->dir_nodeid == resource->ls->engine->nodeid && resource->master_nodeid &&
	       !resource_is_master(resource);
}

void resource_file(struct resource *resource)
{
	struct engine_lockspace *ls = resource->ls;

	list_remove(&resource->entry);
	if (resource->flags & RESOURCE_IN_USE)
		list_add_head(&ls->active, &resource->entry);
	else if (is_remote_record(resource))
		list_add_tail(&ls->records, &resource->entry);
	else
		list_add_tail(&ls->unused, &resource->entry);
}

void resource_hold(struct resource *resource)
{
	if (resource->flags & RESOURCE_IN_USE)
		return;
	resource->flags |= RESOURCE_IN_USE;
	resource->flags &= (uint16_t)~RESOURCE_TOLD;
	resource_file(resource);
}

void resource_put(struct resource *resource)
{
	struct engine_lockspace *ls = resource->ls;

	if (!(resource->flags & RESOURCE_IN_USE) || resource_has_locks(resource))
		return;
	if (recovery_active(ls))
		return; /* the recovery's sweep does it */
	resource->flags &= (uint16_t) ~(RESOURCE_IN_USE | RESOURCE_MASTER_UNCERTAIN |
					RESOURCE_VALNOTVALID | RESOURCE_VALUE_LOST | RESOURCE_TOLD);
	if (resource->flags & RESOURCE_UNCONFIRMED) { /* a record of it would never end */
		resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
		resource_set_master(resource, 0);
	}
	resource->first_lkid = 0;
	resource_lvb_drop(resource);
	resource->unused_since = resource_clock(ls);
	resource_file(resource);
}

bool resource_discard_unused(struct engine_lockspace *ls, uint32_t budget)
{
	while (budget--) {
		struct resource *resource = list_first(&ls->unused, struct resource, entry);

		if (!resource)
			resource = list_first(&ls->records, struct resource, entry);
		if (!resource)
			return false;
		resource_free(resource);
	}
	return true;
}

uint32_t resource_clock(const struct engine_lockspace *ls)
{
	return (uint32_t)(ls->engine->now_ms / 16);
}

uint64_t resource_age_ms(const struct resource *resource)
{
	return (uint64_t)(resource_clock(resource->ls) - resource->unused_since) * 16;
}

bool resource_is_master(const struct resource *resource)
{
	return resource->master_nodeid == resource->ls->engine->nodeid;
}

void resource_set_master(struct resource *resource, uint32_t nodeid)
{
	const struct engine_lockspace *ls = resource->ls;

	if (resource->master_nodeid != nodeid && node_is_traced(ls->engine)) {
		const struct engine_trace trace = {
			.kind = ENGINE_TRACE_MASTER,
			.lockspace = ls,
			.nodeid = nodeid,
			.name = resource->name,
			.name_bytes = resource->name_bytes,
		};

		node_trace(ls->engine, &trace);
	}
	resource->master_nodeid = nodeid;
	if (!(resource->flags & RESOURCE_IN_USE))
		resource_file(resource);
}

int resource_lvb_make(struct resource *resource)
{
	const struct engine_lockspace *ls = resource->ls;

	if (!resource->lvb)
		resource->lvb = alloc_zeroed(ls->engine->settings.alloc, ls->lvb_bytes);
	return resource->lvb ? 0 : -ENOMEM;
}

void resource_lvb_drop(struct resource *resource)
{
	const struct engine_lockspace *ls = resource->ls;

	alloc_put(ls->engine->settings.alloc, resource->lvb, ls->lvb_bytes);
	resource->lvb = NULL;
	resource->lvbseq = 0;
}
