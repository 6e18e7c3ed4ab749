/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/node.h"

/* Only the upper 16 bits of a hash choose, so that more entries would never be reached. */
#define ARRAY_MAX 65536u

void member_init(struct engine_lockspace *ls)
{
	memset(&ls->members, 0, sizeof(ls->members));
}

static void tell_link(struct engine_lockspace *ls, uint32_t nodeid, bool added)
{
	struct link *link = nodeid == ls->engine->nodeid ? NULL : node_link(ls->engine, nodeid);

	if (link && added)
		link_member_added(link);
	else if (link)
		link_member_removed(link);
}

void member_done(struct engine_lockspace *ls)
{
	struct member_table *table = &ls->members;
	const struct alloc *alloc = ls->engine->settings.alloc;
	uint32_t i;

	for (i = 0; i < table->count; i++)
		tell_link(ls, table->list[i].nodeid, false);
	alloc_put(alloc, table->list, table->room * sizeof(*table->list));
	alloc_put(alloc, table->slots, table->room * sizeof(*table->slots));
	alloc_put(alloc, table->gone, table->gone_room * sizeof(*table->gone));
	alloc_put(alloc, table->array, table->array_room * sizeof(*table->array));
	memset(table, 0, sizeof(*table));
}

struct member *member_find(const struct engine_lockspace *ls, uint32_t nodeid)
{
	const struct member_table *table = &ls->members;
	uint32_t low = 0, high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->list[middle].nodeid == nodeid)
			return &table->list[middle];
		if (table->list[middle].nodeid < nodeid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool member_is_gone(const struct engine_lockspace *ls, uint32_t nodeid)
{
	uint32_t i;

	for (i = 0; i < ls->members.gone_count; i++)
		if (ls->members.gone[i] == nodeid)
			return true;
	return false;
}

/* Sum of what each puts into the directory array. All weights zero count as one each. */
static uint64_t weight_total(const struct engine_member *members, size_t count)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < count; i++)
		total += members[i].weight;
	return total ? total : count;
}

int member_check(
	const struct engine_lockspace *ls, const struct engine_member *members, size_t count)
{
	bool ours = false;
	size_t i, j;

	if (!count || count > ARRAY_MAX || weight_total(members, count) > ARRAY_MAX)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (!members[i].nodeid)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (members[j].nodeid == members[i].nodeid)
				return -EINVAL;
		if (members[i].nodeid == ls->engine->nodeid)
			ours = true;
	}
	for (i = 0; i < count; i++)
		if (members[i].nodeid != ls->engine->nodeid &&
			!node_link(ls->engine, members[i].nodeid))
			return -ENOENT;
	return ours ? 0 : -EINVAL;
}

static int compare_nodeid(const void *one, const void *other)
{
	uint32_t a = ((const struct member *)one)->nodeid;
	uint32_t b = ((const struct member *)other)->nodeid;

	return a < b ? -1 : a > b;
}

/* Grow an array that keeps its content. Return: 0; -ENOMEM, nothing changed */
static int grow(const struct alloc *alloc, void **array, uint32_t *room, uint32_t wanted,
	size_t entry_bytes)
{
	void *larger;

	if (*room >= wanted)
		return 0;
	larger = alloc_zeroed(alloc, wanted * entry_bytes);
	if (!larger)
		return -ENOMEM;
	if (*array)
		memcpy(larger, *array, *room * entry_bytes);
	alloc_put(alloc, *array, *room * entry_bytes);
	*array = larger;
	*room = wanted;
	return 0;
}

static void add_gone(struct member_table *table, uint32_t nodeid)
{
	uint32_t i;

	for (i = 0; i < table->gone_count; i++)
		if (table->gone[i] == nodeid)
			return;
	must(table->gone_count < table->gone_room);
	table->gone[table->gone_count++] = nodeid;
}

static void note(const struct engine_lockspace *ls, uint32_t nodeid, const char *text)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_NOTE,
		.lockspace = ls,
		.nodeid = nodeid,
		.text = text,
	};

	node_trace(ls->engine, &trace);
}

static const struct engine_member *listed(
	const struct engine_member *members, size_t count, uint32_t nodeid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (members[i].nodeid == nodeid)
			return &members[i];
	return NULL;
}

/* The new list, ascending, with what is kept of those that stay. */
static void fill_list(struct engine_lockspace *ls, const struct engine_member *members,
	size_t count, struct member *list)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct member *before = member_find(ls, members[i].nodeid);

		list[i] = (struct member){
			.nodeid = members[i].nodeid,
			.weight = members[i].weight,
			.slot = before && !members[i].rejoined ? before->slot : 0,
		};
	}
	qsort(list, count, sizeof(*list), compare_nodeid);
}

/* Who was a member and went: absent now, or gone and come again. */
static void part(struct engine_lockspace *ls, const struct engine_member *members, size_t count)
{
	struct member_table *table = &ls->members;
	uint32_t i;

	for (i = 0; i < table->count; i++) {
		uint32_t nodeid = table->list[i].nodeid;
		const struct engine_member *now = listed(members, count, nodeid);

		if (now && (!now->rejoined || nodeid == ls->engine->nodeid))
			continue;
		add_gone(table, nodeid);
		tell_link(ls, nodeid, false);
		note(ls, nodeid, now ? "member left and joined" : "member left");
	}
}

