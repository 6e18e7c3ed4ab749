/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/merge.h"

#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"

#define LONG_SECONDS 15u

static void kill_member(struct fence *fence, struct fellow *fellow)
{
	fellow->is_killed = true;
	outbox_order(fence, FENCE_ORDER_KILL, fellow->nodeid);
	note_line(fence, FENCE_ERROR,
		"node %u comes from another half of the cluster with state: corosync is told to "
		"remove it",
		fellow->nodeid);
}

/* Whether we have had quorum from before it went until now. */
static bool kept_quorum(const struct fence *fence, const struct fellow *fellow)
{
	return fence->quorum.is_quorate && fellow->rem_time &&
	       fence->quorum.gained_time < fellow->rem_time;
}

void merge_found(struct fence *fence, struct fellow *fellow, struct fence_now now)
{
	if (!fellow->is_merge)
		note_line(fence, FENCE_WARNING, "node %u has state of its own, and so has this one",
			fellow->nodeid);
	fellow->is_merge = true;
	if (!kept_quorum(fence, fellow) || fellow->is_killed)
		return;
	/* Of two nodes both kept quorum: whoever fences the other first kills it. */
	if (fence->is_two_node && fellow->need_fencing)
		fellow->is_killed = true;
	else
		kill_member(fence, fellow);
}

bool merge_is_kept(const struct fence *fence, const struct fellow *fellow)
{
	return fence->is_two_node && fellow->is_member && fellow->is_merge && !fellow->is_killed;
}

struct counts {
	uint32_t merge, clean;
	uint32_t part; /* not clean, or not known to have state or not: all tell it at each join */
	uint32_t low;  /* lowest of those that have state */
};

/* One without state belongs to neither half, and sees none: it cannot decide between them. */
static bool is_of_a_half(const struct fence *fence, const struct fellow *fellow)
{
	return fellow->is_merge || fellow->nodeid == fence->nodeid ||
	       fellow->protocol.daemon_run.flags & CPG_VERSION_STATEFUL;
}

static struct counts count(const struct fence *fence)
{
	struct counts counts = {0};
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (!fellow->is_member)
			continue;
		if (fellow->is_merge)
			counts.merge++;
		else if (fellow_is_clean(fellow) && fellow->is_heard)
			counts.clean++;
		else
			counts.part++;
		if (is_of_a_half(fence, fellow) && (!counts.low || fellow->nodeid < counts.low))
			counts.low = fellow->nodeid;
	}
	return counts;
}

/* Whoever is to be killed is gone by then. */
static bool is_long(const struct fence *fence, struct fence_now now)
{
	return now.mono - fence->merge_since >= LONG_SECONDS;
}

bool merge_work(struct fence *fence, struct fence_now now)
{
	struct counts counts = count(fence);
	struct fellow *fellow;

	if (!counts.merge)
		fence->merge_since = now.mono;

	if (!counts.merge || fence->is_two_node) {
		fence->merge_wait = false;
		return false;
	}
	/* Before all have spoken the halves cannot be told apart. */
	if (counts.part)
		return true;
	fence->merge_wait = counts.clean < counts.merge || is_long(fence, now);
	if (counts.clean < counts.merge)
		return true;
	if (counts.low != fence->nodeid)
		return true;
	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->is_member && fellow->is_merge && !fellow->is_killed)
			kill_member(fence, fellow);
	}
	return true;
}
