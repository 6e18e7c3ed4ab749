/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Halves of a cluster that meet again, each with state. */
#include "cmocka_all.h"

#include <string.h>

#include "fence_stage.h"

#define STATE CPG_VERSION_STATEFUL

/* Of @members, all with state. */
static void open_state(struct stage *stage, uint32_t nodeid, const char *members, bool is_two_node)
{
	uint32_t ids[8], count = stage_ids(members, ids, 8);

	stage_open(stage, nodeid, "", stage_options(), is_two_node);
	stage_settle(stage, members, true);
	fence_stateful(stage->fence);
	for (uint32_t i = 0; i < count; i++)
		stage_protocol(stage, ids[i], 3, STATE);
	stage_said(stage);
}

static void part(struct stage *stage, const char *members, const char *left, bool is_quorate)
{
	stage_pass(stage, 10);
	stage_quorum(stage, is_quorate, members);
	stage_conf(stage, members, "", left);
	stage_ring(stage, 11);
	stage_quorum(stage, is_quorate, members);
	stage_pass(stage, 10);
}

/* @half: of ours, who tell that they have state, as all tell what they have when somebody joins */
static void meet(struct stage *stage, const char *members, const char *joined, const char *half)
{
	stage_conf(stage, members, joined, "");
	stage_ring(stage, 12);
	stage_quorum(stage, true, members);
	stage_said(stage);
	for (; *half; half += strspn(half, " ")) {
		char *end;

		stage_protocol(stage, (uint32_t)strtoul(half, &end, 10), 3, STATE);
		half = end;
	}
}

/* We have had quorum all along. */
static void test_kept_quorum(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2 3", false);
	part(&stage, "1 2", "3n", true);
	stage_expect(&stage, "agent 3 @50010;");
	meet(&stage, "1 2 3", "3", "1 2");
	stage_protocol(&stage, 3, 3, STATE);
	stage_expect(&stage, "kill 3;");
	assert_true(stage_node(&stage, 3).is_merge);
	assert_true(stage_node(&stage, 3).is_killed);
	assert_int_equal(stage_node(&stage, 3).protocol.daemon_max.major, 0);
	assert_string_equal(stage_view(&stage).wait, "stateful merge");
	stage_protocol(&stage, 3, 3, STATE); /* not again */
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	/* its death is nothing new */
	stage_conf(&stage, "1 2", "", "3n");
	stage_ring(&stage, 13);
	stage_quorum(&stage, true, "1 2");
	assert_false(stage_node(&stage, 3).is_killed);
	assert_false(stage_node(&stage, 3).is_merge);
	assert_int_equal(stage_node(&stage, 3).fail_monotime, 1010);
	assert_string_equal(stage_view(&stage).wait, "");
	stage_close(&stage);
}

/* The half without quorum waits for its end. */
static void test_lost_quorum(void **state)
{
	struct stage stage;

	open_state(&stage, 3, "1 2 3", false);
	part(&stage, "3", "1n 2n", false);
	meet(&stage, "1 2 3", "1 2", "3");
	stage_protocol(&stage, 1, 3, STATE);
	stage_expect(&stage, "");
	assert_false(stage_view(&stage).stateful_merge_wait); /* node 2 has not spoken */
	assert_string_equal(stage_view(&stage).wait, "stateful merge");
	stage_protocol(&stage, 2, 3, STATE);
	stage_expect(&stage, "");
	assert_true(stage_view(&stage).stateful_merge_wait);
	assert_true(fence_is_waiting(stage.fence));
	stage_close(&stage);
}

/* Quorum was lost and came with the others. */
static void test_regained_quorum(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2 3 4", false);
	part(&stage, "1 2", "3n 4n", false);
	meet(&stage, "1 2 3 4", "3 4", "1 2");
	stage_protocol(&stage, 3, 3, STATE);
	stage_expect(&stage, ""); /* not by the quorum: who is more has to be seen */
	stage_protocol(&stage, 4, 3, STATE);
	stage_expect(&stage, "kill 3; kill 4;");
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	stage_close(&stage);
}

