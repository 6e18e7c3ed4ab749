/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/attempt.h"

#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/peer.h"
#include "control/fence/victim.h"

static bool has_agent(const struct fence *fence)
{
	const struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->pid_wait)
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
static void note_lone(struct fence *fence, struct peer *peer)
{
	if (peer->is_lone)
		return;
	peer->is_lone = true;
	note_line(fence, FENCE_ERROR,
		"node %u has to be fenced and no member is left that may do it: make sure that it "
		"is "
		"off, then dlm_tool fence_ack %u",
		peer->nodeid, peer->nodeid);
}

static void start(struct fence *fence, struct peer *peer, struct fence_now now)
{
	/* One attempt a second: an agent that cannot be started would be tried without end. */
	if (peer->attempt_time == now.mono) {
		fence->is_waiting = true;
		return;
	}
	peer->attempt_time = now.mono;
	peer->pid_wait = true;
	peer->agent_pid = 0;
	outbox_agent(fence, peer->nodeid, peer->fail_walltime);
}

static void request(struct fence *fence, struct peer *peer, struct fence_now now)
{
	if (peer_is_clean(peer)) {
		note_line(fence, FENCE_INFO, "node %u is back and clean: not fenced", peer->nodeid);
		victim_done(peer, now.wall, now.mono, peer->nodeid);
		return;
	}
	if (is_delayed(fence, now)) {
		peer->delay_fencing = true;
		fence->is_waiting = true;
		return;
	}
	peer->delay_fencing = false;
	peer->actor_last = victim_actor(peer);
	if (!peer->actor_last)
		note_lone(fence, peer);
	else if (peer->actor_last == fence->nodeid)
		start(fence, peer, now);
}

void attempt_cancel(struct fence *fence, struct peer *peer)
{
	if (!peer->pid_wait)
		return;
	peer->pid_wait = false;
	peer->agent_pid = 0;
	outbox_order(fence, FENCE_ORDER_AGENT_KILL, peer->nodeid);
}

void attempt_work(struct fence *fence, struct fence_now now)
{
	struct peer *peer;

	list_for_each (peer, &fence->peers, entry) {
		if (peer->need_fencing && !peer->pid_wait && !peer->result_wait)
			request(fence, peer, now);
	}
	list_for_each (peer, &fence->peers, entry) {
		if (!peer->pid_wait || !peer_is_clean(peer))
			continue;
		attempt_cancel(fence, peer);
		if (peer->need_fencing)
			victim_done(peer, now.wall, now.mono, peer->nodeid);
	}
}

void fence_agent_started(struct fence *fence, uint32_t nodeid, int pid)
{
	struct peer *peer = peer_find(fence, nodeid);

	if (peer && peer->pid_wait)
		peer->agent_pid = pid;
}

/* All learn of it, we too, when our RESULT is delivered. */
static void end(struct fence *fence, struct fence_now now, uint32_t nodeid, int result)
{
	struct peer *peer = peer_find(fence, nodeid);

	if (!peer || !peer->pid_wait)
		return;
	peer->pid_wait = false;
	peer->agent_pid = 0;
	peer->result_wait = true;
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
