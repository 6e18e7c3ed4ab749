/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One link against another, and against frames written by hand as the two kernel generations write
 * them. A "side" is a link with its owner; moving bytes between two sides is the network.
 */
#include "engine/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "cmocka_all.h"
#include "faulty_alloc.h"
#include "golden.h"

#define LS          7u
#define ROOM        (1u << 20)
#define RESEND_MS   10000u
#define DELIVER_MAX 20000u

struct side {
	struct link link;
	struct link_owner owner;
	struct faulty_alloc faulty;
	uint32_t delivered[DELIVER_MAX]; /* MSG: m_pid; RCOM: 0x80000000 | type */
	uint32_t deliver_count;
	uint32_t wakeup_count, refused_count, gap_count, moved_count;
	uint32_t answer_pid;  /* not 0: each delivered MSG is answered at once, from inside */
	int member_on_status; /* STATUS makes the peer a member, from inside */
};

static void on_deliver(void *context, uint32_t nodeid, const struct wire_frame *frame);

static void on_wakeup(void *context, uint32_t nodeid)
{
	struct side *side = context;

	assert_int_equal(nodeid, side->link.nodeid);
	side->wakeup_count++;
}

static void on_moved(void *context, uint32_t nodeid, enum link_state from, enum link_state to)
{
	struct side *side = context;

	assert_int_not_equal(from, to);
	assert_int_equal(side->link.state, to);
	side->moved_count++;
}

static void on_refused(void *context, uint32_t nodeid, uint32_t code, const char *why)
{
	struct side *side = context;

	assert_non_null(why);
	side->refused_count++;
}

static void on_gap(void *context, uint32_t nodeid)
{
	struct side *side = context;

	side->gap_count++;
}

static struct side *side_new(uint32_t our_nodeid, uint32_t nodeid, uint32_t version)
{
	struct side *side = calloc(1, sizeof(*side));

	assert_non_null(side);
	faulty_alloc_init(&side->faulty);
	side->owner = (struct link_owner){.deliver = on_deliver,
		.wakeup = on_wakeup,
		.moved = on_moved,
		.refused = on_refused,
		.gap = on_gap,
		.context = side};
	link_init(&side->link, &side->faulty.alloc, &side->owner, NULL, our_nodeid, nodeid, version,
		RESEND_MS, 1000);
	return side;
}

static void side_free(struct side *side)
{
	link_check(&side->link);
	link_done(&side->link);
	assert_int_equal(side->faulty.used_bytes, 0);
	free(side);
}

/* ---- what is said ---- */

static int say_msg(struct side *side, uint32_t pid, bool must_go)
{
	uint8_t bytes[WIRE_INNER_MAX];
	struct wire_msg msg = {.type = WIRE_MSG_GRANT, .pid = pid, .lkid = 1, .remid = 2};
	int size = wire_msg_encode(
		side->link.our_version, LS, side->link.our_nodeid, &msg, bytes, sizeof(bytes));

	assert_int_equal(size, WIRE_MSG_BYTES);
	return link_send(&side->link, bytes, (size_t)size, must_go);
}

static int say_rcom_of(
	struct side *side, enum wire_rcom_type type, int result, uint64_t id, uint32_t lockspace)
{
	static const uint8_t END[2] = {0xff, 0xff};
	uint8_t bytes[WIRE_INNER_MAX];
	struct wire_rcom rcom = {.type = type, .result = result, .id = id};
	int size;

	if (type == WIRE_RCOM_NAMES_REPLY || type == WIRE_RCOM_LOOKUP) {
		rcom.payload = END;
		rcom.payload_bytes = sizeof(END);
	}
	size = wire_rcom_encode(side->link.our_version, lockspace, side->link.our_nodeid, &rcom,
		NULL, bytes, sizeof(bytes));
	assert_true(size > 0);
	return link_send(&side->link, bytes, (size_t)size, false);
}

static int say_rcom(struct side *side, enum wire_rcom_type type)
{
	return say_rcom_of(side, type, type == WIRE_RCOM_LOOKUP_REPLY, 1, LS);
}

static void on_deliver(void *context, uint32_t nodeid, const struct wire_frame *frame)
{
	struct side *side = context;
	uint32_t what =
		frame->header.cmd == WIRE_CMD_MSG ? frame->msg.pid : 0x80000000u | frame->rcom.type;

	assert_int_equal(frame->header.nodeid, nodeid);
	assert_true(side->deliver_count < DELIVER_MAX);
	side->delivered[side->deliver_count++] = what;
	if (side->answer_pid && frame->header.cmd == WIRE_CMD_MSG)
		assert_int_equal(say_msg(side, side->answer_pid + frame->msg.pid, true), 0);
	if (side->member_on_status && what == (0x80000000u | WIRE_RCOM_STATUS)) {
		side->member_on_status = 0;
		link_member_added(&side->link);
		assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), 0);
	}
}

/* ---- the network ---- */

/* Bring what @from has to say to @to, in pieces of at most @piece bytes. Return: frames' bytes */
static size_t carry(struct side *from, struct side *to, size_t piece)
{
	static uint8_t bytes[ROOM];
	size_t size = link_take(&from->link, bytes, sizeof(bytes));
	size_t at = 0, end = 0;

	while (end < size) {
		int rc;

		end = end + piece < size ? end + piece : size;
		rc = link_receive(&to->link, bytes + at, end - at);
		assert_true(rc >= 0);
		at += (size_t)rc;
	}
	assert_int_equal(at, size);
	return size;
}

static void settle(struct side *a, struct side *b)
{
	while (carry(a, b, 4096) + carry(b, a, 4096))
		;
	link_check(&a->link);
	link_check(&b->link);
}

static size_t lose(struct side *from)
{
	static uint8_t bytes[ROOM];

	return link_take(&from->link, bytes, sizeof(bytes));
}

static void connect_both(struct side *a, struct side *b)
{
	link_connected(&a->link);
	link_connected(&b->link);
}

struct pair {
	struct side *a, *b;
};

/* Two members that have heard each other's STATUS. */
static struct pair pair_new(uint32_t version_a, uint32_t version_b)
{
	struct pair pair = {side_new(1, 2, version_a), side_new(2, 1, version_b)};

	link_member_added(&pair.a->link);
	link_member_added(&pair.b->link);
	connect_both(pair.a, pair.b);
	assert_int_equal(say_rcom(pair.a, WIRE_RCOM_STATUS), 0);
	assert_int_equal(say_rcom(pair.b, WIRE_RCOM_STATUS), 0);
	settle(pair.a, pair.b);
	assert_int_equal(pair.a->link.state, LINK_ESTABLISHED);
	assert_int_equal(pair.b->link.state, LINK_ESTABLISHED);
	pair.a->deliver_count = 0;
	pair.b->deliver_count = 0;
	return pair;
}

