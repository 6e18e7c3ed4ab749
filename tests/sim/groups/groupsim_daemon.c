/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "sim/groups/groupsim.h"

static void group_name(const char *lockspace, char ret[CPGMODEL_NAME_BYTES])
{
	snprintf(ret, CPGMODEL_NAME_BYTES, CPG_GROUP_LOCKSPACE "%s", lockspace);
}

/* What is said to a corosync that has gone is lost; the daemon notices later. */
static void send(struct sim *sim, uint32_t node, const char *name, const void *data, uint32_t bytes)
{
	if (cpgmodel_is_up(sim->model, node))
		cpgmodel_send(sim->model, node, name, data, bytes);
}

static void kill_node(struct sim *sim, uint32_t node, uint32_t target)
{
	sim_say(sim, node, "kills node %u", target);
	sim->counts.kills++;
	if (cpgmodel_is_up(sim->model, node))
		cpgmodel_kill(sim->model, node, target);
}

static uint32_t index_of(const char *lockspace)
{
	must(strlen(lockspace) == 3);
	return (uint32_t)(lockspace[2] - '0');
}

struct noting {
	const struct sim *sim;
	uint32_t node;
};

static struct noting notings[SIM_NODES_MAX + 1];

static void note_fence(void *context, enum fence_level level, const char *text)
{
	const struct noting *noting = context;

	sim_say(noting->sim, noting->node, "fence: %s", text);
}

static void note_group(void *context, enum fence_level level, const char *name, const char *text)
{
	const struct noting *noting = context;

	sim_say(noting->sim, noting->node, "%s: %s", name, text);
}

void sim_daemon_start(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];
	uint32_t configured[SIM_NODES_MAX];
	struct fence_settings fence = {.alloc = alloc_system(),
		.nodeid = node,
		.is_two_node = sim->two_node,
		.configured = configured,
		.configured_count = sim->node_count,
		.options = sim->options,
		.note = sim->is_verbose ? note_fence : NULL,
		.context = &notings[node]};
	struct group_settings group = {.alloc = alloc_system(),
		.nodeid = node,
		.has_probe = sim->has_probe,
		.options = {.enable_fencing = true, .enable_quorum_lockspace = true},
		.note = sim->is_verbose ? note_group : NULL,
		.context = &notings[node]};

	notings[node] = (struct noting){.sim = sim, .node = node};
	for (uint32_t i = 0; i < sim->node_count; i++)
		configured[i] = i + 1;
	must(!n->fence && cpgmodel_is_up(sim->model, node));
	must(!fence_new(&fence, &n->fence));
	group.fence = n->fence;
	must(!group_new(&group, &n->group));
	sim_say(sim, node, "daemon starts");
	cpgmodel_start(sim->model, node);
	cpgmodel_join(sim->model, node, CPG_GROUP_CONTROLD);
}

void sim_daemon_end(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];

	if (!n->fence)
		return;
	sim_say(sim, node, "daemon ends");
	group_free(n->group);
	fence_free(n->fence);
	n->group = NULL;
	n->fence = NULL;
	n->is_agreed = false;
	n->probe_count = 0;
	n->agent = (struct sim_agent){0};
	for (uint32_t i = 0; i < sim->lockspace_count; i++)
		n->programs[i].is_there = n->programs[i].is_asking = n->programs[i].is_releasing =
			false;
}

/* ---- orders ---- */

