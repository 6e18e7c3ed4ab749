/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fellow.h"

#include <string.h>

struct fellow *fellow_new(const struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow = alloc_zeroed(fence->alloc, sizeof(*fellow));

	if (!fellow)
		return NULL;
	list_init(&fellow->entry);
	fellow->nodeid = nodeid;
	return fellow;
}

void fellow_free(struct fence *fence, struct fellow *fellow)
{
	list_remove(&fellow->entry);
	alloc_put(fence->alloc, fellow, sizeof(*fellow));
}

struct fellow *fellow_find(const struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->nodeid == nodeid)
			return fellow;
	}
	return NULL;
}

struct fellow *fellow_get(struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow = fellow_find(fence, nodeid);

	if (fellow)
		return fellow;
	fellow = fellow_new(fence, nodeid);
	if (fellow)
		list_add_tail(&fence->fellows, &fellow->entry);
	return fellow;
}

bool fellow_is_clean(const struct fellow *fellow)
{
	return fellow->is_member && fellow->protocol.daemon_max.major;
}

void fellow_join(struct fence *fence, struct fellow *fellow, struct fence_now now, bool we_joined)
{
	fellow->is_member = true;
	fellow->is_sure = false;
	fellow->is_told = fence->ours.daemon_run.flags & CPG_VERSION_STATEFUL;
	fellow->add_time = now.mono;
	fence->delay_begin = now.mono;
	fence->fipu_join = true;
	if (!we_joined)
		fellow->need_clear = CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU;
}

bool fellow_leave(struct fellow *fellow, struct fence_now now)
{
	bool was_clean = fellow_is_clean(fellow);

	memset(&fellow->protocol, 0, sizeof(fellow->protocol));
	fellow->is_member = false;
	fellow->is_killed = false;
	fellow->is_merge = false;
	fellow->is_fipu = false;
	fellow->need_clear = 0;
	fellow->rem_time = now.mono;
	return was_clean;
}