static void pair_free(struct pair pair)
{
	side_free(pair.a);
	side_free(pair.b);
}

/* What @side got is @first, @first + 1, ... */
static void check_delivered(const struct side *side, uint32_t first, uint32_t count)
{
	uint32_t i;

	assert_int_equal(side->deliver_count, count);
	for (i = 0; i < count; i++)
		assert_int_equal(side->delivered[i], first + i);
}

/* ---- frames written by hand ---- */

static void give(struct side *side, const uint8_t *bytes, size_t size)
{
	assert_int_equal(link_receive(&side->link, bytes, size), size);
}

static void give_status(struct side *side, uint32_t version, enum wire_rcom_type type)
{
	static const uint8_t END[2] = {0xff, 0xff};
	uint8_t bytes[WIRE_INNER_MAX];
	struct wire_rcom rcom = {
		.type = type, .payload = END, .payload_bytes = type == WIRE_RCOM_NAMES ? 0 : 2};
	int size =
		wire_rcom_encode(version, LS, side->link.nodeid, &rcom, NULL, bytes, sizeof(bytes));

	give(side, bytes, (size_t)size);
}

static void give_msg(struct side *side, uint32_t version, uint32_t pid)
{
	uint8_t bytes[WIRE_INNER_MAX];
	struct wire_msg msg = {.type = WIRE_MSG_GRANT, .pid = pid, .lkid = 1, .remid = 2};
	int size = wire_msg_encode(version, LS, side->link.nodeid, &msg, bytes, sizeof(bytes));

	give(side, bytes, (size_t)size);
}

static void give_numbered(struct side *side, uint32_t seq, uint32_t pid)
{
	uint8_t bytes[WIRE_FRAME_MAX];
	struct wire_msg msg = {.type = WIRE_MSG_GRANT, .pid = pid, .lkid = 1, .remid = 2};
	int size = wire_msg_encode(WIRE_VERSION_3_2, LS, side->link.nodeid, &msg,
		bytes + WIRE_OPTS_BYTES, WIRE_INNER_MAX);

	wire_opts_encode(
		WIRE_VERSION_3_2, seq, side->link.nodeid, WIRE_CMD_MSG, (uint32_t)size, bytes);
	give(side, bytes, (size_t)size + WIRE_OPTS_BYTES);
}

static void give_numbered_rcom(
	struct side *side, uint32_t seq, enum wire_rcom_type type, int result)
{
	static const uint8_t END[2] = {0xff, 0xff};
	uint8_t bytes[WIRE_FRAME_MAX];
	struct wire_rcom rcom = {.type = type,
		.result = result,
		.payload = END,
		.payload_bytes = type == WIRE_RCOM_NAMES ? 0 : 2,
		.config.lvb_bytes = WIRE_NOT_READY_LVB};
	int size = wire_rcom_encode(WIRE_VERSION_3_2, LS, side->link.nodeid, &rcom, NULL,
		bytes + WIRE_OPTS_BYTES, WIRE_INNER_MAX);

	wire_opts_encode(
		WIRE_VERSION_3_2, seq, side->link.nodeid, WIRE_CMD_RCOM, (uint32_t)size, bytes);
	give(side, bytes, (size_t)size + WIRE_OPTS_BYTES);
}

static void give_fin(struct side *side, uint32_t seq)
{
	uint8_t bytes[40];

	wire_opts_encode(
		WIRE_VERSION_3_2, seq, side->link.nodeid, WIRE_CMD_FIN, WIRE_HEADER_BYTES, bytes);
	wire_bare_encode(WIRE_VERSION_3_2, 0, side->link.nodeid, WIRE_CMD_FIN, bytes + 24);
	give(side, bytes, sizeof(bytes));
}

static void give_ack(struct side *side, uint32_t next)
{
	uint8_t bytes[WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, next, side->link.nodeid, WIRE_CMD_ACK, bytes);
	give(side, bytes, sizeof(bytes));
}

/* What @side has to say, as text: "ack 3", "opts 0 msg 17", "opts 1 fin", "rcom 1", "msg 17". */
static void check_says(struct side *side, const char *expected)
{
	static uint8_t bytes[ROOM];
	size_t size = link_take(&side->link, bytes, sizeof(bytes));
	char text[4096] = "";
	size_t at = 0, length = 0;

	while (at < size) {
		struct wire_frame outer, inner;
		const struct wire_frame *frame = &outer;

		assert_int_equal(
			wire_frame_decode(bytes + at, get_le16(bytes + at + 12), &outer), 0);
		assert_int_equal(outer.header.nodeid, side->link.our_nodeid);
		length += (size_t)snprintf(
			text + length, sizeof(text) - length, "%s", length ? ", " : "");
		if (outer.header.cmd == WIRE_CMD_ACK)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "ack %u",
				outer.header.lockspace);
		if (outer.header.cmd == WIRE_CMD_OPTS) {
			length += (size_t)snprintf(text + length, sizeof(text) - length, "opts %u ",
				outer.header.lockspace);
			assert_int_equal(
				wire_frame_decode(outer.inner_bytes, outer.inner.length, &inner),
				0);
			assert_int_equal(inner.header.nodeid, side->link.our_nodeid);
			frame = &inner;
		}
		if (frame->header.cmd == WIRE_CMD_MSG)
			length += (size_t)snprintf(
				text + length, sizeof(text) - length, "msg %u", frame->msg.pid);
		if (frame->header.cmd == WIRE_CMD_RCOM)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "rcom %u",
				(unsigned int)frame->rcom.type);
		if (frame->header.cmd == WIRE_CMD_FIN)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "fin");
		at += outer.header.length;
	}
	assert_string_equal(text, expected);
}

/* A member whose peer has been heard, on a connection. */
static struct side *member_new(uint32_t version)
{
	struct side *side = side_new(1, 2, version);

	link_member_added(&side->link);
	link_connected(&side->link);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	side->deliver_count = 0;
	return side;
}

/* ---- versions ---- */

static void test_version_unknown(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_member_added(&side->link);
	link_connected(&side->link);
	assert_int_equal(say_msg(side, 1, true), -ENOBUFS);
	assert_int_equal(say_rcom(side, WIRE_RCOM_LOOKUP), -ENOBUFS);
	assert_int_equal(say_rcom(side, WIRE_RCOM_LOOKUP_REPLY), -ENOBUFS);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES), 0);
	check_says(side, "rcom 1, rcom 2");
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	assert_int_equal(say_msg(side, 1, true), 0);
	check_says(side, "opts 0 msg 1");
	side_free(side);
}

static void test_version_changes(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_status(side, WIRE_VERSION_3_1, WIRE_RCOM_STATUS);
	assert_int_equal(side->refused_count, 1);
	assert_int_equal(side->deliver_count, 0);
	give_msg(side, WIRE_VERSION_3_1, 5);
	assert_int_equal(side->refused_count, 2);
	assert_int_equal(side->link.version, WIRE_VERSION_3_2);
	side_free(side);
}

