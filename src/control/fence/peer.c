/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/peer.h"

#include <string.h>

struct peer *peer_new(const struct fence *fence, uint32_t nodeid)
{
	struct peer *peer = alloc_zeroed(fence->alloc, sizeof(*peer));

	if (!peer)
		return NULL;
	list_init(&peer->entry);
	peer->nodeid = nodeid;
	return peer;
}

void peer_free(struct fence *fence, struct peer *peer)
{
	list_remove(&peer->entry);
	alloc_put(fence->alloc, peer, sizeof(*peer));
}

struct peer *peer_find(const struct fence *fence, uint32_t nodeid)
{
	struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->nodeid == nodeid)
			return peer;
	}
	return NULL;
}

struct peer *peer_get(struct fence *fence, uint32_t nodeid)
{
	struct peer *peer = peer_find(fence, nodeid);

	if (peer)
		return peer;
	peer = peer_new(fence, nodeid);
	if (peer)
		list_add_tail(&fence->peers, &peer->entry);
	return peer;
}

bool peer_is_clean(const struct peer *peer)
{
	return peer->is_member && peer->protocol.daemon_max.major;
}

void peer_join(struct fence *fence, struct peer *peer, struct fence_now now, bool we_joined)
{
	peer->is_member = true;
	peer->add_time = now.mono;
	fence->delay_begin = now.mono;
	fence->fipu_join = true;
	if (!we_joined)
		peer->need_clear = CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU;
}

bool peer_leave(struct peer *peer, struct fence_now now)
{
	bool was_clean = peer_is_clean(peer);

	memset(&peer->protocol, 0, sizeof(peer->protocol));
	peer->is_member = false;
	peer->is_killed = false;
	peer->is_merge = false;
	peer->is_fipu = false;
	peer->need_clear = 0;
	peer->rem_time = now.mono;
	return was_clean;
}
