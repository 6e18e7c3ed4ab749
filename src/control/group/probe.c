/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/probe.h"

#include <errno.h>
#include <inttypes.h>

#include "base/pure/must.h"
#include "control/group/start.h"

#define LOOK_S 3u /* a member that has left is not waited for longer than this */

uint32_t probe_hash_of(const struct hash_node *node)
{
	return hash_mix(list_entry(node, struct probe, in_group)->number);
}

static struct probe *probe_of(const struct group *group, uint32_t number)
{
	struct hash_node *node = hash_chain(&group->probes, hash_mix(number));

	for (; node; node = node->next) {
		struct probe *probe = list_entry(node, struct probe, in_group);

		if (probe->number == number)
			return probe;
	}
	return NULL;
}

/* ---- one question ---- */

static uint32_t number_next(struct group *group)
{
	do
		group->probe_number++;
	while (!group->probe_number || probe_of(group, group->probe_number));
	return group->probe_number;
}

/* Made, and only then ordered by probe_ask(). */
static struct probe *probe_make(struct lockspace *ls, uint32_t nodeid, struct list *made)
{
	struct probe *probe = alloc_zeroed(ls->group->alloc, sizeof(*probe));

	if (!probe)
		return NULL;
	probe->ls = ls;
	probe->nodeid = nodeid;
	list_init(&probe->on_group);
	orders_init(&probe->ask, ls, GROUP_ORDER_PROBE);
	orders_init(&probe->end, ls, GROUP_ORDER_PROBE_END);
	list_add_tail(made, &probe->on_lockspace);
	return probe;
}

/*
 * A START of ours that names the node is out, and the engine has not been started for it: the node
 * may start with us at any moment, and a goodbye of the conversation must not find it there.
 */
static bool is_expected(const struct group *group, uint32_t nodeid)
{
	const struct lockspace *ls;
	const struct change *change;

	list_for_each (ls, &group->lockspaces, on_group) {
		list_for_each (change, &ls->changes, on_lockspace) {
			if (change->is_sent && change_member(change, nodeid) >= 0)
				return true;
		}
	}
	return false;
}

static void probe_ask(struct probe *probe)
{
	struct group *group = probe->ls->group;

	probe->is_kept = is_expected(group, probe->nodeid);
	probe->ask.keep = probe->is_kept;
	probe->number = number_next(group);
	probe->is_open = true;
	probe->is_wanted = true;
	hash_insert(&group->probes, &probe->in_group);
	list_add_tail(&group->open_probes, &probe->on_group);
	probe->ask.nodeid = probe->nodeid;
	probe->ask.number = probe->number;
	orders_add(&probe->ask);
}

/* The conversation is over. */
static void probe_close(struct group *group, struct probe *probe)
{
	must(probe->is_open);
	probe->is_open = false;
	hash_remove(&group->probes, &probe->in_group);
	list_remove(&probe->on_group);
}

static void probe_free(struct group *group, struct probe *probe)
{
	must(!probe->is_open);
	list_remove(&probe->on_lockspace);
	orders_drop(&probe->ask);
	orders_drop(&probe->end);
	alloc_put(group->alloc, probe, sizeof(*probe));
}

/* The answer is of no use any more; one that is being asked stays until it is over. */
static void probe_end(struct group *group, struct probe *probe)
{
	if (probe->is_open && orders_has(&probe->ask))
		probe_close(group, probe);
	if (!probe->is_open) {
		probe_free(group, probe);
		return;
	}
	probe->is_wanted = false;
	list_remove(&probe->on_lockspace);
	probe->end.nodeid = probe->nodeid;
	probe->end.number = probe->number;
	orders_add(&probe->end);
}

void probe_end_all(struct lockspace *ls)
{
	struct probe *probe, *next;

	list_for_each_safe (probe, next, &ls->probes, on_lockspace)
		probe_end(ls->group, probe);
}

void probe_free_all(struct group *group)
{
	struct probe *probe, *next;
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group)
		probe_end_all(ls);
	list_for_each_safe (probe, next, &group->open_probes, on_group) {
		probe_close(group, probe);
		probe_free(group, probe);
	}
}

bool probe_is_open(const struct lockspace *ls)
{
	struct probe *probe;

	list_for_each (probe, &ls->probes, on_lockspace) {
		if (probe->is_open)
			return true;
	}
	return false;
}

bool probe_holds(const struct group *group, const struct change *change)
{
	struct probe *probe;

	list_for_each (probe, &group->open_probes, on_group) {
		if (!probe->is_kept && change_member(change, probe->nodeid) >= 0)
			return true;
	}
	return false;
}

/* ---- whom to ask ---- */

static struct probe *find(const struct lockspace *ls, uint32_t nodeid)
{
	struct probe *probe;

	list_for_each (probe, &ls->probes, on_lockspace) {
		if (probe->nodeid == nodeid)
			return probe;
	}
	return NULL;
}

static bool contains(const uint32_t *nodes, uint32_t count, uint32_t nodeid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i] == nodeid)
			return true;
	}
	return false;
}

