/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded runs of the reference, replayed: at each step this node does what the reference did, and
 * sends the same bytes, but for the bits of posix locks and of udlm.
 *
 * What differs is by design: an engine is stopped before it is left, and a START follows its
 * confirmation, which comes at once here; so the orders are the same.
 */
#include "golden_groups.h"
#include "group_room.h"

struct run {
	uint32_t nodeid;
	const char *const *steps;
	const char *const *messages;
	const char *beyond; /* what it does at the end and the reference did not */
};

static char did[64][16]; /* what this node has done, not compared yet */
static uint32_t did_at, did_count;
static struct group_order did_orders[64];

/* The number behind a step's word. */
static uint32_t number_of(const char *step)
{
	return (uint32_t)strtoul(strchr(step, ' '), NULL, 10);
}

static uint32_t hex_read(const char *hex, uint8_t *ret)
{
	uint32_t bytes = (uint32_t)strlen(hex) / 2;
	unsigned value;

	for (uint32_t i = 0; i < bytes; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
		ret[i] = (uint8_t)value;
	}
	return bytes;
}

/* Flags of the header that only one of the two kinds has. */
static void flags_clear(uint8_t *data)
{
	data[20] &= (uint8_t)~CPG_FLAG_HAVEPLOCK;
	data[21] &= (uint8_t) ~(CPG_FLAG_UDLM >> 8);
}

static void do_add(const struct group_order *order, const char *what)
{
	assert_true(did_count < 64);
	did_orders[did_count] = *order;
	snprintf(did[did_count++], sizeof(did[0]), "%s", what);
}

static void do_start(const struct group_order *order)
{
	char text[16];
	int at = snprintf(text, sizeof(text), "start");

	last_number = order->number;
	for (uint32_t i = 0; i < order->member_count; i++)
		at += snprintf(
			text + at, sizeof(text) - (size_t)at, " %u", order->members[i].nodeid);
	do_add(order, text);
}

static void do_send(const struct group_order *order)
{
	memcpy(sent[sent_count], order->data, order->bytes);
	sent_bytes[sent_count++] = order->bytes;
	do_add(order, "send");
}

/* All that it does; the engine confirms at once. */
static void do_all(void)
{
	struct group_order order;

	while (group_order_take(group, &order)) {
		if (order.type == GROUP_ORDER_LOOK)
			assert_int_equal(group_looked(group, now, room_name, NULL, 0), 0);
		else if (order.type == GROUP_ORDER_JOIN)
			do_add(&order, "join");
		else if (order.type == GROUP_ORDER_LEAVE)
			do_add(&order, "leave");
		else if (order.type == GROUP_ORDER_ANSWER)
			do_add(&order, "answer");
		else if (order.type == GROUP_ORDER_KILL)
			do_add(&order, "kill");
		else if (order.type == GROUP_ORDER_SEND)
			do_send(&order);
		else if (order.type == GROUP_ORDER_START)
			do_start(&order);
		if (order.type != GROUP_ORDER_STOP)
			continue;
		do_add(&order, "stop");
		assert_int_equal(group_stopped(group, now, room_name, order.number), 0);
	}
}

static void compare(const struct run *run, const char *step)
{
	uint8_t data[CPG_MESSAGE_MAX];
	uint32_t sends = 0;

	if (did_at == did_count)
		fail_msg("the reference did \"%s\", this node nothing", step);
	if (!strncmp(step, "send ", 5)) {
		assert_string_equal(did[did_at], "send");
		for (uint32_t i = did_at; i < did_count; i++)
			sends += !strcmp(did[i], "send");
		/* Of those sent, the last `sends` have not been compared. */
		assert_int_equal(hex_read(run->messages[number_of(step)], data),
			sent_bytes[sent_count - sends]);
		flags_clear(data);
		flags_clear(sent[sent_count - sends]);
		assert_memory_equal(data, sent[sent_count - sends], sent_bytes[sent_count - sends]);
	} else if (!strncmp(step, "kill ", 5)) {
		assert_string_equal(did[did_at], "kill");
		assert_int_equal(did_orders[did_at].nodeid, number_of(step));
	} else {
		assert_string_equal(did[did_at], step);
	}
	if (!strcmp(step, "answer"))
		assert_int_equal(did_orders[did_at].result, 0);
	did_at++;
}

