/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who asks members whether they would take a node, as dlm_controld does before a join: rounds of
 * probes, one for each node and lockspace at a time. Besides it asks for what nobody has, and gives
 * questions up in the middle, where a seed wants that.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cluster.h"

#define PROBER_ODD CLUSTER_SPACES_MAX /* in place of a lockspace: one that nobody has */

struct prober_round {
	bool active;
	uint32_t wanted; /* bit i: node i is still to be asked */
	uint32_t open;   /* bit i: node i was asked, its PROBED has not come */
	uint32_t kept;   /* bit i: the conversation with node i is left open */
	uint32_t numbers[CLUSTER_NODES_MAX + 1];
};

struct prober_hooks {
	/* may @peer start with @node at any moment? Then there must not be a FIN. */
	bool (*may_start)(void *context, uint32_t node, uint32_t peer);
	/* a probe of @node is over */
	void (*probed)(void *context, uint32_t node);
	/* all of a round are */
	void (*done)(void *context, uint32_t node, uint32_t space);
	void *context;
};

struct prober {
	struct cluster *cluster;
	struct prober_hooks hooks;
	struct prober_round rounds[CLUSTER_NODES_MAX + 1][CLUSTER_SPACES_MAX + 1];
	bool polling[CLUSTER_NODES_MAX + 1];
	uint32_t number; /* of the last probe */
	uint64_t probed_count, ended_count;
};

void prober_init(struct prober *prober, struct cluster *cluster, const struct prober_hooks *hooks);
/** prober_ask() - a round: all of @peers; the hook done() follows, later, unless the process ends
 */
void prober_ask(struct prober *prober, uint32_t node, uint32_t space, uint32_t peers);
/** prober_active() - a round of it is not over */
static inline bool prober_active(const struct prober *prober, uint32_t node, uint32_t space)
{
	return prober->rounds[node][space].active;
}
/** prober_open() - the nodes that @node has open questions to, and will say FIN */
uint32_t prober_open(const struct prober *prober, uint32_t node);
/** prober_forget() - the process of @node ended */
void prober_forget(struct prober *prober, uint32_t node);

/* From the cluster's hooks. */
void prober_probed(struct prober *prober, uint32_t node, const struct engine_probed *probed);
