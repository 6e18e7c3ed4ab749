/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The room for tests of the lockspace groups: a fence that says what the test wants, changes and
 * messages as short texts, and orders as a text to be compared. This node is 1, and the lockspace
 * is called "a", where a test does not say otherwise.
 *
 * Changes: members "1 2 3", joined "3", left "2l 4d 5p" (left, node down, process down).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "control/group/group.h"
#include "faulty_alloc.h"
#include "proto/cpg.h"

#define ROOM_NODES 200u

/* ---- what fence is asked ---- */

struct fence {
	bool is_quorate, is_outstanding;
	uint64_t ring_seq, daemon_ring_seq;
	uint64_t fenced[ROOM_NODES], added[ROOM_NODES];
	uint64_t clean[ROOM_NODES]; /* since when a clean member of the daemon group; 0: it is none
				     */
	uint32_t kept; /* a member that is not clean, and is not going to be removed; 0: none */
};

static struct fence room_fence;

bool fence_is_quorate(const struct fence *fence)
{
	return fence->is_quorate;
}

uint64_t fence_ring_seq(const struct fence *fence)
{
	return fence->ring_seq;
}

void fence_view(const struct fence *fence, struct fence_view *ret)
{
	*ret = (struct fence_view){.daemon_ring_seq = fence->daemon_ring_seq};
}

bool fence_node_find(const struct fence *fence, uint32_t nodeid, struct fence_node_view *ret)
{
	*ret = (struct fence_node_view){.nodeid = nodeid};
	ret->is_kept = nodeid == fence->kept;
	ret->is_member = fence->clean[nodeid] || ret->is_kept;
	ret->protocol.daemon_max.major = fence->clean[nodeid] ? 3 : 0;
	ret->add_time = fence->clean[nodeid];
	return ret->is_member;
}

bool fence_is_outstanding(const struct fence *fence)
{
	return fence->is_outstanding;
}

bool fence_done_since(const struct fence *fence, uint32_t nodeid, uint64_t mono)
{
	return fence->fenced[nodeid] >= mono;
}

uint64_t fence_cluster_add_time(const struct fence *fence, uint32_t nodeid)
{
	return fence->added[nodeid];
}

void fence_version(const struct fence *fence, uint16_t ret[3])
{
	ret[0] = 3;
	ret[1] = 1;
	ret[2] = 1;
}

/* ---- the room ---- */

static struct faulty_alloc faulty;
static struct group *group;
static struct fence_now now;
static uint32_t room_nodeid = 1;
static const char *room_name = "a";
static char orders[4096];    /* what drain() took, in short */
static char notes[8192];     /* lines that it wrote, above FENCE_DEBUG */
static uint32_t last_number; /* of the last STOP or START */
static uint32_t last_probe;
static uint32_t heard_for;                /* the change for which the last START was; 0: none */
static uint8_t sent[64][CPG_MESSAGE_MAX]; /* by us, not delivered yet */
static uint32_t sent_bytes[64], sent_count;
static struct group_member started[CPG_MEMBERS_MAX]; /* of the last START to the engine */

static const struct group_placement plain = {0};

static void room_note(void *context, enum fence_level level, const char *name, const char *text)
{
	const char *found = strstr(text, " is for change ");
	size_t at = strlen(notes);

	if (found)
		heard_for = (uint32_t)strtoul(found + 15, NULL, 10);
	if (level > FENCE_DEBUG)
		snprintf(notes + at, sizeof(notes) - at, "%s: %s\n", name, text);
}

static int room_begin(bool has_probe)
{
	struct group_settings settings = {.alloc = &faulty.alloc,
		.fence = &room_fence,
		.nodeid = room_nodeid,
		.has_probe = has_probe,
		.options = {.enable_fencing = true, .enable_quorum_lockspace = true},
		.note = room_note};

	faulty_alloc_init(&faulty);
	room_fence = (struct fence){.is_quorate = true, .ring_seq = 7, .daemon_ring_seq = 7};
	for (uint32_t i = 0; i < ROOM_NODES; i++)
		room_fence.clean[i] = 1;
	now = (struct fence_now){.mono = 100, .wall = 1000};
	sent_count = 0;
	notes[0] = '\0';
	return group_new(&settings, &group);
}

