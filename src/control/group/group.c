/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/group.h"

#include <errno.h>
#include <string.h>

#include "base/pure/list.h"
#include "base/pure/must.h"
#include "control/group/lockspace.h"
#include "control/group/probe.h"
#include "control/group/start.h"

int group_new(const struct group_settings *settings, struct group **ret)
{
	struct group *group = alloc_zeroed(settings->alloc, sizeof(*group));

	if (!group)
		return -ENOMEM;
	group->alloc = settings->alloc;
	group->fence = settings->fence;
	group->nodeid = settings->nodeid;
	group->has_probe = settings->has_probe;
	group->options = settings->options;
	group->note = settings->note;
	group->context = settings->context;
	list_init(&group->lockspaces);
	list_init(&group->gone);
	list_init(&group->orders);
	list_init(&group->open_probes);
	if (hash_init(&group->names, group->alloc, lockspace_hash_of) ||
		hash_init(&group->probes, group->alloc, probe_hash_of)) {
		group_free(group);
		return -ENOMEM;
	}
	*ret = group;
	return 0;
}

void group_free(struct group *group)
{
	struct lockspace *ls, *next;

	if (!group)
		return;
	probe_free_all(group);
	list_for_each_safe (ls, next, &group->lockspaces, on_group)
		lockspace_free(ls);
	list_for_each_safe (ls, next, &group->gone, on_group)
		lockspace_free(ls);
	hash_done(&group->names);
	hash_done(&group->probes);
	alloc_put(group->alloc, group, sizeof(*group));
}

void group_options_set(struct group *group, const struct group_options *options)
{
	group->options = *options;
}

uint32_t group_count(const struct group *group)
{
	return group->count;
}

bool group_order_take(struct group *group, struct group_order *ret)
{
	return orders_take(group, ret);
}

/* ---- programs ---- */

int group_online(struct group *group, struct fence_now now, const char *name, uint32_t flags,
	const struct group_placement *placement)
{
	must(name[0] && strlen(name) <= DLM_NAME_BYTES_MAX);
	if (lockspace_find(group, name))
		return -EEXIST;
	if (group->count >= GROUP_LOCKSPACES_MAX)
		return -ENOSPC;
	return lockspace_new(group, now, name, flags, placement);
}

int group_offline(struct group *group, struct fence_now now, const char *name)
{
	struct lockspace *ls = lockspace_find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->is_leaving || !ls->is_answered)
		return -EBUSY;
	lockspace_leave(ls, 0);
	return 0;
}

bool group_give_up(struct group *group)
{
	struct lockspace *ls, *next;

	list_for_each (ls, &group->lockspaces, on_group) {
		if (!ls->is_looking)
			return false;
	}
	list_for_each_safe (ls, next, &group->lockspaces, on_group) {
		lockspace_note(ls, FENCE_INFO, "it is given up before it was joined");
		lockspace_gone(ls, -ESHUTDOWN);
	}
	return true;
}

/* ---- the cluster ---- */

int group_looked(struct group *group, struct fence_now now, const char *name, const uint32_t *nodes,
	uint32_t count)
{
	struct lockspace *ls = lockspace_find(group, name);

	if (!ls || !ls->is_looking)
		return -ENOENT;
	return probe_looked(ls, nodes, count);
}

/* One that has been asked for. */
static struct lockspace *find_joined(const struct group *group, const char *name)
{
	struct lockspace *ls = lockspace_find(group, name);

	return ls && !ls->is_looking ? ls : NULL;
}

int group_confchg(struct group *group, struct fence_now now, const char *name,
	const struct fence_change *change)
{
	struct lockspace *ls = find_joined(group, name);

	return ls ? lockspace_confchg(ls, now, change) : -ENOENT;
}

int group_ring(
	struct group *group, struct fence_now now, const char *name, uint32_t nodeid, uint64_t seq)
{
	struct lockspace *ls = find_joined(group, name);

	if (!ls)
		return -ENOENT;
	lockspace_ring(ls, seq);
	return 0;
}

static bool is_known_member(const struct lockspace *ls, uint32_t nodeid)
{
	struct change *change;

	if (ls->started && change_member(ls->started, nodeid) >= 0)
		return true;
	list_for_each (change, &ls->changes, on_lockspace) {
		if (change_member(change, nodeid) >= 0)
			return true;
	}
	return false;
}

