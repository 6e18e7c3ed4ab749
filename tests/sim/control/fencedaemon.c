/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemons of the world: how they begin and end, what they are given, what they do about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/control/fenceworld.h"

static void note(void *context, enum fence_level level, const char *text)
{
	struct fenceworld *world = context;

	fenceworld_say(world, "      | %s", text);
	if (!strncmp(text, "nobody is left who knows", 24))
		world->deserted++;
}

void fencedaemon_start(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	uint32_t configured[FENCEWORLD_NODES_MAX];
	struct fence_settings settings = {.alloc = alloc_system(),
		.nodeid = id,
		.is_two_node = world->is_two_node,
		.configured = configured,
		.configured_count = world->node_count,
		.options = world->options,
		.note = note,
		.context = world};

	for (uint32_t i = 0; i < world->node_count; i++)
		configured[i] = i + 1;
	if (fence_new(&settings, &node->fence))
		abort();
	node->incarnation++;
	node->start_step = world->step;
	node->found = 0;
	node->is_misled = false;
	memset(node->past, 0, sizeof(node->past));
	cpgmodel_start(world->model, id);
	cpgmodel_join(world->model, id, CPG_GROUP_CONTROLD);
	fenceworld_say(world, "node %u: daemon starts, incarnation %u", id, node->incarnation);
}

/* The daemon is gone, however it came to that. Agents that it started go on in no one's name. */
void fencedaemon_end(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];

	if (!node->fence)
		return;
	fence_free(node->fence);
	node->fence = NULL;
	node->is_leaving = false;
	node->is_stateful = false;
	memset(node->agents, 0, sizeof(node->agents));
	node->boot_time = world->now.mono + random_between(&world->random, 1, 20);
	fenceworld_say(world, "node %u: daemon is gone", id);
}

void fencedaemon_off(struct fenceworld *world, uint32_t id)
{
	fenceworld_say(world, "node %u: off", id);
	cpgmodel_down(world->model, id);
	fencedaemon_end(world, id);
	world->nodes[id].boot_time = world->now.mono + random_between(&world->random, 2, 30);
}

/* Corosync has been told to end, by whomever. */
static void notice_killed(struct fenceworld *world)
{
	for (uint32_t id = 1; id <= world->node_count; id++) {
		if (world->nodes[id].fence && !cpgmodel_is_up(world->model, id)) {
			world->killed++;
			fenceworld_say(world, "node %u: corosync was killed", id);
			fencedaemon_end(world, id);
		}
	}
}

static void order_agent(struct fenceworld *world, uint32_t id, uint32_t victim)
{
	struct fencenode *node = &world->nodes[id];

	fencecheck_agent(world, id, victim);
	if (random_chance(&world->random, world->agent_start_fail)) {
		fenceworld_say(world, "node %u: agent for %u does not start", id, victim);
		fence_agent_failed(node->fence, world->now, victim, -ENOENT);
		return;
	}
	node->agents[victim].is_running = true;
	node->agents[victim].end_time = world->now.mono + random_between(&world->random, 0, 6);
	fence_agent_started(node->fence, victim, (int)(id * 100 + victim));
	fenceworld_say(world, "node %u: fences %u", id, victim);
}

void fencedaemon_obey(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	struct fence_order order;

	while (node->fence && fence_order_take(node->fence, &order)) {
		switch (order.type) {
		case FENCE_ORDER_SEND:
			cpgmodel_send(
				world->model, id, CPG_GROUP_CONTROLD, order.data, order.bytes);
			break;
		case FENCE_ORDER_KILL:
			fenceworld_say(world, "node %u: kills %u", id, order.nodeid);
			cpgmodel_kill(world->model, id, order.nodeid);
			break;
		case FENCE_ORDER_AGENT:
			order_agent(world, id, order.nodeid);
			break;
		case FENCE_ORDER_AGENT_KILL:
			node->agents[order.nodeid].is_running = false;
			break;
		case FENCE_ORDER_AGREED:
			fence_begin(node->fence, world->now);
			break;
		case FENCE_ORDER_REFUSED:
			fenceworld_fault(world, "node %u is refused: %s", id, order.text);
			break;
		}
	}
}

