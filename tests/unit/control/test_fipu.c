/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether fencing of the time before us is over: who knows, who is told, by whom and when. */
#include "cmocka_all.h"

#include <errno.h>

#include "fence_stage.h"

static void open_knowing(struct stage *stage, uint32_t nodeid)
{
	stage_open(stage, nodeid, "", stage_options(), false);
	stage_settle(stage, "1 2", true);
	assert_false(stage_view(stage).is_fipu);
}

static void test_all_seen(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "1 2", stage_options(), false);
	assert_true(stage_view(&stage).is_fipu);
	assert_true(fence_is_outstanding(stage.fence));
	stage_settle(&stage, "1 2", false);
	assert_false(stage_view(&stage).is_fipu);
	stage_close(&stage);
}

static void test_lowest_tells_at_once(void **state)
{
	struct stage stage;

	open_knowing(&stage, 1);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.0; clear 3 6;");
	stage_protocol(&stage, 3, 0, 0);
	stage_pass(&stage, 3);
	stage_expect(&stage, ""); /* once */
	stage_close(&stage);
}

static void test_others_do_not(void **state)
{
	struct stage stage;

	open_knowing(&stage, 2);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_conf(&stage, "2 3", "", "1l"); /* before it could */
	stage_expect(&stage, "clear 3 6;");
	stage_close(&stage);
}

static void test_told_by_another(void **state)
{
	struct stage stage;

	open_knowing(&stage, 2);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_clear(&stage, 1, 3, 0, CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU);
	stage_conf(&stage, "2 3", "", "1l");
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_close(&stage);
}

/* A lower newcomer is not the one to tell anybody. */
static void test_lower_newcomer(void **state)
{
	struct stage stage;

	stage_open(&stage, 2, "", stage_options(), false);
	stage_settle(&stage, "2 3", true);
	stage_conf(&stage, "1 2 3", "1", "");
	stage_expect(&stage, "protocol 3.1.1.0; clear 1 6;");
	stage_close(&stage);
}

/* First that others look after the rest, and only when that is done that it is over. */
static void test_while_somebody_is_fenced(void **state)
{
	struct stage stage;

	open_knowing(&stage, 1);
	stage_conf(&stage, "1", "", "2n");
	stage_ring(&stage, 11);
	stage_quorum(&stage, true, "1 3");
	stage_expect(&stage, "agent 2 @50000;");
	stage_conf(&stage, "1 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.0; clear 3 2;");
	stage_clear(&stage, 1, 3, 0, CPG_FENCE_CLEAR_STARTUP);
	stage_pass(&stage, 3);
	stage_expect(&stage, "");
	fence_agent_ended(stage.fence, stage.now, 2, 0);
	stage_said(&stage);
	stage_result(&stage, 1, 2, 0);
	stage_expect(&stage, "clear 3 4;");
	stage_close(&stage);
}

static void test_unknowing_tells_nobody(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "1 2 9", stage_options(), false);
	stage_conf(&stage, "1 2", "1", "");
	stage_ring(&stage, 10);
	stage_protocol(&stage, 2, 3, 0);
	stage_protocol(&stage, 1, 3, 0);
	stage_quorum(&stage, false, "1 2");
	fence_begin(stage.fence, stage.now);
	stage_said(&stage);
	stage_conf(&stage, "1 2 3", "3", "");
	stage_pass(&stage, 3);
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_close(&stage);
}

static void open_announcing(struct stage *stage)
{
	struct fence_options options = stage_options();

	options.enable_startup = false;
	stage_open(stage, 2, "1 2 3", options, false);
	stage_conf(stage, "1 2", "1 2", "");
	stage_ring(stage, 10);
	stage_protocol(stage, 1, 3, 0);
	stage_protocol(stage, 2, 0, 0);
	stage_quorum(stage, true, "1 2");
	fence_begin(stage->fence, stage->now);
	stage_said(stage);
	stage_pass(stage, 1);
	stage_expect(stage, "fipu;");
}

/* Without startup fencing: whoever came first says so, and if all say so, nobody is fencing. */
static void test_all_unknowing(void **state)
{
	struct stage stage;

	open_announcing(&stage);
	stage_pass(&stage, 3);
	stage_expect(&stage, "");
	stage_clear(&stage, 2, 2, -ENODATA, CPG_FENCE_FIPU);
	assert_true(stage_view(&stage).is_fipu);
	stage_clear(&stage, 1, 1, -ENODATA, CPG_FENCE_FIPU);
	assert_false(stage_view(&stage).is_fipu);
	stage_close(&stage);
}

/* One that comes later has to hear it again, and its own word counts, not that of its former
 * daemon. */