/* We say 3.1: a kernel then sends us bare frames, still labelled 3.2. */
static void test_ours_3_1(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_1);

	give_msg(side, WIRE_VERSION_3_2, 5);
	check_delivered(side, 5, 1);
	assert_int_equal(say_msg(side, 9, true), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_LOOKUP), 0);
	check_says(side, "msg 9, rcom 3");
	give_numbered(side, 0, 6);
	give_ack(side, 0);
	assert_int_equal(side->refused_count, 2);
	check_delivered(side, 5, 1);
	assert_false(link_has_output(&side->link));
	assert_true(link_deadline(&side->link) == UINT64_MAX);
	side_free(side);
}

static void test_peer_3_1(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_1);
	uint32_t i;

	for (i = 0; i < 100; i++) {
		assert_int_equal(say_msg(pair.a, i, true), 0);
		assert_int_equal(say_msg(pair.b, i, true), 0);
	}
	settle(pair.a, pair.b);
	check_delivered(pair.a, 0, 100);
	check_delivered(pair.b, 0, 100);
	assert_int_equal(pair.a->link.live_count, 0);
	assert_int_equal(pair.a->refused_count + pair.b->refused_count, 0);
	/* no FIN: closing is over at once, and what was said still goes */
	assert_int_equal(say_msg(pair.a, 100, true), 0);
	link_member_removed(&pair.a->link);
	link_close(&pair.a->link);
	assert_int_equal(pair.a->link.state, LINK_CLOSED);
	check_says(pair.a, "msg 100");
	pair_free(pair);
}

static void test_unnumbered_refused(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_msg(side, WIRE_VERSION_3_2, 5);
	assert_int_equal(side->refused_count, 1);
	assert_int_equal(side->deliver_count, 0);
	side_free(side);
}

static void test_other_node_refused(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);
	uint8_t bytes[sizeof(GOLDEN_LOOKUP)];

	give(side, GOLDEN_STATUS, sizeof(GOLDEN_STATUS));
	assert_int_equal(side->refused_count, 1);
	assert_int_equal(side->link.state, LINK_CLOSED);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	/* the wrapper is the peer's, the frame inside is not */
	memcpy(bytes, GOLDEN_LOOKUP, sizeof(bytes));
	put_le32(bytes + 8, 2);
	give(side, bytes, sizeof(bytes));
	assert_int_equal(side->refused_count, 2);
	assert_int_equal(side->link.seq_next, 0);
	put_le32(bytes + 32, 2);
	give(side, bytes, sizeof(bytes));
	assert_int_equal(side->refused_count, 2);
	assert_int_equal(side->deliver_count, 2);
	side_free(side);
}

/* Before a STATUS of this conversation, what has a number belongs to an earlier one. */
static void test_before_status(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_member_added(&side->link);
	link_connected(&side->link);
	give_fin(side, 0);
	give_numbered(side, 0, 1);
	give_numbered(side, 5, 1);
	give_ack(side, 3);
	give_msg(side, WIRE_VERSION_3_2, 1);
	give_numbered_rcom(side, 0, WIRE_RCOM_NAMES, 0);
	give_numbered_rcom(side, 1, WIRE_RCOM_STATUS_REPLY, WIRE_NOT_READY);
	assert_int_equal(side->deliver_count, 0);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(side->link.seq_next, 0);
	assert_int_equal(side->link.version, 0);
	check_says(side, "");
	/* names do not open the numbers either */
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_NAMES);
	assert_int_equal(side->deliver_count, 1);
	give_numbered(side, 0, 1);
	assert_int_equal(side->deliver_count, 1);
	side_free(side);
}

/* A node without the lockspace answers our first STATUS with a number. */
static void test_not_ready_first(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_connected(&side->link);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	check_says(side, "rcom 1");
	give_numbered_rcom(side, 0, WIRE_RCOM_STATUS_REPLY, WIRE_NOT_READY);
	assert_int_equal(side->deliver_count, 1);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	check_says(side, "ack 1");
	link_close(&side->link);
	assert_int_equal(side->link.state, LINK_FIN_WAIT1);
	check_says(side, "opts 0 fin");
	side_free(side);
}

static void test_not_ready_is_numbered(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_connected(&side->link);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(say_rcom_of(side, WIRE_RCOM_STATUS_REPLY, WIRE_NOT_READY, 1, LS), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), 0);
	check_says(side, "opts 0 rcom 5, rcom 5");
	side_free(side);
}

static void test_names_as_the_peer_does(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_NAMES);
	assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES_REPLY), 0);
	check_says(side, "rcom 6");
	give_numbered_rcom(side, 0, WIRE_RCOM_NAMES, 0);
	assert_int_equal(side->deliver_count, 2);
	assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES_REPLY), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	check_says(side, "ack 1, opts 0 rcom 6, opts 1 rcom 2, rcom 1");
	side_free(side);
}

/* ---- numbers ---- */

static void test_order_and_ack(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
	size_t piece;
	uint32_t i, said = 0;

	for (piece = 1; piece < 300; piece += 7) {
		for (i = 0; i < 50; i++)
			assert_int_equal(say_msg(pair.a, said++, false), 0);
		carry(pair.a, pair.b, piece);
		assert_int_equal(pair.b->link.ack_word, said);
		assert_int_equal(carry(pair.b, pair.a, piece), WIRE_HEADER_BYTES);
		assert_int_equal(pair.a->link.live_count, 0);
		assert_true(pair.a->link.page_count <= 1);
	}
	check_delivered(pair.b, 0, said);
	assert_false(link_has_output(&pair.a->link));
	assert_false(link_has_output(&pair.b->link));
	assert_true(link_deadline(&pair.a->link) == UINT64_MAX);
	pair_free(pair);
}

static void test_duplicate_is_acked(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	give_numbered(side, 1, 2);
	check_says(side, "ack 2");
	give_numbered(side, 0, 1);
	check_delivered(side, 1, 2);
	check_says(side, "ack 2");
	assert_int_equal(side->link.counters.duplicate, 1);
	side_free(side);
}

static void test_number_wraps(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	side->link.seq_next = 0xffffffffu;
	give_numbered(side, 0xffffffffu, 1);
	give_numbered(side, 0, 2);
	give_numbered(side, 0xffffffffu, 1);
	check_delivered(side, 1, 2);
	check_says(side, "ack 1");
	side->link.seq_send = side->link.seq_taken = side->link.seq_acked = 0xfffffffeu;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(say_msg(side, i, false), 0);
	check_says(
		side, "opts 4294967294 msg 0, opts 4294967295 msg 1, opts 0 msg 2, opts 1 msg 3");
	give_ack(side, 0);
	assert_int_equal(side->link.live_count, 2);
	give_ack(side, 0xfffffffeu);
	assert_int_equal(side->link.live_count, 2);
	give_ack(side, 2);
	assert_int_equal(side->link.live_count, 0);
	side_free(side);
}

