/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/result.h"

#include <errno.h>

#include "control/fence/attempt.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/peer.h"
#include "control/fence/startup.h"
#include "control/fence/victim.h"

static bool is_success(const struct cpg_fence *result)
{
	return result->result == 0 || result->result == -ECANCELED;
}

static void succeeded(struct fence *fence, struct fence_now now, uint32_t sender, struct peer *peer,
	const struct cpg_fence *result)
{
	if (peer->is_member) {
		note_line(fence, FENCE_WARNING,
			"node %u was fenced and is a member: corosync is told to remove it",
			peer->nodeid);
		outbox_order(fence, FENCE_ORDER_KILL, peer->nodeid);
	}
	if (result->result == -ECANCELED)
		attempt_cancel(fence, peer);
	victim_done(peer, result->fence_walltime, now.mono, sender);
	note_line(fence, FENCE_INFO, "node %u is fenced, says node %u%s", peer->nodeid, sender,
		result->result ? ": fence_ack" : "");
}

static void failed(
	struct fence *fence, uint32_t sender, struct peer *peer, const struct cpg_fence *result)
{
	peer->last_result = result->result;
	victim_actor_failed(fence, peer, sender);
	note_line(fence, FENCE_ERROR, "node %u could not be fenced by node %u: result %d",
		peer->nodeid, sender, result->result);
}

void result_receive(
	struct fence *fence, struct fence_now now, uint32_t sender, const struct cpg_fence *result)
{
	struct peer *peer = peer_find(fence, result->nodeid);
	bool was_startup = is_success(result) && startup_remove(fence, result->nodeid);

	/* Our own word has come round, of whatever use it still is. */
	if (peer && sender == fence->nodeid && result->result != -ECANCELED)
		peer->result_wait = false;
	if (!peer || !peer->need_fencing) {
		if (!was_startup)
			note_line(fence, FENCE_DEBUG,
				"result %d about node %u from node %u: it does not have to be "
				"fenced",
				result->result, result->nodeid, sender);
		return;
	}
	if (is_success(result))
		succeeded(fence, now, sender, peer, result);
	else
		failed(fence, sender, peer, result);
}
