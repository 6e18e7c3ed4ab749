/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/probe.h"

#include "group_room.h"

static void look(const char *nodes)
{
	uint32_t list[CPG_MEMBERS_MAX];
	uint32_t count = nodes_read(nodes, list, NULL);

	assert_int_equal(group_looked(group, now, room_name, list, count), 0);
}

static int answer(uint32_t number, uint32_t nodeid, int32_t result)
{
	struct group_probe_result probed = {.nodeid = nodeid,
		.result = result,
		.their_version = 0x30002,
		.our_version = 0x30002,
		.their_lvb_bytes = result == -EPROTO ? 64 : 32,
		.our_lvb_bytes = 32};

	return group_probed(group, now, room_name, number, &probed);
}

static void asking(const char *nodes)
{
	assert_int_equal(group_online(group, now, "a", 0, &plain), 0);
	assert_orders("look");
	look(nodes);
}

/* We have joined 2 and 3, and ask them again: 3 and 4. */
static void joined(void)
{
	asking("2 3");
	assert_orders("probe 2, probe 3");
	assert_int_equal(answer(1, 2, 0), 0);
	assert_int_equal(answer(2, 3, -EAGAIN), 0);
	assert_orders("join");
	confchg("1 2 3", "1", "");
	assert_orders("probe 2, probe 3");
	ring(7);
	assert_orders("");
}

static void test_nobody_there(void **state)
{
	asking("");
	assert_orders("join");
	confchg("1", "1", "");
	ring(7);
	assert_orders("START 1 joining");
}

static void test_all_would(void **state)
{
	joined();
	assert_int_equal(view().next.wait, GROUP_WAIT_PROBE);
	assert_string_equal(view().text, "no answer yet whether this node fits: nodes 2, 3");
	assert_int_equal(answer(3, 2, 0), 0);
	assert_orders("");
	assert_string_equal(view().text, "no answer yet whether this node fits: node 3");
	assert_int_equal(answer(4, 3, -EAGAIN), 0);
	assert_orders("START 1 joining");
}

static void test_looking(void **state)
{
	asking("1 2 2"); /* ourselves from before, and one twice */
	assert_orders("probe 2");
	assert_int_equal(view().state, GROUP_LOOKING);
	assert_true(group_is_waiting(group));
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	/* The same question is not asked twice; who has gone is not waited for. */
	look("2 3");
	assert_orders("probe 3");
	look("3");
	assert_orders("probe end 1");
	assert_int_equal(answer(2, 3, 0), 0);
	assert_orders("join");
	/* It ends whenever it ends. */
	assert_int_equal(answer(1, 2, -ECANCELED), 0);
	assert_int_equal(answer(1, 2, -ECANCELED), -ESTALE);
}

static void test_looks_again(void **state)
{
	asking("2");
	drain();
	now.mono += 2;
	group_tick(group, now);
	assert_orders("");
	now.mono += 1;
	group_tick(group, now);
	assert_orders("look");
	look("");
	assert_orders("probe end 1, join");
}

/* The engine's peer has gone: the cluster will say so too. */
static void test_gone_peer(void **state)
{
	asking("2 3");
	drain();
	assert_int_equal(answer(2, 3, 0), 0);
	assert_int_equal(answer(1, 2, -ENOENT), 0);
	assert_orders("");
	group_tick(group, now);
	assert_orders("look");
	look("2 3"); /* not yet */
	assert_orders("probe 2");
	assert_int_equal(answer(3, 2, -ENOENT), 0);
	group_tick(group, now);
	assert_orders("look");
	look("3");
	assert_orders("join");
}

static void test_refused(void **state)
{
	asking("2 3");
	drain();
	assert_int_equal(answer(1, 2, -EPROTO), 0);
	assert_orders("probe end 2, answer -71");
	assert_int_equal(group_count(group), 0);
	assert_non_null(strstr(notes, "node 2 has value blocks of 64 bytes, this node 32"));
	assert_int_equal(answer(2, 3, -ECANCELED), 0);
	assert_int_equal(group_online(group, now, "a", 0, &plain), 0);
}

static void test_what_differs(void **state)
{
	struct group_probe_result probed = {.nodeid = 2,
		.result = -EPROTO,
		.their_version = 0x30001,
		.our_version = 0x30002,
		.their_flags = 4};

	asking("2");
	drain();
	assert_int_equal(group_probed(group, now, "a", 1, &probed), 0);
	assert_non_null(
		strstr(notes, "node 2 speaks version 3.1 of the lock protocol, this node 3.2"));
	assert_non_null(strstr(notes, "node 2 has it with flags 0x00000004, this node 0x00000000"));
	assert_null(strstr(notes, "value blocks"));
}

static void other_asks(const char *name, const char *nodes, const char *expected)
{
	room_name = name;
	assert_int_equal(group_online(group, now, name, 0, &plain), 0);
	assert_orders("look");
	look(nodes);
	assert_orders(expected);
}

/* From our START on until the engine starts the other may start with us, and no goodbye must find
 * it there. */
static void test_kept(void **state)
{
	asking("");
	assert_orders("join");
	confchg("1 2", "1 2", "");
	ring(7);
	assert_orders("START 1 joining");
	other_asks("b", "2 3", "probe 2 kept, probe 3");
	room_name = "a";
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 2});
	assert_orders("stateful, new, start 1 with 1 2, answer 0");
	other_asks("c", "2", "probe 2");
	/* A kept one holds nobody's START; the others do. */
	room_name = "a";
	recovered();
	confchg("1 2 3", "3", "");
	assert_orders("stop 2");
	stopped();
	assert_int_equal(view().next.wait, GROUP_WAIT_PROBE);
	room_name = "c";
	assert_int_equal(answer(3, 2, 0), 0);
	assert_orders("join");
	room_name = "b";
	assert_int_equal(answer(2, 3, 0), 0);
	room_name = "a";
	assert_orders("START 2");
	room_name = "a";
}