/* Ask all of @nodes that have not been asked and are not in @except. */
static int ask_all(struct lockspace *ls, const uint32_t *nodes, uint32_t count,
	const uint32_t *except, uint32_t except_count)
{
	struct probe *probe, *next;
	struct list made;
	bool lacks = false;

	list_init(&made);
	for (uint32_t i = 0; i < count && !lacks; i++) {
		if (nodes[i] == ls->group->nodeid || find(ls, nodes[i]) ||
			contains(nodes, i, nodes[i]) || contains(except, except_count, nodes[i]))
			continue;
		lacks = !probe_make(ls, nodes[i], &made);
	}
	list_for_each_safe (probe, next, &made, on_lockspace) {
		if (lacks)
			probe_free(ls->group, probe);
		else
			probe_ask(probe);
	}
	if (lacks)
		return -ENOMEM;
	list_take_all(&ls->probes, &made);
	return 0;
}

static void end_others(struct lockspace *ls, const uint32_t *nodes, uint32_t count)
{
	struct probe *probe, *next;

	list_for_each_safe (probe, next, &ls->probes, on_lockspace) {
		if (!contains(nodes, count, probe->nodeid))
			probe_end(ls->group, probe);
	}
}

int probe_looked(struct lockspace *ls, const uint32_t *nodes, uint32_t count)
{
	must(ls->is_looking);
	if (ls->group->has_probe && ask_all(ls, nodes, count, NULL, 0))
		return -ENOMEM;
	end_others(ls, nodes, count);
	if (!probe_is_open(ls))
		lockspace_join(ls);
	return 0;
}

int probe_again(struct lockspace *ls, const struct fence_change *confchg)
{
	if (!ls->group->has_probe)
		return 0;
	return ask_all(ls, confchg->members, confchg->member_count, confchg->joined,
		confchg->joined_count);
}

void probe_keep(struct lockspace *ls, const struct change *change)
{
	end_others(ls, change->ids, change->member_count);
}

void probe_tick(struct lockspace *ls, struct fence_now now)
{
	if (!ls->is_looking || orders_has(&ls->orders[LOCKSPACE_ORDER_LOOK]))
		return;
	if (!ls->look_soon && now.mono - ls->look_time < LOOK_S)
		return;
	ls->look_soon = false;
	ls->look_time = now.mono;
	lockspace_order(ls, LOCKSPACE_ORDER_LOOK);
}

/* ---- answers ---- */

static void note_mismatch(const struct lockspace *ls, const struct group_probe_result *result)
{
	uint32_t theirs = result->their_version, ours = result->our_version;

	if (theirs != ours)
		lockspace_note(ls, FENCE_ERROR,
			"not joined: node %u speaks version %u.%u of the lock protocol, this node "
			"%u.%u",
			result->nodeid, theirs >> 16, theirs & 0xffff, ours >> 16, ours & 0xffff);
	if (result->their_lvb_bytes != result->our_lvb_bytes)
		lockspace_note(ls, FENCE_ERROR,
			"not joined: node %u has value blocks of %u bytes, this node %u",
			result->nodeid, result->their_lvb_bytes, result->our_lvb_bytes);
	if (result->their_flags != result->our_flags)
		lockspace_note(ls, FENCE_ERROR,
			"not joined: node %u has it with flags 0x%08" PRIx32
			", this node 0x%08" PRIx32,
			result->nodeid, result->their_flags, result->our_flags);
}

static void refuse(struct lockspace *ls)
{
	if (ls->is_looking)
		lockspace_gone(ls, -EPROTO);
	else
		lockspace_leave(ls, -EPROTO);
}

/* Nobody whose answer is missing is left. */
static void go_on(struct lockspace *ls)
{
	if (probe_is_open(ls))
		return;
	if (!ls->is_looking)
		start_advance(ls);
	else if (!ls->look_soon)
		lockspace_join(ls);
}

static void take(struct lockspace *ls, struct probe *probe, const struct group_probe_result *result)
{
	if (result->result == -EPROTO) {
		note_mismatch(ls, result);
		refuse(ls);
		return;
	}
	if (result->result && result->result != -EAGAIN) {
		/* It has gone, or will have: the cluster says so soon. */
		probe_free(ls->group, probe);
		ls->look_soon = true;
	}
	go_on(ls);
}

static void release_held(struct group *group)
{
	struct lockspace *ls;

	if (!group->is_held_by_probes)
		return;
	group->is_held_by_probes = false;
	list_for_each (ls, &group->lockspaces, on_group) {
		if (ls->wait == GROUP_WAIT_PROBE)
			start_advance(ls);
	}
}

int probe_answered(struct group *group, const struct group_probe_result *result, uint32_t number)
{
	struct probe *probe = probe_of(group, number);

	if (!probe || probe->nodeid != result->nodeid || orders_has(&probe->ask))
		return -ESTALE;
	probe_close(group, probe);
	if (probe->is_wanted)
		take(probe->ls, probe, result);
	else
		probe_free(group, probe);
	release_held(group);
	return 0;
}
