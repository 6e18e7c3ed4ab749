/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/match.h"

#include "group_room.h"

/* Node 2's number of our next change is ours less 1, since it came one change later. */
#define THEIRS(ours) ((ours)-1)

static void expect(uint32_t change, struct say say)
{
	heard_for = 99;
	hear(say);
	assert_int_equal(heard_for, change);
}

/* Change 4: 3 has died. Of 2's START for it each value matters. */
static void three_dies(void)
{
	running_with_two();
	confchg("1 2", "", "3d");
	assert_orders("stop 6");
}

static const struct say good = {.from = 2,
	.seq = THEIRS(4),
	.started_count = 2,
	.members = "1 2",
	.removed = 1,
	.failed = 1};

static void test_fits(void **state)
{
	three_dies();
	expect(4, good);
	assert_true(node(2).is_started);
}

static void test_rule_1_names_us(void **state)
{
	struct say say = good;

	three_dies();
	say.members = "2 2";
	expect(0, say);
}

static void test_rule_2_sender_is_member(void **state)
{
	struct say say = good;

	three_dies();
	say.from = 3;
	say.seq = 2;
	expect(0, say);
}

/* Us, who have just come: change 1 with 2 and 3; 3 goes and comes again: change 3 looks the same.
 */
static void newcomer(void)
{
	joining();
	confchg("1 2 3", "1", "");
	confchg("1 2", "", "3l");
	confchg("1 2 3", "3", "");
}

static struct say of_two(uint32_t seq, uint32_t flags)
{
	return (struct say){.from = 2,
		.seq = seq,
		.started_count = 5,
		.flags = flags,
		.members = "1 2 3",
		.joined = 1};
}

static void test_rule_3_not_taken_back(void **state)
{
	newcomer();
	hear(of_two(7, CPG_FLAG_NACK));
	expect(3, of_two(9, 0));
}

static void test_rule_3_of_two_changes(void **state)
{
	newcomer();
	confchg("1 2", "", "3l");
	confchg("1 2 3", "3", "");
	hear(of_two(9, CPG_FLAG_NACK));
	hear(of_two(7, CPG_FLAG_NACK));
	expect(5, of_two(11, 0));
}

/* What is taken back was before we came. */
static void test_rule_3_of_the_past(void **state)
{
	newcomer();
	hear(of_two(4, CPG_FLAG_NACK));
	expect(1, of_two(7, 0));
	expect(3, of_two(9, 0));
}

static void test_rule_4_once(void **state)
{
	newcomer();
	expect(1, of_two(7, 0));
	expect(0, of_two(7, 0));
	expect(3, of_two(9, 0));
	expect(0, of_two(9, 0));
}

static void test_rule_5_known_sender(void **state)
{
	uint8_t data[CPG_MESSAGE_MAX];
	struct say say = good;
	size_t bytes;

	three_dies();
	say.from = 9;
	bytes = say_encode(&say, data);
	assert_int_equal(group_deliver(group, now, "a", 9, data, bytes), -EBADMSG);
}

static void test_rule_6_not_before_its_node_came(void **state)
{
	three_dies();
	room_fence.added[2] = now.mono + 1;
	expect(0, good);
	room_fence.added[2] = now.mono;
	expect(4, good);
}

/* Changes 4 and 6 look the same; 2 has spoken of 5, which was between them. */
static void test_rule_7_not_before_its_last(void **state)
{
	struct say say = good;

	three_dies();
	confchg("1 2 3", "3", "");
	confchg("1 2", "", "3d");
	expect(5, (struct say){.from = 2,
			  .seq = THEIRS(5),
			  .started_count = 2,
			  .members = "1 2 3",
			  .joined = 1});
	say.seq = 77; /* whatever it counts */
	expect(6, say);
}

static void test_rule_8_counts(void **state)
{
	struct say say = good;

	three_dies();
	say.members = "1 2 2";
	expect(0, say);
	say = good;
	say.joined = 1;
	expect(0, say);
	say = good;
	say.removed = 2;
	expect(0, say);
	say = good;
	say.failed = 0;
	expect(0, say);
}

static void test_rule_9_members(void **state)
{
	struct say say = good;

	three_dies();
	say.members = "1 3";
	expect(0, say);
}

