/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Nodes that have to be fenced, and who may do it: the members that saw them go. */
#include "control/fence/parts.h"

struct victim_failure {
	enum fence_reason reason;
	uint64_t walltime, monotime;
};

/**
 * victim_add() - @fellow has to be fenced
 * @joined, @joined_count: members that came with the same change: they did not see it go, and are
 * no actors
 */
void victim_add(struct fence *fence, struct fellow *fellow, const struct victim_failure *failure,
	const uint32_t *joined, uint32_t joined_count);
/** victim_done() - it is fenced, or clean again */
void victim_done(
	struct fellow *fellow, uint64_t fence_walltime, uint64_t fence_monotime, uint32_t actor);
/** victim_actor() - who has to fence it now: the lowest of its actors; 0: nobody */
uint32_t victim_actor(const struct fellow *fellow);
/** victim_actor_failed() - @nodeid has tried in vain */
void victim_actor_failed(struct fence *fence, struct fellow *fellow, uint32_t nodeid);
/** victim_actor_left() - @nodeid is no member any more: should it come back, it has not seen them
 * go */
void victim_actor_left(struct fence *fence, uint32_t nodeid);
/** victim_any() - whether anybody has to be fenced */
bool victim_any(const struct fence *fence);
