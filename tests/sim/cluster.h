/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * N nodes, each a lock engine in its own process, as it were, on one clock. This room starts and
 * ends the engines, carries time and outputs in and out of them, and keeps the first broken rule.
 * Connections are in net, the decisions about members in membership, the programs in workload (or
 * in a scenario).
 *
 * Whoever uses a cluster learns what engines say through struct cluster_hooks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "engine/engine.h"
#include "knobs.h"
#include "random.h"
#include "trace.h"

#define CLUSTER_NODES_MAX  KNOBS_NODES_MAX
#define CLUSTER_SPACES_MAX 2

struct cluster;
struct net;

struct cluster_hooks {
	void (*callbacks)(void *context, void *client_context);
	void (*client_closed)(void *context, void *client_context);
	void (*recovered)(void *context, uint32_t node, uint32_t space, uint32_t number);
	void (*failed)(void *context, uint32_t node, uint32_t space, uint32_t number, int error);
	void (*probed)(void *context, uint32_t node, const struct engine_probed *probed);
	void (*fatal)(void *context, uint32_t node, int error); /* the process must be ended */
	void (*traced)(void *context, uint32_t node, const struct engine_trace *event);
	void *context;
};

/* The allocator of one node: counts, and can be told to fail once. */
struct cluster_memory {
	struct alloc alloc;
	size_t bytes;        /* handed out */
	uint64_t fail_after; /* allocations until one fails; 0: none fails */
	uint64_t failed_count;
	uint8_t fill; /* what fresh memory contains */
};

struct cluster_node {
	struct cluster *cluster;
	uint32_t nodeid;
	struct engine *engine;                               /* NULL: no process */
	struct engine_lockspace *spaces[CLUSTER_SPACES_MAX]; /* NULL: not there */
	uint32_t boot_count;
	uint32_t peers; /* bit i: node i was added to the engine */
	bool isolated;  /* nothing reaches or leaves it */
	bool dying;     /* the engine reported a node failure */
	bool pumping;
	uint64_t tick_at_us; /* of the scheduled tick, UINT64_MAX: none */
	bool work_scheduled;
	struct cluster_memory memory;
};

struct cluster {
	const struct knobs *knobs; /* borrowed */
	struct random random;
	struct clock clock;
	struct trace trace;
	struct net *net;
	struct cluster_hooks hooks;
	struct cluster_node nodes[CLUSTER_NODES_MAX + 1]; /* by node id; 0 is not used */
	uint64_t activity; /* grows with whatever happened that may lead to more */
	uint64_t message_count;
	uint64_t refused_count;
	uint8_t fill;
	bool faulty;       /* memory faults are possible: -ENOMEM is no broken rule */
	char failure[512]; /* the first broken rule; "": none */
};

void cluster_init(struct cluster *cluster, const struct knobs *knobs, FILE *print);
void cluster_done(struct cluster *cluster);

/** cluster_fail() - a rule is broken; the first one is kept and the run ends */
void cluster_fail(struct cluster *cluster, const char *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static inline bool cluster_failed(const struct cluster *cluster)
{
	return cluster->failure[0];
}

/** cluster_boot() - start the process of a node. Return: true; false: a memory fault hit */
bool cluster_boot(struct cluster *cluster, uint32_t node);
/** cluster_end() - the process ends at once; its memory must all have come back */
void cluster_end(struct cluster *cluster, uint32_t node);
static inline bool cluster_up(const struct cluster *cluster, uint32_t node)
{
	return cluster->nodes[node].engine;
}

void cluster_peer_add(struct cluster *cluster, uint32_t node, uint32_t peer);
void cluster_peer_remove(struct cluster *cluster, uint32_t node, uint32_t peer);

/** cluster_space_name() - of lockspace @space */
const char *cluster_space_name(uint32_t space);
/** cluster_space_new() - Return: 0; -ENOMEM by a memory fault */
int cluster_space_new(struct cluster *cluster, uint32_t node, uint32_t space);
void cluster_space_free(struct cluster *cluster, uint32_t node, uint32_t space);

/** cluster_enter() - BEFORE each call into a node's engine: gives it the time */
struct engine *cluster_enter(struct cluster *cluster, uint32_t node);
/** cluster_leave() - after a batch of calls: fetch and spread what the engine has to say */
void cluster_leave(struct cluster *cluster, uint32_t node);
/** cluster_work_later() - let the engine work on after @delay_us */
void cluster_work_later(struct cluster *cluster, uint32_t node, uint32_t delay_us);

/** cluster_note() - an event of the simulator for the trace */
void cluster_note(struct cluster *cluster, enum trace_kind kind, uint32_t node, uint32_t nodeid,
	int64_t code, const char *text);
/** cluster_dump() - everything that the engines can say about themselves */
void cluster_dump(struct cluster *cluster, FILE *file);
