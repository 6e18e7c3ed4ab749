/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/pure/must.h"
#include "sim/groups/groupsim.h"

static void start(
	struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	struct sim_engine *engine = &sim->nodes[node].engines[lockspace];

	sim_check_start(sim, node, lockspace, order);
	sim->counts.starts++;
	engine->is_active = true;
	engine->is_recovered = false;
	engine->start = order->number;
	engine->members = 0;
	for (uint32_t i = 0; i < order->member_count; i++) {
		uint32_t member = order->members[i].nodeid;

		engine->members |= 1u << member;
		engine->lives[member] = sim->nodes[member].programs[lockspace].life;
		engine->seen[member] = sim->nodes[node].programs[lockspace].seen[member];
	}
	sim_say(sim, node, "%s: engine starts %u with members 0x%x", order->name, order->number,
		engine->members);
}

static void probe(
	struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	struct sim_node *n = &sim->nodes[node];

	sim_say(sim, node, "%s: asks node %u (%u)", order->name, order->nodeid, order->number);
	sim->counts.probes++;
	must(n->probe_count < SIM_PROBES_MAX);
	for (uint32_t i = 0; i < n->probe_count; i++)
		must(n->probes[i].number != order->number);
	n->probes[n->probe_count++] = (struct sim_probe){.number = order->number,
		.nodeid = order->nodeid,
		.lockspace = lockspace,
		.is_kept = order->keep};
}

static void probe_end(struct sim *sim, uint32_t node, const struct group_order *order)
{
	struct sim_node *n = &sim->nodes[node];

	for (uint32_t i = 0; i < n->probe_count; i++)
		n->probes[i].is_ended |= n->probes[i].number == order->number;
}

bool sim_engine_order(
	struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order)
{
	struct sim_engine *engine = &sim->nodes[node].engines[lockspace];

	switch (order->type) {
	case GROUP_ORDER_NEW:
		must(!engine->is_made && !engine->is_active);
		engine->is_made = true;
		return true;
	case GROUP_ORDER_START:
		must(engine->is_made && !engine->is_active);
		start(sim, node, lockspace, order);
		return true;
	case GROUP_ORDER_STOP:
		must(engine->is_active && !engine->stop);
		engine->stop = order->number;
		return true;
	case GROUP_ORDER_PROBE:
		probe(sim, node, lockspace, order);
		return true;
	case GROUP_ORDER_PROBE_END:
		probe_end(sim, node, order);
		return true;
	case GROUP_ORDER_LOOK:
	case GROUP_ORDER_JOIN:
	case GROUP_ORDER_LEAVE:
	case GROUP_ORDER_SEND:
	case GROUP_ORDER_KILL:
	case GROUP_ORDER_STATEFUL:
	case GROUP_ORDER_ANSWER:
		break;
	}
	return false;
}

/* Recovery takes all members: each has been started with the same. */
static bool can_recover(const struct sim *sim, uint32_t node, uint32_t lockspace)
{
	const struct sim_engine *engine = &sim->nodes[node].engines[lockspace];

	for (uint32_t m = 1; m <= sim->node_count; m++) {
		const struct sim_engine *other = &sim->nodes[m].engines[lockspace];

		if (!(engine->members & 1u << m))
			continue;
		if (!other->is_active || other->members != engine->members)
			return false;
	}
	return true;
}

static bool step_lockspace(struct sim *sim, uint32_t node, uint32_t lockspace)
{
	struct sim_node *n = &sim->nodes[node];
	struct sim_engine *engine = &n->engines[lockspace];
	const char *name = sim_lockspace(lockspace);
	uint32_t number = engine->stop;

	if (number) {
		engine->stop = 0;
		engine->is_active = false;
		sim_say(sim, node, "%s: engine has stopped %u", name, number);
		must(!group_stopped(n->group, sim_now(sim, node), name, number));
		return true;
	}
	if (!engine->is_active || engine->is_recovered)
		return false;
	if (!engine->has_recovered && !sim->is_quiet && random_chance(&sim->random, 10)) {
		sim_say(sim, node, "%s: engine fails", name);
		must(!group_failed(n->group, sim_now(sim, node), name, engine->start, -ENOMEM));
		return true;
	}
	if (!can_recover(sim, node, lockspace))
		return false;
	engine->is_recovered = engine->has_recovered = true;
	sim_say(sim, node, "%s: engine has recovered %u", name, engine->start);
	must(!group_recovered(n->group, sim_now(sim, node), name, engine->start));
	return true;
}

static bool step_probe(struct sim *sim, uint32_t node, uint32_t index)
{
	struct sim_node *n = &sim->nodes[node];
	struct sim_probe probe = n->probes[index];
	struct group_probe_result result = {.nodeid = probe.nodeid};

	if (probe.is_ended)
		result.result = -ECANCELED;
	else if (!cpgmodel_are_together(sim->model, node, probe.nodeid))
		result.result = -ENOENT;
	else if (!sim->nodes[probe.nodeid].is_on || !sim->nodes[probe.nodeid].fence)
		return false;
	else if (!sim->nodes[probe.nodeid].engines[probe.lockspace].is_made)
		result.result = -EAGAIN;
	n->probes[index] = n->probes[--n->probe_count];
	sim_say(sim, node, "%s: node %u has answered (%u): %d", sim_lockspace(probe.lockspace),
		probe.nodeid, probe.number, result.result);
	must(!group_probed(n->group, sim_now(sim, node), sim_lockspace(probe.lockspace),
		probe.number, &result));
	return true;
}

bool sim_engine_step(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];
	uint32_t first = random_below(&sim->random, SIM_LOCKSPACES_MAX), index;

	if (!n->fence)
		return false;
	for (uint32_t i = 0; i < sim->lockspace_count; i++) {
		if (step_lockspace(sim, node, (first + i) % sim->lockspace_count)) {
			sim_daemon_orders(sim, node);
			return true;
		}
	}
	for (uint32_t i = 0, count = n->probe_count; i < count; i++) {
		index = (first + i) % count;
		if (step_probe(sim, node, index)) {
			sim_daemon_orders(sim, node);
			return true;
		}
	}
	return false;
}

void sim_engine_end(struct sim *sim, uint32_t node)
{
	for (uint32_t i = 0; i < sim->lockspace_count; i++)
		sim->nodes[node].engines[i] = (struct sim_engine){0};
}
