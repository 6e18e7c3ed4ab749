/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/group.h"

#include <errno.h>
#include <string.h>

#include "base/pure/list.h"
#include "base/pure/must.h"

/* As many as one input can cause, so that no order ever needs memory that may not be there. */
#define ORDERS_A_LOCKSPACE 2u

struct order {
	struct list on_orders;
	struct lockspace *lockspace;
	enum group_order_type type;
	bool is_used;
};

struct members {
	struct group_member *list; /* owned */
	uint32_t count;
	struct group_change change; /* seq 0: none */
};

struct lockspace {
	struct list on_group;
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t global_id, flags;
	enum group_state state;
	bool is_new;      /* the engine has not been told of it */
	bool is_answered; /* its online has been answered */
	bool is_released;
	bool is_gone;    /* freed when its last order has been taken */
	int32_t result;  /* what the last ANSWER says */
	uint32_t number; /* of the newest stop or start */
	uint32_t seq;    /* of the newest change */
	struct members started, next;
	struct order orders[ORDERS_A_LOCKSPACE];
};

struct group {
	const struct alloc *alloc; /* borrowed */
	struct list lockspaces;    /* newest first */
	struct list orders;
	uint32_t count;
};

int group_new(const struct alloc *alloc, struct group **ret)
{
	struct group *group = alloc_zeroed(alloc, sizeof(*group));

	if (!group)
		return -ENOMEM;
	group->alloc = alloc;
	list_init(&group->lockspaces);
	list_init(&group->orders);
	*ret = group;
	return 0;
}

static void members_done(struct group *group, struct members *members)
{
	alloc_put(group->alloc, members->list, members->count * sizeof(*members->list));
	*members = (struct members){0};
}

static void lockspace_free(struct group *group, struct lockspace *ls)
{
	for (uint32_t i = 0; i < ORDERS_A_LOCKSPACE; i++)
		list_remove(&ls->orders[i].on_orders);
	list_remove(&ls->on_group);
	members_done(group, &ls->started);
	members_done(group, &ls->next);
	alloc_put(group->alloc, ls, sizeof(*ls));
}

void group_free(struct group *group)
{
	struct lockspace *ls, *next;

	if (!group)
		return;
	list_for_each_safe (ls, next, &group->lockspaces, on_group)
		lockspace_free(group, ls);
	alloc_put(group->alloc, group, sizeof(*group));
}

static struct lockspace *find(const struct group *group, const char *name)
{
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group) {
		if (!ls->is_gone && !strcmp(ls->name, name))
			return ls;
	}
	return NULL;
}

/* ---- orders and states ---- */

static void order_add(struct group *group, struct lockspace *ls, enum group_order_type type)
{
	for (uint32_t i = 0; i < ORDERS_A_LOCKSPACE; i++) {
		struct order *order = &ls->orders[i];

		if (order->is_used)
			continue;
		order->is_used = true;
		order->type = type;
		list_add_tail(&group->orders, &order->on_orders);
		return;
	}
	must(!"orders are taken after each input");
}

/* States that may follow each other; everything else is our own mistake. */
static const uint32_t next_states[] = {
	[GROUP_JOINING] = 1u << GROUP_RECOVERING,
	[GROUP_RECOVERING] = 1u << GROUP_RUNNING | 1u << GROUP_STOPPING | 1u << GROUP_LEAVING,
	[GROUP_RUNNING] = 1u << GROUP_STOPPING,
	[GROUP_STOPPING] = 1u << GROUP_RECOVERING | 1u << GROUP_LEAVING,
	[GROUP_LEAVING] = 0,
};

static void move(struct lockspace *ls, enum group_state state)
{
	must(next_states[ls->state] & 1u << state);
	ls->state = state;
}

