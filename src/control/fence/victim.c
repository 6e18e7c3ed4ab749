/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/victim.h"

#include <string.h>

#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"

static const char *const REASONS[] = {
	"startup", "unknown", "join", "leave", "nodedown", "nodeup", "procdown"};

static bool is_in(const uint32_t *ids, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static void set_actors(
	struct fence *fence, struct fellow *fellow, const uint32_t *joined, uint32_t joined_count)
{
	fellow->actor_count = 0;
	for (uint32_t i = 0; i < fence->member_count; i++) {
		if (!is_in(joined, joined_count, fence->members[i]))
			fellow->actors[fellow->actor_count++] = fence->members[i];
	}
	memcpy(fellow->original, fellow->actors, fellow->actor_count * sizeof(fellow->actors[0]));
	fellow->original_count = fellow->actor_count;
}

void victim_add(struct fence *fence, struct fellow *fellow, const struct victim_failure *failure,
	const uint32_t *joined, uint32_t joined_count)
{
	if (fellow->pid_wait)
		outbox_order(fence, FENCE_ORDER_AGENT_KILL, fellow->nodeid);
	fellow->need_fencing = true;
	fellow->delay_fencing = false;
	fellow->pid_wait = false;
	fellow->result_wait = false;
	fellow->is_lone = false;
	fellow->agent_pid = 0;
	fellow->last_result = 0;
	fellow->actor_last = 0;
	fellow->left_reason = failure->reason;
	fellow->fail_walltime = failure->walltime;
	fellow->fail_monotime = failure->monotime;
	/* A fencing of the same second is one of an earlier failure. */
	fellow->fence_monotime = 0;
	fellow->fence_walltime = 0;
	set_actors(fence, fellow, joined, joined_count);
	note_line(fence, FENCE_WARNING, "node %u has to be fenced (%s), by node %u", fellow->nodeid,
		REASONS[failure->reason + 1], victim_actor(fellow));
}

void victim_done(
	struct fellow *fellow, uint64_t fence_walltime, uint64_t fence_monotime, uint32_t actor)
{
	fellow->need_fencing = false;
	fellow->delay_fencing = false;
	fellow->last_result = 0;
	fellow->fence_walltime = fence_walltime;
	fellow->fence_monotime = fence_monotime;
	fellow->actor_done = actor;
	fellow->is_clean_since = fellow_is_clean(fellow);
}

uint32_t victim_actor(const struct fellow *fellow)
{
	uint32_t low = 0;

	for (uint32_t i = 0; i < fellow->actor_count; i++) {
		if (!low || fellow->actors[i] < low)
			low = fellow->actors[i];
	}
	return low;
}

static uint32_t without(uint32_t *ids, uint32_t count, uint32_t id)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] != id)
			ids[kept++] = ids[i];
	}
	return kept;
}

void victim_actor_failed(struct fence *fence, struct fellow *fellow, uint32_t nodeid)
{
	fellow->actor_count = without(fellow->actors, fellow->actor_count, nodeid);
	if (fellow->actor_count || !fence->options.repeat_failed)
		return;
	memcpy(fellow->actors, fellow->original,
		fellow->original_count * sizeof(fellow->actors[0]));
	fellow->actor_count = fellow->original_count;
}

void victim_actor_left(struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (!fellow->need_fencing)
			continue;
		fellow->original_count = without(fellow->original, fellow->original_count, nodeid);
		victim_actor_failed(fence, fellow, nodeid);
	}
}

bool victim_any(const struct fence *fence)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->need_fencing)
			return true;
	}
	return false;
}
