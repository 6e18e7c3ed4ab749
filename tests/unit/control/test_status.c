/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/status.h"

#include <string.h>

#include "cmocka_all.h"

static const struct group_member members[] = {
	{.nodeid = 1, .weight = 1}, {.nodeid = 3, .weight = 1}};

static void test_running(void **state)
{
	struct group_view view = {.name = "testls",
		.global_id = 0xe5adef01,
		.state = GROUP_RUNNING,
		.started = {.member_count = 2, .joined_count = 1, .seq = 4},
		.member_count = 2,
		.members = members};
	struct dlmc_wire_lockspace lockspace;

	memset(&lockspace, 0xff, sizeof(lockspace));
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, 0);
	assert_int_equal(lockspace.cg_prev.member_count, 2);
	assert_int_equal(lockspace.cg_prev.joined_count, 1);
	assert_int_equal(lockspace.cg_prev.seq, 4);
	assert_int_equal(lockspace.cg_prev.combined_seq, 4);
	assert_int_equal(lockspace.cg_next.seq, 0);
	assert_int_equal(lockspace.global_id, 0xe5adef01);
	assert_string_equal(lockspace.name, "testls");
	assert_memory_equal(lockspace.pad, "\0\0\0", 3);
}

static void test_flags(void **state)
{
	struct group_view view = {.state = GROUP_JOINING, .is_stopped = true};
	struct dlmc_wire_lockspace lockspace;

	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, DLMC_WIRE_LF_JOINING | DLMC_WIRE_LF_KERNEL_STOPPED);
	view.state = GROUP_STOPPING;
	view.is_released = true;
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, DLMC_WIRE_LF_LEAVING | DLMC_WIRE_LF_KERNEL_STOPPED);
}

static void test_node(void **state)
{
	struct group_view view = {.started = {.seq = 4}, .member_count = 2, .members = members};
	struct dlmc_wire_node node, zeros = {0};

	memset(&node, 0xff, sizeof(node));
	status_node(&view, 3, &node);
	assert_int_equal(node.nodeid, 3);
	assert_int_equal(node.flags, DLMC_WIRE_NF_MEMBER | DLMC_WIRE_NF_START);
	assert_int_equal(node.added_seq, 4);
	status_node(&view, 2, &node);
	assert_memory_equal(&node, &zeros, sizeof(node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
