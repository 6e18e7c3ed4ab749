/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Whether the members of a lockspace would take us. They are asked before we join, and those that
 * were there before us once more before our first START, since they may have come meanwhile. So a
 * mismatch is our refused join and not their blocked lockspace.
 *
 * A question is a conversation of the engine with that peer. One that is not needed any more still
 * has to come to its end, and until then no change with that member is started.
 */
#include <stdbool.h>

#include "control/group/lockspace.h"

struct probe {
	struct hash_node in_group; /* group->probes, while the conversation is not over */
	struct list on_group;      /* group->open_probes, the same */
	struct list on_lockspace;  /* ls->probes, while the answer is wanted */
	struct lockspace *ls;      /* whose; after an end only for the name in orders */
	uint32_t nodeid, number;
	bool is_open;   /* not answered */
	bool is_wanted; /* not ended */
	bool is_kept;   /* its conversation stays, for a lockspace that may be started with the node
			 */
	struct order ask, end;
};

uint32_t probe_hash_of(const struct hash_node *node);
/** probe_looked() - these are the members. Return: 0; -ENOMEM nothing has changed */
int probe_looked(struct lockspace *ls, const uint32_t *nodes, uint32_t count);
/** probe_again() - our first change: who was there before us is asked once more. Return: as above
 */
int probe_again(struct lockspace *ls, const struct fence_change *confchg);
/** probe_answered() - Return: 0; -ESTALE no such question */
int probe_answered(struct group *group, const struct group_probe_result *result, uint32_t number);
/** probe_tick() - members may have gone without an answer */
void probe_tick(struct lockspace *ls, struct fence_now now);
/** probe_keep() - those that are no members of @change are not asked any more */
void probe_keep(struct lockspace *ls, const struct change *change);
/** probe_end_all() - nothing is asked any more */
void probe_end_all(struct lockspace *ls);
/** probe_is_open() - an answer is missing */
bool probe_is_open(const struct lockspace *ls);
/** probe_holds() - a conversation with a member, whichever lockspace's, is not over, and has to be
 * before we say START to it */
bool probe_holds(const struct group *group, const struct change *change);
/** probe_free_all() - with the group */
void probe_free_all(struct group *group);
