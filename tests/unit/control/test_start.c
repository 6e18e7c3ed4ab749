/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/start.h"

#include "group_room.h"

/* What our last START says. */
static struct cpg_start last_start(void)
{
	struct cpg_start ret;

	assert_true(sent_count);
	assert_int_equal(
		cpg_start_decode(sent[sent_count - 1], sent_bytes[sent_count - 1], &ret), 0);
	return ret;
}

static void stop_confirmed(void)
{
	drain();
	stopped();
}

static void test_message(void **state)
{
	struct cpg_header header;
	struct cpg_start start;

	running_with_two();
	room_fence.fenced[2] = now.mono;
	confchg("3 1 4", "4", "2d");
	stop_confirmed();
	ring(7);
	assert_orders("START 4");
	cpg_header_decode(sent[0], sent_bytes[0], &header);
	assert_int_equal(header.version[0], 3);
	assert_int_equal(header.version[1], 1);
	assert_int_equal(header.nodeid, 1);
	assert_int_equal(header.global_id, group_global_id("a"));
	assert_int_equal(header.flags, CPG_FLAG_UDLM);
	start = last_start();
	assert_int_equal(start.started_count, 3);
	assert_int_equal(start.member_count, 3);
	assert_int_equal(start.joined_count, 1);
	assert_int_equal(start.remove_count, 1);
	assert_int_equal(start.failed_count, 1);
	assert_int_equal(start.members[0], 3); /* corosync's order */
	assert_int_equal(start.members[1], 1);
	assert_int_equal(start.members[2], 4);
}

/* Two come, one after the other, before anything has been said about the first. */
static void test_two_joiners_at_once(void **state)
{
	running();
	confchg("1 2", "2", "");
	assert_orders("stop 2");
	confchg("1 2 3", "3", "");
	assert_orders("");
	stopped();
	assert_orders("START 3");
	/* 2 had been faster. */
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
	hear((struct say){.from = 3, .seq = 1, .members = "1 2 3", .joined = 1});
	hear_ourselves();
	assert_int_equal(view().next.missing_count, 1);
	assert_string_equal(view().text, "node 2 not ready for this change yet: no START has come");
	hear((struct say){.from = 2, .seq = 2, .members = "1 2 3", .joined = 1});
	assert_orders("start 3 with 1 2 3");
	assert_int_equal(view().started.seq, 3);
	assert_int_equal(view().started.combined_seq, 2);
}

/* As one of the two. */
static void test_joined_after_us(void **state)
{
	joining();
	confchg("1 2", "1", "");
	ring(7);
	assert_orders("START 1 joining");
	confchg("1 2 3", "3", "");
	assert_orders("START 2 joining");
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 8, .started_count = 4, .members = "1 2", .joined = 1});
	assert_orders("");
	hear((struct say){
		.from = 2, .seq = 9, .started_count = 4, .members = "1 2 3", .joined = 1});
	hear((struct say){.from = 3, .seq = 1, .members = "1 2 3", .joined = 1});
	assert_orders("stateful, new, start 1 with 1 2 3, answer 0");
}

static void test_leave_during_a_join(void **state)
{
	running_with_two();
	confchg("1 2 3 4", "4", "");
	stop_confirmed();
	assert_orders("START 4");
	hear_ourselves();
	confchg("1 2 4", "", "3l");
	assert_orders("START 5");
	hear_ourselves();
	hear((struct say){
		.from = 2, .seq = 3, .started_count = 2, .members = "1 2 3 4", .joined = 1});
	hear((struct say){.from = 4, .seq = 1, .members = "1 2 3 4", .joined = 1});
	hear((struct say){
		.from = 2, .seq = 4, .started_count = 2, .members = "1 2 4", .removed = 1});
	assert_orders("");
	hear((struct say){.from = 4, .seq = 2, .members = "1 2 4", .removed = 1});
	assert_orders("start 7 with 1 2 4");
	assert_int_equal(view().started.combined_seq, 4);
}

/* It dies when it has said START, and before the others have. */
static void test_death_between(void **state)
{
	running();
	confchg("1 2", "2", "");
	stop_confirmed();
	drain();
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
	confchg("1", "", "2d");
	hear_ourselves();
	assert_orders("");
	assert_int_equal(view().next.wait, GROUP_WAIT_RINGID);
	ring(7);
	assert_int_equal(view().next.wait, GROUP_WAIT_FENCING);
	assert_true(node(2).need_fencing);
	room_fence.fenced[2] = now.mono;
	group_tick(group, now);
	assert_orders("START 3");
	hear_ourselves();
	assert_orders("start 3 with 1");
}

/* The same change twice: the first is taken back, so that nobody takes the START for it. */
static void test_taken_back(void **state)
{
	running_with_two();
	confchg("1 2", "", "3l");
	confchg("1 2 3", "3", "");
	confchg("1 2", "", "3l");
	stop_confirmed();
	assert_orders("NACK 4, START 6");
	hear_ourselves();
	hear((struct say){.from = 2,
		.seq = 3,
		.started_count = 2,
		.flags = CPG_FLAG_NACK,
		.members = "1 2",
		.removed = 1});
	hear((struct say){.from = 2, .seq = 5, .started_count = 2, .members = "1 2", .removed = 1});
	assert_orders("start 7 with 1 2");
}

