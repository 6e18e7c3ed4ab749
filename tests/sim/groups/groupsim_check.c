/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "sim/groups/groupsim.h"

void sim_check_send(
	const struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	const struct sim_node *n = &sim->nodes[node];
	struct cpg_header header;
	struct cpg_start start;

	if (cpg_header_decode(order->data, order->bytes, &header) ||
		cpg_start_decode(order->data, order->bytes, &start))
		sim_fail(sim, "node %u sends what nobody understands", node);
	sim_say(sim, node, "%s: sends %s %u", order->name,
		header.flags & CPG_FLAG_NACK ? "NACK" : "START", header.msgdata);
	if (n->engines[lockspace].is_active)
		sim_fail(
			sim, "node %u sends START for %s while its engine runs", node, order->name);
	if (header.flags & CPG_FLAG_NACK) {
		((struct sim *)sim)->counts.nacks++;
		return;
	}
	if (fence_is_outstanding(n->fence))
		sim_fail(sim, "node %u sends START for %s while fencing is outstanding", node,
			order->name);
	for (uint32_t i = 0; i < n->probe_count; i++) {
		for (uint32_t m = 0; m < start.member_count; m++) {
			if (start.members[m] == n->probes[i].nodeid && !n->probes[i].is_kept)
				sim_fail(sim,
					"node %u sends START for %s while it asks node %u for %s",
					node, order->name, start.members[m],
					sim_lockspace(n->probes[i].lockspace));
		}
	}
}

/* Whether this engine has known the other one, in the same life of that lockspace there. */
static bool has_known(const struct sim *sim, uint32_t node, uint32_t lockspace, uint32_t other)
{
	const struct sim_engine *engine = &sim->nodes[node].engines[lockspace];

	return engine->members & 1u << other &&
	       engine->lives[other] == sim->nodes[other].programs[lockspace].life;
}

/*
 * Nobody acts on this lockspace's locks but by the same agreement: of the members, and of those
 * that were. Others are known by fencing alone, and are missed in some cases by the reference's
 * rules: one that starts away from the others without startup fencing, one that goes before it has
 * told its protocol, or while a newcomer is told that all is well. They are counted.
 */
static void check_others(const struct sim *sim, uint32_t node, uint32_t lockspace, uint32_t members)
{
	for (uint32_t m = 1; m <= sim->node_count; m++) {
		const struct sim_engine *other = &sim->nodes[m].engines[lockspace];

		if (m == node || !other->is_active || other->members == members)
			continue;
		if (members & 1u << m || has_known(sim, node, lockspace, m))
			sim_fail(sim,
				"node %u starts %s with members 0x%x while the engine of node %u "
				"runs with 0x%x",
				node, sim_lockspace(lockspace), members, m, other->members);
		((struct sim *)sim)->counts.unknowns++;
	}
}

/* Who has been away since the engine knew it must be shown as new. */
static void check_rejoined(
	const struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	const struct sim_engine *engine = &sim->nodes[node].engines[lockspace];

	for (uint32_t i = 0; i < order->member_count; i++) {
		uint32_t member = order->members[i].nodeid;

		if (engine->members & 1u << member &&
			engine->seen[member] != sim->nodes[node].programs[lockspace].seen[member] &&
			!order->members[i].rejoined)
			sim_fail(sim, "node %u takes node %u in %s for the one that was there",
				node, member, order->name);
	}
}

void sim_check_start(
	const struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	uint32_t members = 0;

	for (uint32_t i = 0; i < order->member_count; i++)
		members |= 1u << order->members[i].nodeid;
	if (!(members & 1u << node))
		sim_fail(sim, "node %u starts %s without itself", node, order->name);
	check_others(sim, node, lockspace, members);
	check_rejoined(sim, node, lockspace, order);
}

void sim_check_leave(const struct sim *sim, uint32_t node, uint32_t lockspace)
{
	if (sim->nodes[node].engines[lockspace].is_active)
		sim_fail(sim, "node %u leaves %s while its engine runs", node,
			sim_lockspace(lockspace));
}

static const char *settled_node(
	const struct sim *sim, uint32_t node, uint32_t lockspace, uint32_t wanted)
{
	static char text[320];
	const struct sim_node *n = &sim->nodes[node];
	const char *name = sim_lockspace(lockspace);
	struct group_view view;
	uint32_t members = 0;

	if (!n->fence || !n->is_agreed) {
		snprintf(text, sizeof(text), "node %u has no daemon yet", node);
		return text;
	}
	if (!group_find(n->group, name, &view)) {
		snprintf(text, sizeof(text), "node %u does not have %s", node, name);
		return wanted & 1u << node ? text : NULL;
	}
	for (uint32_t i = 0; i < view.started.member_count; i++)
		members |= 1u << view.started.members[i].nodeid;
	if (view.state == GROUP_RUNNING && members == wanted && !view.next.seq)
		return NULL;
	snprintf(text, sizeof(text),
		"node %u has %s in state %d with members 0x%x of 0x%x, change %u, wait %d, %s",
		node, name, view.state, members, wanted, view.next.seq, view.next.wait, view.text);
	return text;
}

const char *sim_check_settled(const struct sim *sim)
{
	const char *text = NULL;

	for (uint32_t l = 0; !text && l < sim->lockspace_count; l++) {
		uint32_t wanted = 0;

		for (uint32_t m = 1; m <= sim->node_count; m++) {
			if (sim->nodes[m].programs[l].wants)
				wanted |= 1u << m;
		}
		for (uint32_t m = 1; !text && m <= sim->node_count; m++)
			text = settled_node(sim, m, l, wanted);
	}
	return text;
}
