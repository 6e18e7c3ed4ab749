/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The queue of what has to be done. Each order is part of the object that it is about. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "control/group/group.h"

struct lockspace;
struct change;

struct order {
	struct list on_queue; /* group->orders */
	struct lockspace *ls;
	enum group_order_type type;
	uint32_t number, nodeid;
	int32_t result;
	bool keep;                   /* PROBE */
	const struct change *change; /* SEND: the change that the message is about */
	uint32_t flags;              /* SEND: of its header */
	uint32_t started_count;      /* SEND: at the time of the order */
};

void orders_init(struct order *order, struct lockspace *ls, enum group_order_type type);
/** orders_add() - as the last one; it must not be on the queue */
void orders_add(struct order *order);
bool orders_has(const struct order *order);
/** orders_drop() - it is not needed any more. One that is not on the queue is allowed. */
void orders_drop(struct order *order);
/** orders_take() - Return: true and @ret filled; false: none */
bool orders_take(struct group *group, struct group_order *ret);