static void test_ack_of_what_was_not_sent(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_ack(side, 1);
	assert_int_equal(say_msg(side, 1, false), 0);
	assert_int_equal(say_msg(side, 2, false), 0);
	give_ack(side, 1);
	assert_int_equal(side->refused_count, 2);
	check_says(side, "opts 0 msg 1, opts 1 msg 2");
	give_ack(side, 3);
	assert_int_equal(side->refused_count, 3);
	assert_int_equal(side->link.live_count, 2);
	give_ack(side, 1);
	assert_int_equal(side->link.live_count, 1);
	assert_int_equal(side->refused_count, 3);
	side_free(side);
}

/* A gap right after a reconnect is normal; one that outlives seconds of traffic is told. */
static void test_gap(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint64_t now = 1000;

	give_numbered(side, 0, 1);
	give_numbered(side, 2, 3);
	give_numbered(side, 3, 4);
	check_delivered(side, 1, 1);
	check_says(side, "ack 1");
	assert_int_equal(side->link.counters.gap, 2);
	link_tick(&side->link, now += 4999);
	give_numbered(side, 4, 5);
	assert_int_equal(side->gap_count, 0);
	link_tick(&side->link, now += 1);
	assert_int_equal(side->gap_count, 0);
	give_numbered(side, 5, 6);
	assert_int_equal(side->gap_count, 1);
	give_numbered(side, 6, 7);
	assert_int_equal(side->gap_count, 1);
	link_tick(&side->link, now += 5000);
	give_numbered(side, 7, 8);
	assert_int_equal(side->gap_count, 2);
	/* the peer repeats, the gap is over */
	give_numbered(side, 1, 2);
	give_numbered(side, 2, 3);
	check_delivered(side, 1, 3);
	link_tick(&side->link, now += 60000);
	give_numbered(side, 9, 9);
	assert_int_equal(side->gap_count, 2);
	side_free(side);
}

/* The last acknowledgement could not be sent, and whoever has the connections gave up. */
static void test_begins_anew_with_an_ack_left(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint32_t before;

	link_member_removed(&side->link);
	link_close(&side->link);
	check_says(side, "opts 0 fin");
	give_ack(side, 1);
	link_disconnected(&side->link);
	give_fin(side, 0);
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_true(link_has_output(&side->link));
	before = side->wakeup_count;
	link_probe_begin(&side->link, false);
	assert_int_equal(side->wakeup_count, before + 1);
	side_free(side);
}

/* It tells of a state that the frames before it lead to; a request of STATUS tells nothing. */
static void test_status_reply_in_a_gap(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint32_t before;

	give_numbered(side, 0, 1);
	before = side->deliver_count;
	give_numbered(side, 2, 3);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	assert_int_equal(side->deliver_count, before);
	assert_int_equal(side->link.counters.gap, 2);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->deliver_count, before + 1);
	give_numbered(side, 1, 2);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	assert_int_equal(side->deliver_count, before + 3);
	assert_int_equal(side->refused_count, 0);
	/* in a recovery there may be no other traffic that shows that the gap stays */
	give_numbered(side, 4, 5);
	link_tick(&side->link, 6000);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	assert_int_equal(side->gap_count, 1);
	side_free(side);
}

/* As kernels do after a reconnect: first what was queued, then all unacknowledged from the oldest.
 */
static void test_gap_then_repeat(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint32_t i;

	for (i = 0; i < 10; i++)
		give_numbered(side, i, i);
	for (i = 15; i < 20; i++)
		give_numbered(side, i, i);
	for (i = 5; i < 25; i++)
		give_numbered(side, i, i);
	check_delivered(side, 0, 25);
	assert_int_equal(side->gap_count, 0);
	side_free(side);
}

static void test_malformed_counts_as_taken(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint8_t bytes[WIRE_OPTS_BYTES + WIRE_MSG_BYTES] = {0};

	wire_opts_encode(WIRE_VERSION_3_2, 0, 2, WIRE_CMD_MSG, WIRE_MSG_BYTES, bytes);
	wire_bare_encode(WIRE_VERSION_3_2, LS, 2, WIRE_CMD_MSG, bytes + WIRE_OPTS_BYTES);
	put_le16(bytes + WIRE_OPTS_BYTES + 12, WIRE_MSG_BYTES);
	put_le32(bytes + WIRE_OPTS_BYTES + 16, 99);
	give(side, bytes, sizeof(bytes));
	assert_int_equal(side->refused_count, 1);
	give_numbered(side, 1, 1);
	check_delivered(side, 1, 1);
	check_says(side, "ack 2");
	side_free(side);
}

static void test_bad_length(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint8_t bytes[2 * WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, 0, 2, WIRE_CMD_ACK, bytes);
	wire_bare_encode(WIRE_VERSION_3_2, 0, 2, WIRE_CMD_ACK, bytes + WIRE_HEADER_BYTES);
	put_le16(bytes + WIRE_HEADER_BYTES + 12, 15);
	assert_int_equal(link_receive(&side->link, bytes, sizeof(bytes) - 1), WIRE_HEADER_BYTES);
	assert_int_equal(link_receive(&side->link, bytes, sizeof(bytes)), -EMSGSIZE);
	put_le16(bytes + WIRE_HEADER_BYTES + 12, 4097);
	assert_int_equal(link_receive(&side->link, bytes, sizeof(bytes)), -EMSGSIZE);
	put_le16(bytes + WIRE_HEADER_BYTES + 12, 4096);
	assert_int_equal(link_receive(&side->link, bytes, sizeof(bytes)), WIRE_HEADER_BYTES);
	side_free(side);
}

/* ---- sending again ---- */

static void test_resend_after_reconnect(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
	uint32_t i, wakeups;

	for (i = 0; i < 200; i++)
		assert_int_equal(say_msg(pair.a, i, false), 0);
	carry(pair.a, pair.b, 1000);
	lose(pair.b);
	for (; i < 400; i++)
		assert_int_equal(say_msg(pair.a, i, false), 0);
	lose(pair.a);
	for (; i < 500; i++)
		assert_int_equal(say_msg(pair.a, i, false), 0);
	assert_int_equal(pair.a->link.live_count, 500);
	assert_int_equal(pair.a->link.untaken_count, 100);
	wakeups = pair.a->wakeup_count;
	lose(pair.a);
	link_disconnected(&pair.a->link);
	assert_int_equal(pair.a->wakeup_count, wakeups + 1);
	assert_true(link_has_output(&pair.a->link));
	assert_int_equal(lose(pair.a), 0);
	link_connected(&pair.a->link);
	carry(pair.a, pair.b, 777);
	check_delivered(pair.b, 0, 500);
	assert_int_equal(pair.b->link.counters.duplicate, 200);
	assert_int_equal(pair.a->link.counters.resent, 500);
	settle(pair.a, pair.b);
	assert_int_equal(pair.a->link.live_count, 0);
	assert_int_equal(pair.a->link.page_count, 1);
	pair_free(pair);
}

