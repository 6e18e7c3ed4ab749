/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/victim.h"

#include <string.h>

#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/peer.h"

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
	struct fence *fence, struct peer *peer, const uint32_t *joined, uint32_t joined_count)
{
	peer->actor_count = 0;
	for (uint32_t i = 0; i < fence->member_count; i++) {
		if (!is_in(joined, joined_count, fence->members[i]))
			peer->actors[peer->actor_count++] = fence->members[i];
	}
	memcpy(peer->original, peer->actors, peer->actor_count * sizeof(peer->actors[0]));
	peer->original_count = peer->actor_count;
}

void victim_add(struct fence *fence, struct peer *peer, const struct victim_failure *failure,
	const uint32_t *joined, uint32_t joined_count)
{
	if (peer->pid_wait)
		outbox_order(fence, FENCE_ORDER_AGENT_KILL, peer->nodeid);
	peer->need_fencing = true;
	peer->delay_fencing = false;
	peer->pid_wait = false;
	peer->result_wait = false;
	peer->is_lone = false;
	peer->agent_pid = 0;
	peer->last_result = 0;
	peer->actor_last = 0;
	peer->left_reason = failure->reason;
	peer->fail_walltime = failure->walltime;
	peer->fail_monotime = failure->monotime;
	/* A fencing of the same second is one of an earlier failure. */
	peer->fence_monotime = 0;
	peer->fence_walltime = 0;
	set_actors(fence, peer, joined, joined_count);
	note_line(fence, FENCE_WARNING, "node %u has to be fenced (%s), by node %u", peer->nodeid,
		REASONS[failure->reason + 1], victim_actor(peer));
}

void victim_done(
	struct peer *peer, uint64_t fence_walltime, uint64_t fence_monotime, uint32_t actor)
{
	peer->need_fencing = false;
	peer->delay_fencing = false;
	peer->last_result = 0;
	peer->fence_walltime = fence_walltime;
	peer->fence_monotime = fence_monotime;
	peer->actor_done = actor;
	peer->is_clean_since = peer_is_clean(peer);
}

uint32_t victim_actor(const struct peer *peer)
{
	uint32_t low = 0;

	for (uint32_t i = 0; i < peer->actor_count; i++) {
		if (!low || peer->actors[i] < low)
			low = peer->actors[i];
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

void victim_actor_failed(struct fence *fence, struct peer *peer, uint32_t nodeid)
{
	peer->actor_count = without(peer->actors, peer->actor_count, nodeid);
	if (peer->actor_count || !fence->options.repeat_failed)
		return;
	memcpy(peer->actors, peer->original, peer->original_count * sizeof(peer->actors[0]));
	peer->actor_count = peer->original_count;
}

void victim_actor_left(struct fence *fence, uint32_t nodeid)
{
	struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (!peer->need_fencing)
			continue;
		peer->original_count = without(peer->original, peer->original_count, nodeid);
		victim_actor_failed(fence, peer, nodeid);
	}
}

bool victim_any(const struct fence *fence)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->need_fencing)
			return true;
	}
	return false;
}
