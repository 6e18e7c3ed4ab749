/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/result.h"

#include <errno.h>

#include "control/fence/attempt.h"
#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/startup.h"
#include "control/fence/victim.h"

static bool is_success(const struct cpg_fence *result)
{
	return result->result == 0 || result->result == -ECANCELED;
}

static void succeeded(struct fence *fence, struct fence_now now, uint32_t sender,
	struct fellow *fellow, const struct cpg_fence *result)
{
	if (fellow->is_member) {
		note_line(fence, FENCE_WARNING,
			"node %u was fenced and is a member: corosync is told to remove it",
			fellow->nodeid);
		outbox_order(fence, FENCE_ORDER_KILL, fellow->nodeid);
	}
	if (result->result == -ECANCELED)
		attempt_cancel(fence, fellow);
	victim_done(fellow, result->fence_walltime, now.mono, sender);
	note_line(fence, FENCE_INFO, "node %u is fenced, says node %u%s", fellow->nodeid, sender,
		result->result ? ": fence_ack" : "");
}

static void failed(
	struct fence *fence, uint32_t sender, struct fellow *fellow, const struct cpg_fence *result)
{
	fellow->last_result = result->result;
	victim_actor_failed(fence, fellow, sender);
	note_line(fence, FENCE_ERROR, "node %u could not be fenced by node %u: result %d",
		fellow->nodeid, sender, result->result);
}

void result_receive(
	struct fence *fence, struct fence_now now, uint32_t sender, const struct cpg_fence *result)
{
	struct fellow *fellow = fellow_find(fence, result->nodeid);
	bool was_startup = is_success(result) && startup_remove(fence, result->nodeid);

	if (!is_success(result))
		startup_failed(fence, result->nodeid, sender);

	/* Our own word has come round, of whatever use it still is. */
	if (fellow && sender == fence->nodeid && result->result != -ECANCELED)
		fellow->result_wait = false;
	if (!fellow || !fellow->need_fencing) {
		if (!was_startup)
			note_line(fence, FENCE_DEBUG,
				"result %d about node %u from node %u: it does not have to be "
				"fenced",
				result->result, result->nodeid, sender);
		return;
	}
	if (is_success(result))
		succeeded(fence, now, sender, fellow, result);
	else
		failed(fence, sender, fellow, result);
}
