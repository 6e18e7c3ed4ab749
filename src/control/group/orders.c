/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/orders.h"

#include <string.h>

#include "base/pure/must.h"
#include "control/group/change.h"
#include "control/group/lockspace.h"

void orders_init(struct order *order, struct lockspace *ls, enum group_order_type type)
{
	*order = (struct order){.ls = ls, .type = type};
	list_init(&order->on_queue);
}

void orders_add(struct order *order)
{
	must(!orders_has(order));
	list_add_tail(&order->ls->group->orders, &order->on_queue);
	order->ls->queued_count++;
}

bool orders_has(const struct order *order)
{
	return list_linked(&order->on_queue);
}

void orders_drop(struct order *order)
{
	if (!orders_has(order))
		return;
	list_remove(&order->on_queue);
	must(order->ls->queued_count);
	order->ls->queued_count--;
}

/* The message is written when it is taken: what it says was fixed when it was ordered. */
static void fill_message(struct group *group, const struct order *order, struct group_order *ret)
{
	const struct change *change = order->change;
	struct cpg_header header = {.type = CPG_START,
		.nodeid = group->nodeid,
		.global_id = order->ls->global_id,
		.flags = order->flags,
		.msgdata = change->seq};
	struct cpg_start start = {.started_count = order->started_count,
		.member_count = change->member_count,
		.joined_count = change->joined_count,
		.remove_count = change->removed_count,
		.failed_count = change->failed_count};

	fence_version(group->fence, header.version);
	memcpy(start.members, change->ids, change->member_count * sizeof(*change->ids));
	ret->bytes = (uint32_t)cpg_start_encode(&header, &start, group->data);
	ret->data = group->data;
}

static void fill(struct group *group, const struct order *order, struct group_order *ret)
{
	const struct lockspace *ls = order->ls;

	*ret = (struct group_order){.type = order->type,
		.number = order->number,
		.nodeid = order->nodeid,
		.result = order->result,
		.global_id = ls->global_id,
		.flags = ls->flags,
		.nodir = ls->nodir,
		.keep = order->keep};
	memcpy(ret->name, ls->name, sizeof(ret->name));
	if (order->type == GROUP_ORDER_SEND)
		fill_message(group, order, ret);
	if (order->type != GROUP_ORDER_START || !ls->started)
		return;
	ret->members = ls->started->members;
	ret->member_count = ls->started->member_count;
}

bool orders_take(struct group *group, struct group_order *ret)
{
	struct order *order = list_first(&group->orders, struct order, on_queue);
	struct lockspace *ls, *next;

	/* What the order before this one pointed to is not needed any more. */
	list_for_each_safe (ls, next, &group->gone, on_group) {
		if (!ls->queued_count)
			lockspace_free(ls);
	}
	if (!order)
		return false;
	fill(group, order, ret);
	orders_drop(order);
	return true;
}
