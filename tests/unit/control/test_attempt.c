/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own attempts: when they begin, how they end, when they are not needed any more. */
#include "cmocka_all.h"

#include <errno.h>

#include "fence_stage.h"

/* Node 1 of three; @options without a delay unless it says so. */
static void open_three(struct stage *stage, struct fence_options options)
{
	stage_open(stage, 1, "", options, false);
	stage_settle(stage, "1 2 3", true);
}

static void ring(struct stage *stage, uint64_t seq, const char *members)
{
	stage_ring(stage, seq);
	stage_quorum(stage, true, members);
}

static void lose_three(struct stage *stage)
{
	stage_conf(stage, "1 2", "", "3n");
	ring(stage, 11, "1 2");
}

static void test_success(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_three(&stage);
	stage_expect(&stage, "agent 3 @50000;");
	assert_true(stage_node(&stage, 3).pid_wait);
	fence_agent_started(stage.fence, 3, 77);
	assert_int_equal(stage_node(&stage, 3).agent_pid, 77);
	assert_int_equal(stage_view(&stage).agent_pid, 77);
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	fence_agent_ended(stage.fence, stage.now, 3, 0);
	stage_expect(&stage, "result 3 0 @50005;");
	assert_true(stage_node(&stage, 3).result_wait);
	assert_true(stage_node(&stage, 3).need_fencing);
	stage_pass(&stage, 3); /* nothing is tried again meanwhile */
	stage_result(&stage, 1, 3, 0);
	assert_false(stage_node(&stage, 3).need_fencing);
	assert_false(stage_node(&stage, 3).result_wait);
	assert_int_equal(stage_node(&stage, 3).actor_done, 1);
	assert_int_equal(stage_view(&stage).agent_pid, 0);
	stage_close(&stage);
}

static void test_ended_badly(void **state)
{
	static const struct {
		int status;
		const char *word;
	} ends[] = {{1, "result 3 1 @50000;"}, {177, "result 3 177 @50000;"},
		{-1, "result 3 -1 @50000;"}};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct stage stage;

		open_three(&stage, stage_options());
		lose_three(&stage);
		stage_said(&stage);
		fence_agent_ended(stage.fence, stage.now, 3, ends[i].status);
		stage_expect(&stage, ends[i].word);
		stage_result(&stage, 1, 3, ends[i].status);
		assert_true(stage_node(&stage, 3).need_fencing);
		assert_int_equal(stage_node(&stage, 3).actor, 2);
		assert_int_equal(stage_node(&stage, 3).last_result, ends[i].status);
		stage_close(&stage);
	}
}

/* No agent can be started: the turn goes round, and round again, but once a second. */
static void test_one_attempt_a_second(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_three(&stage);
	stage_conf(&stage, "1", "", "2l");
	ring(&stage, 12, "1 3 4");
	stage_expect(&stage, "agent 3 @50000;");
	for (int i = 0; i < 3; i++) {
		fence_agent_failed(stage.fence, stage.now, 3, -ENOENT);
		stage_said(&stage);
		stage_result(&stage, 1, 3, -ENOENT);
		assert_int_equal(stage_node(&stage, 3).actor, 1);
		stage_expect(&stage, "");
		assert_true(fence_is_waiting(stage.fence));
		stage_pass(&stage, 1);
		stage_expect(&stage, "agent 3 @50000;");
	}
	stage_close(&stage);
}

static void test_start_failed(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_three(&stage);
	stage_said(&stage);
	fence_agent_failed(stage.fence, stage.now, 3, -1);
	stage_expect(&stage, "result 3 -1 @50000;");
	assert_false(stage_node(&stage, 3).pid_wait);
	assert_true(stage_node(&stage, 3).result_wait);
	stage_close(&stage);
}

static void test_delay_after_a_join(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 3;
	open_three(&stage, options);
	stage_pass(&stage, 10);
	lose_three(&stage);
	stage_expect(&stage, "agent 3 @50010;");
	stage_close(&stage);

	open_three(&stage, options);
	stage_pass(&stage, 1);
	lose_three(&stage);
	stage_expect(&stage, "");
	assert_true(stage_node(&stage, 3).delay_fencing);
	stage_pass(&stage, 1);
	stage_expect(&stage, "");
	stage_conf(&stage, "1 2 4", "4", ""); /* from here it counts anew */
	stage_said(&stage);
	stage_pass(&stage, 2);
	stage_expect(&stage, "");
	stage_pass(&stage, 1);
	assert_false(stage_node(&stage, 3).delay_fencing);
	stage_expect(&stage, "agent 3 @50001;");
	stage_close(&stage);
}

