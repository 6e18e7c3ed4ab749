/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/lockspace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "control/group/probe.h"
#include "control/group/start.h"

#define APART_S 10u

/* ---- the object ---- */

static int weights_copy(struct lockspace *ls, const struct group_placement *placement)
{
	size_t bytes = placement->weight_count * sizeof(*placement->weights);

	ls->nodir = placement->nodir;
	if (!placement->weight_count)
		return 0;
	ls->weights = alloc_get(ls->group->alloc, bytes);
	if (!ls->weights)
		return -ENOMEM;
	memcpy(ls->weights, placement->weights, bytes);
	ls->weight_count = placement->weight_count;
	return 0;
}

static void orders_make(struct lockspace *ls)
{
	static const enum group_order_type types[LOCKSPACE_ORDER_COUNT] = {
		[LOCKSPACE_ORDER_LOOK] = GROUP_ORDER_LOOK,
		[LOCKSPACE_ORDER_JOIN] = GROUP_ORDER_JOIN,
		[LOCKSPACE_ORDER_STATEFUL] = GROUP_ORDER_STATEFUL,
		[LOCKSPACE_ORDER_NEW] = GROUP_ORDER_NEW,
		[LOCKSPACE_ORDER_START] = GROUP_ORDER_START,
		[LOCKSPACE_ORDER_ANSWER] = GROUP_ORDER_ANSWER,
		[LOCKSPACE_ORDER_STOP] = GROUP_ORDER_STOP,
		[LOCKSPACE_ORDER_LEAVE] = GROUP_ORDER_LEAVE,
		[LOCKSPACE_ORDER_END] = GROUP_ORDER_ANSWER,
	};

	for (uint32_t i = 0; i < LOCKSPACE_ORDER_COUNT; i++)
		orders_init(&ls->orders[i], ls, types[i]);
}

int lockspace_new(struct group *group, struct fence_now now, const char *name, uint32_t flags,
	const struct group_placement *placement)
{
	struct lockspace *ls = alloc_zeroed(group->alloc, sizeof(*ls));

	if (!ls)
		return -ENOMEM;
	ls->group = group;
	if (weights_copy(ls, placement)) {
		alloc_put(group->alloc, ls, sizeof(*ls));
		return -ENOMEM;
	}
	memcpy(ls->name, name, strlen(name));
	ls->global_id = group_global_id(name);
	ls->flags = flags;
	ls->is_looking = true;
	ls->look_time = now.mono;
	list_init(&ls->changes);
	list_init(&ls->probes);
	orders_make(ls);
	list_add_head(&group->lockspaces, &ls->on_group);
	hash_insert(&group->names, &ls->in_hash);
	group->count++;
	lockspace_order(ls, LOCKSPACE_ORDER_LOOK);
	return 0;
}

static void changes_free(struct lockspace *ls)
{
	struct change *change, *next;

	list_for_each_safe (change, next, &ls->changes, on_lockspace)
		change_free(ls, change);
}

void lockspace_free(struct lockspace *ls)
{
	const struct alloc *alloc = ls->group->alloc;

	must(list_empty(&ls->probes));
	changes_free(ls);
	change_free(ls, ls->started);
	for (uint32_t i = 0; i < LOCKSPACE_ORDER_COUNT; i++)
		orders_drop(&ls->orders[i]);
	must(!ls->queued_count);
	history_done(&ls->history, alloc);
	alloc_put(alloc, ls->weights, ls->weight_count * sizeof(*ls->weights));
	list_remove(&ls->on_group);
	alloc_put(alloc, ls, sizeof(*ls));
}

uint32_t lockspace_hash_of(const struct hash_node *node)
{
	return list_entry(node, struct lockspace, in_hash)->global_id;
}

struct lockspace *lockspace_find(const struct group *group, const char *name)
{
	struct hash_node *node = hash_chain(&group->names, group_global_id(name));

	for (; node; node = node->next) {
		struct lockspace *ls = list_entry(node, struct lockspace, in_hash);

		if (!strcmp(ls->name, name))
			return ls;
	}
	return NULL;
}

struct change *lockspace_newest(const struct lockspace *ls)
{
	return list_first(&ls->changes, struct change, on_lockspace);
}

void lockspace_order(struct lockspace *ls, enum lockspace_order which)
{
	orders_add(&ls->orders[which]);
}

void lockspace_note(const struct lockspace *ls, enum fence_level level, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!ls->group->note)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ls->group->note(ls->group->context, level, ls->name, text);
}