/* The connection breaks at every frame of the first sending, and each time everything arrives once.
 */
static void test_break_anywhere(void **state)
{
	uint32_t taken, i;

	for (taken = 0; taken < 100; taken++) {
		struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
		static uint8_t bytes[ROOM];
		size_t size;

		for (i = 0; i < 100; i++)
			assert_int_equal(say_msg(pair.a, i, false), 0);
		size = link_take(&pair.a->link, bytes, taken * (WIRE_MSG_BYTES + WIRE_OPTS_BYTES));
		give(pair.b, bytes, size);
		if (taken % 3 == 0)
			carry(pair.b, pair.a, 4096);
		if (taken % 2) {
			link_disconnected(&pair.a->link);
			assert_int_equal(say_msg(pair.a, i++, false), 0);
		}
		link_connected(&pair.a->link);
		/* an old ACK comes while the repetition is under way */
		give(pair.b, bytes, link_take(&pair.a->link, bytes, 1000));
		carry(pair.b, pair.a, 4096);
		settle(pair.a, pair.b);
		check_delivered(pair.b, 0, i);
		assert_int_equal(pair.a->link.live_count, 0);
		assert_int_equal(pair.a->link.untaken_count, 0);
		pair_free(pair);
	}
}

static void test_bare_is_not_repeated(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	assert_int_equal(say_msg(side, 1, false), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	assert_int_equal(say_msg(side, 2, false), 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), 0);
	check_says(side, "opts 0 msg 1, rcom 1, opts 1 msg 2, rcom 5");
	link_disconnected(&side->link);
	assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES), 0);
	link_connected(&side->link);
	check_says(side, "opts 0 msg 1, opts 1 msg 2, rcom 2");
	link_connected(&side->link);
	check_says(side, "opts 0 msg 1, opts 1 msg 2");
	give_ack(side, 1);
	link_connected(&side->link);
	check_says(side, "opts 1 msg 2");
	give_ack(side, 2);
	assert_int_equal(side->link.live_count, 0);
	side_free(side);
}

static void test_status_replaced(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint32_t i;

	assert_int_equal(say_msg(side, 1, false), 0);
	check_says(side, "opts 0 msg 1");
	link_disconnected(&side->link);
	for (i = 0; i < 10000; i++) {
		assert_int_equal(say_rcom_of(side, WIRE_RCOM_STATUS, 0, i, LS), 0);
		assert_int_equal(say_rcom_of(side, WIRE_RCOM_STATUS, 0, i, LS + 1), 0);
	}
	assert_int_equal(side->link.bare_count, 2);
	assert_true(side->link.page_count <= 3);
	link_connected(&side->link);
	check_says(side, "opts 0 msg 1, rcom 1, rcom 1");
	side_free(side);
}

static void test_bare_is_bounded(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint32_t i;

	link_disconnected(&side->link);
	for (i = 0; i < 1000; i++)
		assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), 0);
	assert_int_equal(side->link.bare_count, 64);
	assert_true(side->link.page_count <= 4);
	assert_int_equal(side->link.counters.dropped, 1000 - 64);
	link_connected(&side->link);
	for (i = 0; i < 10000; i++)
		assert_int_equal(say_rcom(side, WIRE_RCOM_NAMES_REPLY), 0);
	assert_int_equal(side->link.bare_count, 512);
	link_disconnected(&side->link);
	assert_int_equal(side->link.bare_count, 64);
	link_connected(&side->link);
	assert_int_equal(lose(side), 64 * 50);
	assert_false(link_has_output(&side->link));
	side_free(side);
}

/* A peer that dropped what it got, on a connection that lives. */
static void test_resend_timer(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
	uint64_t now = 1000;
	uint32_t round;

	assert_true(link_deadline(&pair.a->link) == UINT64_MAX);
	assert_int_equal(say_msg(pair.a, 0, false), 0);
	assert_int_equal(say_msg(pair.a, 1, false), 0);
	assert_true(link_deadline(&pair.a->link) == UINT64_MAX);
	lose(pair.a);
	assert_true(link_deadline(&pair.a->link) == now + RESEND_MS);
	link_tick(&pair.a->link, now += RESEND_MS - 1);
	assert_false(link_has_output(&pair.a->link));
	for (round = 0; round < 5; round++) {
		now = link_deadline(&pair.a->link);
		link_tick(&pair.a->link, now);
		assert_true(link_has_output(&pair.a->link));
		assert_int_equal(lose(pair.a), 2 * 112);
		assert_true(link_deadline(&pair.a->link) > now);
		assert_true(link_deadline(&pair.a->link) <= now + 8 * RESEND_MS);
	}
	link_tick(&pair.a->link, link_deadline(&pair.a->link));
	carry(pair.a, pair.b, 4096);
	check_delivered(pair.b, 0, 2);
	carry(pair.b, pair.a, 4096);
	assert_true(link_deadline(&pair.a->link) == UINT64_MAX);
	assert_int_equal(pair.a->link.resend_wait_ms, RESEND_MS);
	pair_free(pair);
}

/* The transport does not take what is new: repeating would only add to it. */
static void test_no_resend_while_blocked(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint8_t bytes[112];

	assert_int_equal(say_msg(side, 0, false), 0);
	assert_int_equal(say_msg(side, 1, false), 0);
	assert_int_equal(link_take(&side->link, bytes, sizeof(bytes)), 112);
	link_tick(&side->link, link_deadline(&side->link));
	assert_int_equal(side->link.untaken_count, 1);
	check_says(side, "opts 1 msg 1");
	link_tick(&side->link, link_deadline(&side->link));
	check_says(side, "opts 0 msg 0, opts 1 msg 1");
	side_free(side);
}

static void test_take_whole_frames(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint8_t bytes[256];

	give_numbered(side, 0, 1);
	assert_int_equal(say_msg(side, 0, false), 0);
	assert_int_equal(link_take(&side->link, bytes, 15), 0);
	assert_int_equal(link_take(&side->link, bytes, 16), 16);
	assert_int_equal(link_take(&side->link, bytes, 111), 0);
	assert_true(link_has_output(&side->link));
	assert_int_equal(link_take(&side->link, bytes, 112), 112);
	assert_false(link_has_output(&side->link));
	side_free(side);
}

static void test_wakeup_once(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	side->wakeup_count = 0;
	assert_int_equal(say_msg(side, 0, false), 0);
	assert_int_equal(say_msg(side, 1, false), 0);
	assert_int_equal(side->wakeup_count, 1);
	lose(side);
	give_numbered(side, 0, 1);
	give_numbered(side, 1, 1);
	assert_int_equal(side->wakeup_count, 2);
	assert_int_equal(say_msg(side, 2, false), 0);
	assert_int_equal(side->wakeup_count, 2);
	side_free(side);
}

