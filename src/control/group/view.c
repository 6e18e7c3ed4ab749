/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking: what tools and people see of the lockspaces. */
#include <stdio.h>
#include <string.h>

#include "control/group/group.h"
#include "control/group/lockspace.h"
#include "control/group/probe.h"

/* ---- sentences ---- */

/* A sentence about nodes: "node 2" or "nodes 2, 3, 4", and what they do. */
struct sentence {
	char *text;
	size_t room;
	uint32_t count;
	char nodes[80];
};

static void sentence_add(struct sentence *sentence, uint32_t nodeid)
{
	size_t at = strlen(sentence->nodes);

	/* Room is left for "and more". */
	if (at + 24 < sizeof(sentence->nodes))
		snprintf(sentence->nodes + at, sizeof(sentence->nodes) - at, "%s%u",
			sentence->count ? ", " : "", nodeid);
	else if (sentence->nodes[at - 1] != 'e')
		snprintf(sentence->nodes + at, sizeof(sentence->nodes) - at, " and more");
	sentence->count++;
}

/* Return: whether there is such a node */
static bool sentence_end(const struct sentence *sentence, const char *before, const char *after)
{
	if (!sentence->count)
		return false;
	snprintf(sentence->text, sentence->room, "%snode%s %s%s", before,
		sentence->count > 1 ? "s" : "", sentence->nodes, after);
	return true;
}

static bool text_probes(const struct lockspace *ls, struct sentence sentence)
{
	struct probe *probe;

	list_for_each (probe, &ls->probes, on_lockspace) {
		if (probe->is_open)
			sentence_add(&sentence, probe->nodeid);
	}
	return sentence_end(&sentence, "no answer yet whether this node fits: ", "");
}

static bool text_disallowed(const struct change *change, struct sentence sentence)
{
	for (uint32_t i = 0; i < change->member_count; i++) {
		if (change->states[i].is_disallowed)
			sentence_add(&sentence, change->members[i].nodeid);
	}
	return sentence_end(&sentence, "", " must leave: running from another half of the cluster");
}

static bool text_missing(const struct change *change, struct sentence sentence)
{
	for (uint32_t i = 0; change->is_sent && i < change->member_count; i++) {
		if (!change->states[i].is_started)
			sentence_add(&sentence, change->members[i].nodeid);
	}
	return sentence_end(&sentence, "", " not ready for this change yet: no START has come");
}

static void text_fill(const struct lockspace *ls, char *text, size_t room)
{
	struct sentence sentence = {.text = text, .room = room};
	const struct change *newest = lockspace_newest(ls);

	text[0] = '\0';
	if (text_probes(ls, sentence) || !newest || text_disallowed(newest, sentence) ||
		text_missing(newest, sentence) || newest->is_sent)
		return;
	if (ls->wait == GROUP_WAIT_STOP)
		snprintf(text, room, "the lock engine has not stopped yet");
	else if (ls->wait == GROUP_WAIT_PROBE)
		snprintf(text, room, "a member is still being asked for another lockspace");
}

/* ---- a lockspace ---- */

static void change_fill(const struct change *change, struct group_change *ret)
{
	*ret = (struct group_change){.member_count = change->member_count,
		.joined_count = change->joined_count,
		.remove_count = change->removed_count,
		.failed_count = change->failed_count,
		.seq = change->seq,
		.combined_seq = change->combined_seq,
		.wait_messages = change->is_sent,
		.missing_count = change_missing(change),
		.members = change->members};
}

static void view_fill(const struct lockspace *ls, struct group_view *ret)
{
	const struct change *newest = lockspace_newest(ls);

	*ret = (struct group_view){.global_id = ls->global_id,
		.state = lockspace_state(ls),
		.is_joining = !ls->started,
		.is_leaving = ls->is_leaving,
		.is_stopped = ls->engine != LOCKSPACE_ENGINE_STARTING &&
			      ls->engine != LOCKSPACE_ENGINE_RUNNING,
		.is_udlm_only = ls->is_udlm_only,
		.nodir = ls->nodir};
	memcpy(ret->name, ls->name, sizeof(ret->name));
	if (ls->started) {
		change_fill(ls->started, &ret->started);
		ret->started.wait_messages = false;
	}
	if (newest) {
		change_fill(newest, &ret->next);
		ret->next.combined_seq = list_last(&ls->changes, struct change, on_lockspace)->seq;
		ret->next.wait = newest->is_sent ? GROUP_WAIT_NONE : ls->wait;
	}
	text_fill(ls, ret->text, sizeof(ret->text));
}

bool group_view(const struct group *group, uint32_t index, struct group_view *ret)
{
	struct lockspace *ls;

	list_for_each (ls, &group->lockspaces, on_group) {
		if (index--)
			continue;
		view_fill(ls, ret);
		return true;
	}
	return false;
}

bool group_find(const struct group *group, const char *name, struct group_view *ret)
{
	const struct lockspace *ls = lockspace_find(group, name);

	if (!ls)
		return false;
	view_fill(ls, ret);
	return true;
}

/* ---- its nodes ---- */

static void node_fill(const struct lockspace *ls, uint32_t nodeid, struct group_node_view *ret)
{
	const struct history_node *node = history_find(&ls->history, nodeid);
	const struct change *newest = lockspace_newest(ls);
	const struct change *change = newest ? newest : ls->started;
	int index = change ? change_member(change, nodeid) : -1;

	*ret = (struct group_node_view){.nodeid = nodeid, .is_member = index >= 0};
	if (index >= 0) {
		ret->is_started = change->states[index].is_started;
		ret->is_disallowed = change->states[index].is_disallowed;
	}
	if (!node)
		return;
	ret->need_fencing = node->need_fencing;
	ret->added_seq = node->added_seq;
	ret->removed_seq = node->removed_seq;
	ret->fail_reason = node->fail_reason;
	ret->fail_walltime = node->fail_walltime;
	ret->fail_monotime = node->fail_monotime;
}

bool group_node_view(const struct group *group, const char *name, enum group_nodes kind,
	uint32_t index, struct group_node_view *ret)
{
	const struct lockspace *ls = lockspace_find(group, name);
	const struct change *change;

	if (!ls)
		return false;
	if (kind == GROUP_NODES_ALL) {
		if (index >= ls->history.count)
			return false;
		node_fill(ls, ls->history.list[index].nodeid, ret);
		return true;
	}
	change = kind == GROUP_NODES_NEXT ? lockspace_newest(ls) : ls->started;
	if (!change || index >= change->member_count)
		return false;
	node_fill(ls, change->members[index].nodeid, ret);
	return true;
}

bool group_node_find(
	const struct group *group, const char *name, uint32_t nodeid, struct group_node_view *ret)
{
	const struct lockspace *ls = lockspace_find(group, name);

	*ret = (struct group_node_view){0};
	if (!ls || !history_find(&ls->history, nodeid))
		return false;
	node_fill(ls, nodeid, ret);
	return true;
}
