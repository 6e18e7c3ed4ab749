/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/attempt.h"

#include "control/fence/fellow.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/victim.h"

static bool has_agent(const struct fence *fence)
{
	const struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->pid_wait)
			return true;
	}
	return false;
}

static bool is_delayed(const struct fence *fence, struct fence_now now)
{
	if (!fence->options.enable_concurrent && has_agent(fence))
		return true;
	return now.mono - fence->delay_begin < fence->options.post_join_delay;
}

/* Nobody who saw it go is left. */
static void note_lone(struct fence *fence, struct fellow *fellow)
{
	if (fellow->is_lone)
		return;
	fellow->is_lone = true;
	note_line(fence, FENCE_ERROR,
		"node %u has to be fenced and no member is left that may do it: make sure that it "
		"is "
		"off, then dlm_tool fence_ack %u",
		fellow->nodeid, fellow->nodeid);
}

static void start(struct fence *fence, struct fellow *fellow, struct fence_now now)
{
	/* One attempt a second: an agent that cannot be started would be tried without end. */
	if (fellow->attempt_time == now.mono) {
		fence->is_waiting = true;
		return;
	}
	fellow->attempt_time = now.mono;
	fellow->pid_wait = true;
	fellow->agent_pid = 0;
	outbox_agent(fence, fellow->nodeid, fellow->fail_walltime);
}

static void request(struct fence *fence, struct fellow *fellow, struct fence_now now)
{
	if (is_delayed(fence, now)) {
		fellow->delay_fencing = true;
		fence->is_waiting = true;
		return;
	}
	fellow->delay_fencing = false;
	fellow->actor_last = victim_actor(fellow);
	if (!fellow->actor_last)
		note_lone(fence, fellow);
	else if (fellow->actor_last == fence->nodeid)
		start(fence, fellow, now);
}

void attempt_cancel(struct fence *fence, struct fellow *fellow)
{
	if (!fellow->pid_wait)
		return;
	fellow->pid_wait = false;
	fellow->agent_pid = 0;
	outbox_order(fence, FENCE_ORDER_AGENT_KILL, fellow->nodeid);
}

void attempt_work(struct fence *fence, struct fence_now now)
{
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (fellow->need_fencing && !fellow->pid_wait && !fellow->result_wait)
			request(fence, fellow, now);
	}
}

void fence_agent_started(struct fence *fence, uint32_t nodeid, int pid)
{
	struct fellow *fellow = fellow_find(fence, nodeid);

	if (fellow && fellow->pid_wait)
		fellow->agent_pid = pid;
}

/* All learn of it, we too, when our RESULT is delivered. */
static void end(struct fence *fence, struct fence_now now, uint32_t nodeid, int result)
{
	struct fellow *fellow = fellow_find(fence, nodeid);

	if (!fellow || !fellow->pid_wait)
		return;
	fellow->pid_wait = false;
	fellow->agent_pid = 0;
	fellow->result_wait = true;
	outbox_result(fence, nodeid, result, now.wall);
}

void fence_agent_failed(struct fence *fence, struct fence_now now, uint32_t nodeid, int error)
{
	note_line(fence, FENCE_ERROR, "node %u: its fence agent could not be started (%d)", nodeid,
		error);
	end(fence, now, nodeid, error);
}

void fence_agent_ended(struct fence *fence, struct fence_now now, uint32_t nodeid, int status)
{
	note_line(fence, status ? FENCE_ERROR : FENCE_INFO,
		"node %u: its fence agent ended with %d", nodeid, status);
	end(fence, now, nodeid, status);
}
