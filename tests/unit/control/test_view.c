/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is seen of lockspaces: src/control/group/view.c. */
#include "group_room.h"

static void test_changes(void **state)
{
	struct group_view seen;

	running_with_two();
	seen = view();
	assert_string_equal(seen.name, "a");
	assert_int_equal(seen.global_id, group_global_id("a"));
	assert_int_equal(seen.state, GROUP_RUNNING);
	assert_int_equal(seen.started.member_count, 3);
	assert_int_equal(seen.started.joined_count, 1);
	assert_int_equal(seen.started.seq, 3);
	assert_int_equal(seen.started.combined_seq, 3);
	assert_int_equal(seen.started.members[2].nodeid, 3);
	assert_int_equal(seen.started.members[2].weight, 1);
	assert_false(seen.started.wait_messages);
	assert_int_equal(seen.next.seq, 0);
	assert_string_equal(seen.text, "");

	room_fence.is_quorate = false;
	confchg("1", "", "2d 3d");
	drain();
	stopped();
	confchg("1 4", "4", "");
	ring(7);
	seen = view();
	assert_int_equal(seen.state, GROUP_STOPPING);
	assert_true(seen.is_stopped);
	assert_int_equal(seen.started.seq, 3);
	assert_int_equal(seen.next.seq, 5);
	assert_int_equal(seen.next.combined_seq, 4);
	assert_int_equal(seen.next.wait, GROUP_WAIT_QUORUM);
	assert_false(seen.next.wait_messages);
	assert_int_equal(seen.next.missing_count, 2);
	room_fence.is_quorate = true;
	room_fence.fenced[2] = room_fence.fenced[3] = now.mono;
	group_tick(group, now);
	seen = view();
	assert_true(seen.next.wait_messages);
	assert_int_equal(seen.next.wait, GROUP_WAIT_NONE);
	assert_string_equal(
		seen.text, "nodes 1, 4 not ready for this change yet: no START has come");
}

/* As `dlm_tool ls -n` shows them: of the newest change if there is one. */
static void test_nodes(void **state)
{
	struct group_node_view seen;

	running_with_two();
	assert_true(node(3).is_member && node(3).is_started);
	assert_int_equal(node(3).added_seq, 3);
	assert_int_equal(node(3).removed_seq, 0);
	now.mono = 200;
	now.wall = 2000;
	confchg("1 2", "", "3p");
	assert_false(node(3).is_member || node(3).is_started);
	assert_true(node(3).need_fencing);
	assert_int_equal(node(3).removed_seq, 4);
	assert_int_equal(node(3).fail_reason, FENCE_REASON_PROCDOWN);
	assert_int_equal(node(3).fail_monotime, 200);
	assert_int_equal(node(3).fail_walltime, 2000);
	assert_true(node(2).is_member);
	assert_false(node(2).is_started);

	for (uint32_t i = 0; i < 3; i++)
		assert_true(group_node_view(group, "a", GROUP_NODES_ALL, i, &seen));
	assert_int_equal(seen.nodeid, 3);
	assert_false(group_node_view(group, "a", GROUP_NODES_ALL, 3, &seen));
	assert_true(group_node_view(group, "a", GROUP_NODES_MEMBERS, 2, &seen));
	assert_int_equal(seen.nodeid, 3);
	assert_false(group_node_view(group, "a", GROUP_NODES_MEMBERS, 3, &seen));
	assert_true(group_node_view(group, "a", GROUP_NODES_NEXT, 1, &seen));
	assert_int_equal(seen.nodeid, 2);
	assert_false(group_node_view(group, "a", GROUP_NODES_NEXT, 2, &seen));
	assert_false(group_node_view(group, "b", GROUP_NODES_ALL, 0, &seen));

	assert_false(group_node_find(group, "a", 9, &seen));
	assert_int_equal(seen.nodeid, 0);
	assert_false(group_node_find(group, "b", 1, &seen));
}

static void test_nothing_yet(void **state)
{
	struct group_node_view seen;

	joining();
	assert_int_equal(view().started.seq, 0);
	assert_int_equal(view().next.seq, 0);
	assert_false(group_node_view(group, "a", GROUP_NODES_MEMBERS, 0, &seen));
	assert_false(group_node_view(group, "a", GROUP_NODES_NEXT, 0, &seen));
}

/* However many nodes are named, the text stays a sentence. */
static void test_many_nodes(void **state)
{
	char members[1024] = "1", joined[1024] = "";
	size_t at = 1, to = 0;

	for (uint32_t i = 100; i < 180; i++) {
		at += (size_t)snprintf(members + at, sizeof(members) - at, " %u", i);
		to += (size_t)snprintf(joined + to, sizeof(joined) - to, "%u ", i);
	}
	running();
	confchg(members, joined, "");
	drain();
	stopped();
	assert_non_null(strstr(view().text, "nodes 1, 100, 101, "));
	assert_non_null(strstr(view().text, " and more"));
	assert_true(strlen(view().text) < 159);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_changes),
		ROOM_TEST(test_nodes),
		ROOM_TEST(test_nothing_yet),
		ROOM_TEST(test_many_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
