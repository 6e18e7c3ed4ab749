/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prober.h"

#include <errno.h>
#include <string.h>

#define PROBER_POLL_US 1000

static void prober_poll_later(struct prober *prober, uint32_t node, uint32_t delay_us);

void prober_init(struct prober *prober, struct cluster *cluster, const struct prober_hooks *hooks)
{
	memset(prober, 0, sizeof(*prober));
	prober->cluster = cluster;
	prober->hooks = *hooks;
}

static uint32_t prober_global_id(uint32_t space)
{
	return lockspace_global_id(space == PROBER_ODD ? "odd" : cluster_space_name(space));
}

static void prober_end(void *context, uint64_t node64, uint64_t number)
{
	struct prober *prober = context;
	uint32_t node = (uint32_t)node64;
	struct engine *engine = cluster_enter(prober->cluster, node);

	if (!engine)
		return;
	engine_probe_end(engine, (uint32_t)number);
	cluster_leave(prober->cluster, node);
}

/* Some are given up, early or late; those that are needed are asked again. */
static void prober_end_later(struct prober *prober, uint32_t node, uint32_t number)
{
	struct cluster *cluster = prober->cluster;

	if (!random_chance(&cluster->random, cluster->knobs->probe_end_permille))
		return;
	prober->ended_count++;
	clock_at(&cluster->clock,
		cluster->clock.now_us +
			random_below(&cluster->random, 20 * cluster->knobs->delay_us + 1),
		prober_end, prober, node, number);
}

/* Return: false: not now */
static bool prober_begin(struct prober *prober, uint32_t node, uint32_t space, uint32_t peer)
{
	struct prober_round *round = &prober->rounds[node][space];
	struct cluster *cluster = prober->cluster;
	uint32_t number = ++prober->number;
	struct engine_probe_args args = {
		.number = number,
		.nodeid = peer,
		.global_id = prober_global_id(space),
		.lvb_bytes = DLM_USER_LVB_BYTES,
		.keep = prober->hooks.may_start(prober->hooks.context, node, peer),
	};
	int r = engine_probe_start(cluster_enter(cluster, node), &args);

	cluster_note(cluster, TRACE_MEMBER, node, peer, number, "probe");
	if (r == -ENOMEM && cluster->faulty)
		return false;
	if (r < 0) {
		cluster_fail(cluster, "probe", "engine_probe_start of %u on %u: %d", peer, node, r);
		return true;
	}
	round->open |= 1u << peer;
	round->kept = args.keep ? round->kept | 1u << peer : round->kept & ~(1u << peer);
	round->numbers[peer] = number;
	prober_end_later(prober, node, number);
	return true;
}

static void prober_round_go_on(struct prober *prober, uint32_t node, uint32_t space)
{
	struct prober_round *round = &prober->rounds[node][space];
	const struct cluster_node *at = &prober->cluster->nodes[node];

	for (uint32_t peer = 1; peer <= CLUSTER_NODES_MAX && !at->dying; peer++) {
		uint32_t bit = 1u << peer;

		if (!(round->wanted & bit) || (round->open & bit))
			continue;
		if (!(at->peers & bit) || prober_begin(prober, node, space, peer))
			round->wanted &= ~bit;
	}
	if (!round->active || round->wanted || round->open)
		return;
	round->active = false;
	if (space != PROBER_ODD)
		prober->hooks.done(prober->hooks.context, node, space);
}

static void prober_poll(void *context, uint64_t node64, uint64_t boot_count)
{
	struct prober *prober = context;
	uint32_t node = (uint32_t)node64;
	struct cluster_node *at = &prober->cluster->nodes[node];
	bool more = false;

	if (!at->engine || at->boot_count != boot_count)
		return;
	prober->polling[node] = false;
	if (at->dying)
		return;
	for (uint32_t space = 0; space <= PROBER_ODD; space++) {
		prober_round_go_on(prober, node, space);
		more |= prober->rounds[node][space].wanted != 0;
	}
	cluster_leave(prober->cluster, node);
	if (more)
		prober_poll_later(prober, node, PROBER_POLL_US);
}

static void prober_poll_later(struct prober *prober, uint32_t node, uint32_t delay_us)
{
	struct cluster *cluster = prober->cluster;

	if (prober->polling[node])
		return;
	prober->polling[node] = true;
	clock_at(&cluster->clock, cluster->clock.now_us + delay_us, prober_poll, prober, node,
		cluster->nodes[node].boot_count);
}

void prober_ask(struct prober *prober, uint32_t node, uint32_t space, uint32_t peers)
{
	struct cluster *cluster = prober->cluster;
	struct prober_round *odd = &prober->rounds[node][PROBER_ODD];

	prober->rounds[node][space].active = true;
	prober->rounds[node][space].wanted = peers;
	if (peers && random_chance(&cluster->random, cluster->knobs->probe_odd_permille)) {
		odd->active = true;
		odd->wanted = peers & (uint32_t)random_next(&cluster->random);
	}
	prober_poll_later(prober, node, 0);
}

uint32_t prober_open(const struct prober *prober, uint32_t node)
{
	uint32_t open = 0;

	for (uint32_t space = 0; space <= PROBER_ODD; space++)
		open |= prober->rounds[node][space].open & ~prober->rounds[node][space].kept;
	return open;
}

void prober_forget(struct prober *prober, uint32_t node)
{
	memset(prober->rounds[node], 0, sizeof(prober->rounds[node]));
	prober->polling[node] = false;
}

/* What a probe may leave behind: nothing of its own. */
static void prober_check(struct prober *prober, uint32_t node, const struct engine_probed *probed)
{
	struct engine_peer_info info;

	if (probed->result == -EPROTO)
		cluster_fail(prober->cluster, "probe",
			"node %u: node %u has %u bytes, flags %x, version %x", node, probed->nodeid,
			probed->their_lvb_bytes, probed->their_flags, probed->their_version);
	if (!engine_peer_info(prober->cluster->nodes[node].engine, probed->nodeid, &info) &&
		info.is_closed && info.unacked_count)
		cluster_fail(prober->cluster, "probe", "node %u keeps %u frames for node %u", node,
			info.unacked_count, probed->nodeid);
}

void prober_probed(struct prober *prober, uint32_t node, const struct engine_probed *probed)
{
	uint32_t bit = 1u << probed->nodeid;

	cluster_note(prober->cluster, TRACE_MEMBER, node, probed->nodeid, probed->result, "probed");
	prober_check(prober, node, probed);
	prober->probed_count++;
	for (uint32_t space = 0; space <= PROBER_ODD; space++) {
		struct prober_round *round = &prober->rounds[node][space];

		if (!(round->open & bit) || round->numbers[probed->nodeid] != probed->number)
			continue;
		round->open &= ~bit;
		if (probed->result == -ECANCELED && space != PROBER_ODD)
			round->wanted |= bit; /* given up, and wanted all the same */
	}
	prober->hooks.probed(prober->hooks.context, node);
	prober_poll_later(prober, node, 0);
}