static void show(struct fenceworld *world, uint32_t id, const struct cpgmodel_event *event)
{
	char members[64] = "", joined[64] = "", left[64] = "";
	struct cpg_header header;

	for (uint32_t i = 0; i < event->member_count; i++)
		snprintf(members + strlen(members), 8, " %u", event->members[i]);
	for (uint32_t i = 0; i < event->joined_count; i++)
		snprintf(joined + strlen(joined), 8, " +%u", event->joined[i]);
	for (uint32_t i = 0; i < event->left_count; i++)
		snprintf(left + strlen(left), 16, " -%u(%d)", event->left[i], event->reasons[i]);
	switch (event->type) {
	case CPGMODEL_QUORUM:
		fenceworld_say(world, "%u < quorum %d seq %u:%s%s", id, event->is_quorate,
			(uint32_t)event->ring_seq, members, joined);
		break;
	case CPGMODEL_CONFCHG:
		fenceworld_say(world, "%u < change%s%s%s", id, members, joined, left);
		break;
	case CPGMODEL_RING:
		fenceworld_say(world, "%u < ring %u", id, (uint32_t)event->ring_seq);
		break;
	case CPGMODEL_MESSAGE:
		cpg_header_decode(event->data, event->bytes, &header);
		fenceworld_say(
			world, "%u < %s from %u", id, cpg_type_word(header.type), event->sender);
		break;
	}
}

static int give(struct fenceworld *world, struct fence *fence, const struct cpgmodel_event *event)
{
	struct fence_change change = cpgmodel_change(event);
	struct fence_quorum quorum = cpgmodel_quorum(event);

	switch (event->type) {
	case CPGMODEL_QUORUM:
		return fence_quorum(fence, world->now, &quorum);
	case CPGMODEL_CONFCHG:
		return fence_confchg(fence, world->now, &change);
	case CPGMODEL_RING:
		fence_ring(fence, world->now, event->ring_nodeid, event->ring_seq);
		return 0;
	case CPGMODEL_MESSAGE:
		return fence_deliver(fence, world->now, event->sender, event->data, event->bytes);
	}
	return 0;
}

/* A lockspace starts there, as soon as it may. */
static void maybe_start_lockspace(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	struct fence_view view;

	fence_view(node->fence, &view);
	if (node->is_stateful || !view.is_agreed || !view.is_quorate ||
		view.daemon_ring_seq != view.cluster_ring_seq ||
		fence_is_outstanding(node->fence) || !random_chance(&world->random, 200))
		return;
	node->is_stateful = true;
	fence_stateful(node->fence);
	fenceworld_say(world, "node %u: has state", id);
}

static bool we_left(const struct cpgmodel_event *event, uint32_t id)
{
	for (uint32_t i = 0; event->type == CPGMODEL_CONFCHG && i < event->left_count; i++) {
		if (event->left[i] == id)
			return true;
	}
	return false;
}

bool fencedaemon_go(struct fenceworld *world)
{
	struct cpgmodel_event event;
	struct fencenode *node;
	uint32_t id;
	int rv;

	if (!cpgmodel_step(world->model, &id, &event)) {
		notice_killed(world);
		return false;
	}
	notice_killed(world);
	node = &world->nodes[id];
	if (!node->fence)
		return true;
	world->step++;
	show(world, id, &event);
	if (we_left(&event, id)) {
		cpgmodel_die(world->model, id);
		fencedaemon_end(world, id);
		return true;
	}
	fencecheck_before(world, id, &event);
	rv = give(world, node->fence, &event);
	if (rv)
		fenceworld_fault(world, "node %u: an event gives %d", id, rv);
	fencecheck_after(world, id, &event);
	fencedaemon_obey(world, id);
	maybe_start_lockspace(world, id);
	return true;
}
