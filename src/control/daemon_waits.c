/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is waited for, a sentence a line, so that each can stand behind "waiting for ": who or what
 * it is, and what to do where something can be done.
 */
#include <stdio.h>
#include <string.h>

#include "control/daemon_room.h"
#include "control/interface.h"

/* ---- fencing ---- */

static void describe_victim(const struct daemon *daemon, const struct fence_node_view *node,
	const char *prefix, struct text *ret)
{
	struct fence_view view;

	fence_view(daemon->fence, &view);
	text_add(ret, "%snode %u to be fenced", prefix, node->nodeid);
	if (node->actor && node->actor != daemon->facts.nodeid)
		text_add(ret, " by node %u", node->actor);
	if (view.wait && view.wait[0])
		text_add(ret, " (which waits for %s)", view.wait);
	else if (node->delay_fencing)
		text_add(ret, " (post_join_delay goes by, in which it may come back)");
	text_add(ret,
		": this version runs no fence agents; make sure that it is off, then dlm_tool "
		"fence_ack %u\n",
		node->nodeid);
}

/* Return: how many lines */
static uint32_t describe_fencing(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	struct fence_node_view node;
	struct fence_view view;
	uint32_t count = 0, nodeid;

	for (uint32_t i = 0; fence_node_view(daemon->fence, i, &node); i++) {
		if (!node.need_fencing)
			continue;
		describe_victim(daemon, &node, prefix, ret);
		count++;
	}
	for (uint32_t i = 0; fence_startup_view(daemon->fence, i, &nodeid); i++, count++)
		text_add(ret,
			"%snode %u, which has not been seen since this daemon started: it is "
			"fenced "
			"if it does not come; if it is off: dlm_tool fence_ack %u\n",
			prefix, nodeid, nodeid);
	fence_view(daemon->fence, &view);
	if (view.is_fipu && !count && view.member_count > 1) {
		text_add(ret, "%sword from the other nodes of fencing that is under way\n", prefix);
		count++;
	}
	if (view.stateful_merge_wait) {
		text_add(ret,
			"%sthe end of a merge: parts of the cluster that each have lockspaces have "
			"met; corosync has to be restarted on the smaller part\n",
			prefix);
		count++;
	}
	return count;
}

/* ---- lockspaces ---- */

/* Whose fencing only this lockspace waits for. Return: how many lines */
static uint32_t describe_apart(
	const struct daemon *daemon, const char *name, const char *prefix, struct text *ret)
{
	struct fence_node_view fellow;
	struct group_node_view node;
	uint32_t count = 0;

	for (uint32_t i = 0; group_node_view(daemon->group, name, GROUP_NODES_ALL, i, &node); i++) {
		bool is_there =
			fence_node_find(daemon->fence, node.nodeid, &fellow) && fellow.is_member;

		if (node.need_fencing && !is_there)
			text_add(ret, "%snode %u to be fenced, or to come back\n", prefix,
				node.nodeid);
		else if (node.need_fencing ||
			 (node.is_member && !(is_there && fellow.protocol.daemon_max.major)))
			text_add(ret,
				"%sthe daemons of the cluster to agree on whether node %u has "
				"state "
				"of another half of the cluster\n",
				prefix, node.nodeid);
		else
			continue;
		count++;
	}
	return count;
}

static void describe_condition(const struct daemon *daemon, const struct group_view *view,
	const char *prefix, struct text *ret)
{
	switch (view->next.wait) {
	case GROUP_WAIT_NONE:
		return;
	case GROUP_WAIT_RINGID:
		text_add(ret, "%sthe cluster and its groups to be of one ring\n", prefix);
		return;
	case GROUP_WAIT_QUORUM:
		text_add(ret, "%squorum: more nodes of the cluster have to come\n", prefix);
		return;
	case GROUP_WAIT_FENCING:
		if (!describe_fencing(daemon, prefix, ret) &&
			!describe_apart(daemon, view->name, prefix, ret))
			text_add(ret, "%sfencing\n", prefix);
		return;
	case GROUP_WAIT_FSDONE:
		text_add(ret, "%sfile systems\n", prefix);
		return;
	case GROUP_WAIT_STOP:
		text_add(ret, "%sthe lock engine of this node to stop\n", prefix);
		return;
	case GROUP_WAIT_PROBE:
		text_add(ret, "%smembers to say whether they would take this node\n", prefix);
		return;
	}
}

void daemon_describe_lockspace(const struct daemon *daemon, const struct group_view *view,
	const char *prefix, struct text *ret)
{
	const struct daemon_note *note = daemon_note_find(&daemon->waits, view->name);

	bool is_said = view->text[0] &&
		       (view->next.wait == GROUP_WAIT_STOP || view->next.wait == GROUP_WAIT_PROBE);

	if (view->next.seq && !view->next.wait_messages && !is_said)
		describe_condition(daemon, view, prefix, ret);
	if (view->text[0])
		text_add(ret, "%s%s\n", prefix, view->text);
	if (note)
		text_add(ret, "%s%s\n", prefix, note->text);
}

