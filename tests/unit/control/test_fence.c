/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door of the daemon group's decisions: what comes in, what is refused, what is asked. */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "fence_stage.h"

static int deliver(struct stage *stage, uint32_t sender, const void *data, size_t bytes)
{
	return fence_deliver(stage->fence, stage->now, sender, data, bytes);
}

static void test_refused(void **state)
{
	struct cpg_header header = {.type = CPG_FENCE_RESULT, .nodeid = 2};
	struct cpg_fence body = {.nodeid = 3};
	uint8_t data[CPG_MESSAGE_MAX];
	struct stage stage;
	size_t bytes;

	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2 3", true);
	stage_conf(&stage, "1 2", "", "3p");
	stage_said(&stage);
	bytes = cpg_fence_encode(&header, &body, data);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(deliver(&stage, 2, data, i), -EBADMSG);
	assert_int_equal(stage_view(&stage).refused_count, bytes);
	assert_in_range(stage.warning_count, 65, 99); /* a flood does not fill the log */
	/* it names another sender than the one that it comes from */
	assert_int_equal(deliver(&stage, 1, data, bytes), -EBADMSG);
	assert_non_null(strstr(stage.noted, "another node has sent it"));
	assert_int_equal(stage_view(&stage).refused_count, bytes + 1);
	assert_true(stage_node(&stage, 3).need_fencing);
	assert_int_equal(deliver(&stage, 2, data, bytes), 0);
	assert_false(stage_node(&stage, 3).need_fencing);
	stage_close(&stage);
}

static void test_unknown(void **state)
{
	struct cpg_header header = {.type = CPG_RUN_REQUEST, .nodeid = 2};
	struct cpg_fence body = {.version = 7, .nodeid = 9};
	uint8_t data[CPG_MESSAGE_MAX];
	struct stage stage;
	size_t bytes;

	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2", true);
	bytes = cpg_fence_encode(&header, &body, data);
	assert_int_equal(deliver(&stage, 2, data, bytes), -EOPNOTSUPP);
	assert_int_equal(deliver(&stage, 1, data, bytes), -EBADMSG);
	header.type = 12;
	bytes = cpg_fence_encode(&header, &body, data);
	assert_int_equal(deliver(&stage, 2, data, bytes), -EOPNOTSUPP);
	header.type = CPG_FENCE_RESULT;
	bytes = cpg_fence_encode(&header, &body, data);
	assert_int_equal(deliver(&stage, 2, data, bytes), 0);
	assert_non_null(strstr(stage.noted, "unknown version 7"));
	stage_close(&stage);
}

/* What others say of fencing before we are agreed with is of a time that is none of ours. */
static void test_before_the_agreement(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "1 2 3", stage_options(), false);
	stage_conf(&stage, "1 2", "1", "");
	stage_result(&stage, 2, 3, 0);
	stage_clear(&stage, 2, 1, 0, CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU);
	assert_int_equal(stage_view(&stage).startup_count, 3);
	assert_true(stage_view(&stage).is_fipu);
	stage_said(&stage);
	stage_close(&stage);
}

/* Agreed, but not begun: nothing is done yet, and what is said is heard. */
static void test_before_it_begins(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "1 2 3", stage_options(), false);
	stage_conf(&stage, "1 2", "1", "");
	stage_ring(&stage, 10);
	stage_quorum(&stage, true, "1 2");
	stage_protocol(&stage, 2, 3, 0);
	stage_protocol(&stage, 1, 3, 0);
	stage_said(&stage);
	assert_false(fence_is_waiting(stage.fence));
	fence_tick(stage.fence, stage.now);
	stage_expect(&stage, "");
	assert_int_equal(stage_view(&stage).startup_count, 3);
	stage_result(&stage, 2, 3, 0);
	assert_int_equal(stage_view(&stage).startup_count, 2);
	fence_begin(stage.fence, stage.now);
	assert_true(fence_is_waiting(stage.fence));
	stage_pass(&stage, 1);
	assert_false(fence_is_waiting(stage.fence));
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

static void test_views(void **state)
{
	struct stage stage;
	struct fence_node_view node;

	stage_open(&stage, 2, "", stage_options(), false);
	assert_false(fence_node_view(stage.fence, 0, &node));
	assert_false(stage_view(&stage).is_agreed);
	stage_settle(&stage, "1 2 3", true);
	assert_true(stage_view(&stage).is_agreed);
	assert_true(stage_view(&stage).is_quorate);
	assert_int_equal(stage_view(&stage).member_count, 3);
	assert_int_equal(stage_view(&stage).joined_count, 1);
	assert_int_equal(stage_view(&stage).remove_count, 0);
	stage_pass(&stage, 2);
	stage_conf(&stage, "2 3", "", "1l");
	assert_int_equal(stage_view(&stage).remove_count, 1);
	assert_true(fence_node_view(stage.fence, 0, &node));
	assert_int_equal(node.nodeid, 1);
	assert_false(node.is_member);
	assert_int_equal(node.add_time, 1000);
	assert_int_equal(node.rem_time, 1002);
	assert_true(fence_node_view(stage.fence, 2, &node));
	assert_int_equal(node.nodeid, 3);
	assert_false(fence_node_view(stage.fence, 3, &node));
	assert_false(fence_node_find(stage.fence, 9, &node));
	stage_close(&stage);
}

/* Options take hold with the next tick. */
static void test_options(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 100;
	stage_open(&stage, 1, "", options, false);
	stage_settle(&stage, "1 2 3", true);
	stage_conf(&stage, "1 2", "", "3p");
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	options.post_join_delay = 0;
	fence_options_set(stage.fence, &options);
	assert_true(fence_is_waiting(stage.fence));
	stage_pass(&stage, 1);
	stage_expect(&stage, "agent 3 @50000;");
	stage_close(&stage);
}

static void test_too_many_members(void **state)
{
	static uint32_t members[CPG_MEMBERS_MAX + 1];
	struct fence_change change = {.members = members, .member_count = CPG_MEMBERS_MAX + 1};
	struct stage stage;

	for (uint32_t i = 0; i <= CPG_MEMBERS_MAX; i++)
		members[i] = i + 1;
	stage_open(&stage, 1, "", stage_options(), false);
	assert_int_equal(fence_confchg(stage.fence, stage.now, &change), -EMSGSIZE);
	change.member_count--;
	change.joined = members;
	change.joined_count = change.member_count;
	assert_int_equal(fence_confchg(stage.fence, stage.now, &change), 0);
	assert_int_equal(stage_view(&stage).member_count, CPG_MEMBERS_MAX);
	stage_said(&stage);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_before_the_agreement),
		cmocka_unit_test(test_before_it_begins),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_too_many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
