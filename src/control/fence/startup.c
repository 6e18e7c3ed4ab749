/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/startup.h"

#include <errno.h>
#include <string.h>

#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/victim.h"

static struct fellow *find(const struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow;

	list_for_each (fellow, &fence->startup, entry) {
		if (fellow->nodeid == nodeid)
			return fellow;
	}
	return NULL;
}

static bool is_known(const struct fence *fence, uint32_t nodeid)
{
	const struct fellow *fellow = fellow_find(fence, nodeid);

	return fellow && (fellow->has_been_clean || fellow->need_fencing);
}

int startup_fill(struct fence *fence)
{
	for (uint32_t i = 0; i < fence->configured_count; i++) {
		struct fellow *fellow;

		if (find(fence, fence->configured[i]) || is_known(fence, fence->configured[i]))
			continue;
		fellow = fellow_new(fence, fence->configured[i]);
		if (!fellow) {
			startup_empty(fence);
			return -ENOMEM;
		}
		list_add_tail(&fence->startup, &fellow->entry);
	}
	return 0;
}

uint32_t startup_empty(struct fence *fence)
{
	struct fellow *fellow, *next;
	uint32_t count = 0;

	list_for_each_safe (fellow, next, &fence->startup, entry) {
		fellow_free(fence, fellow);
		count++;
	}
	return count;
}

bool startup_remove(struct fence *fence, uint32_t nodeid)
{
	struct fellow *fellow = find(fence, nodeid);

	if (fellow)
		fellow_free(fence, fellow);
	return fellow;
}

/* The sender's time to wait was over before ours. It goes on to the next actor, and so do we. */
void startup_failed(struct fence *fence, uint32_t nodeid, uint32_t sender)
{
	struct fellow *listed = find(fence, nodeid);

	if (!listed || listed->actor_count == CPG_MEMBERS_MAX)
		return;
	for (uint32_t i = 0; i < listed->actor_count; i++) {
		if (listed->actors[i] == sender)
			return;
	}
	listed->actors[listed->actor_count++] = sender;
}

bool startup_has(const struct fence *fence, uint32_t nodeid)
{
	return find(fence, nodeid);
}

/* @listed becomes a victim: with the fellow that there is, or as one itself. Its actors are those
 * who have failed already. */
static void convert(struct fence *fence, struct fellow *listed)
{
	struct victim_failure failure = {FENCE_REASON_STARTUP, 0, 0};
	struct fellow *fellow = fellow_find(fence, listed->nodeid);
	uint32_t failed[CPG_MEMBERS_MAX], failed_count = listed->actor_count;

	if (fence->quorum.joined_mono) {
		failure.walltime = fence->quorum.joined_wall - 1;
		failure.monotime = fence->quorum.joined_mono - 1;
	}
	memcpy(failed, listed->actors, failed_count * sizeof(failed[0]));
	if (fellow) {
		fellow_free(fence, listed);
	} else {
		fellow = listed;
		list_remove(&fellow->entry);
		list_add_tail(&fence->fellows, &fellow->entry);
	}
	if (fellow->need_fencing)
		return;
	victim_add(fence, fellow, &failure, NULL, 0);
	for (uint32_t i = 0; i < failed_count; i++)
		victim_actor_failed(fence, fellow, failed[i]);
}

static bool is_time(const struct fence *fence, struct fence_now now)
{
	return fence->options.enable_startup && fence->delay_begin &&
	       now.mono - fence->delay_begin >= fence->options.post_join_delay;
}

void startup_work(struct fence *fence, struct fence_now now)
{
	struct fellow *listed, *next;

	list_for_each_safe (listed, next, &fence->startup, entry) {
		const struct fellow *fellow = fellow_find(fence, listed->nodeid);

		if (fellow && fellow_is_clean(fellow))
			fellow_free(fence, listed);
		else if (is_time(fence, now) && listed->nodeid != fence->nodeid)
			convert(fence, listed);
		else
			fence->is_waiting = true;
	}
}

bool fence_startup_view(const struct fence *fence, uint32_t index, uint32_t *ret_nodeid)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->startup, entry) {
		if (index--)
			continue;
		*ret_nodeid = fellow->nodeid;
		return true;
	}
	return false;
}
