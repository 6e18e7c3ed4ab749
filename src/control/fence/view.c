/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fence.h"

#include <string.h>

#include "control/fence/parts.h"
#include "control/fence/peer.h"
#include "control/fence/victim.h"

static int agent_pid(const struct fence *fence)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->agent_pid)
			return peer->agent_pid;
	}
	return 0;
}

static uint32_t startup_count(const struct fence *fence)
{
	uint32_t count = 0, nodeid;

	while (fence_startup_view(fence, count, &nodeid))
		count++;
	return count;
}

void fence_view(const struct fence *fence, struct fence_view *ret)
{
	*ret = (struct fence_view){
		.is_agreed = fence->is_agreed,
		.is_quorate = fence->quorum.is_quorate,
		.is_fipu = fence->is_fipu,
		.stateful_merge_wait = fence->merge_wait,
		.member_count = fence->member_count,
		.joined_count = fence->joined_count,
		.remove_count = fence->remove_count,
		.startup_count = startup_count(fence),
		.daemon_ring_seq = fence->ring_seq,
		.cluster_ring_seq = fence->quorum.ring_seq,
		.agent_pid = agent_pid(fence),
		.refused_count = fence->refused_count,
		.wait = fence->wait,
	};
}

static void fill(const struct peer *peer, struct fence_node_view *ret)
{
	*ret = (struct fence_node_view){
		.nodeid = peer->nodeid,
		.is_member = peer->is_member,
		.is_killed = peer->is_killed,
		.need_fencing = peer->need_fencing,
		.delay_fencing = peer->delay_fencing,
		.is_merge = peer->is_merge,
		.pid_wait = peer->pid_wait,
		.result_wait = peer->result_wait,
		.left_reason = peer->left_reason,
		.agent_pid = peer->agent_pid,
		.last_result = peer->last_result,
		.actor_last = peer->actor_last,
		.actor_done = peer->actor_done,
		.actor = peer->need_fencing ? victim_actor(peer) : 0,
		.add_time = peer->add_time,
		.rem_time = peer->rem_time,
		.fail_walltime = peer->fail_walltime,
		.fail_monotime = peer->fail_monotime,
		.fence_walltime = peer->fence_walltime,
		.fence_monotime = peer->fence_monotime,
		.protocol = peer->protocol,
	};
}

bool fence_node_view(const struct fence *fence, uint32_t index, struct fence_node_view *ret)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (index--)
			continue;
		fill(peer, ret);
		return true;
	}
	return false;
}

bool fence_node_find(const struct fence *fence, uint32_t nodeid, struct fence_node_view *ret)
{
	const struct peer *peer = peer_find(fence, nodeid);

	if (!peer)
		return false;
	fill(peer, ret);
	return true;
}