static void start(struct group *group, struct lockspace *ls)
{
	must(ls->next.change.seq);
	move(ls, GROUP_RECOVERING);
	members_done(group, &ls->started);
	ls->started = ls->next;
	ls->next = (struct members){0};
	ls->number++;
	if (ls->is_new)
		order_add(group, ls, GROUP_ORDER_NEW);
	ls->is_new = false;
	order_add(group, ls, GROUP_ORDER_START);
}

static void stop(struct group *group, struct lockspace *ls)
{
	move(ls, GROUP_STOPPING);
	ls->number++;
	order_add(group, ls, GROUP_ORDER_STOP);
}

static void leave(struct group *group, struct lockspace *ls)
{
	move(ls, GROUP_LEAVING);
	order_add(group, ls, GROUP_ORDER_LEAVE);
}

/* The program gets its last answer, and the lockspace is no more. */
static void gone(struct group *group, struct lockspace *ls, int32_t result)
{
	ls->result = result;
	ls->is_gone = true;
	group->count--;
	order_add(group, ls, GROUP_ORDER_ANSWER);
}

/* ---- what programs ask for ---- */

int group_online(struct group *group, const char *name, uint32_t flags)
{
	size_t bytes = strlen(name);
	struct lockspace *ls;

	must(bytes && bytes <= DLM_NAME_BYTES_MAX);
	if (find(group, name))
		return -EEXIST;
	if (group->count >= GROUP_LOCKSPACES_MAX)
		return -ENOSPC;
	ls = alloc_zeroed(group->alloc, sizeof(*ls));
	if (!ls)
		return -ENOMEM;
	memcpy(ls->name, name, bytes);
	ls->global_id = group_global_id(name);
	ls->flags = flags;
	ls->state = GROUP_JOINING;
	ls->is_new = true;
	for (uint32_t i = 0; i < ORDERS_A_LOCKSPACE; i++) {
		ls->orders[i].lockspace = ls;
		list_init(&ls->orders[i].on_orders);
	}
	list_add_head(&group->lockspaces, &ls->on_group);
	group->count++;
	order_add(group, ls, GROUP_ORDER_JOIN);
	return 0;
}

int group_offline(struct group *group, const char *name)
{
	struct lockspace *ls = find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->is_released || !ls->is_answered)
		return -EBUSY;
	ls->is_released = true;
	if (ls->state == GROUP_RUNNING || ls->state == GROUP_RECOVERING)
		stop(group, ls);
	return 0;
}

/* ---- what the cluster says ---- */

static int members_copy(const struct group *group, const struct group_member *list, uint32_t count,
	struct members *ret)
{
	struct group_member *copy = alloc_get(group->alloc, count * sizeof(*list));

	if (!copy)
		return -ENOMEM;
	memcpy(copy, list, count * sizeof(*list));
	ret->list = copy;
	ret->count = count;
	return 0;
}

static uint32_t removed_count(const struct members *before, const struct members *after)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < before->count; i++) {
		bool is_there = false;

		for (uint32_t j = 0; j < after->count; j++)
			is_there |= after->list[j].nodeid == before->list[i].nodeid;
		count += !is_there;
	}
	return count;
}

int group_members(struct group *group, const char *name, const struct group_member *members,
	uint32_t member_count, uint32_t joined_count, uint32_t failed_count)
{
	struct lockspace *ls = find(group, name);
	struct members next;
	int rv;

	must(member_count);
	if (!ls || ls->state == GROUP_LEAVING)
		return -ENOENT;
	rv = members_copy(group, members, member_count, &next);
	if (rv)
		return rv;
	next.change = (struct group_change){.member_count = member_count,
		.joined_count = joined_count,
		.failed_count = failed_count,
		.remove_count = removed_count(&ls->started, &next),
		.seq = ++ls->seq};
	members_done(group, &ls->next);
	ls->next = next;
	if (ls->state == GROUP_JOINING)
		start(group, ls);
	else if (ls->state != GROUP_STOPPING)
		stop(group, ls);
	return 0;
}