static void test_answer_from_inside(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
	uint32_t i;

	pair.b->answer_pid = 100000;
	for (i = 0; i < 5000; i++)
		assert_int_equal(say_msg(pair.a, i, false), 0);
	settle(pair.a, pair.b);
	check_delivered(pair.b, 0, 5000);
	check_delivered(pair.a, 100000, 5000);
	assert_int_equal(pair.a->link.live_count + pair.b->link.live_count, 0);
	pair_free(pair);
}

static void test_member_from_inside(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_connected(&side->link);
	side->member_on_status = 1;
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.users, 1);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(side->link.version, WIRE_VERSION_3_2);
	check_says(side, "rcom 5");
	side_free(side);
}

/* ---- memory ---- */

static void test_without_memory(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	struct link_reserve *reserve = link_reserve_new(&side->faulty.alloc, 3 * 4096);
	uint32_t said = 0;

	assert_non_null(reserve);
	side->link.reserve = reserve;
	faulty_alloc_fail(&side->faulty, 0);
	assert_int_equal(say_msg(side, 0, false), -ENOMEM);
	assert_int_equal(side->link.seq_send, 0);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), -ENOMEM);
	while (!say_msg(side, said, true))
		said++;
	/* three pages of 36 frames */
	assert_int_equal(said, 108);
	assert_int_equal(side->link.seq_send, 108);
	assert_int_equal(say_msg(side, said, true), -ENOMEM);
	lose(side);
	give_ack(side, 50);
	/* the pages went back to the reserve, from where only what must go takes them */
	while (!say_msg(side, said, true))
		said++;
	assert_int_equal(said, 144);
	faulty_alloc_heal(&side->faulty);
	assert_int_equal(say_msg(side, said, false), 0);
	lose(side);
	give_ack(side, 145);
	assert_int_equal(side->link.live_count, 0);
	link_reset(&side->link);
	link_reserve_free(reserve);
	side->link.reserve = NULL;
	side_free(side);
}

static void test_reserve_without_memory(void **state)
{
	struct faulty_alloc faulty;
	struct link_reserve *reserve;
	uint64_t n;

	for (n = 0;; n++) {
		faulty_alloc_init(&faulty);
		faulty_alloc_fail(&faulty, n);
		reserve = link_reserve_new(&faulty.alloc, 10000);
		if (reserve)
			break;
		assert_int_equal(faulty.used_bytes, 0);
	}
	assert_int_equal(n, 4);
	link_reserve_free(reserve);
	assert_int_equal(faulty.used_bytes, 0);
	link_reserve_free(NULL);
}

static void test_fin_without_memory(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	faulty_alloc_fail(&side->faulty, 0);
	link_member_removed(&side->link);
	link_close(&side->link);
	assert_int_equal(side->link.state, LINK_FIN_WAIT1);
	assert_int_equal(say_msg(side, 0, true), -EPIPE);
	check_says(side, "");
	assert_true(link_deadline(&side->link) < 60000);
	faulty_alloc_heal(&side->faulty);
	link_tick(&side->link, link_deadline(&side->link));
	check_says(side, "opts 0 fin");
	give_ack(side, 1);
	assert_int_equal(side->link.state, LINK_FIN_WAIT2);
	side_free(side);
}

/* ---- FIN ---- */

/* The drawing of the protocol's description: one leaves, the other's recovery removes it. */
static void test_fin_leaver(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);
	uint32_t i;

	for (i = 0; i < 7; i++)
		assert_int_equal(say_msg(pair.a, i, false), 0);
	link_member_removed(&pair.a->link);
	link_close(&pair.a->link);
	assert_int_equal(pair.a->link.state, LINK_FIN_WAIT1);
	carry(pair.a, pair.b, 4096);
	check_delivered(pair.b, 0, 7);
	assert_int_equal(pair.b->link.state, LINK_CLOSE_WAIT);
	carry(pair.b, pair.a, 4096);
	assert_int_equal(pair.a->link.state, LINK_FIN_WAIT2);
	/* the other may still speak */
	assert_int_equal(say_msg(pair.b, 3, false), 0);
	link_member_removed(&pair.b->link);
	assert_int_equal(pair.b->link.state, LINK_LAST_ACK);
	assert_int_equal(say_msg(pair.b, 4, false), -EPIPE);
	assert_int_equal(say_rcom(pair.b, WIRE_RCOM_STATUS), -EPIPE);
	carry(pair.b, pair.a, 4096);
	check_delivered(pair.a, 3, 1);
	assert_int_equal(pair.a->link.state, LINK_CLOSED);
	assert_int_equal(pair.a->link.version, 0);
	assert_int_equal(carry(pair.a, pair.b, 4096), WIRE_HEADER_BYTES);
	assert_int_equal(pair.b->link.state, LINK_CLOSED);
	assert_int_equal(pair.a->refused_count + pair.b->refused_count, 0);
	assert_false(link_has_output(&pair.a->link) || link_has_output(&pair.b->link));
	pair_free(pair);
}

static void test_fin_both_at_once(void **state)
{
	struct pair pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2);

	link_member_removed(&pair.a->link);
	link_member_removed(&pair.b->link);
	link_close(&pair.a->link);
	link_close(&pair.b->link);
	carry(pair.a, pair.b, 4096);
	assert_int_equal(pair.b->link.state, LINK_CLOSING);
	carry(pair.b, pair.a, 4096);
	settle(pair.a, pair.b);
	assert_int_equal(pair.a->link.state, LINK_CLOSED);
	assert_int_equal(pair.b->link.state, LINK_CLOSED);
	pair_free(pair);
}

/* A probe: STATUS twice, then the FIN exchange, with a node that shares no lockspace with us. */
static void test_fin_without_users(void **state)
{
	struct pair pair = {side_new(1, 2, WIRE_VERSION_3_2), side_new(2, 1, WIRE_VERSION_3_2)};

	connect_both(pair.a, pair.b);
	assert_int_equal(say_rcom(pair.a, WIRE_RCOM_STATUS), 0);
	carry(pair.a, pair.b, 4096);
	assert_int_equal(pair.b->link.state, LINK_ESTABLISHED);
	assert_int_equal(say_rcom_of(pair.b, WIRE_RCOM_STATUS_REPLY, WIRE_NOT_READY, 1, LS), 0);
	settle(pair.a, pair.b);
	assert_int_equal(pair.a->link.state, LINK_ESTABLISHED);
	assert_int_equal(pair.b->link.live_count, 0);
	link_close(&pair.a->link);
	carry(pair.a, pair.b, 4096);
	assert_int_equal(pair.b->link.state, LINK_LAST_ACK);
	settle(pair.a, pair.b);
	assert_int_equal(pair.a->link.state, LINK_CLOSED);
	assert_int_equal(pair.b->link.state, LINK_CLOSED);
	pair_free(pair);
}

