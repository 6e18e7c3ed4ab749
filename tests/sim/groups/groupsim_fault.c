/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/pure/must.h"
#include "sim/groups/groupsim.h"

/* ---- machines ---- */

/* The machine is off, and nothing on it acts any more. */
void sim_fault_off(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];

	if (!n->is_on)
		return;
	sim_say(sim, node, "machine off");
	sim_daemon_end(sim, node);
	sim_engine_end(sim, node);
	if (cpgmodel_is_up(sim->model, node))
		cpgmodel_down(sim->model, node);
	n->is_on = false;
	n->wait_s = random_between(&sim->random, 1, 6);
}

static void machine_on(struct sim *sim, uint32_t node)
{
	sim_say(sim, node, "machine on");
	sim->nodes[node].is_on = true;
	cpgmodel_up(sim->model, node);
	sim->nodes[node].wait_s = random_below(&sim->random, 3);
}

/* Corosync runs without a daemon: it is started, after what ran before has ended. */
static void start_again(struct sim *sim, uint32_t node)
{
	if (!cpgmodel_is_up(sim->model, node))
		cpgmodel_up(sim->model, node);
	sim_engine_end(sim, node);
	sim_daemon_start(sim, node);
}

void sim_fault_second(struct sim *sim)
{
	for (uint32_t m = 1; m <= sim->node_count; m++) {
		struct sim_node *n = &sim->nodes[m];

		if (n->wait_s && --n->wait_s)
			continue;
		if (!n->is_on)
			machine_on(sim, m);
		else if (!n->fence)
			start_again(sim, m);
	}
}

void sim_fault_noticed(struct sim *sim)
{
	for (uint32_t m = 1; m <= sim->node_count; m++) {
		struct sim_node *n = &sim->nodes[m];

		if (!n->is_on || !n->fence || cpgmodel_is_up(sim->model, m))
			continue;
		/* The engine goes on until the daemon is started again, or the machine is off. */
		sim_say(sim, m, "corosync is gone");
		sim_daemon_end(sim, m);
		n->wait_s = random_between(&sim->random, 1, 5);
	}
}

/* ---- fencers ---- */

static bool agent_step(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];
	struct sim_agent agent = n->agent;

	if (!n->fence || !agent.victim)
		return false;
	/* It may have come back, and died again. */
	if (!agent.is_down || sim->nodes[agent.victim].is_on) {
		n->agent.is_down = true;
		sim_fault_off(sim, agent.victim);
		return true;
	}
	n->agent = (struct sim_agent){0};
	if (agent.is_human)
		(void)fence_ack(n->fence, sim_now(sim, node), agent.victim);
	else
		fence_agent_ended(n->fence, sim_now(sim, node), agent.victim, 0);
	sim_daemon_orders(sim, node);
	return true;
}

bool sim_fault_agents(struct sim *sim)
{
	uint32_t first = random_below(&sim->random, sim->node_count);

	for (uint32_t i = 0; i < sim->node_count; i++) {
		if (agent_step(sim, (first + i) % sim->node_count + 1))
			return true;
	}
	return false;
}

/* ---- what goes wrong ---- */

static void partition(struct sim *sim)
{
	uint8_t sides[SIM_NODES_MAX];

	sim->counts.partitions++;
	for (uint32_t i = 0; i < sim->node_count; i++)
		sides[i] = (uint8_t)random_below(&sim->random, 2);
	sim_say(sim, 0, "partition");
	cpgmodel_partition(sim->model, sides);
}

void sim_fault_heal(struct sim *sim)
{
	uint8_t sides[SIM_NODES_MAX] = {0};

	sim_say(sim, 0, "heal");
	cpgmodel_partition(sim->model, sides);
}

static void daemon_dies(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];

	if (!n->fence)
		return;
	sim->counts.deaths++;
	sim_daemon_end(sim, node);
	cpgmodel_die(sim->model, node);
	n->wait_s = random_between(&sim->random, 1, 8);
}

static void corosync_dies(struct sim *sim, uint32_t node)
{
	sim->counts.deaths++;
	if (sim->nodes[node].is_on && cpgmodel_is_up(sim->model, node))
		cpgmodel_down(sim->model, node);
}

void sim_fault_step(struct sim *sim)
{
	static const uint32_t weights[] = {4, 6, 3, 3, 3};
	uint32_t node = random_between(&sim->random, 1, sim->node_count);

	switch (random_weighted(&sim->random, weights, 5)) {
	case 0:
		partition(sim);
		return;
	case 1:
		sim_fault_heal(sim);
		return;
	case 2:
		daemon_dies(sim, node);
		return;
	case 3:
		corosync_dies(sim, node);
		return;
	default:
		sim->counts.deaths++;
		sim_fault_off(sim, node);
		return;
	}
}
