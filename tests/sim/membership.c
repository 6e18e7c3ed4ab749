/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "membership.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MEMBERSHIP_POLL_US      20000
#define MEMBERSHIP_LEAVE_POLLS  500 /* then it leaves with what is left of its locks */
#define MEMBERSHIP_FINISH_POLLS 500 /* then it is taken down as a whole */

static void membership_change(struct membership *membership, uint32_t space);
static void membership_try_start(struct membership *membership, uint32_t space);

static bool membership_may_start(void *context, uint32_t node, uint32_t peer);
static void membership_answered(void *context, uint32_t node);
static void membership_all_answered(void *context, uint32_t node, uint32_t space);

void membership_init(struct membership *membership, struct cluster *cluster)
{
	const struct prober_hooks hooks = {
		.may_start = membership_may_start,
		.probed = membership_answered,
		.done = membership_all_answered,
		.context = membership,
	};

	memset(membership, 0, sizeof(*membership));
	membership->cluster = cluster;
	prober_init(&membership->prober, cluster, &hooks);
}

static uint64_t membership_soon(struct membership *membership, uint32_t within_us)
{
	struct cluster *cluster = membership->cluster;

	return cluster->clock.now_us + random_below(&cluster->random, within_us + 1);
}

static uint64_t membership_delivery(struct membership *membership)
{
	return membership_soon(membership, membership->cluster->knobs->delivery_us);
}

/* Later than any news that was sent until now has been delivered. */
static uint64_t membership_after(struct membership *membership, uint32_t delay_us)
{
	struct cluster *cluster = membership->cluster;

	return cluster->clock.now_us + cluster->knobs->delivery_us + 1 + delay_us;
}

static void membership_at(struct membership *membership, uint64_t at_us,
	void (*run)(void *context, uint64_t first, uint64_t second), uint64_t first,
	uint64_t second)
{
	clock_at(&membership->cluster->clock, at_us, run, membership, first, second);
}

/* node, lockspace and a number in one word */
static uint64_t membership_key(uint32_t node, uint32_t space, uint32_t number)
{
	return (uint64_t)number << 16 | node << 8 | space;
}

/* ---- stop and start ---- */

static uint32_t membership_started(const struct membership_group *group)
{
	uint32_t nodes = 0;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (group->seen[i].started)
			nodes |= 1u << i;
	return nodes;
}

static void membership_try_confirm(struct membership *membership, uint32_t node, uint32_t space)
{
	struct membership_group *group = &membership->groups[space];

	if (group->state != MEMBERSHIP_STOPPING || !(group->members & 1u << node) ||
		group->seen[node].stop_number != group->number ||
		prober_active(&membership->prober, node, space) ||
		(prober_open(&membership->prober, node) & group->members))
		return;
	group->confirmed |= 1u << node;
	group->seen[node].promised |= group->members & ~(1u << node);
	membership_try_start(membership, space);
}

static void membership_stop_delivered(void *context, uint64_t key, uint64_t boot_count)
{
	struct membership *membership = context;
	uint32_t space = key & 0xff, node = (key >> 8) & 0xff, number = (uint32_t)(key >> 16);
	struct membership_group *group = &membership->groups[space];
	struct cluster_node *at = &membership->cluster->nodes[node];

	if (number != group->number || !at->engine || at->boot_count != boot_count ||
		!at->spaces[space] || !(group->members & 1u << node) || at->isolated)
		return;
	if (!group->seen[node].stopped) {
		cluster_note(membership->cluster, TRACE_MEMBER, node, 0, number, "stop");
		cluster_enter(membership->cluster, node);
		engine_lockspace_stop(at->spaces[space]);
		group->seen[node].stopped = true;
		cluster_leave(membership->cluster, node);
	}
	group->seen[node].stop_number = number;
	if (!group->seen[node].started)
		prober_ask(&membership->prober, node, space,
			membership_started(group) & group->members & ~(1u << node));
	membership_try_confirm(membership, node, space);
}