static void describe_quorum(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	if (daemon->is_quorate || !options_bool(daemon->options, OPTION_ENABLE_QUORUM_LOCKSPACE))
		return;
	text_add(ret,
		"%squorum: more nodes of the cluster have to come; no lockspace starts before\n",
		prefix);
}

/* @is_fencing_said: what all lockspaces wait for has been said */
static void describe_lockspaces(
	const struct daemon *daemon, bool is_fencing_said, const char *prefix, struct text *ret)
{
	char each[DLM_NAME_BYTES_MAX + 64];
	struct group_view view;

	for (uint32_t i = 0; group_view(daemon->group, i, &view); i++) {
		/* What is said of all lockspaces is said once. */
		if (view.next.seq && !view.next.wait_messages &&
			((view.next.wait == GROUP_WAIT_FENCING && is_fencing_said) ||
				view.next.wait == GROUP_WAIT_QUORUM))
			continue;
		snprintf(each, sizeof(each), "%slockspace %s: ", prefix, view.name);
		daemon_describe_lockspace(daemon, &view, each, ret);
	}
}

/* ---- the daemon ---- */

static void describe_address(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	struct sockaddr_storage addresses[CLUSTER_ADDRESSES_MAX];
	char words[INTERFACE_TEXT_BYTES];

	if (daemon->cluster_ops->addresses(daemon->cluster, daemon->facts.nodeid, addresses) <= 0)
		text_add(ret, "%scorosync to tell an address of this node\n", prefix);
	else if (!interface_has(&addresses[0]))
		text_add(ret,
			"%sthe network: no interface of this machine has the address %s, by which "
			"corosync.conf calls it\n",
			prefix, interface_text(&addresses[0], words));
}

static void describe_cluster(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	if (daemon->cluster_waiting[0])
		return;
	if (!daemon->is_up || !daemon->is_counted) {
		text_add(ret, "%sthe cluster (%s)\n", prefix, daemon->cluster_ops->name);
		return;
	}
	for (uint32_t i = 0; i < daemon->goodbye.count; i++)
		text_add(ret,
			"%snode %u has not finished the goodbye of this node's former life: "
			"let it leave the cluster once (stop its dlm and corosync), or restart "
			"corosync here\n",
			prefix, daemon->goodbye.nodes[i]);
	if (!daemon->goodbye.count)
		describe_address(daemon, prefix, ret);
}

static void describe_join(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	struct fence_node_view node;
	uint32_t count = 0;

	for (uint32_t i = 0; fence_node_view(daemon->fence, i, &node); i++) {
		if (!node.is_member || node.nodeid == daemon->facts.nodeid ||
			node.protocol.daemon_max.major)
			continue;
		text_add(ret, "%snode %u: its dlm_controld has not told its protocol version\n",
			prefix, node.nodeid);
		count++;
	}
	if (!count)
		text_add(ret, "%sthe daemons of the cluster to agree on their protocol\n", prefix);
}

static void describe_end(
	const struct daemon *daemon, const char *what, const char *prefix, struct text *ret)
{
	text_add(ret, "%s%s: %s\n", prefix, what, daemon->failure);
	if (daemon->lost)
		lost_describe(daemon->lost, prefix, ret);
}

void daemon_describe_waiting(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	if (daemon->cluster && daemon->cluster_waiting[0])
		text_add(ret, "%s%s\n", prefix, daemon->cluster_waiting);
	switch (daemon->state) {
	case DAEMON_FORMER:
		if (daemon->former)
			former_describe(daemon->former, prefix, ret);
		return;
	case DAEMON_LOST:
		if (daemon->lost)
			lost_describe(daemon->lost, prefix, ret);
		return;
	case DAEMON_CLUSTER:
		describe_cluster(daemon, prefix, ret);
		return;
	case DAEMON_ENGINE:
	case DAEMON_STOPPING:
		return;
	case DAEMON_JOIN:
		describe_join(daemon, prefix, ret);
		return;
	case DAEMON_READY:
		describe_quorum(daemon, prefix, ret);
		describe_lockspaces(daemon, describe_fencing(daemon, prefix, ret) > 0, prefix, ret);
		return;
	case DAEMON_LEAVING:
		text_add(ret,
			"%scorosync to let this node out of the group " CPG_GROUP_CONTROLD "\n",
			prefix);
		return;
	case DAEMON_AGAIN:
		describe_end(
			daemon, "the end of what used the cluster, which is gone", prefix, ret);
		return;
	case DAEMON_FAILED:
		describe_end(daemon, "the end, since the lock engine is gone", prefix, ret);
		return;
	}
}

void daemon_describe_warnings(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	if (daemon->cluster_ops == &cluster_single ||
		options_bool(daemon->options, OPTION_ENABLE_FENCING))
		return;
	text_add(ret,
		"%sfencing is off (enable_fencing=0): when a node fails, its locks are given to "
		"others "
		"while it may still act on them, and shared data can be damaged\n",
		prefix);
}
