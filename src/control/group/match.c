/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/match.h"

#include <errno.h>

#include "base/pure/must.h"

#define NACKS_MAX 4096u /* a sender that takes back more has lost its mind */

/* ---- is it possible? ---- */

static bool lists(const struct cpg_start *start, uint32_t nodeid)
{
	for (uint32_t i = 0; i < start->member_count; i++) {
		if (start->members[i] == nodeid)
			return true;
	}
	return false;
}

static bool counts_fit(const struct change *change, const struct cpg_start *start)
{
	return start->member_count == change->member_count &&
	       start->joined_count == change->joined_count &&
	       start->remove_count == change->removed_count &&
	       start->failed_count == change->failed_count;
}

static bool members_fit(const struct change *change, const struct cpg_start *start)
{
	for (uint32_t i = 0; i < start->member_count; i++) {
		if (change_member(change, start->members[i]) < 0)
			return false;
	}
	return true;
}

struct question {
	const struct lockspace *ls;
	const struct history_node *sender;
	const struct cpg_start *start;
	uint32_t number;
	uint64_t added; /* when the sender came into the cluster */
};

/*
 * By this change the sender came, with another part of the cluster, since it did not begin to count
 * here. There it was we who came; and if we were more than it and its part, it has other counts.
 */
static bool is_other_way(const struct question *q, const struct change *change)
{
	return change->seq == q->sender->added_seq && change->seq > 1 && q->number != 1 &&
	       change->member_count > 2 * change->joined_count;
}

/* The rules in their order, as in docs/protocol/control.md, "Which change a START is for". */
static bool is_possible(const struct question *q, const struct change *change)
{
	int index = change_member(change, q->sender->nodeid);

	if (!lists(q->start, q->ls->group->nodeid))
		return false;
	if (index < 0)
		return false;
	if (change->states[index].is_started)
		return false;
	if (q->added > change->create_time)
		return false;
	if (q->sender->last_match_seq > change->seq)
		return false;
	/* Who has come (again) does not speak of what was before that. */
	if (q->sender->added_seq > change->seq)
		return false;
	if (is_other_way(q, change))
		return false;
	return counts_fit(change, q->start) && members_fit(change, q->start);
}

/* ---- which one is it? ---- */

static struct change *older(const struct lockspace *ls, const struct change *change)
{
	const struct list *at = change->on_lockspace.next;

	return at == &ls->changes ? NULL : list_entry(at, struct change, on_lockspace);
}

/*
 * Its sender and we have gone on by the same number of changes since its last START, or since it
 * came: then it began to count, unless it came with another part of the cluster, and that shows.
 * Return: 0 where that is not known
 */
static uint32_t counted_seq(const struct question *q)
{
	const struct history_node *sender = q->sender;

	if (sender->nodeid == q->ls->group->nodeid)
		return q->number;
	if (sender->last_start)
		return sender->last_match_seq + (q->number - sender->last_start);
	return sender->added_seq > 1 ? sender->added_seq + q->number - 1 : 0;
}

static struct change *find_counted(const struct question *q)
{
	struct change *change = lockspace_newest(q->ls);
	uint32_t seq = counted_seq(q);

	while (change && change->seq != seq)
		change = older(q->ls, change);
	return change && is_possible(q, change) ? change : NULL;
}

static bool has_nack(const struct history_node *sender, uint32_t number)
{
	for (uint32_t i = 0; i < sender->nack_count; i++) {
		if (sender->nacks[i] == number)
			return true;
	}
	return false;
}

/* Whether those before it that look the same have all been taken back. */
static bool is_first_left(const struct question *q, const struct change *change)
{
	for (const struct change *at = older(q->ls, change); at; at = older(q->ls, at)) {
		if (is_possible(q, at) && !has_nack(q->sender, q->number - (change->seq - at->seq)))
			return false;
	}
	return true;
}

static struct change *find_left(const struct question *q)
{
	struct change *change = lockspace_newest(q->ls);

	while (change && !(is_possible(q, change) && is_first_left(q, change)))
		change = older(q->ls, change);
	return change;
}

struct change *match_start(struct lockspace *ls, struct history_node *sender,
	const struct cpg_header *header, const struct cpg_start *start)
{
	struct question q = {.ls = ls,
		.sender = sender,
		.start = start,
		.number = header->msgdata,
		.added = fence_cluster_add_time(ls->group->fence, header->nodeid)};
	bool is_news = !sender->last_start || (int32_t)(header->msgdata - sender->last_start) > 0;
	struct change *change = is_news ? find_counted(&q) : NULL;

	if (!change && is_news)
		change = find_left(&q);
	sender->nack_count = 0; /* they were for this START */
	if (!change)
		return NULL;
	sender->last_match_seq = change->seq;
	sender->last_start = header->msgdata;
	return change;
}

int match_nack(struct lockspace *ls, struct history_node *sender, const struct cpg_header *header)
{
	return sender->nack_count < NACKS_MAX
		       ? history_nack(sender, ls->group->alloc, header->msgdata)
		       : 0;
}