static void test_announced_again(void **state)
{
	struct stage stage;

	open_announcing(&stage);
	stage_clear(&stage, 1, 1, -ENODATA, CPG_FENCE_FIPU);
	stage_conf(&stage, "2", "", "1l");
	stage_conf(&stage, "1 2", "1", "");
	stage_expect(&stage, "protocol 3.1.1.0; fipu;");
	stage_clear(&stage, 2, 2, -ENODATA, CPG_FENCE_FIPU);
	assert_true(stage_view(&stage).is_fipu);
	stage_clear(&stage, 1, 1, -ENODATA, CPG_FENCE_FIPU);
	assert_false(stage_view(&stage).is_fipu);
	stage_close(&stage);
}

static void test_told_instead(void **state)
{
	struct stage stage;

	open_announcing(&stage);
	stage_clear(&stage, 1, 2, 0, CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU);
	assert_false(stage_view(&stage).is_fipu);
	stage_clear(&stage, 2, 2, -ENODATA, CPG_FENCE_FIPU); /* ours, late */
	stage_close(&stage);
}

/* A node that is fencing took our list from us, and died: who else was to be fenced, nobody knows.
 */
static void test_deserted(void **state)
{
	struct stage stage;

	stage_open(&stage, 2, "1 2 3", stage_options(), false);
	stage_conf(&stage, "1 2", "2", "");
	stage_ring(&stage, 10);
	stage_protocol(&stage, 1, 3, 0);
	stage_quorum(&stage, true, "1 2");
	fence_begin(stage.fence, stage.now);
	stage_clear(&stage, 1, 2, 0, CPG_FENCE_CLEAR_STARTUP);
	stage_protocol(&stage, 2, 3, 0);
	stage_said(&stage);
	stage_pass(&stage, 5);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	stage_conf(&stage, "2", "", "1n");
	stage_ring(&stage, 11);
	stage_quorum(&stage, true, "2 4");
	/* node 1 is known, and fenced; node 3 is not, and is looked after from here on */
	stage_expect(&stage, "agent 1 @50005;");
	assert_int_equal(stage_view(&stage).startup_count, 1);
	fence_agent_ended(stage.fence, stage.now, 1, 0);
	stage_said(&stage);
	stage_result(&stage, 2, 1, 0);
	assert_true(fence_is_outstanding(stage.fence));
	assert_int_equal(stage_node(&stage, 3).left_reason, FENCE_REASON_STARTUP);
	stage_expect(&stage, "agent 3 @49999;");
	fence_agent_ended(stage.fence, stage.now, 3, 0);
	stage_said(&stage);
	stage_result(&stage, 2, 3, 0);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

/* Somebody is there who may still tell us. */
static void test_not_deserted(void **state)
{
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 5;
	stage_open(&stage, 2, "1 2 3 4", options, false);
	stage_conf(&stage, "1 2 3", "2", "");
	stage_ring(&stage, 10);
	stage_protocol(&stage, 1, 3, 0);
	stage_quorum(&stage, true, "1 2 3");
	fence_begin(stage.fence, stage.now);
	stage_protocol(&stage, 3, 3, 0);
	stage_clear(&stage, 1, 2, 0, CPG_FENCE_CLEAR_STARTUP);
	stage_protocol(&stage, 2, 3, 0);
	stage_conf(&stage, "2 3", "", "1l");
	stage_said(&stage);
	stage_pass(&stage, 20);
	assert_int_equal(stage_view(&stage).startup_count, 0);
	stage_expect(&stage, "");
	stage_clear(&stage, 3, 2, 0, CPG_FENCE_CLEAR_FIPU);
	assert_false(fence_is_outstanding(stage.fence));
	stage_close(&stage);
}

static void test_about_nobody(void **state)
{
	struct stage stage;

	open_knowing(&stage, 2);
	stage_clear(&stage, 1, 99, 0, CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU);
	stage_clear(&stage, 1, 1, -5, CPG_FENCE_CLEAR_FIPU);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_seen),
		cmocka_unit_test(test_lowest_tells_at_once),
		cmocka_unit_test(test_others_do_not),
		cmocka_unit_test(test_told_by_another),
		cmocka_unit_test(test_lower_newcomer),
		cmocka_unit_test(test_while_somebody_is_fenced),
		cmocka_unit_test(test_unknowing_tells_nobody),
		cmocka_unit_test(test_all_unknowing),
		cmocka_unit_test(test_announced_again),
		cmocka_unit_test(test_told_instead),
		cmocka_unit_test(test_deserted),
		cmocka_unit_test(test_not_deserted),
		cmocka_unit_test(test_about_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
