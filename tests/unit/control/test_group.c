/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "faulty_alloc.h"

static struct faulty_alloc faulty;
static struct group *group;
static char orders[512]; /* what drain() took, in short */

static const struct group_member us = {.nodeid = 1, .weight = 1};
static const struct group_member two[] = {{.nodeid = 1, .weight = 1}, {.nodeid = 2, .weight = 1}};

static int setup(void **state)
{
	faulty_alloc_init(&faulty);
	return group_new(&faulty.alloc, &group);
}

static int teardown(void **state)
{
	group_free(group);
	assert_int_equal(faulty.used_count, 0);
	return 0;
}

static void note(const struct group_order *order)
{
	static const char *const words[] = {
		[GROUP_ORDER_JOIN] = "join",
		[GROUP_ORDER_LEAVE] = "leave",
		[GROUP_ORDER_NEW] = "new",
		[GROUP_ORDER_START] = "start",
		[GROUP_ORDER_STOP] = "stop",
		[GROUP_ORDER_ANSWER] = "answer",
	};
	size_t at = strlen(orders);

	snprintf(orders + at, sizeof(orders) - at, "%s%s %s", at ? ", " : "", words[order->type],
		order->name);
	at = strlen(orders);
	if (order->type == GROUP_ORDER_START)
		snprintf(orders + at, sizeof(orders) - at, " %u/%u", order->number,
			order->member_count);
	if (order->type == GROUP_ORDER_STOP)
		snprintf(orders + at, sizeof(orders) - at, " %u", order->number);
	if (order->type == GROUP_ORDER_ANSWER)
		snprintf(orders + at, sizeof(orders) - at, " %d", order->result);
}

static const char *drain(void)
{
	struct group_order order;

	orders[0] = '\0';
	while (group_order_take(group, &order)) {
		if (order.type == GROUP_ORDER_START)
			assert_int_equal(order.members[0].nodeid, 1);
		note(&order);
	}
	return orders;
}

static void running(const char *name)
{
	assert_int_equal(group_online(group, name, 0), 0);
	drain();
	assert_int_equal(group_members(group, name, &us, 1, 1, 0), 0);
	drain();
	assert_int_equal(group_recovered(group, name, 1), 0);
	drain();
}

static void test_life_of_one(void **state)
{
	struct group_view view;

	assert_int_equal(group_online(group, "x", DLM_LSFL_BIT_FS), 0);
	assert_string_equal(drain(), "join x");
	assert_true(group_find(group, "x", &view));
	assert_int_equal(view.state, GROUP_JOINING);
	assert_true(view.is_stopped);
	assert_int_equal(view.started.seq, 0);

	assert_int_equal(group_members(group, "x", &us, 1, 1, 0), 0);
	assert_string_equal(drain(), "new x, start x 1/1");
	assert_int_equal(group_recovered(group, "x", 1), 0);
	assert_string_equal(drain(), "answer x 0");
	assert_true(group_find(group, "x", &view));
	assert_int_equal(view.state, GROUP_RUNNING);
	assert_false(view.is_stopped);
	assert_int_equal(view.started.seq, 1);
	assert_int_equal(view.started.joined_count, 1);
	assert_int_equal(view.member_count, 1);

	assert_int_equal(group_offline(group, "x"), 0);
	assert_string_equal(drain(), "stop x 2");
	assert_int_equal(group_offline(group, "x"), -EBUSY);
	assert_int_equal(group_left(group, "x"), -ENOENT);
	assert_int_equal(group_stopped(group, "x", 2), 0);
	assert_string_equal(drain(), "leave x");
	assert_int_equal(group_left(group, "x"), 0);
	assert_false(group_find(group, "x", &view));
	assert_string_equal(drain(), "answer x 0");
	assert_int_equal(group_count(group), 0);
	assert_int_equal(faulty.used_count, 1); /* the group itself */
}

static void test_the_same_name_again(void **state)
{
	running("x");
	assert_int_equal(group_online(group, "x", 0), -EEXIST);
	assert_string_equal(drain(), "");
	group_offline(group, "x");
	drain();
	group_stopped(group, "x", 2);
	drain();
	group_left(group, "x");
	/* gone, though its last answer has not been taken */
	assert_int_equal(group_online(group, "x", 0), 0);
	assert_string_equal(drain(), "answer x 0, join x");
	assert_int_equal(group_count(group), 1);
}

static void test_unknown(void **state)
{
	assert_int_equal(group_offline(group, "x"), -ENOENT);
	assert_int_equal(group_members(group, "x", &us, 1, 1, 0), -ENOENT);
	assert_int_equal(group_left(group, "x"), -ENOENT);
	assert_int_equal(group_refused(group, "x", -EIO), -ENOENT);
	assert_int_equal(group_stopped(group, "x", 1), -ENOENT);
	assert_int_equal(group_recovered(group, "x", 1), -ENOENT);
	assert_int_equal(group_failed(group, "x", 1, -EIO), -ENOENT);
	assert_string_equal(drain(), "");
}

