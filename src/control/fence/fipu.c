/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fipu.h"

#include <errno.h>

#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/startup.h"
#include "control/fence/victim.h"

static void known(struct fence *fence, const char *why)
{
	fence->is_fipu = false;
	fence->wait_clear_fipu = false;
	note_line(fence, FENCE_INFO, "fencing of the time before us is known to be over: %s", why);
}

/* Whether it may tell us: it was there before us, or has come back from where it was without us. */
static bool may_tell(const struct fence *fence, const struct fellow *fellow)
{
	return fellow->is_member && fellow->nodeid != fence->nodeid &&
	       (!fellow->need_clear || fellow->rem_time);
}

/* Those who could tell us are gone, and everybody else came after us: nobody will, ever. So we look
 * after the configured nodes ourselves, as if we had come first. */
static void work_deserted(struct fence *fence)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (may_tell(fence, fellow))
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
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->is_member && !fellow->is_fipu)
			return false;
	}
	return true;
}

/* Without startup fencing: if everybody has come just now, nobody is fencing. */
static void work_announce(struct fence *fence)
{
	struct fellow *fellow;

	if (all_unknowing(fence)) {
		list_for_each (fellow, &fence->fellows, entry)
			fellow->is_fipu = false;
		known(fence, "all members came together");
	} else if (fence->fipu_join) {
		fence->fipu_join = false;
		outbox_clear(fence, fence->nodeid, -ENODATA, CPG_FENCE_FIPU);
	}
}

/* The lowest member that has nothing to be told: it tells the others. */
static uint32_t low_knowing(const struct fence *fence)
{
	const struct fellow *fellow;
	uint32_t low = 0;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->is_member && !fellow->need_clear && (!low || fellow->nodeid < low))
			low = fellow->nodeid;
	}
	return low;
}

static void work_tell(struct fence *fence)
{
	bool is_low = low_knowing(fence) == fence->nodeid, is_over = !victim_any(fence);
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		uint32_t flags = fellow->need_clear & CPG_FENCE_CLEAR_STARTUP;

		if (!fellow->is_member || !fellow->need_clear)
			continue;
		if (fellow->nodeid == fence->nodeid) {
			fellow->need_clear = 0;
			continue;
		}
		if (!is_low)
			continue;
		if (is_over)
			flags |= fellow->need_clear & CPG_FENCE_CLEAR_FIPU;
		if (!flags)
			continue;
		fellow->need_clear &= ~flags;
		outbox_clear(fence, fellow->nodeid, 0, flags);
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

static void receive_announced(struct fence *fence, struct fellow *fellow)
{
	if (fence->is_fipu)
		fellow->is_fipu = true;
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
	struct fellow *fellow = fellow_find(fence, clear->nodeid);

	if (!fellow) {
		note_line(fence, FENCE_DEBUG,
			"clear from node %u about node %u, which is not known", sender,
			clear->nodeid);
		return;
	}
	if (clear->result == -ENODATA && clear->flags & CPG_FENCE_FIPU)
		receive_announced(fence, fellow);
	if (clear->result)
		return;
	if (clear->nodeid == fence->nodeid)
		receive_clear(fence, sender, clear->flags);
	fellow->need_clear &= ~clear->flags;
}