/* What is wrong with a message; NULL: nothing. */
static const char *find_fault(const struct lockspace *ls, uint32_t sender, const void *data,
	size_t bytes, struct cpg_header *ret)
{
	uint16_t version[3];

	if (cpg_header_decode(data, bytes, ret))
		return "too short";
	fence_version(ls->group->fence, version);
	if (ret->version[0] != version[0] || ret->version[1] != version[1])
		return "of another version";
	if (ret->nodeid != sender)
		return "in the name of another node";
	if (!is_known_member(ls, sender))
		return "of a node that is no member";
	return NULL;
}

int group_deliver(struct group *group, struct fence_now now, const char *name, uint32_t sender,
	const void *data, size_t bytes)
{
	struct lockspace *ls = find_joined(group, name);
	struct cpg_header header;
	const char *fault;

	if (!ls)
		return -ENOENT;
	/* Before the change that brings us in, others talk of what is not ours. */
	if (!ls->change_seq)
		return 0;
	fault = find_fault(ls, sender, data, bytes, &header);
	if (fault) {
		lockspace_note(ls, FENCE_WARNING, "a message of node %u, %zu bytes, is %s", sender,
			bytes, fault);
		return -EBADMSG;
	}
	if (header.type == CPG_START)
		return start_receive(ls, &header, data, bytes);
	/* Posix locks are not served: we never say HAVEPLOCK, and nobody expects us to keep them.
	 */
	if (header.type >= CPG_PLOCK && header.type <= CPG_PLOCKS_DATA)
		return 0;
	lockspace_note(ls, FENCE_WARNING, "a message of node %u of an unknown type, %u", sender,
		header.type);
	return -EBADMSG;
}

int group_join_failed(struct group *group, struct fence_now now, const char *name, int32_t error)
{
	struct lockspace *ls = find_joined(group, name);

	if (!ls || ls->change_seq)
		return -ENOENT;
	lockspace_gone(ls, error < 0 ? error : -EIO);
	return 0;
}

void group_tick(struct group *group, struct fence_now now)
{
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group) {
		probe_tick(ls, now);
		lockspace_tick(ls, now);
	}
}

bool group_is_waiting(const struct group *group)
{
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group) {
		if (lockspace_is_waiting(ls))
			return true;
	}
	return false;
}

/* ---- the engine ---- */

int group_probed(struct group *group, struct fence_now now, const char *name, uint32_t number,
	const struct group_probe_result *result)
{
	return probe_answered(group, result, number);
}

int group_stopped(struct group *group, struct fence_now now, const char *name, uint32_t number)
{
	struct lockspace *ls = lockspace_find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->engine != LOCKSPACE_ENGINE_STOPPING || ls->number != number ||
		orders_has(&ls->orders[LOCKSPACE_ORDER_STOP]))
		return -ESTALE;
	lockspace_stopped(ls);
	return 0;
}

static bool is_starting(const struct lockspace *ls, uint32_t number)
{
	return ls->engine == LOCKSPACE_ENGINE_STARTING && ls->number == number &&
	       !orders_has(&ls->orders[LOCKSPACE_ORDER_START]);
}

int group_recovered(struct group *group, struct fence_now now, const char *name, uint32_t number)
{
	struct lockspace *ls = lockspace_find(group, name);

	if (!ls)
		return -ENOENT;
	if (!is_starting(ls, number))
		return -ESTALE;
	ls->engine = LOCKSPACE_ENGINE_RUNNING;
	ls->has_recovered = true;
	return 0;
}

int group_failed(
	struct group *group, struct fence_now now, const char *name, uint32_t number, int32_t error)
{
	struct lockspace *ls = lockspace_find(group, name);

	if (!ls)
		return -ENOENT;
	if (!is_starting(ls, number))
		return -ESTALE;
	if (ls->has_recovered)
		return -EIO;
	lockspace_note(ls, FENCE_ERROR, "it is left, since the lock engine could not start it");
	lockspace_leave(ls, error < 0 ? error : -EIO);
	return 0;
}

/* ---- the lockspace's number ---- */

static uint32_t crc32_byte(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	return crc;
}

uint32_t group_global_id(const char *name)
{
	static const char prefix[] = CPG_GROUP_LOCKSPACE;
	uint32_t crc = 0xFFFFFFFFu;

	for (size_t i = 0; i < sizeof(prefix) - 1; i++)
		crc = crc32_byte(crc, (uint8_t)prefix[i]);
	do
		crc = crc32_byte(crc, (uint8_t)*name);
	while (*name++);
	return ~crc;
}
