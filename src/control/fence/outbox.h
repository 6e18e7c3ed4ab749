/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Orders that wait to be taken. Where there is no memory for one the daemon cannot go on: the calls
 * that can say so give -ENOMEM from then on, and the last order is FENCE_ORDER_REFUSED.
 */
#include "control/fence/parts.h"

void outbox_done(struct fence *fence);
void outbox_protocol(struct fence *fence, const struct cpg_protocol *protocol);
/** outbox_result() - to all: what became of an attempt to fence @nodeid */
void outbox_result(struct fence *fence, uint32_t nodeid, int32_t result, uint64_t walltime);
/** outbox_clear() - to all. @flags: CPG_FENCE_* */
void outbox_clear(struct fence *fence, uint32_t nodeid, int32_t result, uint32_t flags);
/** outbox_order() - one that has no more than a node, or nothing */
void outbox_order(struct fence *fence, enum fence_order_type type, uint32_t nodeid);
void outbox_agent(struct fence *fence, uint32_t nodeid, uint64_t fail_time);
/** outbox_status() - Return: 0; -ENOMEM an order has been lost */
int outbox_status(const struct fence *fence);