static size_t membership_list(struct membership *membership, uint32_t node, uint32_t space,
	struct engine_member ret[CLUSTER_NODES_MAX])
{
	struct membership_group *group = &membership->groups[space];
	struct membership_seen *seen = &group->seen[node];
	size_t count = 0;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++) {
		if (!(group->members & 1u << i))
			continue;
		ret[count++] = (struct engine_member){
			.nodeid = i,
			.weight = membership->cluster->knobs->weights[i],
			.rejoined = seen->started && (seen->members & 1u << i) && i != node &&
				    seen->joins[i] != group->joins[i],
		};
	}
	memcpy(seen->joins, group->joins, sizeof(seen->joins));
	seen->members = group->members;
	seen->started = true;
	seen->promised = 0;
	seen->stopped = false;
	return count;
}

static void membership_start_delivered(void *context, uint64_t key, uint64_t boot_count)
{
	struct membership *membership = context;
	uint32_t space = key & 0xff, node = (key >> 8) & 0xff, number = (uint32_t)(key >> 16);
	struct cluster *cluster = membership->cluster;
	struct cluster_node *at = &cluster->nodes[node];
	struct engine_member members[CLUSTER_NODES_MAX];
	size_t count;
	int r;

	if (number != membership->groups[space].number || !at->engine ||
		at->boot_count != boot_count || !at->spaces[space] || at->isolated)
		return;
	count = membership_list(membership, node, space, members);
	cluster_note(cluster, TRACE_MEMBER, node, 0, number, "start");
	cluster_enter(cluster, node);
	cluster_work_later(cluster, node, random_below(&cluster->random, 2000));
	r = engine_lockspace_start(at->spaces[space], members, count, number);
	if (r == -ENOMEM && cluster->faulty)
		r = engine_lockspace_start(at->spaces[space], members, count, number);
	if (r < 0)
		cluster_fail(cluster, "start", "engine_lockspace_start on %u: %d", node, r);
	cluster_leave(cluster, node);
}

static void membership_state(
	struct membership *membership, struct membership_group *group, enum membership_state state)
{
	group->state = state;
	group->since_us = membership->cluster->clock.now_us;
	membership->cluster->activity++;
}

static void membership_deliver(struct membership *membership, uint32_t space,
	void (*delivered)(void *context, uint64_t key, uint64_t boot_count))
{
	struct membership_group *group = &membership->groups[space];

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (group->members & 1u << i)
			membership_at(membership, membership_delivery(membership), delivered,
				membership_key(i, space, group->number),
				membership->cluster->nodes[i].boot_count);
}

static void membership_try_start(struct membership *membership, uint32_t space)
{
	struct membership_group *group = &membership->groups[space];

	if (group->state != MEMBERSHIP_STOPPING || group->confirmed != group->members ||
		group->failed || !group->members)
		return;
	membership_state(membership, group, MEMBERSHIP_STARTING);
	membership->hooks.started(membership->hooks.context, space);
	membership_deliver(membership, space, membership_start_delivered);
}

static void membership_change(struct membership *membership, uint32_t space)
{
	struct membership_group *group = &membership->groups[space];

	membership->change_count++;
	if (group->state == MEMBERSHIP_STARTING)
		membership->recovery_change_count++;
	group->number++;
	group->confirmed = group->recovered = 0;
	cluster_note(membership->cluster, TRACE_MEMBER, 0, space, group->members, "change");
	membership_state(membership, group, group->members ? MEMBERSHIP_STOPPING : MEMBERSHIP_IDLE);
	membership_deliver(membership, space, membership_stop_delivered);
}

void membership_recovered(
	struct membership *membership, uint32_t node, uint32_t space, uint32_t number)
{
	struct membership_group *group = &membership->groups[space];

