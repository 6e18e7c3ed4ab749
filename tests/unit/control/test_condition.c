/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/condition.h"

#include "group_room.h"

#define assert_waits(what) assert_int_equal(view().next.wait, what)

/* 3 has died, and nothing of what has to be waited for has come. */
static void everything_missing(void)
{
	running_with_two();
	room_fence.is_quorate = false;
	room_fence.is_outstanding = true;
	room_fence.clean[3] = 0;
	room_fence.ring_seq = 8;
	confchg("1 2", "", "3d");
	assert_orders("stop 6");
}

static void tick(void)
{
	group_tick(group, now);
}

/* The first that is missing is named, and START goes out with the last. */
static void test_order(void **state)
{
	everything_missing();
	assert_waits(GROUP_WAIT_STOP);
	assert_true(group_is_waiting(group));
	stopped();
	assert_waits(GROUP_WAIT_RINGID);
	room_fence.daemon_ring_seq = 8;
	ring(8);
	assert_waits(GROUP_WAIT_QUORUM);
	room_fence.is_quorate = true;
	tick();
	assert_waits(GROUP_WAIT_FENCING);
	assert_true(node(3).need_fencing);
	room_fence.fenced[3] = now.mono;
	tick();
	assert_false(node(3).need_fencing);
	assert_waits(GROUP_WAIT_FENCING);
	room_fence.is_outstanding = false;
	tick();
	assert_orders("START 4");
	assert_waits(GROUP_WAIT_NONE);
	assert_false(group_is_waiting(group));
}

/* A death is followed by a ring; the one before it does not count, whatever the quorum says. */
static void test_ring_after_a_death(void **state)
{
	running_with_two();
	room_fence.fenced[3] = now.mono;
	confchg("1 2", "", "3d");
	drain();
	stopped();
	assert_waits(GROUP_WAIT_RINGID);
	tick();
	assert_waits(GROUP_WAIT_RINGID);
	ring(7);
	assert_orders("START 4");
}

static void test_rings(void **state)
{
	joining();
	confchg("1", "1", "");
	assert_waits(GROUP_WAIT_RINGID);
	ring(6);
	assert_waits(GROUP_WAIT_RINGID);
	room_fence.daemon_ring_seq = 6;
	ring(7);
	assert_waits(GROUP_WAIT_RINGID);
	room_fence.daemon_ring_seq = 7;
	tick();
	assert_orders("START 1 joining");
}

static void test_without_quorum(void **state)
{
	struct group_options options = {.enable_fencing = true};

	room_fence.is_quorate = false;
	joining();
	confchg("1", "1", "");
	ring(7);
	assert_waits(GROUP_WAIT_QUORUM);
	group_options_set(group, &options);
	tick();
	assert_orders("START 1 joining");
}

static void test_without_fencing(void **state)
{
	struct group_options options = {.enable_quorum_lockspace = true};

	group_options_set(group, &options);
	everything_missing();
	stopped();
	room_fence.daemon_ring_seq = 8;
	room_fence.is_quorate = true;
	ring(8);
	assert_orders("START 4");
	assert_false(node(3).need_fencing);
}

/* Who has not said START here has no lock that it could still act on. */
static void test_dead_before_its_start(void **state)
{
	running();
	confchg("1 2", "2", "");
	drain();
	stopped();
	drain();
	confchg("1", "", "2p");
	assert_orders("kill 2, START 3");
	assert_false(node(2).need_fencing);
	assert_int_equal(node(2).fail_reason, FENCE_REASON_PROCDOWN);
	assert_int_equal(node(2).fail_monotime, now.mono);
	assert_int_equal(node(2).fail_walltime, now.wall);
}

static void test_leaving_needs_no_fencing(void **state)
{
	running_with_two();
	confchg("1 2", "", "3l");
	drain();
	stopped();
	assert_orders("START 4");
	assert_false(node(3).need_fencing);
	assert_int_equal(node(3).removed_seq, 4);
}

/* Fenced in the second in which it died counts; before that does not. */
static void test_fenced_when(void **state)
{
	running_with_two();
	room_fence.fenced[3] = now.mono - 1;
	confchg("1 2", "", "3d");
	room_fence.clean[3] = 0;
	drain();
	stopped();
	ring(7);
	assert_waits(GROUP_WAIT_FENCING);
	room_fence.fenced[3] = now.mono;
	tick();
	assert_orders("START 4");
}

/* A new daemon there has nothing of what was. */
static void test_back_and_clean(void **state)
{
	running_with_two();
	confchg("1 2", "", "3d");
	room_fence.clean[3] = now.mono;
	drain();
	stopped();
	ring(7);
	assert_waits(GROUP_WAIT_FENCING);
	room_fence.clean[3] = now.mono + 1;
	tick();
	assert_orders("START 4");
}

/* A member whose daemon is not one of ours yet may have to be removed. */
static void test_member_not_clean(void **state)
{
	running();
	room_fence.clean[2] = 0;
	confchg("1 2", "2", "");
	drain();
	stopped();
	assert_waits(GROUP_WAIT_FENCING);
	room_fence.clean[2] = 1;
	tick();
	assert_orders("START 2");
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_order),
		ROOM_TEST(test_ring_after_a_death),
		ROOM_TEST(test_rings),
		ROOM_TEST(test_without_quorum),
		ROOM_TEST(test_without_fencing),
		ROOM_TEST(test_dead_before_its_start),
		ROOM_TEST(test_leaving_needs_no_fencing),
		ROOM_TEST(test_fenced_when),
		ROOM_TEST(test_back_and_clean),
		ROOM_TEST(test_member_not_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
