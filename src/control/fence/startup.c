/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/startup.h"

#include <errno.h>

#include "control/fence/note.h"
#include "control/fence/peer.h"
#include "control/fence/victim.h"

static struct peer *find(const struct fence *fence, uint32_t nodeid)
{
	struct peer *peer;

	list_for_each (peer, &fence->startup, entry) {
		if (peer->nodeid == nodeid)
			return peer;
	}
	return NULL;
}

static bool is_known(const struct fence *fence, uint32_t nodeid)
{
	const struct peer *peer = peer_find(fence, nodeid);

	return peer && (peer->has_been_clean || peer->need_fencing);
}

int startup_fill(struct fence *fence)
{
	for (uint32_t i = 0; i < fence->configured_count; i++) {
		struct peer *peer;

		if (find(fence, fence->configured[i]) || is_known(fence, fence->configured[i]))
			continue;
		peer = peer_new(fence, fence->configured[i]);
		if (!peer) {
			startup_empty(fence);
			return -ENOMEM;
		}
		list_add_tail(&fence->startup, &peer->entry);
	}
	return 0;
}

uint32_t startup_empty(struct fence *fence)
{
	struct peer *peer, *next;
	uint32_t count = 0;

	list_for_each_safe (peer, next, &fence->startup, entry) {
		peer_free(fence, peer);
		count++;
	}
	return count;
}

bool startup_remove(struct fence *fence, uint32_t nodeid)
{
	struct peer *peer = find(fence, nodeid);

	if (peer)
		peer_free(fence, peer);
	return peer;
}

bool startup_has(const struct fence *fence, uint32_t nodeid)
{
	return find(fence, nodeid);
}

/* @listed becomes a victim: with the peer that there is, or as one itself. */
static void convert(struct fence *fence, struct peer *listed)
{
	struct victim_failure failure = {FENCE_REASON_STARTUP, 0, 0};
	struct peer *peer = peer_find(fence, listed->nodeid);

	if (fence->quorum.joined_mono) {
		failure.walltime = fence->quorum.joined_wall - 1;
		failure.monotime = fence->quorum.joined_mono - 1;
	}
	if (peer) {
		peer_free(fence, listed);
	} else {
		peer = listed;
		list_remove(&peer->entry);
		list_add_tail(&fence->peers, &peer->entry);
	}
	if (!peer->need_fencing)
		victim_add(fence, peer, &failure, NULL, 0);
}

static bool is_time(const struct fence *fence, struct fence_now now)
{
	return fence->options.enable_startup && fence->delay_begin &&
	       now.mono - fence->delay_begin >= fence->options.post_join_delay;
}

void startup_work(struct fence *fence, struct fence_now now)
{
	struct peer *listed, *next;

	list_for_each_safe (listed, next, &fence->startup, entry) {
		const struct peer *peer = peer_find(fence, listed->nodeid);

		if (peer && peer_is_clean(peer))
			peer_free(fence, listed);
		else if (is_time(fence, now) && listed->nodeid != fence->nodeid)
			convert(fence, listed);
		else
			fence->is_waiting = true;
	}
}

bool fence_startup_view(const struct fence *fence, uint32_t index, uint32_t *ret_nodeid)
{
	const struct peer *peer;

	list_for_each (peer, &fence->startup, entry) {
		if (index--)
			continue;
		*ret_nodeid = peer->nodeid;
		return true;
	}
	return false;
}
