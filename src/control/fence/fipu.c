/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fipu.h"

#include <errno.h>

#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/peer.h"
#include "control/fence/startup.h"
#include "control/fence/victim.h"

static void known(struct fence *fence, const char *why)
{
	fence->is_fipu = false;
	fence->wait_clear_fipu = false;
	note_line(fence, FENCE_INFO, "fencing of the time before us is known to be over: %s", why);
}

/* Whether it may tell us: it was there before us, or has come back from where it was without us. */
static bool may_tell(const struct fence *fence, const struct peer *peer)
{
	return peer->is_member && peer->nodeid != fence->nodeid &&
	       (!peer->need_clear || peer->rem_time);
}

/* Those who could tell us are gone, and everybody else came after us: nobody will, ever. So we look
 * after the configured nodes ourselves, as if we had come first. */
static void work_deserted(struct fence *fence)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (may_tell(fence, peer))
			return;
	}
	fence->is_waiting = true;
	if (startup_fill(fence))
		return;
	fence->wait_clear_fipu = false;
	note_line(fence, FENCE_WARNING,
		"nobody is left who knows what was being fenced: nodes that do not come will be");
}

/* We came first, or with others that know no more than we do. */
static void work_startup(struct fence *fence)
{
	if (fence->wait_clear_fipu)
		work_deserted(fence);
	if (fence->options.enable_startup && list_empty(&fence->startup) &&
		!fence->wait_clear_fipu && !victim_any(fence))
		known(fence, "every configured node has been seen or fenced");
}

static bool all_unknowing(const struct fence *fence)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->is_member && !peer->is_fipu)
			return false;
	}
	return true;
}

/* Without startup fencing: if everybody has come just now, nobody is fencing. */
static void work_announce(struct fence *fence)
{
	struct peer *peer;

	if (all_unknowing(fence)) {
		list_for_each (peer, &fence->peers, entry)
			peer->is_fipu = false;
		known(fence, "all members came together");
	} else if (fence->fipu_join) {
		fence->fipu_join = false;
		outbox_clear(fence, fence->nodeid, -ENODATA, CPG_FENCE_FIPU);
	}
}

/* The lowest member that has nothing to be told: it tells the others. */
static uint32_t low_knowing(const struct fence *fence)
{
	const struct peer *peer;
	uint32_t low = 0;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->is_member && !peer->need_clear && (!low || peer->nodeid < low))
			low = peer->nodeid;
	}
	return low;
}

static void work_tell(struct fence *fence)
{
	bool is_low = low_knowing(fence) == fence->nodeid, is_over = !victim_any(fence);
	struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		uint32_t flags = peer->need_clear & CPG_FENCE_CLEAR_STARTUP;

		if (!peer->is_member || !peer->need_clear)
			continue;
		if (peer->nodeid == fence->nodeid) {
			peer->need_clear = 0;
			continue;
		}
		if (!is_low)
			continue;
		if (is_over)
			flags |= peer->need_clear & CPG_FENCE_CLEAR_FIPU;
		if (!flags)
			continue;
		peer->need_clear &= ~flags;
		outbox_clear(fence, peer->nodeid, 0, flags);
	}
}

void fipu_work(struct fence *fence)
{
	if (fence->is_fipu)
		work_startup(fence);
	if (!fence->is_fipu)
		work_tell(fence);
	else if (!fence->options.enable_startup)
		work_announce(fence);
}

static void receive_announced(struct fence *fence, struct peer *peer)
{
	if (fence->is_fipu)
		peer->is_fipu = true;
}

static void receive_clear(struct fence *fence, uint32_t sender, uint32_t flags)
{
	if (flags & CPG_FENCE_CLEAR_STARTUP && startup_empty(fence)) {
		fence->wait_clear_fipu = true;
		note_line(fence, FENCE_INFO, "node %u looks after the nodes that we have not seen",
			sender);
	}
	if (flags & CPG_FENCE_CLEAR_FIPU && fence->is_fipu)
		known(fence, "a member that was there before us says so");
}

void fipu_receive(struct fence *fence, uint32_t sender, const struct cpg_fence *clear)
{
	struct peer *peer = peer_find(fence, clear->nodeid);

	if (!peer) {
		note_line(fence, FENCE_DEBUG,
			"clear from node %u about node %u, which is not known", sender,
			clear->nodeid);
		return;
	}
	if (clear->result == -ENODATA && clear->flags & CPG_FENCE_FIPU)
		receive_announced(fence, peer);
	if (clear->result)
		return;
	if (clear->nodeid == fence->nodeid)
		receive_clear(fence, sender, clear->flags);
	peer->need_clear &= ~clear->flags;
}