static void welcome(struct engine_lockspace *ls, const struct engine_member *members, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint32_t nodeid = members[i].nodeid;

		if (member_find(ls, nodeid) && !members[i].rejoined)
			continue;
		if (nodeid == ls->engine->nodeid)
			continue;
		tell_link(ls, nodeid, true);
		note(ls, nodeid, "member joined");
	}
}

static void fill_array(struct member_table *table)
{
	bool weighted = false;
	uint32_t i, j;

	for (i = 0; i < table->count; i++)
		weighted |= table->list[i].weight > 0;
	table->array_count = 0;
	for (i = 0; i < table->count; i++)
		for (j = 0; j < (weighted ? table->list[i].weight : 1); j++)
			table->array[table->array_count++] = table->list[i].nodeid;
}

int member_install(struct engine_lockspace *ls, const struct engine_member *members, size_t count)
{
	struct member_table *table = &ls->members;
	const struct alloc *alloc = ls->engine->settings.alloc;
	struct wire_rcom_slot *slots = alloc_zeroed(alloc, count * sizeof(*slots));
	struct member *list = alloc_zeroed(alloc, count * sizeof(*list));
	uint32_t total = (uint32_t)weight_total(members, count);

	if (!slots || !list ||
		grow(alloc, (void **)&table->gone, &table->gone_room,
			table->gone_count + table->count, sizeof(*table->gone)) ||
		grow(alloc, (void **)&table->array, &table->array_room, total,
			sizeof(*table->array))) {
		alloc_put(alloc, slots, count * sizeof(*slots));
		alloc_put(alloc, list, count * sizeof(*list));
		return -ENOMEM;
	}
	fill_list(ls, members, count, list);
	part(ls, members, count);
	welcome(ls, members, count);
	alloc_put(alloc, table->list, table->room * sizeof(*table->list));
	alloc_put(alloc, table->slots, table->room * sizeof(*table->slots));
	table->list = list;
	table->slots = slots;
	table->slot_count = 0;
	table->count = (uint32_t)count;
	table->room = (uint32_t)count;
	table->low_nodeid = list[0].nodeid;
	fill_array(table);
	return (int)table->gone_count;
}

void member_forget_gone(struct engine_lockspace *ls)
{
	ls->members.gone_count = 0;
}

uint32_t member_directory(const struct engine_lockspace *ls, uint32_t hash)
{
	const struct member_table *table = &ls->members;

	if (table->count <= 1)
		return ls->engine->nodeid;
	return table->array[(hash >> 16) % table->array_count];
}

bool member_is_low(const struct engine_lockspace *ls)
{
	return ls->members.low_nodeid == ls->engine->nodeid;
}

uint32_t member_waited_for(const struct engine_lockspace *ls)
{
	uint32_t i;

	for (i = 0; i < ls->members.count; i++)
		if (ls->members.list[i].outstanding)
			return ls->members.list[i].nodeid;
	return 0;
}

static bool slot_in_use(const struct member_table *table, uint32_t slot, uint32_t before)
{
	uint32_t i;

	for (i = 0; i < before; i++)
		if (table->list[i].slot == slot)
			return true;
	return false;
}

/* A slot that two members report can stay with one only: the lower node keeps it. */
static void drop_doubles(struct engine_lockspace *ls)
{
	struct member_table *table = &ls->members;
	uint32_t i;

	for (i = 0; i < table->count; i++) {
		struct member *member = &table->list[i];

		if (!member->slot)
			continue;
		if (member->slot > UINT16_MAX || slot_in_use(table, member->slot, i)) {
			note(ls, member->nodeid, "reports a slot that another has");
			member->slot = 0;
		}
	}
}

void member_slots_assign(struct engine_lockspace *ls)
{
	struct member_table *table = &ls->members;
	struct member *self = member_find(ls, ls->engine->nodeid);
	uint32_t generation = table->generation;
	uint32_t i, slot = 1;

	self->slot = table->our_slot;
	drop_doubles(ls);
	for (i = 0; i < table->count; i++) {
		struct member *member = &table->list[i];

		if (member->generation > generation)
			generation = member->generation;
		if (!member->slot) {
			while (slot_in_use(table, slot, table->count))
				slot++;
			member->slot = slot;
		}
		table->slots[i].nodeid = member->nodeid;
		table->slots[i].slot = (uint16_t)member->slot;
	}
	table->slot_count = table->count < WIRE_SLOTS_MAX ? table->count : WIRE_SLOTS_MAX;
	table->our_slot = self->slot;
	table->generation = generation + 1;
}

void member_slots_copy(struct engine_lockspace *ls, const struct wire_rcom *reply)
{
	struct member_table *table = &ls->members;
	uint32_t i;

	if (!reply->config.slot_count)
		return;
	if (reply->config.generation <= table->generation)
		note(ls, table->low_nodeid, "generation did not grow");
	table->generation = reply->config.generation;
	for (i = 0; i < reply->config.slot_count; i++) {
		struct wire_rcom_slot slot;
		struct member *member;

		wire_slot_decode(reply, i, &slot);
		member = member_find(ls, slot.nodeid);
		if (!member)
			continue;
		member->slot = slot.slot;
		if (slot.nodeid != ls->engine->nodeid)
			continue;
		if (table->our_slot && table->our_slot != slot.slot)
			note(ls, table->low_nodeid, "our slot was changed");
		else
			table->our_slot = slot.slot;
	}
}

void member_slots_forget(struct engine_lockspace *ls)
{
	ls->members.slot_count = 0;
}
