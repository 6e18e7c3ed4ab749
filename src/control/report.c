/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/status.h"

#define NODES_MAX 256u

/* ---- ls ---- */

static void flags_write(const struct group_view *view, struct text *ret)
{
	struct dlmc_wire_lockspace lockspace;
	const char *separator = "";

	status_lockspace(view, &lockspace);
	text_add(ret, "flags         0x%08x ", lockspace.flags);
	if (view->is_stopped) {
		text_add(ret, "kern_stop");
		separator = ",";
	}
	if (view->is_leaving) {
		text_add(ret, "%sleave", separator);
		separator = ",";
	}
	text_add(ret, "%s\n", view->is_joining ? separator[0] ? ",join" : "join" : "");
}

static void change_write(const char *label, const struct group_change *change, struct text *ret)
{
	static const struct group_change none;
	const struct group_change *from = change->seq ? change : &none;

	text_add(ret, "%-13s member %u joined %u remove %u failed %u seq %u,%u\n", label,
		from->member_count, from->joined_count, from->remove_count, from->failed_count,
		from->combined_seq, from->seq);
}

static int node_order(const void *a, const void *b)
{
	uint32_t left = ((const struct group_node_view *)a)->nodeid;
	uint32_t right = ((const struct group_node_view *)b)->nodeid;

	return (left > right) - (left < right);
}

static uint32_t nodes_sorted(const struct daemon *daemon, const char *name, enum group_nodes kind,
	struct group_node_view ret[NODES_MAX])
{
	uint32_t count = 0;

	while (count < NODES_MAX && group_node_view(daemon->group, name, kind, count, &ret[count]))
		count++;
	qsort(ret, count, sizeof(ret[0]), node_order);
	return count;
}

static void members_write(const struct daemon *daemon, const char *label, const char *name,
	enum group_nodes kind, struct text *ret)
{
	struct group_node_view nodes[NODES_MAX];
	uint32_t count = nodes_sorted(daemon, name, kind, nodes);

	text_add(ret, "%-13s ", label);
	for (uint32_t i = 0; i < count; i++)
		text_add(ret, "%u ", nodes[i].nodeid);
	text_add(ret, "\n");
}

static const char *wait_word(enum group_wait wait)
{
	static const char *const words[] = {[GROUP_WAIT_RINGID] = "ringid",
		[GROUP_WAIT_QUORUM] = "quorum",
		[GROUP_WAIT_FENCING] = "fencing",
		[GROUP_WAIT_FSDONE] = "fsdone"};

	return wait >= GROUP_WAIT_RINGID && wait <= GROUP_WAIT_FSDONE ? words[wait] : "unknown";
}

static void next_write(const struct daemon *daemon, const struct group_view *view, struct text *ret)
{
	if (!view->next.seq)
		return;
	change_write("new change", &view->next, ret);
	if (view->next.wait_messages)
		text_add(ret, "new status    wait messages %u\n", view->next.missing_count);
	else
		text_add(ret, "new status    wait %s\n", wait_word(view->next.wait));
	members_write(daemon, "new members", view->name, GROUP_NODES_NEXT, ret);
}

static void nodes_write(const struct daemon *daemon, const char *name, struct text *ret)
{
	struct group_node_view nodes[NODES_MAX];
	uint32_t count = nodes_sorted(daemon, name, GROUP_NODES_ALL, nodes);

	text_add(ret, "all nodes\n");
	for (uint32_t i = 0; i < count; i++) {
		const struct group_node_view *node = &nodes[i];

		text_add(ret, "nodeid %u member %d failed %d start %d seq_add %u seq_rem %u check ",
			node->nodeid, node->is_disallowed ? -1 : node->is_member,
			(int)node->fail_reason, node->is_started, node->added_seq,
			node->removed_seq);
		if (node->need_fencing)
			text_add(ret, "fence %" PRIu64 "\n", node->fail_monotime);
		else
			text_add(ret, "none\n");
	}
}

void report_ls(const struct daemon *daemon, bool with_nodes, struct text *ret)
{
	struct group_view view;

	for (uint32_t i = 0; daemon->group && group_view(daemon->group, i, &view); i++) {
		if (!i)
			text_add(ret, "dlm lockspaces\n");
		text_add(
			ret, "name          %s\nid            0x%08x\n", view.name, view.global_id);
		flags_write(&view, ret);
		change_write("change", &view.started, ret);
		members_write(daemon, "members", view.name, GROUP_NODES_MEMBERS, ret);
		next_write(daemon, &view, ret);
		daemon_describe_lockspace(daemon, &view, "waiting       ", ret);
		if (with_nodes)
			nodes_write(daemon, view.name, ret);
		text_add(ret, "\n");
	}
}