	if (number != group->number || group->state != MEMBERSHIP_STARTING)
		return;
	group->recovered |= 1u << node;
	cluster_note(membership->cluster, TRACE_MEMBER, node, space, number, "recovered");
	if (group->recovered != group->members)
		return;
	membership->recovered_count++;
	membership_state(membership, group, MEMBERSHIP_IDLE);
}

/* ---- processes come ---- */

static void membership_peer_add(void *context, uint64_t key, uint64_t boot_count)
{
	struct membership *membership = context;
	uint32_t peer = key & 0xff, node = (key >> 8) & 0xff;

	if (membership->cluster->nodes[node].boot_count == boot_count)
		cluster_peer_add(membership->cluster, node, peer);
}

static void membership_peer_remove(void *context, uint64_t key, uint64_t boot_count)
{
	struct membership *membership = context;
	uint32_t peer = key & 0xff, node = (key >> 8) & 0xff;

	if (membership->cluster->nodes[node].boot_count == boot_count)
		cluster_peer_remove(membership->cluster, node, peer);
}

/* Tell every live node of @peer, and @peer of every live node. */
static void membership_introduce(struct membership *membership, uint32_t peer)
{
	struct cluster *cluster = membership->cluster;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++) {
		if (i == peer || !(membership->alive & 1u << i))
			continue;
		membership_at(membership, membership_delivery(membership), membership_peer_add,
			membership_key(i, peer, 0), cluster->nodes[i].boot_count);
		membership_at(membership, membership_delivery(membership), membership_peer_add,
			membership_key(peer, i, 0), cluster->nodes[peer].boot_count);
	}
}

void membership_boot(struct membership *membership, uint32_t node)
{
	while (!cluster_boot(membership->cluster, node))
		if (cluster_failed(membership->cluster))
			return;
	membership_introduce(membership, node);
	membership->alive |= 1u << node;
}

/* ---- joining ---- */

static bool membership_join_prepare(struct membership *membership, uint32_t node, uint32_t space)
{
	struct membership_group *group = &membership->groups[space];
	struct cluster_node *at = &membership->cluster->nodes[node];

	if (!at->engine || at->dying || at->isolated || at->spaces[space] ||
		!(membership->alive & 1u << node) || (group->members & 1u << node))
		return false;
	if (cluster_space_new(membership->cluster, node, space) < 0 || at->dying)
		return false;
	memset(&group->seen[node], 0, sizeof(group->seen[node]));
	group->seen[node].stopped = true;
	group->members |= 1u << node;
	group->joins[node]++;
	cluster_note(membership->cluster, TRACE_MEMBER, node, space, 0, "join");
	membership->hooks.joined(membership->hooks.context, node, space);
	return true;
}

void membership_join(struct membership *membership, uint32_t node, uint32_t space)
{
	struct membership_group *group = &membership->groups[space];

	if (!cluster_up(membership->cluster, node) ||
		((group->members | group->joining) & 1u << node))
		return;
	group->joining |= 1u << node;
	membership->coming++;
	prober_ask(&membership->prober, node, space, group->members);
}

/* From its confirmation to its start the others may start with it, and a FIN would find them. */
static bool membership_may_start(void *context, uint32_t node, uint32_t peer)
{
	struct membership *membership = context;

	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++)
		if (membership->groups[space].seen[node].promised & 1u << peer)
			return true;
	return false;
}

/* A confirmation may have waited for it. */
static void membership_answered_later(void *context, uint64_t node, uint64_t boot_count)
{
	struct membership *membership = context;

	if (membership->cluster->nodes[node].boot_count != boot_count ||
		!cluster_up(membership->cluster, (uint32_t)node))
		return;
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++)
		membership_try_confirm(membership, (uint32_t)node, space);
}

static void membership_answered(void *context, uint32_t node)
{
	struct membership *membership = context;

	membership_at(membership, membership->cluster->clock.now_us, membership_answered_later,
		node, membership->cluster->nodes[node].boot_count);
}

