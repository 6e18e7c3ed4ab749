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

bool match_is_seen_otherwise(const struct change *change, const struct cpg_start *start)
{
	return start->member_count == change->member_count && members_fit(change, start) &&
	       !counts_fit(change, start);
}

struct question {
	const struct lockspace *ls;
	const struct history_node *sender;
	const struct cpg_start *start;
	uint32_t number;
	uint64_t added; /* when the sender came into the cluster */
};

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
	return counts_fit(change, q->start) && members_fit(change, q->start);
}

/* ---- which one is it? ---- */

static struct change *older(const struct lockspace *ls, const struct change *change)
{
	const struct list *at = change->on_lockspace.next;

	return at == &ls->changes ? NULL : list_entry(at, struct change, on_lockspace);
}

/* Its sender and we have gone on by the same number of changes since its last START. */
static struct change *find_counted(const struct question *q)
{
	uint32_t seq = q->sender->last_match_seq + (q->number - q->sender->last_start);
	bool is_ours = q->sender->nodeid == q->ls->group->nodeid;
	struct change *change = lockspace_newest(q->ls);

	if (!is_ours && !q->sender->last_start)
		return NULL;
	while (change && change->seq != (is_ours ? q->number : seq))
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
	struct change *change = find_counted(&q);

	if (!change)
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
