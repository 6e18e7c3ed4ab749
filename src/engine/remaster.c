/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/remaster.h"

#include <errno.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/rcom.h"
#include "engine/resource.h"

void remaster_set(struct resource *resource, uint32_t nodeid)
{
	resource_set_master(resource, nodeid);
	resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
	resource->flags |= RESOURCE_NEW_MASTER | RESOURCE_NEW_MASTER2;
}

void remaster_begin(struct engine_lockspace *ls)
{
	struct lookup_table *table = &ls->recovery.room->lookups;
	uint32_t i;

	table->count = 0;
	for (i = 0; i < RECOVERY_WINDOW; i++) {
		table->sent[i] = NULL;
		table->free[i] = (uint16_t)(RECOVERY_WINDOW - 1 - i);
	}
}

static void ask_directory(struct engine_lockspace *ls, struct resource *resource)
{
	struct lookup_table *table = &ls->recovery.room->lookups;
	struct member *directory = member_find(ls, resource->dir_nodeid);
	uint32_t index = table->free[RECOVERY_WINDOW - 1 - table->count];

	must(directory && !table->sent[index]);
	table->count++;
	table->sent[index] = resource;
	directory->outstanding++;
	rcom_send_lookup(ls, resource, index + 1);
}

/*
 * A master that we know and that is there is the right one, unless an aborted recovery left the
 * resource in between. One that is not known is found out when the request for it is done again.
 */
static bool is_open(const struct engine_lockspace *ls, const struct resource *resource)
{
	if (ls->nodir)
		return true;
	if (resource_is_master(resource) || !resource->master_nodeid)
		return false;
	return (resource->flags & RESOURCE_NEW_MASTER) ||
	       member_is_gone(ls, resource->master_nodeid) ||
	       !member_find(ls, resource->master_nodeid);
}

static bool master_is_there(const struct engine_lockspace *ls, const struct resource *resource)
{
	return member_find(ls, resource->master_nodeid) &&
	       !member_is_gone(ls, resource->master_nodeid);
}

static void find_master(struct engine_lockspace *ls, struct resource *resource)
{
	uint32_t ours = ls->engine->nodeid;

	if (ls->nodir)
		remaster_set(resource, resource->dir_nodeid);
	else if (resource->dir_nodeid != ours)
		ask_directory(ls, resource);
	else if (master_is_there(ls, resource)) /* another was told so already */
		remaster_set(resource, resource->master_nodeid);
	else
		remaster_set(resource, ours);
}

enum recovery_progress remaster_run(struct engine_lockspace *ls, uint32_t *budget)
{
	struct recovery_room *room = ls->recovery.room;
	struct resource *resource;

	while ((resource = walk_resource(&room->walk))) {
		if (room->lookups.count == RECOVERY_WINDOW) {
			ls->recovery.wait_nodeid = member_waited_for(ls);
			return RECOVERY_WAIT;
		}
		if (!*budget)
			return RECOVERY_MORE;
		--*budget;
		if (is_open(ls, resource))
			find_master(ls, resource);
		walk_next(&room->walk);
	}
	ls->recovery.wait_nodeid = member_waited_for(ls);
	return room->lookups.count ? RECOVERY_WAIT : RECOVERY_NEXT;
}

/* Return: the resource that the answer is about; NULL: it answers nothing */
static struct resource *answered(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	struct lookup_table *table = &ls->recovery.room->lookups;
	uint64_t index = rcom->id - 1;
	struct resource *resource;

	if (ls->recovery.step != RECOVERY_MASTERS || index >= RECOVERY_WINDOW)
		return NULL;
	resource = table->sent[index];
	if (!resource || resource->dir_nodeid != nodeid)
		return NULL;
	table->sent[index] = NULL;
	table->count--;
	table->free[RECOVERY_WINDOW - 1 - table->count] = (uint16_t)index;
	return resource;
}

static void refused(const struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_rcom *rcom, const char *why)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_REFUSED,
		.lockspace = ls,
		.nodeid = nodeid,
		.code = 0x100u | (uint32_t)rcom->type,
		.result = rcom->result,
		.text = why,
	};

	node_trace(ls->engine, &trace);
}

void remaster_receive_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	struct resource *resource = answered(ls, nodeid, rcom);

	if (!resource) {
		refused(ls, nodeid, rcom, "answers no lookup");
		return;
	}
	member_find(ls, nodeid)->outstanding--;
	if (rcom->result <= 0 || !member_find(ls, (uint32_t)rcom->result)) {
		refused(ls, nodeid, rcom, "names no member as master");
		ls->recovery.wait_nodeid = nodeid;
		recovery_fail(ls, -EPROTO);
		return;
	}
	remaster_set(resource, (uint32_t)rcom->result);
}