static void membership_all_answered(void *context, uint32_t node, uint32_t space)
{
	struct membership *membership = context;
	struct membership_group *group = &membership->groups[space];

	if (!(group->joining & 1u << node)) {
		membership_try_confirm(membership, node, space);
		return;
	}
	group->joining &= ~(1u << node);
	membership->coming--;
	if (membership_join_prepare(membership, node, space))
		membership_change(membership, space);
}

void membership_probed(
	struct membership *membership, uint32_t node, const struct engine_probed *probed)
{
	prober_probed(&membership->prober, node, probed);
}

void membership_join_all(struct membership *membership, uint32_t nodes, uint32_t space)
{
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (nodes & 1u << i)
			membership_join_prepare(membership, i, space);
	membership_change(membership, space);
}

/* ---- death ---- */

static void membership_end(struct membership *membership, uint32_t node)
{
	if (!cluster_up(membership->cluster, node))
		return;
	cluster_end(membership->cluster, node);
	prober_forget(&membership->prober, node);
	for (uint32_t space = 0; space < CLUSTER_SPACES_MAX; space++) {
		struct membership_group *group = &membership->groups[space];

		membership->coming -= !!(group->joining & 1u << node);
		group->joining &= ~(1u << node);
		group->seen[node].promised = 0;
	}
	membership->hooks.dead(membership->hooks.context, node);
}

/* Everybody knows of it now. */
static void membership_reboot_join(void *context, uint64_t node, uint64_t boot_count)
{
	struct membership *membership = context;

	membership->coming--;
	if (membership->cluster->nodes[node].boot_count != boot_count)
		return;
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++)
		membership_join(membership, (uint32_t)node, space);
}

void membership_boot_and_join(struct membership *membership, uint32_t node)
{
	membership->coming++;
	membership_boot(membership, node);
	membership_at(membership, membership_after(membership, 0), membership_reboot_join, node,
		membership->cluster->nodes[node].boot_count);
}

static void membership_reboot(void *context, uint64_t node64, uint64_t unused)
{
	struct membership *membership = context;
	uint32_t node = (uint32_t)node64;

	membership->coming--;
	membership_boot_and_join(membership, node);
}

/* The node is really dead now. */
static void membership_fenced(void *context, uint64_t node64, uint64_t reboot_us)
{
	struct membership *membership = context;
	uint32_t node = (uint32_t)node64, bit = 1u << node;

	cluster_note(membership->cluster, TRACE_MEMBER, node, 0, 0, "fenced");
	membership_end(membership, node);
	membership->unfenced &= ~bit;
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++)
		membership->hooks.gone(membership->hooks.context, node, space);
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++) {
		membership->groups[space].failed &= ~bit;
		membership_try_start(membership, space);
	}
	if (reboot_us)
		membership_at(membership, membership_after(membership, (uint32_t)reboot_us),
			membership_reboot, node, 0);
}

/* The others see that the node failed. */
static void membership_noticed(void *context, uint64_t node64, uint64_t reboot_us)
{
	struct membership *membership = context;
	struct cluster *cluster = membership->cluster;
	uint32_t node = (uint32_t)node64, bit = 1u << node;

	membership->dying &= ~bit;
	membership->alive &= ~bit;
	membership->unfenced |= bit;
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (membership->alive & 1u << i)
			membership_at(membership, membership_delivery(membership),
				membership_peer_remove, membership_key(i, node, 0),
				cluster->nodes[i].boot_count);
	for (uint32_t space = 0; space < cluster->knobs->spaces; space++) {
		struct membership_group *group = &membership->groups[space];

		group->leaving &= ~bit;
		if (!(group->members & bit))
			continue;
		group->members &= ~bit;
		group->failed |= bit;
		membership_change(membership, space);
	}
	membership_at(membership, membership_soon(membership, cluster->knobs->fence_us),
		membership_fenced, node, reboot_us);
}

