/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A change of a lockspace's members, as corosync told it, and who has sent its START for it. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "control/group/group.h"
#include "control/group/orders.h"
#include "proto/cpg.h"

struct lockspace;

struct change_state {
	bool is_added;      /* joined by this change */
	bool is_started;    /* its START has come */
	bool is_disallowed; /* has been started in another half of the cluster */
	uint32_t flags;     /* CPG_FLAG_* of its START for this change */
};

struct change {
	struct list on_lockspace; /* ls->changes, unless it is the started one */
	size_t bytes;             /* of this object with its arrays */
	uint32_t seq;             /* ours; other nodes count for themselves */
	uint32_t combined_seq;    /* started: of the oldest that it took in */
	uint64_t create_time;     /* monotonic s */
	bool is_sent;             /* the conditions were met and our START is on its way */
	uint32_t member_count, joined_count, removed_count, failed_count;
	struct order *kills;          /* removed_count: of those whose daemon has died */
	struct group_member *members; /* ascending */
	struct change_state *states;  /* of the member at the same index */
	uint32_t *ids;                /* of the members, in corosync's order */
	uint32_t *removed;
	struct order start, nack;
};

/** change_new() - with the lockspace's weights. Return: 0; -ENOMEM */
int change_new(struct lockspace *ls, const struct fence_change *confchg, struct change **ret);
void change_free(struct lockspace *ls, struct change *change);
/** change_member() - the index of a member; -1: it is none */
int change_member(const struct change *change, uint32_t nodeid);
bool change_has_removed(const struct change *change, uint32_t nodeid);
/** change_missing() - members whose START has not come */
uint32_t change_missing(const struct change *change);
/** change_equal() - same counts, same members: messages cannot tell them apart */
bool change_equal(const struct change *a, const struct change *b);