/* ---- where it stands ---- */

enum group_state lockspace_state(const struct lockspace *ls)
{
	if (ls->is_looking)
		return GROUP_LOOKING;
	if (ls->has_left)
		return GROUP_LEAVING;
	if (!ls->started)
		return GROUP_JOINING;
	if (ls->engine == LOCKSPACE_ENGINE_STARTING)
		return GROUP_RECOVERING;
	if (ls->engine == LOCKSPACE_ENGINE_RUNNING)
		return GROUP_RUNNING;
	return GROUP_STOPPING;
}

bool lockspace_is_waiting(const struct lockspace *ls)
{
	const struct change *newest = lockspace_newest(ls);

	if (ls->is_leaving || !newest)
		return ls->is_looking;
	return ls->is_looking || !newest->is_sent || (ls->is_apart && !ls->started);
}

/* ---- the engine ---- */

static uint32_t number_next(struct lockspace *ls)
{
	if (!++ls->number)
		ls->number = 1;
	return ls->number;
}

void lockspace_run(struct lockspace *ls)
{
	must(ls->engine == LOCKSPACE_ENGINE_NONE || ls->engine == LOCKSPACE_ENGINE_STOPPED);
	if (ls->engine == LOCKSPACE_ENGINE_NONE)
		lockspace_order(ls, LOCKSPACE_ORDER_NEW);
	ls->engine = LOCKSPACE_ENGINE_STARTING;
	ls->orders[LOCKSPACE_ORDER_START].number = number_next(ls);
	lockspace_order(ls, LOCKSPACE_ORDER_START);
	if (!ls->is_answered)
		lockspace_order(ls, LOCKSPACE_ORDER_ANSWER);
	ls->is_answered = true;
}

void lockspace_stop(struct lockspace *ls)
{
	if (ls->engine != LOCKSPACE_ENGINE_STARTING && ls->engine != LOCKSPACE_ENGINE_RUNNING)
		return;
	ls->engine = LOCKSPACE_ENGINE_STOPPING;
	ls->orders[LOCKSPACE_ORDER_STOP].number = number_next(ls);
	lockspace_order(ls, LOCKSPACE_ORDER_STOP);
}

static void leave(struct lockspace *ls)
{
	ls->has_left = true;
	lockspace_order(ls, LOCKSPACE_ORDER_LEAVE);
}

void lockspace_stopped(struct lockspace *ls)
{
	must(ls->engine == LOCKSPACE_ENGINE_STOPPING);
	ls->engine = LOCKSPACE_ENGINE_STOPPED;
	if (ls->is_leaving)
		leave(ls);
	else
		start_advance(ls);
}

/* ---- in and out ---- */

void lockspace_join(struct lockspace *ls)
{
	must(ls->is_looking);
	ls->is_looking = false;
	probe_end_all(ls);
	lockspace_order(ls, LOCKSPACE_ORDER_JOIN);
}

void lockspace_leave(struct lockspace *ls, int32_t result)
{
	must(!ls->is_leaving && !ls->is_looking);
	ls->is_leaving = true;
	ls->result = result;
	probe_end_all(ls);
	lockspace_stop(ls);
	if (ls->engine != LOCKSPACE_ENGINE_STOPPING)
		leave(ls);
}

/* As it was after its online; what the next life of the group brings is all that counts. */
static void look_again(struct lockspace *ls)
{
	changes_free(ls);
	change_free(ls, ls->started); /* agreed after it had been left */
	ls->started = NULL;
	ls->started_count = 0;
	ls->is_udlm_only = false;
	history_done(&ls->history, ls->group->alloc);
	ls->is_again = ls->is_leaving = ls->has_left = false;
	ls->change_seq = 0;
	ls->ring_seq = 0;
	ls->ring_wait = ls->has_met = ls->is_apart = false;
	ls->wait = GROUP_WAIT_NONE;
	ls->is_looking = true;
	ls->look_soon = true;
}

void lockspace_gone(struct lockspace *ls, int32_t result)
{
	ls->is_gone = true;
	probe_end_all(ls);
	ls->orders[LOCKSPACE_ORDER_END].result = result;
	lockspace_order(ls, LOCKSPACE_ORDER_END);
	hash_remove(&ls->group->names, &ls->in_hash);
	list_remove(&ls->on_group);
	list_add_tail(&ls->group->gone, &ls->on_group);
	ls->group->count--;
}

/* ---- a change ---- */

static bool contains(const uint32_t *nodes, uint32_t count, uint32_t nodeid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i] == nodeid)
			return true;
	}
	return false;
}