static void membership_dying(struct membership *membership, uint32_t node, uint32_t reboot_us)
{
	membership->dying |= 1u << node;
	if (reboot_us)
		membership->coming++;
	membership_at(membership,
		membership_soon(membership, membership->cluster->knobs->notice_us),
		membership_noticed, node, reboot_us);
}

void membership_kill(struct membership *membership, uint32_t node, uint32_t reboot_us)
{
	if (!(membership->alive & 1u << node) || (membership->dying & 1u << node)) {
		/* already on its way to being fenced */
		membership_end(membership, node);
		return;
	}
	cluster_note(membership->cluster, TRACE_MEMBER, node, 0, 0, "kill");
	membership_end(membership, node);
	membership_dying(membership, node, reboot_us);
}

/* Its own daemon sees all others gone and stops the lockspaces, if it comes to that. */
static void membership_isolated_stop(void *context, uint64_t node64, uint64_t boot_count)
{
	struct membership *membership = context;
	struct cluster_node *at = &membership->cluster->nodes[node64];

	if (!at->engine || at->boot_count != boot_count)
		return;
	cluster_enter(membership->cluster, at->nodeid);
	for (uint32_t space = 0; space < CLUSTER_SPACES_MAX; space++)
		if (at->spaces[space])
			engine_lockspace_stop(at->spaces[space]);
	cluster_leave(membership->cluster, at->nodeid);
}

void membership_isolate(struct membership *membership, uint32_t node, uint32_t reboot_us)
{
	struct cluster *cluster = membership->cluster;

	cluster_note(cluster, TRACE_MEMBER, node, 0, 0, "isolate");
	cluster->nodes[node].isolated = true;
	membership_dying(membership, node, reboot_us);
	if (random_chance(&cluster->random, 500))
		membership_at(membership, membership_soon(membership, cluster->knobs->notice_us),
			membership_isolated_stop, node, cluster->nodes[node].boot_count);
}

/* ---- leaving in order ---- */

static bool membership_links_closed(struct membership *membership, uint32_t node)
{
	struct engine_peer_info info;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (engine_peer_info(membership->cluster->nodes[node].engine, i, &info) == 0 &&
			strcmp(info.state, "CLOSED"))
			return false;
	return true;
}

static bool membership_has_spaces(const struct cluster_node *at)
{
	return at->spaces[0] || at->spaces[1];
}

/* Join again when FIN is done with every peer; a node that cannot finish is taken down as a whole.
 */
static void membership_rejoin(void *context, uint64_t key, uint64_t boot_count)
{
	struct membership *membership = context;
	uint32_t space = key & 0xff, node = (key >> 8) & 0xff, polls = (uint32_t)(key >> 16);
	struct cluster_node *at = &membership->cluster->nodes[node];

	if (!at->engine || at->boot_count != boot_count || at->isolated) {
		membership->coming--;
		return;
	}
	if (!membership_has_spaces(at) && !membership_links_closed(membership, node)) {
		if (polls < MEMBERSHIP_FINISH_POLLS) {
			membership_at(membership,
				membership->cluster->clock.now_us + MEMBERSHIP_POLL_US,
				membership_rejoin, membership_key(node, space, polls + 1),
				boot_count);
			return;
		}
		membership->coming--;
		membership_kill(membership, node, MEMBERSHIP_POLL_US);
		return;
	}
	membership->coming--;
	membership_join(membership, node, space);
}

static void membership_left(void *context, uint64_t key, uint64_t rejoin_us)
{
	struct membership *membership = context;
	uint32_t space = key & 0xff, node = (key >> 8) & 0xff, boot_count = (uint32_t)(key >> 16);
	struct cluster_node *at = &membership->cluster->nodes[node];

	if (!at->engine || at->boot_count != boot_count) {
		membership->coming--;
		return;
	}
	cluster_note(membership->cluster, TRACE_MEMBER, node, space, 0, "free");
	cluster_space_free(membership->cluster, node, space);
	if (!rejoin_us) {
		membership->coming--;
		return;
	}
	membership_at(membership, membership_after(membership, (uint32_t)rejoin_us),
		membership_rejoin, membership_key(node, space, 0), boot_count);
}