/* As many as they are, and the lowest node is theirs. */
static void test_even_and_higher(void **state)
{
	struct stage stage;

	open_state(&stage, 3, "1 2 3 4", false);
	part(&stage, "3 4", "1n 2n", false);
	meet(&stage, "1 2 3 4", "1 2", "3 4");
	stage_protocol(&stage, 1, 3, STATE);
	stage_protocol(&stage, 2, 3, STATE);
	stage_expect(&stage, "");
	stage_pass(&stage, 5);
	assert_false(stage_view(&stage).stateful_merge_wait);
	/* whoever ought to kill us does not */
	stage_pass(&stage, 15);
	assert_true(stage_view(&stage).stateful_merge_wait);
	stage_conf(&stage, "3 4", "", "1n 2n");
	stage_ring(&stage, 13);
	stage_quorum(&stage, true, "3 4");
	assert_false(stage_view(&stage).stateful_merge_wait);
	stage_said(&stage);
	stage_close(&stage);
}

/* The lowest of our half had no state when it told us last: before it tells anew nobody is taken
 * for the lowest that has. */
static void test_state_since_it_told(void **state)
{
	struct stage stage;

	open_state(&stage, 2, "1 2 3 4", false);
	stage_conf(&stage, "2 3 4", "", "1l");
	stage_conf(&stage, "1 2 3 4", "1", "");
	stage_protocol(&stage, 1, 0, 0);
	stage_protocol(&stage, 1, 3, 0);
	part(&stage, "1 2", "3n 4n", false);
	meet(&stage, "1 2 3 4", "3 4", "2");
	stage_protocol(&stage, 3, 3, STATE);
	stage_protocol(&stage, 4, 3, STATE);
	stage_expect(&stage, "");
	stage_protocol(&stage, 1, 3, STATE);
	stage_expect(&stage, "");
	stage_close(&stage);
}

/* In the half of the lowest node only that one kills. */
static void test_even_and_not_the_lowest(void **state)
{
	struct stage stage;

	open_state(&stage, 2, "1 2 3 4", false);
	part(&stage, "1 2", "3n 4n", false);
	meet(&stage, "1 2 3 4", "3 4", "1 2");
	stage_protocol(&stage, 3, 3, STATE);
	stage_protocol(&stage, 4, 3, STATE);
	stage_expect(&stage, "");
	stage_close(&stage);
}

static void test_three_alone(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2 3", false);
	part(&stage, "1", "2n 3n", false);
	meet(&stage, "1 2 3", "2 3", "1");
	stage_protocol(&stage, 2, 3, STATE);
	stage_protocol(&stage, 3, 3, STATE);
	stage_expect(&stage, "");
	assert_true(stage_view(&stage).stateful_merge_wait);
	/* an administrator starts node 3 anew: one against one */
	stage_conf(&stage, "1 2", "", "3l");
	stage_expect(&stage, "kill 2;");
	assert_false(stage_view(&stage).stateful_merge_wait);
	stage_close(&stage);
}

/* One without state that is lower than all belongs to no half, and decides nothing. */
static void test_stranger_is_lowest(void **state)
{
	struct stage stage;

	open_state(&stage, 2, "2 3 4", false);
	part(&stage, "2 3", "4n", false);
	stage_conf(&stage, "1 2 3", "1", "");
	stage_protocol(&stage, 1, 0, 0);
	stage_protocol(&stage, 1, 3, 0);
	meet(&stage, "1 2 3 4", "4", "2 3");
	stage_protocol(&stage, 1, 3, 0);
	stage_protocol(&stage, 4, 3, STATE);
	stage_expect(&stage, "kill 4;");
	stage_close(&stage);
}

/* Both keep quorum: whoever is fenced first is killed when that is known. */
static void test_two_nodes(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2", true);
	part(&stage, "1", "2n", true);
	stage_expect(&stage, "agent 2 @50010;");
	meet(&stage, "1 2", "2", "1");
	stage_protocol(&stage, 2, 3, STATE);
	stage_expect(&stage, "");
	assert_true(stage_node(&stage, 2).is_killed);
	assert_string_equal(stage_view(&stage).wait, "");
	stage_pass(&stage, 5);
	fence_agent_ended(stage.fence, stage.now, 2, 0);
	stage_expect(&stage, "result 2 0 @50025;");
	stage_result(&stage, 1, 2, 0);
	stage_expect(&stage, "kill 2; clear 2 4;");
	stage_close(&stage);
}