/* Somebody new in the cluster delays too, even if no daemon runs there yet. */
static void test_delay_after_a_node(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 3;
	open_three(&stage, options);
	stage_pass(&stage, 10);
	stage_conf(&stage, "1 2", "", "3n");
	ring(&stage, 11, "1 2 4");
	stage_expect(&stage, "");
	stage_pass(&stage, 3);
	stage_expect(&stage, "agent 3 @50010;");
	stage_close(&stage);
}

static void lose_both(struct stage *stage)
{
	stage_conf(stage, "1", "", "2n 3n");
	ring(stage, 11, "1 4 5");
}

static void test_one_after_the_other(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_both(&stage);
	stage_expect(&stage, "agent 2 @50000;");
	assert_true(stage_node(&stage, 3).delay_fencing);
	fence_agent_ended(stage.fence, stage.now, 2, 0);
	stage_expect(&stage, "result 2 0 @50000;");
	stage_pass(&stage, 1);
	stage_expect(&stage, "agent 3 @50000;");
	stage_close(&stage);
}

static void test_concurrent(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.enable_concurrent = true;
	open_three(&stage, options);
	lose_both(&stage);
	stage_expect(&stage, "agent 2 @50000; agent 3 @50000;");
	stage_close(&stage);
}

/* It has come back by itself, and all see that. */
static void test_back_and_clean(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;
	struct fence_node_view node;

	options.post_join_delay = 5;
	open_three(&stage, options);
	lose_three(&stage);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_said(&stage);
	assert_true(stage_node(&stage, 3).need_fencing);
	stage_pass(&stage, 2);
	stage_protocol(&stage, 3, 3, 0);
	node = stage_node(&stage, 3);
	assert_false(node.need_fencing);
	assert_int_equal(node.actor_done, 3);
	assert_int_equal(node.fence_monotime, 1002);
	assert_int_equal(node.fence_walltime, 50002);
	assert_true(fence_done_since(stage.fence, 3, 1000));
	stage_expect(&stage, "clear 3 4;"); /* nothing is left to be fenced */
	stage_close(&stage);
}

static void test_back_while_an_agent_runs(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_three(&stage);
	stage_said(&stage);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.0; clear 3 2;");
	stage_protocol(&stage, 3, 3, 0);
	stage_expect(&stage, "agent_kill 3; clear 3 4;");
	assert_false(stage_node(&stage, 3).need_fencing);
	assert_false(stage_node(&stage, 3).pid_wait);
	/* whatever is still said of that agent is nothing */
	fence_agent_started(stage.fence, 3, 77);
	fence_agent_ended(stage.fence, stage.now, 3, 0);
	fence_agent_failed(stage.fence, stage.now, 3, -1);
	fence_agent_ended(stage.fence, stage.now, 9, 0);
	assert_int_equal(stage_view(&stage).agent_pid, 0);
	stage_close(&stage);
}

static void test_back_and_down_again(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_three(&stage);
	stage_said(&stage);
	stage.now.mono++;
	/* seen, never accepted, gone: the same fencing goes on */
	stage_conf(&stage, "1 2 3", "3", "");
	stage_said(&stage);
	stage_conf(&stage, "1 2", "", "3n");
	ring(&stage, 13, "1 2");
	stage_expect(&stage, "");
	assert_int_equal(stage_node(&stage, 3).fail_monotime, 1000);
	assert_true(stage_node(&stage, 3).pid_wait);
	stage_close(&stage);
}

/* Without quorum nothing is tried, and what runs goes on. */
static void test_quorum_lost_meanwhile(void **state)
{
	struct stage stage;

	open_three(&stage, stage_options());
	lose_both(&stage);
	stage_said(&stage);
	stage_quorum(&stage, false, "1");
	fence_agent_ended(stage.fence, stage.now, 2, 0);
	stage_expect(&stage, "result 2 0 @50000;");
	stage_result(&stage, 1, 2, 0);
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	assert_string_equal(stage_view(&stage).wait, "quorum");
	stage_quorum(&stage, true, "1");
	stage_expect(&stage, "agent 3 @50000;");
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_ended_badly),
		cmocka_unit_test(test_one_attempt_a_second),
		cmocka_unit_test(test_start_failed),
		cmocka_unit_test(test_delay_after_a_join),
		cmocka_unit_test(test_delay_after_a_node),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_back_and_clean),
		cmocka_unit_test(test_back_while_an_agent_runs),
		cmocka_unit_test(test_back_and_down_again),
		cmocka_unit_test(test_quorum_lost_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
