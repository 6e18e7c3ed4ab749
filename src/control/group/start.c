/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/start.h"

#include <errno.h>

#include "base/pure/must.h"
#include "control/group/condition.h"
#include "control/group/match.h"

static void send(
	struct lockspace *ls, const struct change *change, struct order *order, uint32_t flags)
{
	order->change = change;
	order->flags = flags | CPG_FLAG_UDLM | (ls->started ? 0 : CPG_FLAG_JOINING);
	order->started_count = ls->started_count;
	orders_add(order);
}

/*
 * Others cannot tell older changes from the newest if they look the same; so that they do not take
 * our START for one of those, each of them is taken back first.
 */
static void send_start(struct lockspace *ls, struct change *newest)
{
	struct change *change;

	list_for_each (change, &ls->changes, on_lockspace) {
		if (change == newest || !change_equal(change, newest))
			continue;
		lockspace_note(ls, FENCE_DEBUG, "change %u takes back change %u", newest->seq,
			change->seq);
		send(ls, change, &change->nack, CPG_FLAG_NACK);
	}
	lockspace_note(ls, FENCE_DEBUG,
		"change %u: our START (%u members, %u of them new; %u gone, %u of them dead)",
		newest->seq, newest->member_count, newest->joined_count, newest->removed_count,
		newest->failed_count);
	send(ls, newest, &newest->start, 0);
	newest->is_sent = true;
}

/* ---- the end of a change ---- */

/* Who left and came again is not the one whom the engine knows. */
static void mark_rejoined(const struct lockspace *ls, struct change *newest)
{
	struct change *change;

	for (uint32_t i = 0; i < newest->member_count; i++) {
		struct group_member *member = &newest->members[i];

		list_for_each (change, &ls->changes, on_lockspace) {
			if (change != newest && change_has_removed(change, member->nodeid))
				member->rejoined = true;
		}
	}
}

static bool all_are_udlm(const struct change *change)
{
	for (uint32_t i = 0; i < change->member_count; i++) {
		if (!(change->states[i].flags & CPG_FLAG_UDLM))
			return false;
	}
	return true;
}

static void settle(struct lockspace *ls, struct change *newest)
{
	struct change *change, *next;

	newest->combined_seq = newest->seq;
	list_remove(&newest->on_lockspace);
	list_for_each_safe (change, next, &ls->changes, on_lockspace) {
		newest->combined_seq = change->seq;
		change_free(ls, change);
	}
	change_free(ls, ls->started);
	ls->started = newest;
	if (!++ls->started_count)
		ls->started_count = 1;
	ls->is_udlm_only = all_are_udlm(newest);
}

/* What all members take alike, at the same message; the engine follows when it can. */
static void complete(struct lockspace *ls, struct change *newest)
{
	if (!ls->started)
		lockspace_order(ls, LOCKSPACE_ORDER_STATEFUL);
	mark_rejoined(ls, newest);
	settle(ls, newest);
	lockspace_note(ls, FENCE_INFO, "change %u is agreed with %u members", newest->seq,
		newest->member_count);
	if (!ls->is_leaving)
		lockspace_run(ls);
}

static void wait_set(struct lockspace *ls, const struct change *newest, enum group_wait wait)
{
	static const char *const words[] = {[GROUP_WAIT_RINGID] = "the rings to agree",
		[GROUP_WAIT_QUORUM] = "quorum",
		[GROUP_WAIT_FENCING] = "fencing",
		[GROUP_WAIT_FSDONE] = "file systems",
		[GROUP_WAIT_STOP] = "the lock engine to stop",
		[GROUP_WAIT_PROBE] = "members to say whether they would take this node"};

	if (wait && wait != ls->wait)
		lockspace_note(ls, FENCE_DEBUG, "change %u waits for %s", newest->seq, words[wait]);
	ls->wait = wait;
}

void start_advance(struct lockspace *ls)
{
	struct change *newest = lockspace_newest(ls);

	if (!newest || ls->is_gone)
		return;
	if (!newest->is_sent) {
		wait_set(ls, newest, condition_first(ls));
		/* One that is left takes part no more: its leaving is the next change. */
		if (ls->wait || ls->is_leaving || change_member(newest, ls->group->nodeid) < 0)
			return;
		send_start(ls, newest);
	}
	if (!change_missing(newest))
		complete(ls, newest);
}

/* ---- what others say ---- */

static bool is_added(const struct lockspace *ls, uint32_t nodeid)
{
	struct change *change;
	int index;

	list_for_each (change, &ls->changes, on_lockspace) {
		index = change_member(change, nodeid);
		if (index >= 0 && change->states[index].is_added)
			return true;
	}
	return false;
}

/* @start is for @change */
static void take(struct lockspace *ls, struct change *change, struct history_node *sender,
	const struct cpg_header *header, const struct cpg_start *start)
{
	struct change_state *state = &change->states[change_member(change, header->nodeid)];

	state->flags = header->flags;
	if (start->started_count && ls->started_count && is_added(ls, header->nodeid)) {
		lockspace_note(ls, FENCE_ERROR,
			"node %u has this lockspace running from another half of the cluster: it "
			"waits until that node has left it",
			header->nodeid);
		state->is_disallowed = true;
		return;
	}
	sender->has_started = true;
	state->is_started = true;
}

int start_receive(
	struct lockspace *ls, const struct cpg_header *header, const void *data, size_t bytes)
{
	struct history_node *sender = history_find(&ls->history, header->nodeid);
	struct change *change;
	struct cpg_start start;

	if (cpg_start_decode(data, bytes, &start)) {
		lockspace_note(ls, FENCE_WARNING, "a malformed START of node %u, %zu bytes",
			header->nodeid, bytes);
		return -EBADMSG;
	}
	if (!sender)
		return 0;
	if (header->flags & CPG_FLAG_NACK)
		return match_nack(ls, sender, header);
	change = match_start(ls, sender, header, &start);
	lockspace_note(ls, FENCE_DEBUG, "START %u of node %u is for change %u", header->msgdata,
		header->nodeid, change ? change->seq : 0);
	if (!change)
		return 0;
	take(ls, change, sender, header, &start);
	start_advance(ls);
	return 0;
}