/* Ours come in the order in which we sent them. */
static void step_hear(const char *hex)
{
	uint8_t data[CPG_MESSAGE_MAX];
	uint32_t bytes = hex_read(hex, data);

	if (data[8] == room_nodeid) {
		flags_clear(data);
		assert_true(sent_count);
		assert_memory_equal(data, sent[0], bytes);
		sent_count--;
		memmove(sent[0], sent[1], sizeof(sent) - sizeof(sent[0]));
		memmove(sent_bytes, sent_bytes + 1, sizeof(sent_bytes) - sizeof(sent_bytes[0]));
	}
	assert_int_equal(group_deliver(group, now, room_name, data[8], data, bytes), 0);
}

static void step_conf(const char *text)
{
	char members[64], joined[64], left[64];
	const char *slash = strchr(text, '/'), *last = strrchr(text, '/');

	snprintf(members, sizeof(members), "%.*s", (int)(slash - text), text);
	snprintf(joined, sizeof(joined), "%.*s", (int)(last - slash - 1), slash + 1);
	snprintf(left, sizeof(left), "%s", last + 1);
	confchg(members, joined + strspn(joined, " "), left + strspn(left, " "));
}

static bool is_step(const char *step, const char *word, const char **ret_rest)
{
	size_t bytes = strlen(word);

	if (strncmp(step, word, bytes) || (step[bytes] && step[bytes] != ' '))
		return false;
	*ret_rest = step + bytes + (step[bytes] == ' ');
	return true;
}

static void step_feed(const struct run *run, const char *step)
{
	unsigned a = 0, b = 0;
	const char *rest = strchr(step, ' ');

	if (rest)
		(void)sscanf(rest, " %u %u", &a, &b);
	if (is_step(step, "time", &rest))
		now = (struct fence_now){.mono = a, .wall = a};
	else if (is_step(step, "added", &rest))
		room_fence.added[a] = b;
	else if (is_step(step, "fenced", &rest))
		room_fence.fenced[a] = b;
	else if (is_step(step, "outstanding", &rest))
		room_fence.is_outstanding = a;
	else if (is_step(step, "online", &rest))
		assert_int_equal(group_online(group, now, room_name, 0, &plain), 0);
	else if (is_step(step, "offline", &rest))
		assert_int_equal(group_offline(group, now, room_name), 0);
	else if (is_step(step, "conf", &rest))
		step_conf(rest);
	else if (is_step(step, "ring", &rest))
		assert_int_equal(group_ring(group, now, room_name, a, b), 0);
	else if (is_step(step, "hear", &rest))
		step_hear(run->messages[a]);
	else if (is_step(step, "quorum", &rest))
		room_fence.is_quorate = a, room_fence.ring_seq = room_fence.daemon_ring_seq = b;
	else
		fail_msg("unknown step %s", step);
}

/* What was there together, before anybody was told. */
static bool is_state(const char *step)
{
	const char *rest;

	return step && (is_step(step, "added", &rest) || is_step(step, "fenced", &rest) ||
			       is_step(step, "outstanding", &rest));
}

static void run_steps(const struct run *run)
{
	for (uint32_t i = 0; run->steps[i]; i++) {
		if (run->steps[i][0] == '=') {
			compare(run, run->steps[i] + 2);
			continue;
		}
		if (did_at < did_count)
			fail_msg(
				"step %u: this node did \"%s\", the reference not", i, did[did_at]);
		did_at = did_count = 0;
		step_feed(run, run->steps[i]);
		if (is_state(run->steps[i + 1]))
			continue;
		group_tick(group, now);
		do_all();
	}
	if (run->beyond)
		compare(run, run->beyond);
	assert_int_equal(did_at, did_count);
}

static void run_replay(void **state)
{
	const struct run *run = *state;

	room_nodeid = run->nodeid;
	room_name = "testls";
	assert_int_equal(room_begin(false), 0);
	did_at = did_count = 0;
	run_steps(run);
	group_free(group);
	assert_int_equal(faulty.used_count, 0);
}

#define RUN(number, node, more)                                                                    \
	{                                                                                          \
		"run " #number " node " #node, run_replay, NULL, NULL, &(struct run)               \
		{                                                                                  \
			.nodeid = node, .steps = run##number##_node##node,                         \
			.messages = run##number##_messages, .beyond = more                         \
		}                                                                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(1, 1, NULL),
		RUN(1, 2, NULL),
		RUN(2, 1, NULL),
		RUN(2, 2, NULL),
		RUN(2, 3, NULL),
		RUN(3, 1, NULL),
		RUN(3, 2, NULL),
		RUN(3, 3, NULL),
		RUN(4, 1, NULL),
		RUN(4, 2, NULL),
		RUN(4, 3, NULL),
		/* The reference takes its own NACK for the newest change and waits for ever. */
		RUN(6, 1, "start 1"),
		RUN(6, 2, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
