/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/quorum.h"

#include <errno.h>
#include <string.h>

#include "control/fence/note.h"
#include "control/fence/outbox.h"

void quorum_done(struct fence *fence)
{
	struct quorum *quorum = &fence->quorum;

	alloc_put(fence->alloc, quorum->nodes, quorum->room * sizeof(quorum->nodes[0]));
}

static bool is_rejoined(const struct fence_quorum *word, uint32_t nodeid)
{
	for (uint32_t i = 0; i < word->rejoined_count; i++) {
		if (word->rejoined[i] == nodeid)
			return true;
	}
	return false;
}

static uint64_t add_time(
	struct fence *fence, struct fence_now now, const struct fence_quorum *word, uint32_t nodeid)
{
	uint64_t before = is_rejoined(word, nodeid) ? 0 : fence_cluster_add_time(fence, nodeid);

	if (before)
		return before;
	fence->delay_begin = now.mono;
	return now.mono;
}

static int set_members(struct fence *fence, struct fence_now now, const struct fence_quorum *word)
{
	struct quorum *quorum = &fence->quorum;
	struct quorum_node *nodes = NULL;

	if (word->member_count) {
		nodes = alloc_get(fence->alloc, word->member_count * sizeof(nodes[0]));
		if (!nodes)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < word->member_count; i++) {
		nodes[i].nodeid = word->members[i];
		nodes[i].add_time = add_time(fence, now, word, word->members[i]);
	}
	quorum_done(fence);
	quorum->nodes = nodes;
	quorum->count = word->member_count;
	quorum->room = word->member_count;
	return 0;
}

int fence_quorum(struct fence *fence, struct fence_now now, const struct fence_quorum *word)
{
	struct quorum *quorum = &fence->quorum;
	int rv = set_members(fence, now, word);

	if (rv)
		return rv;
	if (!quorum->joined_mono) {
		quorum->joined_mono = now.mono;
		quorum->joined_wall = now.wall;
	}
	if (word->is_quorate && !quorum->is_quorate)
		quorum->gained_time = now.mono;
	quorum->is_quorate = word->is_quorate;
	quorum->ring_seq = word->ring_seq;
	/* Just after the beginning those who were there before us may be telling what they know. */
	if (fence->is_waiting && fence->has_worked)
		fence_work(fence, now);
	return outbox_status(fence);
}

bool fence_is_quorate(const struct fence *fence)
{
	return fence->quorum.is_quorate;
}

uint64_t fence_ring_seq(const struct fence *fence)
{
	return fence->quorum.ring_seq;
}

uint64_t fence_cluster_add_time(const struct fence *fence, uint32_t nodeid)
{
	const struct quorum *quorum = &fence->quorum;

	for (uint32_t i = 0; i < quorum->count; i++) {
		if (quorum->nodes[i].nodeid == nodeid)
			return quorum->nodes[i].add_time;
	}
	return 0;
}

bool fence_cluster_view(
	const struct fence *fence, uint32_t index, uint32_t *ret_nodeid, uint64_t *ret_add_time)
{
	if (index >= fence->quorum.count)
		return false;
	*ret_nodeid = fence->quorum.nodes[index].nodeid;
	*ret_add_time = fence->quorum.nodes[index].add_time;
	return true;
}
