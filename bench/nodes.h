/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A few engines in one process, connected by memory, each call of theirs timed in processor time:
 * how long a daemon that serves programs too would be kept from them.
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

#define NODES_MAX 3

struct node {
	uint32_t nodeid; /* 1.., 0: not there */
	struct engine *engine;
	struct engine_lockspace *lockspace;
	struct engine_client *client;
	uint32_t next_id, last_id; /* lock ids to use */
	uint64_t completion_count; /* with status 0 */
	bool recovered;            /* the last start is complete */
	uint64_t work_ns_max;      /* longest engine_work() since nodes_times_reset() */
	uint64_t call_ns_max;      /* longest other call into the engine */
	const char *call_name;     /* which */
};

struct nodes {
	struct node node[NODES_MAX];
	uint64_t now_ms;
};

/** nodes_add() - an engine with a lockspace, a client, and all others as peers */
struct node *nodes_add(struct nodes *nodes, uint32_t nodeid);
/** nodes_remove() - the node is gone, and the others are told */
void nodes_remove(struct nodes *nodes, uint32_t nodeid);
/** nodes_start() - stop the lockspace everywhere and start it with those that are there, until it
 * runs.
 * @directory: the node that is the whole directory, 0: all are */
void nodes_start(struct nodes *nodes, uint32_t directory);
void nodes_times_reset(struct nodes *nodes);
/** nodes_lock() - a lock on resource number @index, without waiting. Return: its id */
uint32_t nodes_lock(struct node *node, uint64_t index, int mode);
/** nodes_pump() - carry frames, do work and take callbacks, until nothing moves */
void nodes_pump(struct nodes *nodes);
void nodes_done(struct nodes *nodes);

/** nodes_cpu_ns() - processor time of this thread */
uint64_t nodes_cpu_ns(void);