static void fence_order(struct sim *sim, uint32_t node, const struct fence_order *order)
{
	struct sim_node *n = &sim->nodes[node];

	switch (order->type) {
	case FENCE_ORDER_SEND:
		send(sim, node, CPG_GROUP_CONTROLD, order->data, order->bytes);
		return;
	case FENCE_ORDER_KILL:
		kill_node(sim, node, order->nodeid);
		return;
	case FENCE_ORDER_AGENT:
		sim->counts.fencings++;
		if (n->agent.victim && n->agent.victim != order->nodeid) {
			fence_agent_failed(n->fence, sim_now(sim, node), order->nodeid, -EBUSY);
			return;
		}
		if (!n->agent.victim)
			n->agent = (struct sim_agent){.victim = order->nodeid,
				.is_human = random_chance(&sim->random, 500)};
		if (n->agent.is_human)
			fence_agent_failed(n->fence, sim_now(sim, node), order->nodeid, -1);
		else
			fence_agent_started(n->fence, order->nodeid, 1000 + (int)order->nodeid);
		return;
	case FENCE_ORDER_AGENT_KILL:
		if (n->agent.victim == order->nodeid)
			n->agent = (struct sim_agent){0};
		return;
	case FENCE_ORDER_AGREED:
		n->is_agreed = true;
		fence_begin(n->fence, sim_now(sim, node));
		return;
	case FENCE_ORDER_REFUSED:
		sim_fail(sim, "node %u is refused: %s", node, order->text);
	}
}

static void answer(struct sim *sim, uint32_t node, uint32_t lockspace, int32_t result)
{
	struct sim_program *program = &sim->nodes[node].programs[lockspace];

	sim_say(sim, node, "%s: answer %d", sim_lockspace(lockspace), result);
	if (program->is_releasing) {
		must(!result);
		program->is_there = program->is_releasing = false;
		sim->nodes[node].engines[lockspace] = (struct sim_engine){0};
	} else if (result) {
		program->is_there = program->is_asking = false;
		sim->nodes[node].engines[lockspace] = (struct sim_engine){0};
	} else {
		must(program->is_asking);
		program->is_asking = false;
		program->is_there = true;
	}
}

static void look(struct sim *sim, uint32_t node, const char *lockspace)
{
	uint32_t members[CPGMODEL_NODES_MAX], count;
	char name[CPGMODEL_NAME_BYTES];

	group_name(lockspace, name);
	count = cpgmodel_members(sim->model, node, name, members);
	must(!group_looked(sim->nodes[node].group, sim_now(sim, node), lockspace, members, count));
}

static void group_order(struct sim *sim, uint32_t node, const struct group_order *order)
{
	uint32_t lockspace = index_of(order->name);
	char name[CPGMODEL_NAME_BYTES];

	group_name(order->name, name);
	if (sim_engine_order(sim, node, lockspace, order))
		return;
	switch (order->type) {
	case GROUP_ORDER_LOOK:
		look(sim, node, order->name);
		return;
	case GROUP_ORDER_JOIN:
		sim_say(sim, node, "%s: joins", order->name);
		sim->counts.joins++;
		sim->nodes[node].programs[lockspace].life++;
		if (cpgmodel_is_up(sim->model, node))
			cpgmodel_join(sim->model, node, name);
		return;
	case GROUP_ORDER_LEAVE:
		sim_say(sim, node, "%s: leaves", order->name);
		sim->counts.leaves++;
		sim_check_leave(sim, node, lockspace);
		if (cpgmodel_is_up(sim->model, node))
			cpgmodel_leave(sim->model, node, name);
		return;
	case GROUP_ORDER_SEND:
		sim_check_send(sim, node, lockspace, order);
		send(sim, node, name, order->data, order->bytes);
		return;
	case GROUP_ORDER_KILL:
		kill_node(sim, node, order->nodeid);
		return;
	case GROUP_ORDER_STATEFUL:
		fence_stateful(sim->nodes[node].fence);
		return;
	case GROUP_ORDER_ANSWER:
		answer(sim, node, lockspace, order->result);
		return;
	case GROUP_ORDER_PROBE:
	case GROUP_ORDER_PROBE_END:
	case GROUP_ORDER_NEW:
	case GROUP_ORDER_START:
	case GROUP_ORDER_STOP:
		break;
	}
	must(!"an order that nobody carries out");
}

void sim_daemon_orders(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];
	struct fence_order fence;
	struct group_order group;

	while (n->fence) {
		if (fence_order_take(n->fence, &fence))
			fence_order(sim, node, &fence);
		else if (group_order_take(n->group, &group))
			group_order(sim, node, &group);
		else
			return;
	}
}

/* ---- inputs ---- */

