/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others, and administrators, say of fencing. */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "fence_stage.h"

static void open_down(struct stage *stage, uint32_t nodeid)
{
	stage_open(stage, nodeid, "", stage_options(), false);
	stage_settle(stage, "1 2 3", true);
	stage_conf(stage, "1 2", "", "3n");
	stage_ring(stage, 11);
	stage_quorum(stage, true, "1 2");
	stage_said(stage);
}

static void test_success(void **state)
{
	struct stage stage;
	struct fence_node_view node;

	open_down(&stage, 2);
	stage.now.mono = 1010;
	stage.now.wall =
		70000; /* the sender's clock is another's: it goes into the node as it was said */
	stage_result(&stage, 1, 3, 0);
	node = stage_node(&stage, 3);
	assert_false(node.need_fencing);
	assert_int_equal(node.actor_done, 1);
	assert_int_equal(node.fence_walltime, 70000);
	assert_int_equal(node.fence_monotime, 1010);
	assert_true(fence_done_since(stage.fence, 3, 1010));
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

/* It is in the group, still or again, and not clean: what is fenced must not be there. */
static void test_fenced_and_a_member(void **state)
{
	static const int32_t words[] = {0, -ECANCELED};

	for (uint32_t i = 0; i < 2; i++) {
		struct stage stage;

		open_down(&stage, 2);
		stage_conf(&stage, "1 2 3", "3", "");
		stage_said(&stage);
		stage_result(&stage, 1, 3, words[i]);
		assert_int_equal(strncmp(stage_said(&stage), "kill 3;", 7), 0);
		assert_false(stage_node(&stage, 3).need_fencing);
		stage_close(&stage);
	}
}

static void test_failed_and_a_member(void **state)
{
	struct stage stage;

	open_down(&stage, 2);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_said(&stage);
	stage_result(&stage, 1, 3, 1);
	assert_true(stage_node(&stage, 3).need_fencing);
	stage_expect(&stage, "agent 3 @50000;");
	stage_close(&stage);
}

static void test_acknowledged_while_our_agent_runs(void **state)
{
	struct stage stage;

	open_down(&stage, 1);
	assert_true(stage_node(&stage, 3).pid_wait);
	assert_int_equal(fence_ack(stage.fence, stage.now, 3), 0);
	stage_expect(&stage, "result 3 -125 @50000;");
	assert_true(stage_node(&stage, 3).need_fencing); /* not before it comes round */
	stage_result(&stage, 1, 3, -ECANCELED);
	stage_expect(&stage, "agent_kill 3;");
	assert_false(stage_node(&stage, 3).need_fencing);
	assert_false(stage_node(&stage, 3).pid_wait);
	assert_int_equal(stage_node(&stage, 3).actor_done, 1);
	stage_close(&stage);
}

/* Another actor was faster: ours ends by itself, and what it says is of no use any more. */
static void test_fenced_while_our_agent_runs(void **state)
{
	struct stage stage;

	open_down(&stage, 1);
	stage_result(&stage, 2, 3, 0);
	stage_expect(&stage, "");
	assert_false(stage_node(&stage, 3).need_fencing);
	fence_agent_ended(stage.fence, stage.now, 3, 1);
	stage_expect(&stage, "result 3 1 @50000;");
	stage_result(&stage, 1, 3, 1);
	assert_false(stage_node(&stage, 3).need_fencing);
	assert_false(stage_node(&stage, 3).result_wait);
	assert_int_equal(stage_node(&stage, 3).last_result, 0);
	stage_close(&stage);
}

static void test_not_needed(void **state)
{
	struct stage stage;

	open_down(&stage, 2);
	stage_result(&stage, 1, 2, 0);  /* a clean member is not killed */
	stage_result(&stage, 1, 99, 0); /* nobody knows it */
	stage_expect(&stage, "");
	assert_true(stage_node(&stage, 3).need_fencing);
	stage_close(&stage);
}

static void test_startup_list(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;
	uint32_t nodeid;

	options.post_join_delay = 100;
	stage_open(&stage, 2, "1 2 3 4", options, false);
	stage_settle(&stage, "1 2", false);
	assert_int_equal(stage_view(&stage).startup_count, 2);
	/* a failure makes nothing safer */
	stage_result(&stage, 1, 3, 1);
	assert_int_equal(stage_view(&stage).startup_count, 2);
	stage_result(&stage, 1, 3, 0);
	assert_int_equal(stage_view(&stage).startup_count, 1);
	assert_true(fence_startup_view(stage.fence, 0, &nodeid));
	assert_int_equal(nodeid, 4);
	assert_true(fence_is_outstanding(stage.fence));
	assert_int_equal(fence_ack(stage.fence, stage.now, 4), 0);
	stage_expect(&stage, "result 4 -125 @50000;");
	stage_result(&stage, 2, 4, -ECANCELED);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

static void test_acknowledged_for_nothing(void **state)
{
	struct stage stage;

	open_down(&stage, 2);
	assert_int_equal(fence_ack(stage.fence, stage.now, 77), -ENOENT);
	assert_int_equal(fence_ack(stage.fence, stage.now, 1), -ENOENT);
	stage_expect(&stage, "result 77 -125 @50000; result 1 -125 @50000;");
	stage_close(&stage);
	stage_open(&stage, 2, "", stage_options(), false);
	assert_int_equal(fence_ack(stage.fence, stage.now, 3), -EAGAIN);
	stage_close(&stage);
}

/* What of a node is seen after it was fenced, and was never accepted, is nothing new to be fenced;
 * once it has been clean it is. */
static void test_done_since(void **state)
{
	struct stage stage;

	open_down(&stage, 2);
	assert_true(fence_done_since(stage.fence, 9, 1000));
	assert_false(fence_done_since(stage.fence, 3, 1000));
	stage_pass(&stage, 5);
	stage_result(&stage, 1, 3, 0);
	assert_true(fence_done_since(stage.fence, 3, 1005));
	assert_true(fence_done_since(stage.fence, 3, 1020));
	stage_pass(&stage, 10);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_protocol(&stage, 3, 3, 0);
	assert_false(fence_done_since(stage.fence, 3, 1020));
	stage_conf(&stage, "1 2", "", "3n");
	assert_false(fence_done_since(stage.fence, 3, 1000));
	stage_said(&stage);
	stage_close(&stage);
}

/* Fenced, back and down in one second: that fencing is not of this failure. */
static void test_down_again_in_the_same_second(void **state)
{
	struct stage stage;

	open_down(&stage, 2);
	stage_result(&stage, 1, 3, 0);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_protocol(&stage, 3, 3, 0);
	stage_conf(&stage, "1 2", "", "3n");
	assert_true(stage_node(&stage, 3).need_fencing);
	assert_false(fence_done_since(stage.fence, 3, 1000));
	stage_said(&stage);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_fenced_and_a_member),
		cmocka_unit_test(test_failed_and_a_member),
		cmocka_unit_test(test_acknowledged_while_our_agent_runs),
		cmocka_unit_test(test_fenced_while_our_agent_runs),
		cmocka_unit_test(test_not_needed),
		cmocka_unit_test(test_startup_list),
		cmocka_unit_test(test_acknowledged_for_nothing),
		cmocka_unit_test(test_done_since),
		cmocka_unit_test(test_down_again_in_the_same_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
