/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What is known of each node that has ever been in a lockspace, for as long as we are in it. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "control/group/group.h"

struct history_node {
	uint32_t nodeid;
	bool is_member;
	bool has_started; /* a START of it has come since it joined, or since it was fenced */
	bool need_fencing;
	uint32_t added_seq, removed_seq;
	enum fence_reason fail_reason;
	uint64_t fail_walltime, fail_monotime;
	uint32_t last_match_seq; /* the change that its last START was for */
	uint32_t last_start;     /* its own number of that change; 0: none since it joined */
	uint32_t *nacks;         /* its own numbers that it took back since then; owned */
	uint32_t nack_count, nack_room;
};

struct history {
	struct history_node *list; /* in the order in which they were first seen */
	uint32_t count, room;
};

/** history_reserve() - room for @more nodes. Return: 0; -ENOMEM nothing has changed */
int history_reserve(struct history *history, const struct alloc *alloc, uint32_t more);
void history_done(struct history *history, const struct alloc *alloc);
/** history_find() - valid until the next history_joined(); NULL: never seen */
struct history_node *history_find(const struct history *history, uint32_t nodeid);
/** history_joined() - room has been reserved */
void history_joined(struct history *history, uint32_t nodeid, uint32_t seq);
/** history_nack() - it takes back a change of this number. Return: 0; -ENOMEM */
int history_nack(struct history_node *node, const struct alloc *alloc, uint32_t number);
/** history_left() - it has gone, @reason says how. @fences: the dead have to be fenced */
void history_left(struct history *history, struct fence_now now, uint32_t nodeid, uint32_t seq,
	enum fence_reason reason, bool fences);
/** history_is_failure() - a death */
bool history_is_failure(enum fence_reason reason);
