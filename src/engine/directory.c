/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/directory.h"

#include <errno.h>

#include "base/pure/must.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/message.h"
#include "engine/node.h"
#include "engine/receive.h"
#include "engine/resource.h"

/* So many unused resources go in one tick, so that a burst of them holds nobody up. */
#define TICK_ITEMS 1024u

/* ---- as directory node ---- */

static int find_or_make(struct engine_lockspace *ls, const uint8_t *name, uint32_t bytes,
	uint32_t hash, struct resource **ret)
{
	struct resource *resource = resource_find(ls, name, bytes, hash);

	if (!resource)
		return resource_new(ls, name, bytes, hash, ret);
	*ret = resource;
	return 0;
}

/* Remember when @resource's master was told that it is: see is_genuine(). */
static void told(struct resource *resource)
{
	resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
	if (resource->flags & RESOURCE_IN_USE)
		return;
	resource->flags |= RESOURCE_TOLD;
	resource->unused_since = resource_clock(resource->ls);
}

void directory_receive_lookup(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	uint32_t hash = resource_hash(msg->extra, msg->extra_bytes);
	struct resource *resource;

	if (member_directory(ls, hash) != ls->engine->nodeid || ls->nodir) {
		message_send_lookup_reply(ls, nodeid, msg, 0);
		return;
	}
	if (find_or_make(ls, msg->extra, msg->extra_bytes, hash, &resource)) {
		message_send_lookup_reply(ls, nodeid, msg, 0); /* it asks again */
		return;
	}
	if (resource_is_master(resource)) {
		receive_request(ls, nodeid, msg);
		return;
	}
	if (!resource->master_nodeid)
		resource_set_master(resource, nodeid);
	if (resource->master_nodeid == nodeid)
		told(resource);
	message_send_lookup_reply(ls, nodeid, msg, resource->master_nodeid);
}

/*
 * A kernel 6.12 can send the LOOKUP of a name before the REMOVE that it has decided on. Such a
 * REMOVE would take away the record of the master that we have just confirmed, and let a third node
 * become a second one. A genuine one cannot come so soon: the resource is kept for toss_ms after
 * its last use.
 */
static bool is_genuine(const struct resource *resource)
{
	return !(resource->flags & RESOURCE_TOLD) ||
	       resource_age_ms(resource) + 16 >= resource->ls->engine->settings.toss_ms;
}

void directory_receive_remove(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct resource *resource;
	uint32_t hash = resource_hash(msg->extra, msg->extra_bytes);

	if (member_directory(ls, msg->hash) != ls->engine->nodeid || msg->hash != hash) {
		message_refused(ls, nodeid, msg, "the name is not in our directory");
		return;
	}
	resource = resource_find(ls, msg->extra, msg->extra_bytes, hash);
	if (!resource || resource->master_nodeid != nodeid) {
		message_refused(ls, nodeid, msg, "the sender is not recorded as master");
		return;
	}
	if (resource->flags & RESOURCE_IN_USE) {
		/*
		 * Expected: we have asked it, and it will be master again. If it is not asked after
		 * all (a recovery came in between), the record must not outlive our use of it.
		 */
		resource->flags |= RESOURCE_UNCONFIRMED;
		return;
	}
	if (!is_genuine(resource)) {
		message_refused(ls, nodeid, msg, "overtaken by a lookup of the same node");
		return;
	}
	resource_free(resource);
}

/*
 * Locks that we have at the master before must go to the new one where that is gone; where an
 * aborted recovery has left the resource in between, RESOURCE_NEW_MASTER says so already. One that
 * lives and does not name the resource has dropped it: what we have there is under way, and its
 * answer with it. To send that to the new master would be to bring back what was unlocked.
 */
static void move_master(struct resource *resource, uint32_t nodeid)
{
	uint32_t before = resource->master_nodeid;

	if ((resource->flags & RESOURCE_IN_USE) && before &&
		(!member_find(resource->ls, before) || member_is_gone(resource->ls, before)))
		resource->flags |= RESOURCE_NEW_MASTER;
	resource_set_master(resource, nodeid);
}

uint32_t directory_recover_lookup(
	struct engine_lockspace *ls, uint32_t nodeid, const uint8_t *name, uint32_t bytes)
{
	uint32_t hash = resource_hash(name, bytes);
	struct resource *resource;

	if (find_or_make(ls, name, bytes, hash, &resource)) {
		node_fatal(ls->engine, -ENOMEM);
		return 0;
	}
	if (!resource->master_nodeid || member_is_gone(ls, resource->master_nodeid) ||
		!member_find(ls, resource->master_nodeid))
		move_master(resource, nodeid);
	if (resource->master_nodeid == nodeid)
		resource->flags &=
			(uint16_t)~RESOURCE_UNCONFIRMED; /* it is told so, and has it in use */
	return resource->master_nodeid;
}

int directory_recover_name(
	struct engine_lockspace *ls, uint32_t nodeid, const uint8_t *name, uint32_t bytes)
{
	struct resource *resource;

	if (find_or_make(ls, name, bytes, resource_hash(name, bytes), &resource)) {
		node_fatal(ls->engine, -ENOMEM);
		return -ENOMEM;
	}
	resource->flags &= (uint16_t)~RESOURCE_UNCONFIRMED;
	if (resource->master_nodeid == nodeid || resource_is_master(resource))
		return 0;
	move_master(resource, nodeid);
	return 0;
}

/* ---- unused resources ---- */

static bool is_due(const struct resource *resource)
{
	return resource_age_ms(resource) >= resource->ls->engine->settings.toss_ms;
}

/* Return: false: it could not be dropped now (no memory for the message) */
static bool drop(struct resource *resource)
{
	const struct engine *engine = resource->ls->engine;

	if (resource_is_master(resource) && resource->dir_nodeid != engine->nodeid &&
		!resource->ls->nodir && message_send_remove(resource) == -ENOMEM)
		return false;
	resource_free(resource);
	return true;
}

void directory_tick(struct engine_lockspace *ls)
{
	uint32_t items = TICK_ITEMS;

	if (!ls->running)
		return;
	while (items--) {
		struct resource *resource = list_first(&ls->unused, struct resource, entry);

		if (!resource || !is_due(resource) || !drop(resource))
			return;
	}
}

uint64_t directory_deadline(const struct engine_lockspace *ls)
{
	const struct resource *resource = list_first(&ls->unused, struct resource, entry);
	uint64_t toss_ms = ls->engine->settings.toss_ms;
	uint64_t age_ms;

	if (!ls->running || !resource)
		return UINT64_MAX;
	age_ms = resource_age_ms(resource);
	return ls->engine->now_ms + (age_ms < toss_ms ? toss_ms - age_ms + 16 : 1);
}