static void test_rule_10_newcomer(void **state)
{
	joining();
	confchg("1 2 3", "1", "");
	hear(of_two(7, CPG_FLAG_NACK));
	expect(1, of_two(9, 0));
}

/* ---- ours ---- */

/* The oldest is taken, as by the reference, where nothing says more. */
static void test_oldest_first(void **state)
{
	newcomer();
	expect(1, of_two(9, 0));
}

/* 4 comes, goes and comes again: what it says is of the second coming. */
static void test_came_again(void **state)
{
	running_with_two();
	confchg("1 2 3 4", "4", "");
	confchg("1 2 3", "", "4l");
	confchg("1 2 3 4", "4", "");
	expect(6, (struct say){.from = 4, .seq = 1, .members = "1 2 3 4", .joined = 1});
}

/* 4 comes with another part of the cluster: it has seen three others come then, not one. */
static void test_other_way(void **state)
{
	running_with_two();
	confchg("1 2 3 4", "4", "");
	confchg("1 2 4", "", "3l");
	confchg("1 2 3 4", "3", "");
	expect(6, (struct say){.from = 4, .seq = 7, .members = "1 2 3 4", .joined = 1});
}

/* Two halves of one: both see one other come. Then counting tells. */
static void test_same_way(void **state)
{
	running();
	confchg("1 2", "2", "");
	expect(2, (struct say){.from = 2, .seq = 5, .members = "1 2", .joined = 1});
	confchg("1", "", "2l");
	confchg("1 2", "2", "");
	expect(4, (struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
}

/* Taken back after its START was matched to a change that looks the same: nothing comes of it. */
static void test_taken_back_late(void **state)
{
	struct say say = good;

	three_dies();
	expect(4, good);
	confchg("1 2 3", "3", "");
	confchg("1 2", "", "3d");
	say.flags = CPG_FLAG_NACK;
	hear(say);
	say.flags = 0;
	say.seq = THEIRS(6);
	expect(6, say);
}

/* A sender that takes back without end costs at most so much. */
static void test_too_many_nacks(void **state)
{
	size_t before;

	three_dies();
	for (uint32_t i = 0; i < 5000; i++) {
		struct say say = good;

		say.seq = i + 1;
		say.flags = CPG_FLAG_NACK;
		hear(say);
	}
	before = faulty.used_bytes;
	hear((struct say){.from = 2, .seq = 9, .flags = CPG_FLAG_NACK, .members = "1 2"});
	assert_int_equal(faulty.used_bytes, before);
	expect(4, good);
}

static void test_nack_without_memory(void **state)
{
	uint8_t data[CPG_MESSAGE_MAX];
	struct say say = good;
	size_t bytes;

	three_dies();
	say.flags = CPG_FLAG_NACK;
	bytes = say_encode(&say, data);
	faulty_alloc_fail(&faulty, 0);
	assert_int_equal(group_deliver(group, now, "a", 2, data, bytes), -ENOMEM);
	faulty_alloc_heal(&faulty);
	assert_int_equal(group_deliver(group, now, "a", 2, data, bytes), 0);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_fits),
		ROOM_TEST(test_rule_1_names_us),
		ROOM_TEST(test_rule_2_sender_is_member),
		ROOM_TEST(test_rule_3_not_taken_back),
		ROOM_TEST(test_rule_3_of_two_changes),
		ROOM_TEST(test_rule_3_of_the_past),
		ROOM_TEST(test_rule_4_once),
		ROOM_TEST(test_rule_5_known_sender),
		ROOM_TEST(test_rule_6_not_before_its_node_came),
		ROOM_TEST(test_rule_7_not_before_its_last),
		ROOM_TEST(test_rule_8_counts),
		ROOM_TEST(test_rule_9_members),
		ROOM_TEST(test_rule_10_newcomer),
		ROOM_TEST(test_oldest_first),
		ROOM_TEST(test_came_again),
		ROOM_TEST(test_other_way),
		ROOM_TEST(test_same_way),
		ROOM_TEST(test_taken_back_late),
		ROOM_TEST(test_too_many_nacks),
		ROOM_TEST(test_nack_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
