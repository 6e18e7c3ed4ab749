/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fence.h"

#include <string.h>

#include "control/fence/fellow.h"
#include "control/fence/merge.h"
#include "control/fence/parts.h"
#include "control/fence/victim.h"

static int agent_pid(const struct fence *fence)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->agent_pid)
			return fellow->agent_pid;
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

static void fill(
	const struct fence *fence, const struct fellow *fellow, struct fence_node_view *ret)
{
	*ret = (struct fence_node_view){
		.nodeid = fellow->nodeid,
		.is_member = fellow->is_member,
		.is_killed = fellow->is_killed,
		.need_fencing = fellow->need_fencing,
		.delay_fencing = fellow->delay_fencing,
		.is_merge = fellow->is_merge,
		.is_kept = merge_is_kept(fence, fellow),
		.pid_wait = fellow->pid_wait,
		.result_wait = fellow->result_wait,
		.left_reason = fellow->left_reason,
		.agent_pid = fellow->agent_pid,
		.last_result = fellow->last_result,
		.actor_last = fellow->actor_last,
		.actor_done = fellow->actor_done,
		.actor = fellow->need_fencing ? victim_actor(fellow) : 0,
		.add_time = fellow->add_time,
		.rem_time = fellow->rem_time,
		.fail_walltime = fellow->fail_walltime,
		.fail_monotime = fellow->fail_monotime,
		.fence_walltime = fellow->fence_walltime,
		.fence_monotime = fellow->fence_monotime,
		.protocol = fellow->protocol,
	};
}

bool fence_node_view(const struct fence *fence, uint32_t index, struct fence_node_view *ret)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (index--)
			continue;
		fill(fence, fellow, ret);
		return true;
	}
	return false;
}

bool fence_node_find(const struct fence *fence, uint32_t nodeid, struct fence_node_view *ret)
{
	const struct fellow *fellow = fellow_find(fence, nodeid);

	if (!fellow)
		return false;
	fill(fence, fellow, ret);
	return true;
}