static int __attribute__((unused)) room_setup(void **state)
{
	return room_begin(false);
}

static int __attribute__((unused)) room_setup_probing(void **state)
{
	return room_begin(true);
}

static int __attribute__((unused)) room_teardown(void **state)
{
	group_free(group);
	assert_int_equal(faulty.used_count, 0);
	return 0;
}

/* ---- orders ---- */

__attribute__((format(printf, 1, 2))) static void orders_write(const char *format, ...)
{
	size_t at = strlen(orders);
	va_list args;

	va_start(args, format);
	vsnprintf(orders + at, sizeof(orders) - at, format, args);
	va_end(args);
}

static void order_write_send(const struct group_order *order)
{
	struct cpg_header header;

	assert_int_equal(cpg_header_decode(order->data, order->bytes, &header), 0);
	orders_write("%s %u%s", header.flags & CPG_FLAG_NACK ? "NACK" : "START", header.msgdata,
		header.flags & CPG_FLAG_JOINING ? " joining" : "");
	assert_true(header.flags & CPG_FLAG_UDLM);
	assert_true(sent_count < 64);
	memcpy(sent[sent_count], order->data, order->bytes);
	sent_bytes[sent_count++] = order->bytes;
}

static void order_write_start(const struct group_order *order)
{
	last_number = order->number;
	orders_write("start %u with", order->number);
	for (uint32_t i = 0; i < order->member_count; i++) {
		orders_write(
			" %u%s", order->members[i].nodeid, order->members[i].rejoined ? "r" : "");
		started[i] = order->members[i];
	}
}

static void order_write(const struct group_order *order)
{
	static const char *const words[] = {
		[GROUP_ORDER_LOOK] = "look",
		[GROUP_ORDER_JOIN] = "join",
		[GROUP_ORDER_LEAVE] = "leave",
		[GROUP_ORDER_STATEFUL] = "stateful",
		[GROUP_ORDER_NEW] = "new",
	};

	if (orders[0])
		orders_write(", ");
	switch (order->type) {
	case GROUP_ORDER_SEND:
		order_write_send(order);
		return;
	case GROUP_ORDER_START:
		order_write_start(order);
		return;
	case GROUP_ORDER_STOP:
		last_number = order->number;
		orders_write("stop %u", order->number);
		return;
	case GROUP_ORDER_KILL:
		orders_write("kill %u", order->nodeid);
		return;
	case GROUP_ORDER_PROBE:
		last_probe = order->number;
		orders_write("probe %u%s", order->nodeid, order->keep ? " kept" : "");
		return;
	case GROUP_ORDER_PROBE_END:
		orders_write("probe end %u", order->number);
		return;
	case GROUP_ORDER_ANSWER:
		orders_write("answer %d", order->result);
		return;
	case GROUP_ORDER_LOOK:
	case GROUP_ORDER_JOIN:
	case GROUP_ORDER_LEAVE:
	case GROUP_ORDER_STATEFUL:
	case GROUP_ORDER_NEW:
		orders_write("%s", words[order->type]);
		return;
	}
}

/* All orders there are, in short. */
static const char *drain(void)
{
	struct group_order order;

	orders[0] = '\0';
	while (group_order_take(group, &order))
		order_write(&order);
	return orders;
}

#define assert_orders(expected) assert_string_equal(drain(), expected)

/* ---- what happens ---- */

static uint32_t nodes_read(const char *text, uint32_t *ret, enum fence_reason *ret_reasons)
{
	uint32_t count = 0;
	char *end;

	for (; *text; text = end) {
		ret[count] = (uint32_t)strtoul(text, &end, 10);
		if (ret_reasons)
			ret_reasons[count] = *end == 'd'   ? FENCE_REASON_NODEDOWN
					     : *end == 'p' ? FENCE_REASON_PROCDOWN
							   : FENCE_REASON_LEAVE;
		end += strcspn(end, " ");
		end += strspn(end, " ");
		count++;
	}
	return count;
}

