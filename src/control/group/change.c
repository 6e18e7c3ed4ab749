/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "control/group/history.h"
#include "control/group/lockspace.h"

/* One block: the pointers first, since they need the strictest alignment. */
static size_t block_bytes(const struct fence_change *confchg)
{
	return sizeof(struct change) + confchg->left_count * sizeof(struct order) +
	       confchg->member_count * (sizeof(struct group_member) + sizeof(struct change_state) +
					       sizeof(uint32_t)) +
	       confchg->left_count * sizeof(uint32_t);
}

static void block_divide(struct change *change)
{
	change->kills = (struct order *)(void *)(change + 1);
	change->members = (struct group_member *)(void *)(change->kills + change->removed_count);
	change->states = (struct change_state *)(void *)(change->members + change->member_count);
	change->ids = (uint32_t *)(void *)(change->states + change->member_count);
	change->removed = change->ids + change->member_count;
}

static uint32_t weight_of(const struct lockspace *ls, uint32_t nodeid)
{
	if (!ls->weight_count)
		return 1;
	for (uint32_t i = 0; i < ls->weight_count; i++) {
		if (ls->weights[i].nodeid == nodeid)
			return ls->weights[i].weight;
	}
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	uint32_t x = ((const struct group_member *)a)->nodeid;
	uint32_t y = ((const struct group_member *)b)->nodeid;

	return x < y ? -1 : x > y;
}

static void members_fill(
	struct lockspace *ls, const struct fence_change *confchg, struct change *change)
{
	for (uint32_t i = 0; i < change->member_count; i++) {
		uint32_t nodeid = confchg->members[i];

		change->ids[i] = nodeid;
		change->members[i] =
			(struct group_member){.nodeid = nodeid, .weight = weight_of(ls, nodeid)};
	}
	qsort(change->members, change->member_count, sizeof(*change->members), compare_members);
	for (uint32_t i = 0; i < confchg->joined_count; i++) {
		int index = change_member(change, confchg->joined[i]);

		if (index >= 0)
			change->states[index].is_added = true;
	}
}

static void removed_fill(
	struct lockspace *ls, const struct fence_change *confchg, struct change *change)
{
	for (uint32_t i = 0; i < change->removed_count; i++) {
		change->removed[i] = confchg->left[i];
		change->failed_count += history_is_failure(confchg->left_reasons[i]);
		orders_init(&change->kills[i], ls, GROUP_ORDER_KILL);
		change->kills[i].nodeid = confchg->left[i];
	}
}

int change_new(struct lockspace *ls, const struct fence_change *confchg, struct change **ret)
{
	size_t bytes = block_bytes(confchg);
	struct change *change = alloc_zeroed(ls->group->alloc, bytes);

	if (!change)
		return -ENOMEM;
	change->bytes = bytes;
	change->member_count = confchg->member_count;
	change->joined_count = confchg->joined_count;
	change->removed_count = confchg->left_count;
	list_init(&change->on_lockspace);
	orders_init(&change->start, ls, GROUP_ORDER_SEND);
	orders_init(&change->nack, ls, GROUP_ORDER_SEND);
	block_divide(change);
	members_fill(ls, confchg, change);
	removed_fill(ls, confchg, change);
	*ret = change;
	return 0;
}

void change_free(struct lockspace *ls, struct change *change)
{
	if (!change)
		return;
	orders_drop(&change->start);
	orders_drop(&change->nack);
	for (uint32_t i = 0; i < change->removed_count; i++)
		orders_drop(&change->kills[i]);
	list_remove(&change->on_lockspace);
	alloc_put(ls->group->alloc, change, change->bytes);
}

int change_member(const struct change *change, uint32_t nodeid)
{
	uint32_t low = 0, high = change->member_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (change->members[middle].nodeid == nodeid)
			return (int)middle;
		if (change->members[middle].nodeid < nodeid)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

bool change_has_removed(const struct change *change, uint32_t nodeid)
{
	for (uint32_t i = 0; i < change->removed_count; i++) {
		if (change->removed[i] == nodeid)
			return true;
	}
	return false;
}

uint32_t change_missing(const struct change *change)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < change->member_count; i++)
		count += !change->states[i].is_started;
	return count;
}

bool change_equal(const struct change *a, const struct change *b)
{
	if (a->member_count != b->member_count || a->joined_count != b->joined_count ||
		a->removed_count != b->removed_count || a->failed_count != b->failed_count)
		return false;
	for (uint32_t i = 0; i < a->member_count; i++) {
		if (a->members[i].nodeid != b->members[i].nodeid)
			return false;
	}
	return true;
}