static void note_left(struct lockspace *ls, struct fence_now now, struct change *change,
	const struct fence_change *confchg)
{
	for (uint32_t i = 0; i < confchg->left_count; i++) {
		uint32_t nodeid = confchg->left[i];
		enum fence_reason reason = confchg->left_reasons[i];

		history_left(&ls->history, now, nodeid, change->seq, reason,
			ls->group->options.enable_fencing);
		if (reason == FENCE_REASON_NODEDOWN)
			ls->ring_wait = true;
		/* Its machine may go on writing without a daemon that would fence it. */
		if (reason == FENCE_REASON_PROCDOWN && nodeid != ls->group->nodeid)
			orders_add(&change->kills[i]);
	}
}

static void note_joined(
	struct lockspace *ls, const struct change *change, const struct fence_change *confchg)
{
	bool we_joined = contains(confchg->joined, confchg->joined_count, ls->group->nodeid);

	ls->has_met |= confchg->joined_count && !we_joined;
	for (uint32_t i = 0; i < confchg->joined_count; i++)
		history_joined(&ls->history, confchg->joined[i], change->seq);
	for (uint32_t i = 0; we_joined && i < confchg->member_count; i++)
		history_joined(&ls->history, confchg->members[i], change->seq);
}

/* All that may fail, before anything has changed. */
static int change_prepare(
	struct lockspace *ls, const struct fence_change *confchg, struct change **ret)
{
	uint32_t most = confchg->joined_count + confchg->member_count;

	if (history_reserve(&ls->history, ls->group->alloc, most))
		return -ENOMEM;
	if (change_new(ls, confchg, ret))
		return -ENOMEM;
	if (!ls->change_seq && probe_again(ls, confchg)) {
		change_free(ls, *ret);
		return -ENOMEM;
	}
	return 0;
}

static void change_add(struct lockspace *ls, struct fence_now now, struct change *change,
	const struct fence_change *confchg)
{
	if (!++ls->change_seq)
		ls->change_seq = 1;
	change->seq = ls->change_seq;
	change->create_time = now.mono;
	note_left(ls, now, change, confchg);
	note_joined(ls, change, confchg);
	list_add_head(&ls->changes, &change->on_lockspace);
	lockspace_note(ls, FENCE_INFO, "change %u: %u members, %u joined, %u left, %u of them dead",
		change->seq, change->member_count, change->joined_count, change->removed_count,
		change->failed_count);
}

/*
 * Parts of the cluster that come together see different changes: each sees the other come. Who has
 * the lockspace running wins by the rules of fencing. But who is still joining would wait for ever,
 * and let the others wait. A new ring tells such a coming from that of a process; not for certain,
 * so some time is given to the others before it comes again, alone.
 */
void lockspace_ring(struct lockspace *ls, uint64_t seq)
{
	ls->is_apart |= ls->has_met && ls->ring_seq && ls->ring_seq != seq;
	ls->has_met = false;
	ls->ring_seq = seq;
	ls->ring_wait = false;
	start_advance(ls);
}

void lockspace_tick(struct lockspace *ls, struct fence_now now)
{
	const struct change *newest = lockspace_newest(ls);

	start_advance(ls);
	if (ls->started || ls->is_leaving || !ls->is_apart || !newest || !newest->is_sent ||
		now.mono - newest->create_time < APART_S)
		return;
	lockspace_note(ls, FENCE_INFO,
		"it has met another part of the cluster while it was joining, and is joined anew");
	must(ls->engine == LOCKSPACE_ENGINE_NONE);
	lockspace_leave(ls, 0);
	ls->is_again = true;
}

static void left(struct lockspace *ls)
{
	if (ls->is_again)
		look_again(ls);
	else
		lockspace_gone(ls, ls->result);
}

int lockspace_confchg(
	struct lockspace *ls, struct fence_now now, const struct fence_change *confchg)
{
	struct change *change;

	must(confchg->member_count <= CPG_MEMBERS_MAX);
	if (contains(confchg->left, confchg->left_count, ls->group->nodeid)) {
		if (ls->has_left) {
			left(ls);
			return 0;
		}
		lockspace_note(ls, FENCE_ERROR, "the cluster has taken us out of it");
	}
	if (change_prepare(ls, confchg, &change))
		return -ENOMEM;
	change_add(ls, now, change, confchg);
	lockspace_stop(ls);
	probe_keep(ls, change);
	start_advance(ls);
	return 0;
}