int group_left(struct group *group, const char *name)
{
	struct lockspace *ls = find(group, name);

	if (!ls || ls->state != GROUP_LEAVING)
		return -ENOENT;
	gone(group, ls, ls->result);
	return 0;
}

int group_refused(struct group *group, const char *name, int32_t error)
{
	struct lockspace *ls = find(group, name);

	must(error < 0);
	if (!ls || ls->state != GROUP_JOINING)
		return -ENOENT;
	gone(group, ls, error);
	return 0;
}

/* ---- what the engine reports ---- */

int group_stopped(struct group *group, const char *name, uint32_t number)
{
	struct lockspace *ls = find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->state != GROUP_STOPPING || ls->number != number)
		return -ESTALE;
	if (ls->is_released)
		leave(group, ls);
	else
		start(group, ls);
	return 0;
}

int group_recovered(struct group *group, const char *name, uint32_t number)
{
	struct lockspace *ls = find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->state != GROUP_RECOVERING || ls->number != number)
		return -ESTALE;
	move(ls, GROUP_RUNNING);
	if (!ls->is_answered)
		order_add(group, ls, GROUP_ORDER_ANSWER);
	ls->is_answered = true;
	return 0;
}

int group_failed(struct group *group, const char *name, uint32_t number, int32_t error)
{
	struct lockspace *ls = find(group, name);

	if (!ls)
		return -ENOENT;
	if (ls->state != GROUP_RECOVERING || ls->number != number)
		return -ESTALE;
	if (ls->is_answered)
		return -EIO;
	ls->is_released = true;
	ls->result = error < 0 ? error : -EIO;
	leave(group, ls);
	return 0;
}

bool group_order_take(struct group *group, struct group_order *ret)
{
	struct order *order = list_first(&group->orders, struct order, on_orders);
	struct lockspace *ls, *next;

	/* What the order before this one pointed to is not needed any more. */
	list_for_each_safe (ls, next, &group->lockspaces, on_group) {
		if (ls->is_gone && !ls->orders[0].is_used && !ls->orders[1].is_used)
			lockspace_free(group, ls);
	}
	if (!order)
		return false;
	ls = order->lockspace;
	list_remove(&order->on_orders);
	order->is_used = false;
	*ret = (struct group_order){.type = order->type,
		.number = ls->number,
		.result = ls->result,
		.global_id = ls->global_id,
		.flags = ls->flags,
		.member_count = ls->started.count,
		.members = ls->started.list};
	memcpy(ret->name, ls->name, sizeof(ret->name));
	return true;
}

/* ---- looking ---- */

uint32_t group_count(const struct group *group)
{
	return group->count;
}

static void view_fill(const struct lockspace *ls, struct group_view *ret)
{
	const struct members *shown = ls->started.count ? &ls->started : &ls->next;

	*ret = (struct group_view){.global_id = ls->global_id,
		.state = ls->state,
		.is_released = ls->is_released,
		.is_stopped = ls->state == GROUP_STOPPING || ls->state == GROUP_LEAVING ||
			      ls->state == GROUP_JOINING,
		.started = ls->started.change,
		.next = ls->next.change,
		.member_count = shown->count,
		.members = shown->list};
	memcpy(ret->name, ls->name, sizeof(ret->name));
}

bool group_view(const struct group *group, uint32_t index, struct group_view *ret)
{
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group) {
		if (ls->is_gone || index--)
			continue;
		view_fill(ls, ret);
		return true;
	}
	return false;
}

bool group_find(const struct group *group, const char *name, struct group_view *ret)
{
	const struct lockspace *ls = find(group, name);

	if (!ls)
		return false;
	view_fill(ls, ret);
	return true;
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
	static const char prefix[] = "dlm:ls:";
	uint32_t crc = 0xFFFFFFFFu;

	for (size_t i = 0; i < sizeof(prefix) - 1; i++)
		crc = crc32_byte(crc, (uint8_t)prefix[i]);
	do
		crc = crc32_byte(crc, (uint8_t)*name);
	while (*name++);
	return ~crc;
}