static void test_members_change(void **state)
{
	struct group_view view;

	running("x");
	assert_int_equal(group_members(group, "x", two, 2, 1, 0), 0);
	assert_string_equal(drain(), "stop x 2");
	assert_true(group_find(group, "x", &view));
	assert_int_equal(view.next.seq, 2);
	assert_int_equal(view.started.seq, 1);
	assert_true(view.is_stopped);
	/* another change while the engine stops takes the place of the first */
	assert_int_equal(group_members(group, "x", &us, 1, 0, 1), 0);
	assert_string_equal(drain(), "");
	assert_int_equal(group_stopped(group, "x", 1), -ESTALE);
	assert_int_equal(group_stopped(group, "x", 2), 0);
	assert_string_equal(drain(), "start x 3/1");
	assert_int_equal(group_recovered(group, "x", 1), -ESTALE);
	/* and another while it recovers */
	assert_int_equal(group_members(group, "x", two, 2, 1, 0), 0);
	assert_string_equal(drain(), "stop x 4");
	assert_int_equal(group_recovered(group, "x", 3), -ESTALE);
	assert_int_equal(group_stopped(group, "x", 4), 0);
	assert_string_equal(drain(), "start x 5/2");
	assert_int_equal(group_recovered(group, "x", 5), 0);
	assert_string_equal(drain(), ""); /* its program was answered long ago */
	assert_int_equal(group_members(group, "x", &us, 1, 0, 1), 0);
	group_find(group, "x", &view);
	assert_int_equal(view.next.remove_count, 1);
	assert_int_equal(view.next.failed_count, 1);
}

static void test_released_while_members_change(void **state)
{
	running("x");
	group_members(group, "x", two, 2, 1, 0);
	drain();
	assert_int_equal(group_offline(group, "x"), 0);
	assert_string_equal(drain(), "");
	assert_int_equal(group_stopped(group, "x", 2), 0);
	assert_string_equal(drain(), "leave x");
	assert_int_equal(group_members(group, "x", &us, 1, 0, 1), -ENOENT);
}

static void test_not_released_before_it_is_there(void **state)
{
	group_online(group, "x", 0);
	assert_int_equal(group_offline(group, "x"), -EBUSY);
	drain();
	group_members(group, "x", &us, 1, 1, 0);
	assert_int_equal(group_offline(group, "x"), -EBUSY);
}

static void test_refused_by_the_cluster(void **state)
{
	group_online(group, "x", 0);
	drain();
	assert_int_equal(group_refused(group, "x", -EPERM), 0);
	assert_string_equal(drain(), "answer x -1");
	assert_int_equal(group_count(group), 0);
}

static void test_first_start_fails(void **state)
{
	group_online(group, "x", 0);
	drain();
	group_members(group, "x", &us, 1, 1, 0);
	drain();
	assert_int_equal(group_failed(group, "x", 1, -ENOMEM), 0);
	assert_string_equal(drain(), "leave x");
	group_left(group, "x");
	assert_string_equal(drain(), "answer x -12");
}

static void test_later_start_fails(void **state)
{
	running("x");
	group_members(group, "x", two, 2, 1, 0);
	drain();
	group_stopped(group, "x", 2);
	drain();
	assert_int_equal(group_failed(group, "x", 3, -ENOMEM), -EIO);
}

static void test_many(void **state)
{
	struct group_view view;
	char name[16];

	for (uint32_t i = 0; i < GROUP_LOCKSPACES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(group_online(group, name, 0), 0);
		drain();
	}
	assert_int_equal(group_online(group, "more", 0), -ENOSPC);
	assert_true(group_view(group, 0, &view));
	assert_string_equal(view.name, "n1023");
	assert_true(group_view(group, 1023, &view));
	assert_string_equal(view.name, "n0");
	assert_false(group_view(group, 1024, &view));
}

static void test_without_memory(void **state)
{
	faulty_alloc_fail(&faulty, 0);
	assert_int_equal(group_online(group, "x", 0), -ENOMEM);
	assert_string_equal(drain(), "");
	faulty_alloc_heal(&faulty);
	running("x");
	faulty_alloc_fail(&faulty, 0);
	assert_int_equal(group_members(group, "x", two, 2, 1, 0), -ENOMEM);
	assert_string_equal(drain(), "");
	/* releasing needs none */
	assert_int_equal(group_offline(group, "x"), 0);
	drain();
	assert_int_equal(group_stopped(group, "x", 2), 0);
	drain();
	assert_int_equal(group_left(group, "x"), 0);
	assert_string_equal(drain(), "answer x 0");
}

static void test_global_id(void **state)
{
	assert_int_equal(group_global_id("testls"), 0xe5adef01);
	assert_int_equal(group_global_id("foo"), 0x6ce2339d);
	assert_int_equal(group_global_id("lvm_global"), 0x12aabd2d);
}

static void test_longest_name(void **state)
{
	char name[DLM_NAME_BYTES_MAX + 1];
	struct group_view view;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	running(name);
	assert_true(group_view(group, 0, &view));
	assert_string_equal(view.name, name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life_of_one),
		TEST(test_the_same_name_again),
		TEST(test_unknown),
		TEST(test_members_change),
		TEST(test_released_while_members_change),
		TEST(test_not_released_before_it_is_there),
		TEST(test_refused_by_the_cluster),
		TEST(test_first_start_fails),
		TEST(test_later_start_fails),
		TEST(test_many),
		TEST(test_without_memory),
		TEST(test_global_id),
		TEST(test_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
