/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quorum's word: members and since when, and what waits for it. */
#include "cmocka_all.h"

#include <errno.h>

#include "fence_stage.h"

static void test_add_times(void **state)
{
	struct stage stage;
	uint32_t nodeid;
	uint64_t time;

	stage_open(&stage, 1, "", stage_options(), false);
	assert_int_equal(fence_cluster_add_time(stage.fence, 1), 0);
	stage_quorum(&stage, false, "1 2");
	stage_pass(&stage, 5);
	stage_quorum(&stage, true, "1 2 3");
	assert_int_equal(fence_cluster_add_time(stage.fence, 2), 1000);
	assert_int_equal(fence_cluster_add_time(stage.fence, 3), 1005);
	assert_true(fence_cluster_view(stage.fence, 2, &nodeid, &time));
	assert_int_equal(nodeid, 3);
	assert_int_equal(time, 1005);
	assert_false(fence_cluster_view(stage.fence, 3, &nodeid, &time));
	stage_quorum(&stage, true, "1 3");
	assert_int_equal(fence_cluster_add_time(stage.fence, 2), 0);
	stage_pass(&stage, 5);
	stage_quorum(&stage, true, "1 2 3");
	assert_int_equal(fence_cluster_add_time(stage.fence, 2), 1010);
	stage_close(&stage);
}

static void test_left_and_came_again_at_once(void **state)
{
	static const uint32_t members[] = {1, 2}, rejoined[] = {2};
	struct fence_quorum quorum = {true, 12, members, 2, rejoined, 1};
	struct fence_options options = stage_options();
	struct stage stage;

	options.post_join_delay = 5;
	stage_open(&stage, 1, "", options, false);
	stage_settle(&stage, "1 2", true);
	stage_pass(&stage, 20);
	assert_int_equal(fence_quorum(stage.fence, stage.now, &quorum), 0);
	assert_int_equal(fence_cluster_add_time(stage.fence, 1), 1000);
	assert_int_equal(fence_cluster_add_time(stage.fence, 2), 1020);
	assert_int_equal(fence_ring_seq(stage.fence), 12);
	/* and it counts as somebody who has come */
	stage_ring(&stage, 12);
	stage_conf(&stage, "1", "", "2p");
	stage_pass(&stage, 4);
	stage_expect(&stage, "");
	stage_pass(&stage, 1);
	stage_expect(&stage, "agent 2 @50020;");
	stage_close(&stage);
}

static void open_down(struct stage *stage, bool enable_quorum)
{
	struct fence_options options = stage_options();

	options.enable_quorum = enable_quorum;
	stage_open(stage, 1, "", options, false);
	stage_settle(stage, "1 2", true);
	stage_conf(stage, "1", "", "2n");
	stage_expect(stage, "");
	assert_string_equal(stage_view(stage).wait, "ringid");
}

/* The change, the ring and the quorum's word come in any order, and all must be there. */
static void test_rings(void **state)
{
	struct stage stage;

	open_down(&stage, true);
	stage_ring(&stage, 11);
	stage_expect(&stage, "");
	assert_string_equal(stage_view(&stage).wait, "ringid");
	stage_quorum(&stage, true, "1");
	assert_string_equal(stage_view(&stage).wait, "");
	stage_expect(&stage, "agent 2 @50000;");
	assert_int_equal(stage_view(&stage).daemon_ring_seq, 11);
	assert_int_equal(stage_view(&stage).cluster_ring_seq, 11);
	stage_close(&stage);

	open_down(&stage, true);
	stage.ring_seq = 11;
	stage_quorum(&stage, true, "1");
	assert_string_equal(stage_view(&stage).wait, "ringid");
	stage_ring(&stage, 11);
	stage_expect(&stage, "agent 2 @50000;");
	stage_close(&stage);
}

/* The numbers are the same, but the change has only just come: the ring is not that of the change.
 */
static void test_ring_of_before(void **state)
{
	struct stage stage;

	open_down(&stage, true);
	stage_quorum(&stage, true, "1");
	stage_pass(&stage, 5);
	stage_expect(&stage, "");
	assert_string_equal(stage_view(&stage).wait, "ringid");
	stage_ring(&stage, 10);
	stage_expect(&stage, "agent 2 @50000;");
	stage_close(&stage);
}

static void test_no_quorum(void **state)
{
	struct stage stage;

	open_down(&stage, true);
	stage_ring(&stage, 11);
	stage_quorum(&stage, false, "1");
	assert_false(fence_is_quorate(stage.fence));
	assert_string_equal(stage_view(&stage).wait, "quorum");
	stage_pass(&stage, 9);
	stage_expect(&stage, "");
	assert_true(fence_is_waiting(stage.fence));
	stage_quorum(&stage, true, "1");
	stage_expect(&stage, "agent 2 @50000;");
	stage_close(&stage);
}

static void test_no_quorum_wanted(void **state)
{
	struct stage stage;

	open_down(&stage, false);
	stage_ring(&stage, 11);
	stage_quorum(&stage, false, "1");
	stage_expect(&stage, "agent 2 @50000;");
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_times),
		cmocka_unit_test(test_left_and_came_again_at_once),
		cmocka_unit_test(test_rings),
		cmocka_unit_test(test_ring_of_before),
		cmocka_unit_test(test_no_quorum),
		cmocka_unit_test(test_no_quorum_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
