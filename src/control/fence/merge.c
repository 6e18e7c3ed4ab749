/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/merge.h"

#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/peer.h"

static void kill_member(struct fence *fence, struct peer *peer)
{
	peer->is_killed = true;
	outbox_order(fence, FENCE_ORDER_KILL, peer->nodeid);
	note_line(fence, FENCE_ERROR,
		"node %u comes from another half of the cluster with state: corosync is told to "
		"remove it",
		peer->nodeid);
}

/* Whether we have had quorum from before it went until now. */
static bool kept_quorum(const struct fence *fence, const struct peer *peer)
{
	return fence->quorum.is_quorate && peer->rem_time &&
	       fence->quorum.gained_time < peer->rem_time;
}

void merge_found(struct fence *fence, struct peer *peer, struct fence_now now)
{
	if (!peer->is_merge)
		note_line(fence, FENCE_WARNING, "node %u has state of its own, and so has this one",
			peer->nodeid);
	peer->is_merge = true;
	if (!kept_quorum(fence, peer) || peer->is_killed)
		return;
	/* Of two nodes both kept quorum: whoever fences the other first kills it. */
	if (fence->is_two_node && peer->need_fencing)
		peer->is_killed = true;
	else
		kill_member(fence, peer);
}

struct counts {
	uint32_t merge, part, clean, low;
};

static struct counts count(const struct fence *fence)
{
	struct counts counts = {0};
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (!peer->is_member)
			continue;
		if (peer->is_merge)
			counts.merge++;
		else if (peer_is_clean(peer))
			counts.clean++;
		else
			counts.part++;
		if (!counts.low || peer->nodeid < counts.low)
			counts.low = peer->nodeid;
	}
	return counts;
}

bool merge_work(struct fence *fence)
{
	struct counts counts = count(fence);
	struct peer *peer;

	if (!counts.merge || fence->is_two_node) {
		fence->merge_wait = false;
		return false;
	}
	/* Before all have spoken the halves cannot be told apart. */
	if (counts.part)
		return true;
	if (counts.clean < counts.merge) {
		fence->merge_wait = true;
		return true;
	}
	if (counts.low != fence->nodeid)
		return true;
	list_for_each (peer, &fence->peers, entry) {
		if (peer->is_member && peer->is_merge && !peer->is_killed)
			kill_member(fence, peer);
	}
	return true;
}
