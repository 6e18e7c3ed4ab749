/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK_BYTES 65536 /* what a daemon reads from a connection at once */

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "engine_bench: %s\n", what);
	exit(1);
}

uint64_t nodes_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void call_timed(struct node *node, const char *name, uint64_t begin_ns)
{
	uint64_t ns = nodes_cpu_ns() - begin_ns;

	if (ns > node->call_ns_max) {
		node->call_ns_max = ns;
		node->call_name = name;
	}
}

static struct node *node_find(struct nodes *nodes, uint32_t nodeid)
{
	return nodeid && nodeid <= NODES_MAX && nodes->node[nodeid - 1].nodeid
		       ? &nodes->node[nodeid - 1]
		       : NULL;
}

struct node *nodes_add(struct nodes *nodes, uint32_t nodeid)
{
	const struct engine_settings settings = {.nodeid = nodeid, .seed = nodeid};
	struct node *node = &nodes->node[nodeid - 1];

	memset(node, 0, sizeof(*node));
	node->nodeid = nodeid;
	need(!engine_new(&settings, &node->engine), "no engine");
	need(!engine_lockspace_new(node->engine, "bench", lockspace_global_id("bench"), 0,
		     DLM_USER_LVB_BYTES, false, &node->lockspace),
		"no lockspace");
	need(!engine_client_new(node->lockspace, node, &node->client), "no client");
	for (uint32_t other = 1; other <= NODES_MAX; other++) {
		struct node *peer = node_find(nodes, other);

		if (!peer || peer == node)
			continue;
		need(!engine_peer_add(node->engine, other), "no peer");
		need(!engine_peer_add(peer->engine, nodeid), "no peer");
	}
	return node;
}

void nodes_remove(struct nodes *nodes, uint32_t nodeid)
{
	struct node *node = node_find(nodes, nodeid);

	engine_free(node->engine);
	memset(node, 0, sizeof(*node));
	for (uint32_t other = 1; other <= NODES_MAX; other++)
		if (node_find(nodes, other))
			engine_peer_disconnected(node_find(nodes, other)->engine, nodeid);
}

void nodes_times_reset(struct nodes *nodes)
{
	for (int i = 0; i < NODES_MAX; i++) {
		nodes->node[i].work_ns_max = nodes->node[i].call_ns_max = 0;
		nodes->node[i].call_name = "none";
	}
}

/* ---- moving ---- */

static void frames_carry(struct nodes *nodes, struct node *from, uint32_t nodeid)
{
	static uint8_t chunk[CHUNK_BYTES];
	struct node *to = node_find(nodes, nodeid);
	size_t bytes;

	while ((bytes = engine_peer_take(from->engine, nodeid, chunk, sizeof(chunk)))) {
		uint64_t begin = nodes_cpu_ns();

		if (!to)
			continue;
		need(engine_peer_receive(to->engine, from->nodeid, chunk, bytes) == (int)bytes,
			"a frame was refused");
		call_timed(to, "engine_peer_receive()", begin);
	}
}

static void callbacks_take(struct node *node)
{
	struct engine_callback callback;

	while (engine_client_take(node->client, &callback))
		if (!callback.is_bast && callback.status == 0)
			node->completion_count++;
}

static bool outputs_handle(struct nodes *nodes, struct node *node)
{
	struct engine_output output;
	bool moved = false;

	while (engine_output(node->engine, &output)) {
		moved = true;
		need(output.kind != ENGINE_OUT_FATAL && output.kind != ENGINE_OUT_FAILED,
			"recovery failed");
		if (output.kind == ENGINE_OUT_PEER)
			frames_carry(nodes, node, output.nodeid);
		else if (output.kind == ENGINE_OUT_CONNECT && node_find(nodes, output.nodeid))
			engine_peer_connected(node->engine, output.nodeid);
		else if (output.kind == ENGINE_OUT_CLIENT)
			callbacks_take(node);
		else if (output.kind == ENGINE_OUT_RECOVERED)
			node->recovered = true;
	}
	return moved;
}

static bool node_work(struct node *node)
{
	uint64_t begin = nodes_cpu_ns(), ns;
	bool more = engine_work(node->engine);

	ns = nodes_cpu_ns() - begin;
	if (ns > node->work_ns_max)
		node->work_ns_max = ns;
	return more;
}

static bool nodes_turn(struct nodes *nodes)
{
	bool moved = false;

	for (int i = 0; i < NODES_MAX; i++) {
		struct node *node = &nodes->node[i];

		if (!node->nodeid)
			continue;
		moved |= node_work(node);
		moved |= outputs_handle(nodes, node);
	}
	return moved;
}

void nodes_pump(struct nodes *nodes)
{
	while (nodes_turn(nodes))
		;
}

/* Time goes on where nothing else does: barriers are asked again by timers. */
static void nodes_tick(struct nodes *nodes)
{
	nodes->now_ms += 50;
	for (int i = 0; i < NODES_MAX; i++) {
		struct node *node = &nodes->node[i];
		uint64_t begin = nodes_cpu_ns();

		if (!node->nodeid)
			continue;
		engine_tick(node->engine, nodes->now_ms);
		call_timed(node, "engine_tick()", begin);
	}
}

static bool nodes_recovered(const struct nodes *nodes)
{
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes->node[i].nodeid && !nodes->node[i].recovered)
			return false;
	return true;
}

void nodes_start(struct nodes *nodes, uint32_t directory)
{
	static uint32_t start_number;
	struct engine_member members[NODES_MAX];
	size_t count = 0;

	start_number++;
	for (uint32_t nodeid = 1; nodeid <= NODES_MAX; nodeid++)
		if (node_find(nodes, nodeid))
			members[count++] = (struct engine_member){
				.nodeid = nodeid, .weight = !directory || directory == nodeid};
	for (size_t i = 0; i < count; i++) {
		struct node *node = node_find(nodes, members[i].nodeid);
		uint64_t begin = nodes_cpu_ns();

		engine_lockspace_stop(node->lockspace);
		call_timed(node, "engine_lockspace_stop()", begin);
	}
	for (size_t i = 0; i < count; i++) {
		struct node *node = node_find(nodes, members[i].nodeid);
		uint64_t begin = nodes_cpu_ns();

		node->recovered = false;
		need(!engine_lockspace_start(node->lockspace, members, count, start_number),
			"no start");
		call_timed(node, "engine_lockspace_start()", begin);
	}
	for (int turns = 0; !nodes_recovered(nodes); turns++) {
		need(turns < 10000, "recovery does not end");
		nodes_pump(nodes);
		if (!nodes_recovered(nodes))
			nodes_tick(nodes);
	}
}

/* ---- locks ---- */

uint32_t nodes_lock(struct node *node, uint64_t index, int mode)
{
	char name[32];
	struct engine_lock_args args = {.mode = mode, .name = name, .pid = 1};

	if (node->next_id == node->last_id) {
		need(!engine_client_ids(node->client, &node->next_id), "no lock ids");
		node->last_id = node->next_id + ENGINE_ID_BLOCK;
	}
	args.lkid = node->next_id++;
	args.name_bytes = (uint32_t)snprintf(
		name, sizeof(name), "resource-%015llu", (unsigned long long)index);
	need(!engine_lock(node->client, &args), "a lock was refused");
	return args.lkid;
}

void nodes_done(struct nodes *nodes)
{
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes->node[i].nodeid)
			engine_free(nodes->node[i].engine);
	memset(nodes, 0, sizeof(*nodes));
}