/* They have made it meanwhile, and otherwise: we go before anybody starts with us. */
static void test_refused_after_joining(void **state)
{
	joined();
	assert_int_equal(answer(3, 2, -EPROTO), 0);
	assert_orders("probe end 4, leave");
	group_tick(group, now);
	assert_orders("");
	confchg("2 3", "", "1l");
	assert_orders("answer -71");
}

/* Only who was there before us, and only once. */
static void test_who_is_asked_again(void **state)
{
	asking("2");
	drain();
	assert_int_equal(answer(1, 2, 0), 0);
	drain();
	confchg("1 2 3", "1 3", "");
	assert_orders("probe 2");
	confchg("1 2 3 4", "4", "");
	assert_orders("");
	confchg("1 3 4", "", "2l");
	assert_orders("probe end 2");
	ring(7);
	assert_orders("START 3 joining");
}

/* A question that has not gone out needs no end. */
static void test_ended_before_it_was_asked(void **state)
{
	assert_int_equal(group_online(group, now, "a", 0, &plain), 0);
	drain();
	look("2");
	look("");
	assert_orders("join");
	assert_int_equal(answer(1, 2, 0), -ESTALE);
}

/* The daemon can end while a member does not answer: nobody has seen us yet. */
static void test_given_up(void **state)
{
	asking("2 3");
	assert_orders("probe 2, probe 3");
	assert_true(group_give_up(group));
	assert_orders("probe end 1, probe end 2, answer -108");
	assert_int_equal(group_count(group), 0);
	assert_int_equal(answer(1, 2, 0), 0);
	assert_orders("");
	assert_true(group_give_up(group));
}

static void test_not_given_up(void **state)
{
	asking("2");
	drain();
	assert_int_equal(answer(1, 2, 0), 0);
	assert_orders("join");
	assert_int_equal(group_online(group, now, "b", 0, &plain), 0);
	assert_false(group_give_up(group));
	assert_int_equal(group_count(group), 2);
}

static void test_odd_answers(void **state)
{
	asking("2");
	assert_int_equal(answer(1, 2, 0), -ESTALE); /* has not been asked */
	drain();
	assert_int_equal(answer(7, 2, 0), -ESTALE);
	assert_int_equal(answer(1, 3, 0), -ESTALE);
	assert_int_equal(answer(1, 2, 0), 0);
	assert_orders("join");
}

/* A conversation that is not over keeps every lockspace with that member from starting. */
static void test_holds_others(void **state)
{
	struct group_view other;

	joined();
	assert_int_equal(answer(3, 2, 0), 0);
	assert_int_equal(answer(4, 3, 0), 0);
	assert_orders("START 1 joining");
	room_name = "b";
	assert_int_equal(group_online(group, now, "b", 0, &plain), 0);
	drain();
	look("4");
	assert_orders("probe 4");
	room_name = "a";
	confchg("1 2 3 4", "4", "");
	assert_orders("");
	assert_int_equal(view().next.wait, GROUP_WAIT_PROBE);
	assert_string_equal(view().text, "a member is still being asked for another lockspace");
	room_name = "b";
	look("");
	assert_orders("probe end 5, join");
	assert_true(group_find(group, "a", &other));
	assert_int_equal(other.next.wait, GROUP_WAIT_PROBE);
	assert_int_equal(answer(5, 4, -ECANCELED), 0);
	assert_orders("START 2 joining");
	room_name = "a";
}

static void test_no_memory(void **state)
{
	uint32_t nodes[] = {2, 3, 4};
	int rv, failed = 0;

	assert_int_equal(group_online(group, now, "a", 0, &plain), 0);
	drain();
	for (;; failed++) {
		faulty_alloc_fail(&faulty, (uint64_t)failed);
		rv = group_looked(group, now, "a", nodes, 3);
		faulty_alloc_heal(&faulty);
		if (!rv)
			break;
		assert_int_equal(rv, -ENOMEM);
		assert_orders("");
	}
	assert_int_equal(failed, 3);
	assert_orders("probe 2, probe 3, probe 4");
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(answer(i, i + 1, 0), 0);
	assert_orders("join");
	for (failed = 0;; failed++) {
		faulty_alloc_fail(&faulty, (uint64_t)failed);
		rv = confchg_of("a", "1 2 3 4", "1", "");
		faulty_alloc_heal(&faulty);
		if (!rv)
			break;
		assert_int_equal(rv, -ENOMEM);
		assert_orders("");
	}
	assert_int_equal(failed, 4); /* room once kept for the history stays */
	assert_orders("probe 2, probe 3, probe 4");
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup_probing, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_nobody_there),
		ROOM_TEST(test_all_would),
		ROOM_TEST(test_looking),
		ROOM_TEST(test_looks_again),
		ROOM_TEST(test_gone_peer),
		ROOM_TEST(test_refused),
		ROOM_TEST(test_what_differs),
		ROOM_TEST(test_kept),
		ROOM_TEST(test_refused_after_joining),
		ROOM_TEST(test_who_is_asked_again),
		ROOM_TEST(test_ended_before_it_was_asked),
		ROOM_TEST(test_given_up),
		ROOM_TEST(test_not_given_up),
		ROOM_TEST(test_odd_answers),
		ROOM_TEST(test_holds_others),
		ROOM_TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