/* Kernel 6.12 answers a FIN with two equal ACKs; the second comes when all is forgotten. */
static void test_fin_two_acks(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	link_member_removed(&side->link);
	link_close(&side->link);
	check_says(side, "opts 0 fin");
	give_ack(side, 1);
	assert_int_equal(side->link.state, LINK_FIN_WAIT2);
	give_ack(side, 1);
	assert_int_equal(side->link.state, LINK_FIN_WAIT2);
	give_fin(side, 0);
	assert_int_equal(side->link.state, LINK_CLOSED);
	give_ack(side, 1);
	check_says(side, "ack 1");
	assert_int_equal(side->refused_count, 0);
	side_free(side);
}

/* Our last ACK got lost with the connection: the peer repeats its FIN and gets it again. */
static void test_fin_repeated(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	lose(side);
	link_member_removed(&side->link);
	link_close(&side->link);
	lose(side);
	give_ack(side, 1);
	give_fin(side, 1);
	assert_int_equal(side->link.state, LINK_CLOSED);
	lose(side);
	link_disconnected(&side->link);
	link_connected(&side->link);
	give_fin(side, 1);
	check_says(side, "ack 2");
	assert_int_equal(side->link.state, LINK_CLOSED);
	/* but not once we have begun anew */
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	check_says(side, "rcom 1");
	give_fin(side, 1);
	check_says(side, "");
	side_free(side);
}

/* The peer begins anew while our ACK of its FIN has not left: the ACK must not reach it now. */
static void test_fin_ack_of_the_past(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_fin(side, 0);
	link_member_removed(&side->link);
	assert_int_equal(side->link.state, LINK_LAST_ACK);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(side->link.seq_next, 0);
	check_says(side, "");
	give_numbered(side, 0, 5);
	check_says(side, "ack 1");
	side_free(side);
}

/* The same where the exchange was over for us. */
static void test_fin_ack_of_the_past_closed(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	link_member_removed(&side->link);
	link_close(&side->link);
	lose(side);
	give_ack(side, 1);
	give_fin(side, 0);
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_true(side->link.ack_due);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	check_says(side, "");
	side_free(side);
}

static void test_status_after_our_fin(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	link_member_removed(&side->link);
	link_close(&side->link);
	check_says(side, "opts 0 fin");
	/* it has not said FIN: this still belongs to the conversation that ends */
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_FIN_WAIT1);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), -EPIPE);
	give_ack(side, 1);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_FIN_WAIT2);
	give_fin(side, 0);
	assert_int_equal(side->link.state, LINK_CLOSED);
	side_free(side);
}

/* A reply that was on its way when the peer said FIN does not end what we still owe it. */
static void test_reply_after_its_fin(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	give_fin(side, 1);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	assert_int_equal(side->link.state, LINK_CLOSE_WAIT);
	assert_int_equal(side->link.seq_next, 2);
	give_numbered(side, 2, 9);
	assert_int_equal(side->refused_count, 1);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(side->link.users, 1);
	assert_int_equal(side->link.seq_next, 0);
	side_free(side);
}

/* A 6.12 leaver gave up after 5 s: our FIN stays unanswered until the peer is a member again. */
static void test_member_added_resets(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	give_fin(side, 1);
	link_member_removed(&side->link);
	assert_int_equal(side->link.state, LINK_LAST_ACK);
	check_says(side, "ack 2, opts 0 fin");
	link_disconnected(&side->link);
	link_member_added(&side->link);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	link_connected(&side->link);
	check_says(side, "");
	give_numbered(side, 0, 2);
	assert_int_equal(side->link.seq_next, 0);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS_REPLY);
	give_numbered(side, 0, 2);
	check_says(side, "ack 1");
	side_free(side);
}

static void test_last_ack_gives_up(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);
	uint64_t now = 1000;

	give_fin(side, 0);
	link_member_removed(&side->link);
	while (side->link.state == LINK_LAST_ACK && now < 3600000) {
		lose(side);
		now = link_deadline(&side->link);
		assert_true(now < UINT64_MAX);
		link_tick(&side->link, now);
	}
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_true(now >= 180000);
	assert_true(link_deadline(&side->link) == UINT64_MAX);
	side_free(side);
}

/* The ACK of our FIN comes when the peer has begun anew: it says nothing about what is new. */
static void test_old_ack(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	give_fin(side, 1);
	link_member_removed(&side->link);
	check_says(side, "ack 2, opts 0 fin");
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(say_msg(side, 5, false), 0);
	assert_int_equal(say_msg(side, 6, false), 0);
	lose(side);
	give_ack(side, 1);
	assert_int_equal(side->link.seq_acked, 0);
	give_ack(side, 2); /* beyond what the old conversation had */
	assert_int_equal(side->link.seq_acked, 2);
	side_free(side);
}

/* If it was no old one after all, repeating brings it again. */
static void test_old_ack_repeated(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_fin(side, 0);
	link_member_removed(&side->link);
	lose(side);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(say_msg(side, 5, false), 0);
	lose(side);
	give_ack(side, 1);
	assert_int_equal(side->link.seq_acked, 0);
	assert_int_equal(link_deadline(&side->link), 3000);
	link_tick(&side->link, 3000);
	assert_true(link_has_output(&side->link));
	lose(side);
	give_ack(side, 1);
	assert_int_equal(side->link.seq_acked, 1);
	side_free(side);
}

/* A probe of a 3.1 peer has no end but that of the connection. */
static void test_unnumbered_end(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_connected(&side->link);
	give_status(side, WIRE_VERSION_3_1, WIRE_RCOM_STATUS);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS_REPLY), 0);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	link_disconnected(&side->link);
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_int_equal(side->link.version, 0);
	assert_true(link_has_output(&side->link)); /* the answer is still wanted */
	link_check(&side->link);
	link_connected(&side->link);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.version, WIRE_VERSION_3_2);
	link_disconnected(&side->link);
	assert_int_equal(side->link.state, LINK_ESTABLISHED); /* this one says FIN */
	side_free(side);
}

static void test_close_unheard(void **state)
{
	struct side *side = side_new(1, 2, WIRE_VERSION_3_2);

	link_close(&side->link);
	assert_int_equal(side->link.state, LINK_CLOSED);
	link_member_added(&side->link);
	assert_int_equal(say_rcom(side, WIRE_RCOM_STATUS), 0);
	link_member_removed(&side->link);
	link_close(&side->link);
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_false(link_has_output(&side->link));
	link_member_removed(&side->link);
	assert_int_equal(side->link.users, 0);
	side_free(side);
}