/* Its programs are gone, or there is no more time: out of the group, then out of the engine. */
static void membership_leave_now(
	struct membership *membership, uint32_t node, uint32_t space, uint64_t rejoin_us)
{
	struct membership_group *group = &membership->groups[space];
	struct cluster_node *at = &membership->cluster->nodes[node];

	cluster_note(membership->cluster, TRACE_MEMBER, node, space, 0, "leave");
	cluster_enter(membership->cluster, node);
	engine_lockspace_stop(at->spaces[space]);
	group->members &= ~(1u << node);
	group->leaving &= ~(1u << node);
	group->seen[node].promised = 0;
	cluster_leave(membership->cluster, node);
	membership->hooks.gone(membership->hooks.context, node, space);
	membership_change(membership, space);
	membership_at(membership, membership_delivery(membership), membership_left,
		membership_key(node, space, at->boot_count), rejoin_us);
}

static void membership_leave_poll(void *context, uint64_t key, uint64_t rejoin_us)
{
	struct membership *membership = context;
	uint32_t space = key & 0xff, node = (key >> 8) & 0xff;
	uint32_t polls = (uint32_t)(key >> 16) & 0xffff, boot_count = (uint32_t)(key >> 32);
	struct cluster_node *at = &membership->cluster->nodes[node];
	struct engine_lockspace_info info;

	if (!at->engine || at->boot_count != boot_count || at->isolated ||
		!(membership->groups[space].leaving & 1u << node)) {
		membership->coming--;
		return;
	}
	engine_lockspace_info(at->spaces[space], &info);
	if (info.client_count && polls < MEMBERSHIP_LEAVE_POLLS)
		membership_at(membership, membership->cluster->clock.now_us + MEMBERSHIP_POLL_US,
			membership_leave_poll, key + (1u << 16), rejoin_us);
	else
		membership_leave_now(membership, node, space, rejoin_us);
}

void membership_leave(
	struct membership *membership, uint32_t node, uint32_t space, uint32_t rejoin_us)
{
	struct membership_group *group = &membership->groups[space];
	uint32_t boot_count = membership->cluster->nodes[node].boot_count;

	if (!(group->members & 1u << node) || (group->leaving & 1u << node) ||
		!cluster_up(membership->cluster, node))
		return;
	group->leaving |= 1u << node;
	membership->coming++;
	membership->hooks.leaving(membership->hooks.context, node, space);
	membership_at(membership, membership->cluster->clock.now_us, membership_leave_poll,
		membership_key(node, space, boot_count << 16), rejoin_us);
}

/* ---- state ---- */

uint32_t membership_healthy(const struct membership *membership)
{
	return membership->alive & ~membership->dying;
}

bool membership_settled(const struct membership *membership)
{
	if (membership->dying || membership->unfenced || membership->coming)
		return false;
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++)
		if (membership->groups[space].state != MEMBERSHIP_IDLE)
			return false;
	return true;
}

void membership_print(const struct membership *membership, FILE *file)
{
	static const char *const states[] = {"idle", "stopping", "starting"};

	fprintf(file, "cluster: alive %x dying %x unfenced %x coming %u\n", membership->alive,
		membership->dying, membership->unfenced, membership->coming);
	for (uint32_t space = 0; space < membership->cluster->knobs->spaces; space++) {
		const struct membership_group *group = &membership->groups[space];

		fprintf(file,
			"lockspace %s: %s since %llu us, change %u members %x confirmed %x "
			"recovered %x failed %x leaving %x joining %x\n",
			cluster_space_name(space), states[group->state],
			(unsigned long long)group->since_us, group->number, group->members,
			group->confirmed, group->recovered, group->failed, group->leaving,
			group->joining);
	}
}
