/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/outbox.h"

#include <errno.h>
#include <string.h>

#define ROOM_FIRST 16u

void outbox_done(struct fence *fence)
{
	struct outbox *outbox = &fence->outbox;

	alloc_put(fence->alloc, outbox->orders, outbox->room * sizeof(outbox->orders[0]));
}

static bool grow(struct fence *fence)
{
	struct outbox *outbox = &fence->outbox;
	uint32_t room = outbox->room ? outbox->room * 2 : ROOM_FIRST;
	struct outbox_order *orders = alloc_get(fence->alloc, room * sizeof(orders[0]));

	if (!orders)
		return false;
	if (outbox->count)
		memcpy(orders, outbox->orders, outbox->count * sizeof(orders[0]));
	outbox_done(fence);
	outbox->orders = orders;
	outbox->room = room;
	return true;
}

static void add(struct fence *fence, const struct outbox_order *order)
{
	struct outbox *outbox = &fence->outbox;

	if (outbox->count == outbox->room && !grow(fence)) {
		outbox->is_lost = true;
		return;
	}
	outbox->orders[outbox->count++] = *order;
}

void outbox_protocol(struct fence *fence, const struct cpg_protocol *protocol)
{
	struct outbox_order order = {.type = FENCE_ORDER_SEND, .message = CPG_PROTOCOL};

	order.protocol = *protocol;
	add(fence, &order);
}

void outbox_result(struct fence *fence, uint32_t nodeid, int32_t result, uint64_t walltime)
{
	struct outbox_order order = {.type = FENCE_ORDER_SEND, .message = CPG_FENCE_RESULT};

	order.fence =
		(struct cpg_fence){.nodeid = nodeid, .result = result, .fence_walltime = walltime};
	add(fence, &order);
}

void outbox_clear(struct fence *fence, uint32_t nodeid, int32_t result, uint32_t flags)
{
	struct outbox_order order = {.type = FENCE_ORDER_SEND, .message = CPG_FENCE_CLEAR};

	order.fence = (struct cpg_fence){.nodeid = nodeid, .result = result, .flags = flags};
	add(fence, &order);
}

void outbox_order(struct fence *fence, enum fence_order_type type, uint32_t nodeid)
{
	struct outbox_order order = {.type = type, .nodeid = nodeid};

	add(fence, &order);
}

void outbox_agent(struct fence *fence, uint32_t nodeid, uint64_t fail_time)
{
	struct outbox_order order = {
		.type = FENCE_ORDER_AGENT, .nodeid = nodeid, .fail_time = fail_time};

	add(fence, &order);
}

int outbox_status(const struct fence *fence)
{
	return fence->outbox.is_lost ? -ENOMEM : 0;
}

/* Versions are 0 in what the daemon group says. */
static uint32_t encode(struct fence *fence, const struct outbox_order *order)
{
	struct cpg_header header = {.type = (uint16_t)order->message, .nodeid = fence->nodeid};
	uint8_t *to = fence->outbox.encoded;

	if (order->message == CPG_PROTOCOL)
		return (uint32_t)cpg_protocol_encode(&header, &order->protocol, to);
	return (uint32_t)cpg_fence_encode(&header, &order->fence, to);
}

static bool take_lost(struct outbox *outbox, struct fence_order *ret)
{
	if (!outbox->is_lost || outbox->is_told)
		return false;
	outbox->is_told = true;
	ret->type = FENCE_ORDER_REFUSED;
	ret->text = "no memory for what has to be said to the other nodes";
	return true;
}

bool fence_order_take(struct fence *fence, struct fence_order *ret)
{
	struct outbox *outbox = &fence->outbox;
	const struct outbox_order *order;

	memset(ret, 0, sizeof(*ret));
	if (outbox->first == outbox->count) {
		outbox->first = 0;
		outbox->count = 0;
		return take_lost(outbox, ret);
	}
	order = &outbox->orders[outbox->first++];
	ret->type = order->type;
	ret->nodeid = order->nodeid;
	ret->fail_time = order->fail_time;
	if (order->type == FENCE_ORDER_REFUSED)
		ret->text = fence->refused_text;
	if (order->type == FENCE_ORDER_SEND) {
		ret->bytes = encode(fence, order);
		ret->data = outbox->encoded;
	}
	return true;
}