/* ---- status ---- */

static void daemon_write(
	const struct daemon *daemon, const struct fence_view *view, struct text *ret)
{
	text_add(ret, "cluster nodeid %u quorate %d ring seq %" PRIu64 " %" PRIu64 "\n",
		daemon->facts.nodeid, view->is_quorate, view->cluster_ring_seq,
		view->daemon_ring_seq);
	text_add(ret, "daemon now %" PRIu64 " fence_pid %d %s\n", daemon_now().mono,
		view->agent_pid, view->is_fipu ? "fence_init" : "");
}

static void fence_write(const struct fence_node_view *node, struct text *ret)
{
	text_add(ret, "fence %u %s ", node->nodeid, status_reason_word(node->left_reason));
	if (node->delay_fencing)
		text_add(ret, "delay");
	else
		text_add(ret, "pid %d", node->agent_pid);
	text_add(ret, " actor %u fail %" PRIu64 " fence %" PRIu64 " now %" PRIu64 "%s%s\n",
		node->actor_last, node->fail_walltime, node->fence_walltime, daemon_now().wall,
		node->result_wait ? " result_wait" : "", node->is_killed ? " killed" : "");
}

static void node_write(const struct fence_node_view *node, struct text *ret)
{
	text_add(ret,
		"node %u %c add %" PRIu64 " rem %" PRIu64 " fail %" PRIu64 " fence %" PRIu64
		" at %u %" PRIu64 "\n",
		node->nodeid, node->is_member ? 'M' : 'X', node->add_time, node->rem_time,
		node->fail_monotime, node->fence_monotime, node->actor_done, node->fence_walltime);
}

static int fence_node_order(const void *a, const void *b)
{
	uint32_t left = ((const struct fence_node_view *)a)->nodeid;
	uint32_t right = ((const struct fence_node_view *)b)->nodeid;

	return (left > right) - (left < right);
}

static void short_write(const struct daemon *daemon, struct text *ret)
{
	struct fence_node_view nodes[NODES_MAX];
	struct fence_view view;
	uint32_t count = 0, nodeid;

	fence_view(daemon->fence, &view);
	daemon_write(daemon, &view, ret);
	for (uint32_t i = 0; fence_startup_view(daemon->fence, i, &nodeid); i++)
		text_add(ret, "startup node %u\n", nodeid);
	while (count < NODES_MAX && fence_node_view(daemon->fence, count, &nodes[count]))
		count++;
	qsort(nodes, count, sizeof(nodes[0]), fence_node_order);
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i].need_fencing)
			fence_write(&nodes[i], ret);
	}
	for (uint32_t i = 0; i < count; i++)
		node_write(&nodes[i], ret);
}

static void record_write(const struct dlmc_state *state, const char *keys, struct text *ret)
{
	static const char *const titles[] = {[DLMC_STATE_DAEMON] = "our_nodeid",
		[DLMC_STATE_DAEMON_NODE] = "nodeid",
		[DLMC_STATE_STARTUP_NODE] = "startup nodeid"};

	text_add(ret, "%s %d\n    ", titles[state->type], state->nodeid);
	for (; *keys; keys++)
		text_add(ret, *keys == ' ' ? "\n    " : "%c", *keys);
	text_add(ret, "\n");
}

static void verbose_write(const struct daemon *daemon, struct text *ret)
{
	struct text records = {0};
	struct dlmc_state state;

	status_daemon_records(daemon, &records);
	for (size_t at = 0; at + sizeof(state) <= records.bytes;
		at += sizeof(state) + state.str_len) {
		memcpy(&state, records.data + at, sizeof(state));
		record_write(&state, state.str_len ? records.data + at + sizeof(state) : "", ret);
	}
	text_done(&records);
}

void report_status(const struct daemon *daemon, bool is_verbose, struct text *ret)
{
	if (!daemon->fence)
		return;
	if (is_verbose)
		verbose_write(daemon, ret);
	else
		short_write(daemon, ret);
	if (daemon->cluster_ops->text[0])
		text_add(ret, "%s\n", daemon->cluster_ops->text);
	text_add(ret, "engine %s: %s\n", daemon->driver_ops->name, daemon->engine_text);
	daemon_describe_warnings(daemon, "warning: ", ret);
	daemon_describe_waiting(daemon, "waiting: ", ret);
}
