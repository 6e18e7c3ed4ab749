/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has to be fenced, and who may do it. */
#include "cmocka_all.h"

#include "fence_stage.h"

static void open_four(struct stage *stage, uint32_t nodeid)
{
	stage_open(stage, nodeid, "", stage_options(), false);
	stage_settle(stage, "1 2 3 4", true);
}

static void test_down(void **state)
{
	struct stage stage;
	struct fence_node_view node;

	open_four(&stage, 2);
	stage.now.mono = 1100;
	stage_conf(&stage, "1 2 3", "", "4n");
	node = stage_node(&stage, 4);
	assert_true(node.need_fencing);
	assert_int_equal(node.left_reason, FENCE_REASON_NODEDOWN);
	assert_int_equal(node.fail_monotime, 1100);
	assert_int_equal(node.fail_walltime, 50000);
	assert_int_equal(node.rem_time, 1100);
	assert_int_equal(node.actor, 1);
	assert_true(fence_is_outstanding(stage.fence));
	stage_ring(&stage, 11);
	stage_quorum(&stage, true, "1 2 3");
	stage_expect(&stage, ""); /* not ours to do */
	assert_int_equal(stage_node(&stage, 4).actor_last, 1);
	stage_close(&stage);
}

static void test_process_down(void **state)
{
	struct stage stage;

	open_four(&stage, 2);
	stage_conf(&stage, "1 2 3", "", "4p");
	assert_true(stage_node(&stage, 4).need_fencing);
	assert_int_equal(stage_node(&stage, 4).left_reason, FENCE_REASON_PROCDOWN);
	stage_close(&stage);
}

static void test_left(void **state)
{
	struct stage stage;

	open_four(&stage, 2);
	stage_conf(&stage, "1 2 3", "", "4l");
	assert_false(stage_node(&stage, 4).need_fencing);
	assert_false(stage_node(&stage, 4).is_member);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

/* It can have done nothing. */
static void test_left_before_it_was_accepted(void **state)
{
	struct stage stage;

	open_four(&stage, 2);
	stage_conf(&stage, "1 2 3 4 5", "5", "");
	stage_said(&stage);
	stage_conf(&stage, "1 2 3 4", "", "5n");
	assert_false(stage_node(&stage, 5).need_fencing);
	stage_close(&stage);
}

static void test_fencing_is_off(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.enable_fencing = false;
	stage_open(&stage, 1, "1 2 3", options, false);
	stage_settle(&stage, "1 2", false);
	assert_false(fence_is_outstanding(stage.fence));
	stage_conf(&stage, "1", "", "2n");
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

/* Whoever joins with the same change has not seen it go. */
static void test_joined_meanwhile(void **state)
{
	struct stage stage;

	open_four(&stage, 2);
	stage_conf(&stage, "1 2 3 5", "5", "4n");
	stage_conf(&stage, "2 3 5", "", "1l");
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	stage_conf(&stage, "3 5", "", "2l");
	assert_int_equal(stage_node(&stage, 4).actor, 3);
	stage_conf(&stage, "5", "", "3l");
	assert_int_equal(stage_node(&stage, 4).actor, 0);
	stage_said(&stage);
	stage_close(&stage);
}

static void open_down(struct stage *stage)
{
	open_four(stage, 2);
	stage_conf(stage, "1 2 3", "", "4n");
	stage_ring(stage, 11);
	stage_quorum(stage, true, "1 2 3");
}

static void test_next_actor_after_a_failure(void **state)
{
	struct stage stage;

	open_down(&stage);
	stage_result(&stage, 1, 4, 7);
	assert_int_equal(stage_node(&stage, 4).last_result, 7);
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	stage_expect(&stage, "agent 4 @50000;");
	stage_close(&stage);
}

static void test_all_failed_and_again(void **state)
{
	struct stage stage;

	open_down(&stage);
	stage_result(&stage, 3, 4, 1);
	stage_result(&stage, 2, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 1);
	stage_result(&stage, 1, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 1);
	stage_result(&stage, 1, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	stage_said(&stage);
	stage_close(&stage);
}

static void test_all_failed_and_never_again(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	open_down(&stage);
	options.repeat_failed = false;
	fence_options_set(stage.fence, &options);
	stage_result(&stage, 3, 4, 1);
	stage_result(&stage, 2, 4, 1);
	stage_result(&stage, 1, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 0);
	assert_true(stage_node(&stage, 4).need_fencing);
	assert_true(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

static void test_actor_gone(void **state)
{
	struct stage stage;

	open_down(&stage);
	stage_conf(&stage, "2 3", "", "1n");
	stage_ring(&stage, 12);
	stage_quorum(&stage, true, "2 3");
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	assert_int_equal(stage_node(&stage, 1).actor, 2);
	/* one at a time, in the order in which they were seen first */
	stage_expect(&stage, "agent 1 @50000;");
	assert_true(stage_node(&stage, 4).delay_fencing);
	stage_close(&stage);
}

/* It was told to fence, died, and came back without knowing of it. */
static void test_actor_comes_back(void **state)
{
	struct stage stage;

	open_down(&stage);
	stage_conf(&stage, "2 3", "", "1p");
	stage_conf(&stage, "1 2 3", "1", "");
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	stage_result(&stage, 2, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 3);
	stage_result(&stage, 3, 4, 1); /* round again, without it */
	assert_int_equal(stage_node(&stage, 4).actor, 2);
	stage_said(&stage);
	stage_close(&stage);
}

/* The rest have tried in vain, and the one whose turn it would be leaves. */
static void test_last_actor_leaves(void **state)
{
	struct stage stage;

	open_down(&stage);
	stage_result(&stage, 1, 4, 1);
	stage_result(&stage, 2, 4, 1);
	assert_int_equal(stage_node(&stage, 4).actor, 3);
	stage_conf(&stage, "1 2", "", "3l");
	assert_int_equal(stage_node(&stage, 4).actor, 1);
	stage_said(&stage);
	stage_close(&stage);
}

/* A daemon that is there again in the same change is another one. */
static void test_replaced_in_one_change(void **state)
{
	struct stage stage;

	open_four(&stage, 1);
	stage_conf(&stage, "1 2 3 4", "4", "4p");
	assert_true(stage_node(&stage, 4).need_fencing);
	assert_true(stage_node(&stage, 4).is_member);
	assert_int_equal(stage_node(&stage, 4).protocol.daemon_max.major, 0);
	/* nor is it an actor against itself */
	stage_conf(&stage, "4", "", "1l 2l 3l");
	assert_int_equal(stage_node(&stage, 4).actor, 0);
	stage_said(&stage);
	stage_close(&stage);
}

static void test_down_without_a_reason(void **state)
{
	struct stage stage;

	open_four(&stage, 2);
	stage_conf(&stage, "1 2 3", "", "");
	assert_true(stage_node(&stage, 4).need_fencing);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_process_down),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_left_before_it_was_accepted),
		cmocka_unit_test(test_fencing_is_off),
		cmocka_unit_test(test_joined_meanwhile),
		cmocka_unit_test(test_next_actor_after_a_failure),
		cmocka_unit_test(test_all_failed_and_again),
		cmocka_unit_test(test_all_failed_and_never_again),
		cmocka_unit_test(test_actor_gone),
		cmocka_unit_test(test_actor_comes_back),
		cmocka_unit_test(test_last_actor_leaves),
		cmocka_unit_test(test_replaced_in_one_change),
		cmocka_unit_test(test_down_without_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