static void test_rejoined(void **state)
{
	running_with_two();
	confchg("1 2", "", "3l");
	confchg("1 2 3", "3", "");
	stop_confirmed();
	drain();
	hear_ourselves();
	hear((struct say){
		.from = 2, .seq = 4, .started_count = 2, .members = "1 2 3", .joined = 1});
	hear((struct say){.from = 3, .seq = 1, .members = "1 2 3", .joined = 1});
	assert_orders("start 7 with 1 2 3r");
	recovered();
	/* From then on it is known. */
	confchg("1 3", "", "2l");
	stop_confirmed();
	drain();
	hear_ourselves();
	hear((struct say){.from = 3, .seq = 2, .started_count = 1, .members = "1 3", .removed = 1});
	assert_orders("start 9 with 1 3");
}

static void test_killed_when_its_daemon_dies(void **state)
{
	running_with_two();
	confchg("1", "", "2p 3d");
	assert_orders("kill 2, stop 6");
}

static void test_disallowed(void **state)
{
	running();
	confchg("1 2", "2", "");
	stop_confirmed();
	drain();
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 9, .started_count = 3, .members = "1 2", .joined = 1});
	assert_orders("");
	assert_true(node(2).is_disallowed);
	assert_false(node(2).is_started);
	assert_non_null(strstr(notes, "node 2 has this lockspace running"));
	assert_string_equal(
		view().text, "node 2 must leave: running from another half of the cluster");
	/* It goes, and all is well. */
	confchg("1", "", "2l");
	drain();
	hear_ourselves();
	assert_orders("start 3 with 1");
}

/* Others may have been started as often as they like where we come as new. */
static void test_newcomer_among_started(void **state)
{
	joining();
	confchg("1 2", "1", "");
	ring(7);
	drain();
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 3, .started_count = 2, .members = "1 2", .joined = 1});
	assert_orders("stateful, new, start 1 with 1 2, answer 0");
}

static void test_udlm_only(void **state)
{
	running();
	assert_true(view().is_udlm_only);
	confchg("1 2", "2", "");
	stop_confirmed();
	drain();
	hear_ourselves();
	/* It holds until the next change is through. */
	assert_true(view().is_udlm_only);
	hear((struct say){.from = 2,
		.seq = 1,
		.flags = CPG_FLAG_JOINING | CPG_FLAG_HAVEPLOCK,
		.members = "1 2",
		.joined = 1});
	assert_false(view().is_udlm_only);
	confchg("1 2 3", "3", "");
	stop_confirmed();
	drain();
	hear_ourselves();
	hear((struct say){.from = 2,
		.seq = 2,
		.flags = CPG_FLAG_UDLM,
		.started_count = 1,
		.members = "1 2 3",
		.joined = 1});
	hear((struct say){
		.from = 3, .seq = 1, .flags = CPG_FLAG_UDLM, .members = "1 2 3", .joined = 1});
	assert_true(view().is_udlm_only);
}

/* Joining in a part of the cluster that meets another: this node comes again, after a while. */
static void test_met_while_joining(void **state)
{
	joining();
	confchg("1", "1", "");
	ring(7);
	drain();
	hear_ourselves();
	drain();
	assert_int_equal(view().state, GROUP_RECOVERING);
	assert_false(group_is_waiting(group)); /* who has started does not come again */

	group_free(group);
	assert_int_equal(room_begin(false), 0);
	joining();
	confchg("1", "1", "");
	ring(7);
	drain();
	confchg("1 2 3", "2 3", "");
	room_fence.ring_seq = room_fence.daemon_ring_seq = 8;
	ring(8);
	assert_orders("START 2 joining");
	assert_true(group_is_waiting(group));
	now.mono += 9;
	group_tick(group, now);
	assert_orders("");
	now.mono++;
	group_tick(group, now);
	assert_orders("leave");
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	hear_ourselves();
	confchg("2 3", "", "1l");
	assert_orders("");
	assert_int_equal(view().state, GROUP_LOOKING);
	group_tick(group, now);
	assert_orders("look");
	assert_int_equal(group_looked(group, now, "a", NULL, 0), 0);
	assert_orders("join");
	confchg("1 2 3", "1", "");
	ring(8);
	assert_orders("START 1 joining");
	hear_ourselves();
	hear((struct say){
		.from = 2, .seq = 5, .started_count = 1, .members = "1 2 3", .joined = 1});
	hear((struct say){
		.from = 3, .seq = 4, .started_count = 1, .members = "1 2 3", .joined = 1});
	assert_orders("stateful, new, start 1 with 1 2 3, answer 0");
}

static void test_taken_out(void **state)
{
	running_with_two();
	confchg("2 3", "", "1p");
	assert_orders("stop 6");
	stopped();
	assert_orders("");
	assert_non_null(strstr(notes, "the cluster has taken us out"));
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_message),
		ROOM_TEST(test_two_joiners_at_once),
		ROOM_TEST(test_joined_after_us),
		ROOM_TEST(test_leave_during_a_join),
		ROOM_TEST(test_death_between),
		ROOM_TEST(test_taken_back),
		ROOM_TEST(test_rejoined),
		ROOM_TEST(test_killed_when_its_daemon_dies),
		ROOM_TEST(test_disallowed),
		ROOM_TEST(test_newcomer_among_started),
		ROOM_TEST(test_udlm_only),
		ROOM_TEST(test_met_while_joining),
		ROOM_TEST(test_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
