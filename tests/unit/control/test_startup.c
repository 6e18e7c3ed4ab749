/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configured nodes of which nothing is known at the start. */
#include "cmocka_all.h"

#include <errno.h>

#include "fence_stage.h"

static void open_one(struct stage *stage, const char *configured, uint32_t delay)
{
	struct fence_options options = stage_options();

	options.post_join_delay = delay;
	stage_open(stage, 1, configured, options, false);
	stage_settle(stage, "1 2", false);
}

static void test_never_seen(void **state)
{
	struct stage stage;
	struct fence_node_view node;

	open_one(&stage, "1 2 3", 3);
	assert_true(fence_is_outstanding(stage.fence));
	assert_int_equal(stage_view(&stage).startup_count, 1); /* members are struck out */
	assert_false(fence_node_find(stage.fence, 3, &node));
	stage_pass(&stage, 2);
	stage_expect(&stage, "");
	stage_pass(&stage, 1);
	/* as if it had failed when the quorum first spoke to us, or just before */
	stage_expect(&stage, "agent 3 @49999;");
	node = stage_node(&stage, 3);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	assert_int_equal(node.left_reason, FENCE_REASON_STARTUP);
	assert_int_equal(node.fail_monotime, 999);
	assert_int_equal(node.actor, 1);
	assert_true(fence_is_outstanding(stage.fence));
	fence_agent_ended(stage.fence, stage.now, 3, 0);
	stage_said(&stage);
	stage_result(&stage, 1, 3, 0);
	assert_false(fence_is_outstanding(stage.fence));
	assert_false(stage_view(&stage).is_fipu);
	stage_close(&stage);
}

static void test_comes_in_time(void **state)
{
	struct stage stage;

	open_one(&stage, "1 2 3", 3);
	stage_pass(&stage, 2);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_pass(&stage, 2); /* a join makes all wait anew */
	stage_expect(&stage, "");
	stage_protocol(&stage, 3, 0, 0);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	assert_false(fence_is_outstanding(stage.fence));
	stage_expect(&stage, "clear 3 6;");
	stage_close(&stage);
}

/* In the group, and never accepted: it is what has to be fenced. */
static void test_comes_and_says_nothing(void **state)
{
	struct stage stage;

	open_one(&stage, "1 2 3", 3);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_said(&stage);
	stage_pass(&stage, 3);
	stage_expect(&stage, "agent 3 @49999;");
	stage_close(&stage);
}

static void test_not_without_quorum(void **state)
{
	struct stage stage;

	open_one(&stage, "1 2 3", 1);
	stage_quorum(&stage, false, "1 2");
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	assert_int_equal(stage_view(&stage).startup_count, 1);
	stage_quorum(&stage, true, "1 2");
	stage_expect(&stage, "agent 3 @49999;");
	stage_close(&stage);
}

/* Our own word has not come round yet. */
static void test_never_ourselves(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "1", stage_options(), false);
	stage_conf(&stage, "1 2", "1", "");
	stage_ring(&stage, 10);
	stage_protocol(&stage, 2, 3, 0);
	stage_quorum(&stage, true, "1 2");
	fence_begin(stage.fence, stage.now);
	stage_said(&stage);
	stage_pass(&stage, 3);
	assert_int_equal(stage_view(&stage).startup_count, 1);
	stage_protocol(&stage, 1, 3, 0);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

static void test_switched_off(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.enable_startup = false;
	stage_open(&stage, 1, "1 2 3", options, false);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	stage_close(&stage);
	options = stage_options();
	options.enable_fencing = false;
	stage_open(&stage, 1, "1 2 3", options, false);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	stage_close(&stage);
}

/* Its delay was over before ours: as there, the next actor is the one after it, which is us. */
static void test_tried_by_others_first(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 3;
	stage_open(&stage, 2, "1 2 3", options, false);
	stage_settle(&stage, "1 2", false);
	stage_result(&stage, 1, 3, -1);
	stage_result(&stage, 1, 3, -1);
	stage_expect(&stage, "");
	assert_int_equal(stage_view(&stage).startup_count, 1);
	stage_pass(&stage, 3);
	stage_expect(&stage, "agent 3 @49999;");
	assert_int_equal(stage_node(&stage, 3).actor, 2);
	stage_close(&stage);
}

/* Others that were there before us look after those that we have not seen. */
static void test_cleared_by_others(void **state)
{
	struct stage stage;
	uint32_t nodeid;

	open_one(&stage, "1 2 3 4", 2);
	assert_true(fence_startup_view(stage.fence, 1, &nodeid));
	assert_int_equal(nodeid, 4);
	assert_false(fence_startup_view(stage.fence, 2, &nodeid));
	stage_clear(&stage, 2, 1, 0, CPG_FENCE_CLEAR_STARTUP);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	assert_true(fence_is_outstanding(stage.fence)); /* they have not said that it is over */
	stage_pass(&stage, 10);
	stage_expect(&stage, "");
	stage_clear(&stage, 2, 1, 0, CPG_FENCE_CLEAR_FIPU);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

/* It was clean, and died while this node could not act: known as failed, it is not one of the
 * unknown. */
static void test_failed_while_listed(void **state)
{
	struct stage stage;

	open_one(&stage, "1 2 3", 5);
	stage_quorum(&stage, false, "1 2");
	stage_conf(&stage, "1 2 3", "3", "");
	stage_protocol(&stage, 3, 0, 0);
	assert_int_equal(stage_view(&stage).startup_count, 1);
	stage_conf(&stage, "1 2", "", "3p");
	stage_said(&stage);
	stage_pass(&stage, 6);
	stage_quorum(&stage, true, "1 2");
	assert_int_equal(stage_node(&stage, 3).left_reason, FENCE_REASON_PROCDOWN);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	stage_expect(&stage, "agent 3 @50000;");
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_seen),
		cmocka_unit_test(test_comes_in_time),
		cmocka_unit_test(test_comes_and_says_nothing),
		cmocka_unit_test(test_not_without_quorum),
		cmocka_unit_test(test_never_ourselves),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_tried_by_others_first),
		cmocka_unit_test(test_cleared_by_others),
		cmocka_unit_test(test_failed_while_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
