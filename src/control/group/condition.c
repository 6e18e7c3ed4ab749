/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/condition.h"

#include "base/pure/must.h"
#include "control/group/probe.h"

static bool is_stopped(const struct lockspace *ls)
{
	return ls->engine == LOCKSPACE_ENGINE_NONE || ls->engine == LOCKSPACE_ENGINE_STOPPED;
}

/*
 * This group and the quorum speak of the same ring: both know who is there. Ours: and so does the
 * daemon group, or else somebody who has just died would not be known to need fencing.
 */
static bool is_settled(const struct lockspace *ls)
{
	uint64_t seq = fence_ring_seq(ls->group->fence);
	struct fence_view view;

	if (ls->ring_wait || ls->ring_seq != seq)
		return false;
	fence_view(ls->group->fence, &view);
	return view.daemon_ring_seq == seq;
}

/* A clean member of the daemon group: its state is known to go with ours. */
static bool is_clean(const struct fence *fence, uint32_t nodeid, struct fence_node_view *ret)
{
	return fence_node_find(fence, nodeid, ret) && ret->is_member &&
	       ret->protocol.daemon_max.major;
}

/*
 * Ours: who is back as a clean member has lost what it had, as fencing has it. It may not have
 * counted as one to be fenced there, and then nobody would ever say that it is.
 */
static bool is_back(const struct fence *fence, const struct history_node *node)
{
	struct fence_node_view view;

	return is_clean(fence, node->nodeid, &view) && view.add_time > node->fail_monotime;
}

/*
 * Ours: nothing is begun with one that may come from another half of the cluster, and be removed.
 * With one that stays all begins that does not contradict, as it does in the reference.
 */
static bool are_clean(const struct lockspace *ls)
{
	const struct change *newest = lockspace_newest(ls);

	for (uint32_t i = 0; i < newest->member_count; i++) {
		struct fence_node_view view = {0};

		if (!is_clean(ls->group->fence, newest->members[i].nodeid, &view) && !view.is_kept)
			return false;
	}
	return true;
}

/* Nobody who may still write is left: of this lockspace, and then of the whole cluster. */
static bool is_fenced(struct lockspace *ls)
{
	bool all = true;

	for (uint32_t i = 0; i < ls->history.count; i++) {
		struct history_node *node = &ls->history.list[i];

		if (!node->need_fencing)
			continue;
		if (!fence_done_since(ls->group->fence, node->nodeid, node->fail_monotime) &&
			!is_back(ls->group->fence, node)) {
			all = false;
			continue;
		}
		node->need_fencing = false;
		node->has_started = false;
	}
	return all && !fence_is_outstanding(ls->group->fence) && are_clean(ls);
}

static bool is_answered(struct lockspace *ls)
{
	if (probe_is_open(ls))
		return false;
	if (!probe_holds(ls->group, lockspace_newest(ls)))
		return true;
	ls->group->is_held_by_probes = true;
	return false;
}

enum group_wait condition_first(struct lockspace *ls)
{
	const struct group_options *options = &ls->group->options;

	if (!is_stopped(ls))
		return GROUP_WAIT_STOP;
	if (!is_settled(ls))
		return GROUP_WAIT_RINGID;
	if (options->enable_quorum_lockspace && !fence_is_quorate(ls->group->fence))
		return GROUP_WAIT_QUORUM;
	if (options->enable_fencing && !is_fenced(ls))
		return GROUP_WAIT_FENCING;
	if (!is_answered(ls))
		return GROUP_WAIT_PROBE;
	return GROUP_WAIT_NONE;
}