static int confchg_of(const char *name, const char *members, const char *joined, const char *left)
{
	uint32_t m[CPG_MEMBERS_MAX], j[CPG_MEMBERS_MAX], l[CPG_MEMBERS_MAX];
	enum fence_reason reasons[CPG_MEMBERS_MAX];
	struct fence_change change = {
		.members = m, .joined = j, .left = l, .left_reasons = reasons};

	change.member_count = nodes_read(members, m, NULL);
	change.joined_count = nodes_read(joined, j, NULL);
	change.left_count = nodes_read(left, l, reasons);
	return group_confchg(group, now, name, &change);
}

static void __attribute__((unused))
confchg(const char *members, const char *joined, const char *left)
{
	assert_int_equal(confchg_of(room_name, members, joined, left), 0);
}

/* Our own messages come back, in order. */
static void __attribute__((unused)) hear_ourselves(void)
{
	uint32_t count = sent_count;

	sent_count = 0;
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(
			group_deliver(group, now, room_name, room_nodeid, sent[i], sent_bytes[i]),
			0);
}

struct say {
	uint32_t from, seq, started_count, flags;
	const char *members;
	uint32_t joined, removed, failed;
};

static size_t say_encode(const struct say *say, uint8_t *ret)
{
	struct cpg_header header = {.version = {3, 1, 1},
		.type = CPG_START,
		.nodeid = say->from,
		.global_id = group_global_id("a"),
		.flags = say->flags,
		.msgdata = say->seq};
	struct cpg_start start = {.started_count = say->started_count,
		.joined_count = say->joined,
		.remove_count = say->removed,
		.failed_count = say->failed};

	start.member_count = nodes_read(say->members, start.members, NULL);
	return cpg_start_encode(&header, &start, ret);
}

/* A START of another node is delivered. */
static void __attribute__((unused)) hear(struct say say)
{
	uint8_t data[CPG_MESSAGE_MAX];
	size_t bytes = say_encode(&say, data);

	assert_int_equal(group_deliver(group, now, "a", say.from, data, bytes), 0);
}

static void __attribute__((unused)) stopped(void)
{
	assert_int_equal(group_stopped(group, now, room_name, last_number), 0);
}

static void __attribute__((unused)) recovered(void)
{
	assert_int_equal(group_recovered(group, now, room_name, last_number), 0);
}

static void __attribute__((unused)) ring(uint64_t seq)
{
	assert_int_equal(group_ring(group, now, room_name, 1, seq), 0);
}

/* "a" is created, and JOIN has been ordered. */
static void __attribute__((unused)) joining(void)
{
	assert_int_equal(group_online(group, now, room_name, 0, &plain), 0);
	assert_orders("look");
	assert_int_equal(group_looked(group, now, room_name, NULL, 0), 0);
	assert_orders("join");
}

/* "a" runs, with us alone. */
static void __attribute__((unused)) running(void)
{
	joining();
	confchg("1", "1", "");
	ring(7);
	assert_orders("START 1 joining");
	hear_ourselves();
	assert_orders("stateful, new, start 1 with 1, answer 0");
	recovered();
	assert_orders("");
}

/* "a" runs, with 1, 2 and 3, who came in this order: our change 3, their changes 2 and 1. */
static void __attribute__((unused)) running_with_two(void)
{
	running();
	confchg("1 2", "2", "");
	assert_orders("stop 2");
	stopped();
	assert_orders("START 2");
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
	assert_orders("start 3 with 1 2");
	recovered();
	confchg("1 2 3", "3", "");
	assert_orders("stop 4");
	stopped();
	assert_orders("START 3");
	hear_ourselves();
	hear((struct say){
		.from = 2, .seq = 2, .started_count = 1, .members = "1 2 3", .joined = 1});
	hear((struct say){.from = 3, .seq = 1, .members = "1 2 3", .joined = 1});
	assert_orders("start 5 with 1 2 3");
	recovered();
}

static struct group_view __attribute__((unused)) view(void)
{
	struct group_view ret;

	assert_true(group_find(group, "a", &ret));
	return ret;
}

static struct group_node_view __attribute__((unused)) node(uint32_t nodeid)
{
	struct group_node_view ret;

	assert_true(group_node_find(group, "a", nodeid, &ret));
	return ret;
}