static void test_two_nodes_fenced_before(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2", true);
	part(&stage, "1", "2n", true);
	stage_said(&stage);
	fence_agent_ended(stage.fence, stage.now, 2, 0);
	stage_said(&stage);
	stage_result(&stage, 1, 2, 0);
	meet(&stage, "1 2", "2", "1");
	stage_protocol(&stage, 2, 3, STATE);
	stage_expect(&stage, "kill 2;");
	stage_close(&stage);
}

/* It has been started anew meanwhile. */
static void test_came_back_without_state(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2 3", false);
	part(&stage, "1 2", "3n", true);
	meet(&stage, "1 2 3", "3", "1 2");
	stage_protocol(&stage, 3, 0, 0);
	assert_false(stage_node(&stage, 3).is_merge);
	assert_false(stage_node(&stage, 3).need_fencing);
	assert_non_null(strstr(stage_said(&stage), "agent_kill 3;"));
	stage_close(&stage);
}

/* It starts a lockspace when we are clean to each other, and says so in its next word. */
static void test_state_of_a_clean_member(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1 2", false);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_protocol(&stage, 3, 0, 0);
	stage_protocol(&stage, 3, 3, STATE);
	assert_false(stage_node(&stage, 3).is_merge);
	assert_int_equal(stage_node(&stage, 3).protocol.daemon_run.flags, STATE);
	stage_said(&stage);
	stage_close(&stage);
}

/* We came without state, told so, and started a lockspace before node 2 was heard: it takes us for
 * clean, so we take it for clean. */
static void test_state_before_all_were_heard(void **state)
{
	struct stage stage;

	stage_open(&stage, 3, "", stage_options(), false);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_ring(&stage, 10);
	stage_quorum(&stage, true, "1 2 3");
	stage_protocol(&stage, 1, 3, STATE);
	stage_expect(&stage, "protocol 0.0.0.0; protocol 3.1.1.0; agreed;");
	fence_begin(stage.fence, stage.now);
	fence_stateful(stage.fence);
	stage_protocol(&stage, 2, 3, STATE);
	assert_false(stage_node(&stage, 2).is_merge);
	assert_int_equal(stage_node(&stage, 2).protocol.daemon_max.major, 3);
	stage_close(&stage);
}

/* A word of ours from before we had state had not come round when the others joined: it is the
 * first that they hear of us, and we are clean to them. */
static void test_told_late(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2", true);
	stage_conf(&stage, "1 2 3", "3", ""); /* what is said here comes round below */
	fence_stateful(stage.fence);
	stage_conf(&stage, "1 2 3 4", "4", "");
	stage_expect(&stage, "protocol 3.1.1.0; clear 3 6; protocol 3.1.1.1; clear 4 6;");
	stage_protocol(&stage, 4, 3, STATE);
	assert_true(stage_node(&stage, 4).is_merge);
	stage_protocol(&stage, 1, 3, 0);
	assert_false(stage_node(&stage, 4).is_merge);
	assert_int_equal(stage_node(&stage, 4).protocol.daemon_run.flags, STATE);
	stage_protocol(&stage, 1, 3, STATE);
	assert_false(stage_node(&stage, 4).is_merge);
	stage_close(&stage);
}

/* Each began while the other was away, and keeps quorum: no rule parts them, and nobody waits. */
static void test_two_nodes_that_never_met(void **state)
{
	struct stage stage;

	open_state(&stage, 1, "1", true);
	stage_quorum(&stage, true, "1 2");
	meet(&stage, "1 2", "2", "1");
	stage_protocol(&stage, 2, 3, STATE);
	assert_true(stage_node(&stage, 2).is_merge);
	assert_true(stage_node(&stage, 2).is_kept);
	assert_false(stage_view(&stage).stateful_merge_wait);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_quorum),
		cmocka_unit_test(test_lost_quorum),
		cmocka_unit_test(test_regained_quorum),
		cmocka_unit_test(test_even_and_higher),
		cmocka_unit_test(test_even_and_not_the_lowest),
		cmocka_unit_test(test_state_since_it_told),
		cmocka_unit_test(test_three_alone),
		cmocka_unit_test(test_stranger_is_lowest),
		cmocka_unit_test(test_two_nodes),
		cmocka_unit_test(test_two_nodes_fenced_before),
		cmocka_unit_test(test_came_back_without_state),
		cmocka_unit_test(test_state_of_a_clean_member),
		cmocka_unit_test(test_state_before_all_were_heard),
		cmocka_unit_test(test_told_late),
		cmocka_unit_test(test_two_nodes_that_never_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
