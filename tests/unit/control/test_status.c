/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/status.h"

#include <string.h>

#include "cmocka_all.h"

static void test_running(void **state)
{
	struct group_view view = {.name = "testls",
		.global_id = 0xe5adef01,
		.state = GROUP_RUNNING,
		.started = {.member_count = 2, .joined_count = 1, .seq = 4, .combined_seq = 3},
		.next = {.member_count = 7}}; /* seq 0: there is none */
	struct dlmc_wire_lockspace lockspace;
	struct dlmc_wire_change zeros = {0};

	memset(&lockspace, 0xff, sizeof(lockspace));
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, 0);
	assert_int_equal(lockspace.cg_prev.member_count, 2);
	assert_int_equal(lockspace.cg_prev.joined_count, 1);
	assert_int_equal(lockspace.cg_prev.seq, 4);
	assert_int_equal(lockspace.cg_prev.combined_seq, 3);
	assert_memory_equal(&lockspace.cg_next, &zeros, sizeof(zeros));
	assert_int_equal(lockspace.global_id, 0xe5adef01);
	assert_string_equal(lockspace.name, "testls");
	assert_memory_equal(lockspace.pad, "\0\0\0", 3);
}

/* What is waited for: a condition, or the number of members that have not said START. */
static void test_waiting(void **state)
{
	struct group_view view = {
		.next = {.member_count = 3, .failed_count = 1, .seq = 5, .combined_seq = 4}};
	struct dlmc_wire_lockspace lockspace;

	view.next.wait = GROUP_WAIT_FENCING;
	view.next.missing_count = 2;
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.cg_next.wait_messages, 0);
	assert_int_equal(lockspace.cg_next.wait_condition, 3);
	assert_int_equal(lockspace.cg_next.failed_count, 1);
	assert_int_equal(lockspace.cg_next.combined_seq, 4);
	view.next.wait_messages = true;
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.cg_next.wait_messages, 1);
	assert_int_equal(lockspace.cg_next.wait_condition, 2);
}

static void test_flags(void **state)
{
	struct group_view view = {.is_joining = true, .is_stopped = true};
	struct dlmc_wire_lockspace lockspace;

	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, DLMC_WIRE_LF_JOINING | DLMC_WIRE_LF_KERNEL_STOPPED);
	view.is_joining = false;
	view.is_leaving = true;
	status_lockspace(&view, &lockspace);
	assert_int_equal(lockspace.flags, DLMC_WIRE_LF_LEAVING | DLMC_WIRE_LF_KERNEL_STOPPED);
}

static void test_node(void **state)
{
	struct group_node_view view = {.nodeid = 3, .is_member = true, .added_seq = 4};
	struct dlmc_wire_node node;

	memset(&node, 0xff, sizeof(node));
	status_node(&view, &node);
	assert_int_equal(node.nodeid, 3);
	assert_int_equal(node.flags, DLMC_WIRE_NF_MEMBER);
	assert_int_equal(node.added_seq, 4);
	assert_int_equal(node.pad, 0);
	view = (struct group_node_view){.nodeid = 3,
		.is_started = true,
		.is_disallowed = true,
		.need_fencing = true,
		.removed_seq = 5,
		.fail_reason = FENCE_REASON_NODEDOWN,
		.fail_walltime = 1795486727,
		.fail_monotime = 7141};
	status_node(&view, &node);
	assert_int_equal(node.flags,
		DLMC_WIRE_NF_START | DLMC_WIRE_NF_DISALLOWED | DLMC_WIRE_NF_NEED_FENCING);
	assert_int_equal(node.fail_reason, 3);
	assert_int_equal(node.removed_seq, 5);
	assert_int_equal(node.fail_walltime, 1795486727);
	assert_int_equal(node.fail_monotime, 7141);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