static void event_controld(struct sim *sim, uint32_t node, const struct cpgmodel_event *event)
{
	struct fence *fence = sim->nodes[node].fence;
	struct fence_now now = sim_now(sim, node);
	struct fence_change change;
	struct fence_quorum quorum;

	switch (event->type) {
	case CPGMODEL_QUORUM:
		quorum = cpgmodel_quorum(event);
		must(!fence_quorum(fence, now, &quorum));
		return;
	case CPGMODEL_CONFCHG:
		change = cpgmodel_change(event);
		must(!fence_confchg(fence, now, &change));
		return;
	case CPGMODEL_RING:
		fence_ring(fence, now, event->ring_nodeid, event->ring_seq);
		return;
	case CPGMODEL_MESSAGE:
		(void)fence_deliver(fence, now, event->sender, event->data, event->bytes);
		return;
	}
}

static void event_lockspace(struct sim *sim, uint32_t node, const struct cpgmodel_event *event)
{
	const char *name = event->group + sizeof(CPG_GROUP_LOCKSPACE) - 1;
	struct group *group = sim->nodes[node].group;
	struct fence_now now = sim_now(sim, node);
	struct fence_change change;

	switch (event->type) {
	case CPGMODEL_CONFCHG:
		sim->counts.changes++;
		change = cpgmodel_change(event);
		for (uint32_t i = 0; i < change.joined_count; i++)
			sim->nodes[node].programs[index_of(name)].seen[change.joined[i]]++;
		must(!group_confchg(group, now, name, &change));
		return;
	case CPGMODEL_RING:
		(void)group_ring(group, now, name, event->ring_nodeid, event->ring_seq);
		return;
	case CPGMODEL_MESSAGE:
		if (group_deliver(group, now, name, event->sender, event->data, event->bytes))
			sim_fail(sim, "node %u refuses a message of node %u", node, event->sender);
		return;
	case CPGMODEL_QUORUM:
		return;
	}
}

static void take_controld(struct sim *sim, uint32_t node, const struct cpgmodel_event *event)
{
	struct sim_node *n = &sim->nodes[node];

	event_controld(sim, node, event);
	sim_daemon_orders(sim, node);
	if (n->group)
		group_tick(n->group, sim_now(sim, node));
	sim_daemon_orders(sim, node);
}

/* Before a lockspace's event the daemon takes what the daemon group has got so far. */
void sim_daemon_event(struct sim *sim, uint32_t node, const struct cpgmodel_event *event)
{
	struct sim_node *n = &sim->nodes[node];
	struct cpgmodel_event before;

	if (!n->fence)
		return;
	if (!event->group[0] || !strcmp(event->group, CPG_GROUP_CONTROLD)) {
		take_controld(sim, node, event);
		return;
	}
	while (cpgmodel_take_of(sim->model, node, CPG_GROUP_CONTROLD, &before))
		take_controld(sim, node, &before);
	event_lockspace(sim, node, event);
	sim_daemon_orders(sim, node);
}

void sim_daemon_tick(struct sim *sim, uint32_t node)
{
	struct sim_node *n = &sim->nodes[node];

	if (n->fence && fence_is_waiting(n->fence))
		fence_tick(n->fence, sim_now(sim, node));
	sim_daemon_orders(sim, node);
	if (n->fence && group_is_waiting(n->group))
		group_tick(n->group, sim_now(sim, node));
	sim_daemon_orders(sim, node);
}

void sim_daemon_programs(struct sim *sim, uint32_t node)
{
	struct group_placement placement = {0};
	struct sim_node *n = &sim->nodes[node];

	for (uint32_t i = 0; n->is_agreed && i < sim->lockspace_count; i++) {
		struct sim_program *program = &n->programs[i];
		const char *name = sim_lockspace(i);

		if (program->is_asking || program->is_releasing ||
			program->wants == program->is_there)
			continue;
		if (program->wants) {
			program->is_asking = true;
			must(!group_online(n->group, sim_now(sim, node), name, 0, &placement));
		} else {
			int rv = group_offline(n->group, sim_now(sim, node), name);

			must(!rv || rv == -EBUSY); /* busy: its first start has failed */
			program->is_releasing = !rv;
		}
		sim_daemon_orders(sim, node);
	}
}