static void test_reset(void **state)
{
	struct side *side = member_new(WIRE_VERSION_3_2);

	give_numbered(side, 0, 1);
	assert_int_equal(say_msg(side, 1, false), 0);
	link_reset(&side->link);
	assert_int_equal(side->link.state, LINK_CLOSED);
	assert_false(link_has_output(&side->link));
	assert_int_equal(side->link.users, 1);
	assert_int_equal(say_msg(side, 1, false), -ENOBUFS);
	give_status(side, WIRE_VERSION_3_2, WIRE_RCOM_STATUS);
	assert_int_equal(side->link.state, LINK_ESTABLISHED);
	assert_int_equal(say_msg(side, 1, false), 0);
	check_says(side, "opts 0 msg 1");
	side_free(side);
}

static void test_done_of_zeroed(void **state)
{
	struct link link;

	memset(&link, 0, sizeof(link));
	link_done(&link);
	assert_string_equal(link_state_name(LINK_CLOSED), "CLOSED");
	assert_string_equal(link_state_name(LINK_LAST_ACK), "LAST_ACK");
}

/* ---- at random ---- */

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

/* The lost connection takes what was on its way with it, in both directions. */
struct storm {
	struct pair pair;
	uint32_t said[2];
	uint32_t random;
	uint64_t now;
};

static void storm_step(struct storm *storm)
{
	struct side *sides[2] = {storm->pair.a, storm->pair.b};
	uint32_t who = next_random(&storm->random) % 2;
	struct side *side = sides[who], *other = sides[!who];
	static uint8_t bytes[ROOM];
	size_t size;

	switch (next_random(&storm->random) % 8) {
	case 0:
	case 1:
	case 2:
		if (!say_msg(side, storm->said[who], next_random(&storm->random) % 2))
			storm->said[who]++;
		return;
	case 3:
		(void)say_rcom(side, WIRE_RCOM_STATUS_REPLY);
		return;
	case 4:
		link_disconnected(&side->link);
		return;
	case 5:
		storm->now += next_random(&storm->random) % 3000;
		link_tick(&storm->pair.a->link, storm->now);
		link_tick(&storm->pair.b->link, storm->now);
		return;
	case 6:
		if (side->link.connected)
			link_disconnected(&side->link);
		link_connected(&side->link);
		return;
	default:
		size = link_take(&side->link, bytes, next_random(&storm->random) % 2000);
		if (next_random(&storm->random) % 5)
			give(other, bytes, size);
		else if (side->link.connected && size)
			link_disconnected(&side->link);
		return;
	}
}

/* Remove STATUS_REPLYs from what was delivered. */
static void only_msgs(struct side *side)
{
	uint32_t i, count = 0;

	for (i = 0; i < side->deliver_count; i++)
		if (side->delivered[i] < 0x80000000u)
			side->delivered[count++] = side->delivered[i];
	side->deliver_count = count;
}

static void test_storm(void **state)
{
	uint32_t seed, i;

	for (seed = 0; seed < 60; seed++) {
		struct storm storm = {.pair = pair_new(WIRE_VERSION_3_2, WIRE_VERSION_3_2),
			.random = seed,
			.now = 1000};

		for (i = 0; i < 5000; i++) {
			if (i % 1000 == 500) {
				faulty_alloc_fail(&storm.pair.a->faulty, i % 3);
				faulty_alloc_fail(&storm.pair.b->faulty, i % 2);
			}
			if (i % 1000 == 700) {
				faulty_alloc_heal(&storm.pair.a->faulty);
				faulty_alloc_heal(&storm.pair.b->faulty);
			}
			storm_step(&storm);
			if (i % 16 == 0) {
				link_check(&storm.pair.a->link);
				link_check(&storm.pair.b->link);
			}
		}
		connect_both(storm.pair.a, storm.pair.b);
		settle(storm.pair.a, storm.pair.b);
		only_msgs(storm.pair.a);
		only_msgs(storm.pair.b);
		check_delivered(storm.pair.b, 0, storm.said[0]);
		check_delivered(storm.pair.a, 0, storm.said[1]);
		assert_int_equal(storm.pair.a->link.live_count, 0);
		assert_int_equal(storm.pair.b->link.live_count, 0);
		assert_int_equal(storm.pair.a->refused_count + storm.pair.b->refused_count, 0);
		pair_free(storm.pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_unknown),
		cmocka_unit_test(test_version_changes),
		cmocka_unit_test(test_ours_3_1),
		cmocka_unit_test(test_peer_3_1),
		cmocka_unit_test(test_unnumbered_refused),
		cmocka_unit_test(test_other_node_refused),
		cmocka_unit_test(test_before_status),
		cmocka_unit_test(test_not_ready_first),
		cmocka_unit_test(test_not_ready_is_numbered),
		cmocka_unit_test(test_names_as_the_peer_does),
		cmocka_unit_test(test_order_and_ack),
		cmocka_unit_test(test_duplicate_is_acked),
		cmocka_unit_test(test_number_wraps),
		cmocka_unit_test(test_ack_of_what_was_not_sent),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_status_reply_in_a_gap),
		cmocka_unit_test(test_begins_anew_with_an_ack_left),
		cmocka_unit_test(test_gap_then_repeat),
		cmocka_unit_test(test_malformed_counts_as_taken),
		cmocka_unit_test(test_bad_length),
		cmocka_unit_test(test_resend_after_reconnect),
		cmocka_unit_test(test_break_anywhere),
		cmocka_unit_test(test_bare_is_not_repeated),
		cmocka_unit_test(test_status_replaced),
		cmocka_unit_test(test_bare_is_bounded),
		cmocka_unit_test(test_resend_timer),
		cmocka_unit_test(test_no_resend_while_blocked),
		cmocka_unit_test(test_take_whole_frames),
		cmocka_unit_test(test_wakeup_once),
		cmocka_unit_test(test_answer_from_inside),
		cmocka_unit_test(test_member_from_inside),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_reserve_without_memory),
		cmocka_unit_test(test_fin_without_memory),
		cmocka_unit_test(test_fin_leaver),
		cmocka_unit_test(test_fin_both_at_once),
		cmocka_unit_test(test_fin_without_users),
		cmocka_unit_test(test_fin_two_acks),
		cmocka_unit_test(test_fin_repeated),
		cmocka_unit_test(test_fin_ack_of_the_past),
		cmocka_unit_test(test_fin_ack_of_the_past_closed),
		cmocka_unit_test(test_status_after_our_fin),
		cmocka_unit_test(test_reply_after_its_fin),
		cmocka_unit_test(test_member_added_resets),
		cmocka_unit_test(test_last_ack_gives_up),
		cmocka_unit_test(test_old_ack),
		cmocka_unit_test(test_old_ack_repeated),
		cmocka_unit_test(test_unnumbered_end),
		cmocka_unit_test(test_close_unheard),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_done_of_zeroed),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
