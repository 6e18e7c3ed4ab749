/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cluster.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

static void *cluster_memory_get(void *context, size_t bytes)
{
	struct cluster_memory *memory = context;
	void *got;

	if (memory->fail_after && --memory->fail_after == 0) {
		memory->failed_count++;
		return NULL;
	}
	got = malloc(bytes);
	if (!got)
		abort();
	memset(got, memory->fill, bytes);
	memory->bytes += bytes;
	return got;
}

static void cluster_memory_put(void *context, void *old, size_t bytes)
{
	struct cluster_memory *memory = context;

	memory->bytes -= bytes;
	free(old);
}

static char cluster_space_letter(const struct cluster_node *node, const struct engine_lockspace *ls)
{
	if (!ls)
		return '-';
	return ls == node->spaces[1] ? 'b' : 'a';
}

static void cluster_traced(void *context, const struct engine_trace *event)
{
	struct cluster_node *node = context;
	struct cluster *cluster = node->cluster;

	trace_engine(&cluster->trace, cluster->clock.now_us, node->nodeid,
		cluster_space_letter(node, event->lockspace), event);
	if (event->kind == ENGINE_TRACE_REFUSED)
		cluster->refused_count++;
	if (cluster->hooks.traced)
		cluster->hooks.traced(cluster->hooks.context, node->nodeid, event);
}

void cluster_init(struct cluster *cluster, const struct knobs *knobs, FILE *print)
{
	memset(cluster, 0, sizeof(*cluster));
	cluster->knobs = knobs;
	cluster->fill = 0xa5;
	random_init(&cluster->random, knobs->seed);
	trace_init(&cluster->trace, print);
	cluster->net = net_new(cluster);
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++) {
		struct cluster_node *node = &cluster->nodes[i];

		node->cluster = cluster;
		node->nodeid = i;
		node->memory.alloc = (struct alloc){
			.get = cluster_memory_get,
			.put = cluster_memory_put,
			.context = &node->memory,
		};
	}
}

void cluster_done(struct cluster *cluster)
{
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if (cluster->nodes[i].engine)
			engine_free(cluster->nodes[i].engine);
	net_free(cluster->net);
	clock_done(&cluster->clock);
}

void cluster_fail(struct cluster *cluster, const char *rule, const char *format, ...)
{
	int at;
	va_list args;

	if (cluster_failed(cluster))
		return;
	at = snprintf(cluster->failure, sizeof(cluster->failure), "%s: ", rule);
	va_start(args, format);
	vsnprintf(cluster->failure + at, sizeof(cluster->failure) - (size_t)at, format, args);
	va_end(args);
	cluster_note(cluster, TRACE_PHASE, 0, 0, 0, rule);
}

void cluster_note(struct cluster *cluster, enum trace_kind kind, uint32_t node, uint32_t nodeid,
	int64_t code, const char *text)
{
	struct trace_event event = {
		.at_us = cluster->clock.now_us,
		.kind = (uint8_t)kind,
		.node = (uint8_t)node,
		.space = '-',
		.mode = DLM_MODE_IV,
		.nodeid = nodeid,
		.code = (uint32_t)code,
	};

	trace_add(&cluster->trace, &event, NULL, text);
}

/* ---- processes ---- */

bool cluster_boot(struct cluster *cluster, uint32_t nodeid)
{
	struct cluster_node *node = &cluster->nodes[nodeid];
	const struct knobs *knobs = cluster->knobs;
	struct engine_settings settings = {
		.nodeid = nodeid,
		.recover_timer_ms = knobs->recover_timer_ms,
		.toss_ms = knobs->toss_ms,
		.resend_ms = knobs->resend_ms,
		.slice_items = knobs->slice_items,
		.seed = random_next(&cluster->random),
		.speak_3_1 = knobs->speak_3_1,
		.reserve_bytes = 16384,
		.alloc = &node->memory.alloc,
		.trace = cluster_traced,
		.trace_context = node,
	};

	node->memory.fill = cluster->fill;
	node->isolated = node->dying = node->work_scheduled = false;
	node->tick_at_us = UINT64_MAX;
	node->peers = 0;
	memset(node->spaces, 0, sizeof(node->spaces));
	cluster_note(cluster, TRACE_MEMBER, nodeid, 0, 0, "boot");
	if (engine_new(&settings, &node->engine) < 0) {
		node->engine = NULL;
		if (!cluster->faulty)
			cluster_fail(cluster, "boot", "engine_new of node %u failed", nodeid);
		return false;
	}
	node->boot_count++;
	cluster->activity++;
	engine_tick(node->engine, cluster->clock.now_us / 1000);
	cluster_leave(cluster, nodeid);
	return true;
}

void cluster_end(struct cluster *cluster, uint32_t nodeid)
{
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (!node->engine)
		return;
	cluster_note(cluster, TRACE_MEMBER, nodeid, 0, 0, "end");
	net_node_end(cluster->net, nodeid);
	engine_free(node->engine);
	node->engine = NULL;
	node->memory.fail_after = 0;
	cluster->activity++;
	if (node->memory.bytes)
		cluster_fail(cluster, "memory", "node %u ended and kept %zu bytes", nodeid,
			node->memory.bytes);
}

void cluster_peer_add(struct cluster *cluster, uint32_t nodeid, uint32_t peer)
{
	struct engine *engine = cluster_enter(cluster, nodeid);
	int r;

	if (!engine)
		return;
	cluster_note(cluster, TRACE_MEMBER, nodeid, peer, 0, "peer add");
	r = engine_peer_add(engine, peer);
	if (r == -ENOMEM && cluster->faulty)
		r = engine_peer_add(engine, peer);
	if (r < 0)
		cluster_fail(cluster, "peer", "engine_peer_add of %u on %u: %d", peer, nodeid, r);
	cluster->nodes[nodeid].peers |= 1u << peer;
	cluster_leave(cluster, nodeid);
}

void cluster_peer_remove(struct cluster *cluster, uint32_t nodeid, uint32_t peer)
{
	struct engine *engine = cluster_enter(cluster, nodeid);

	if (!engine)
		return;
	cluster_note(cluster, TRACE_MEMBER, nodeid, peer, 0, "peer remove");
	cluster->nodes[nodeid].peers &= ~(1u << peer);
	net_peer_removed(cluster->net, nodeid, peer);
	engine_peer_remove(engine, peer);
	cluster_leave(cluster, nodeid);
}

/* ---- lockspaces ---- */

const char *cluster_space_name(uint32_t space)
{
	return space ? "beta" : "alpha";
}

int cluster_space_new(struct cluster *cluster, uint32_t nodeid, uint32_t space)
{
	struct cluster_node *node = &cluster->nodes[nodeid];
	const char *name = cluster_space_name(space);
	int r = engine_lockspace_new(cluster_enter(cluster, nodeid), name,
		lockspace_global_id(name), 0, DLM_USER_LVB_BYTES, cluster->knobs->nodir,
		&node->spaces[space]);

	if (r < 0)
		node->spaces[space] = NULL;
	if (r < 0 && !(r == -ENOMEM && cluster->faulty))
		cluster_fail(cluster, "lockspace", "engine_lockspace_new on %u: %d", nodeid, r);
	cluster_leave(cluster, nodeid);
	return r;
}

void cluster_space_free(struct cluster *cluster, uint32_t nodeid, uint32_t space)
{
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (!node->spaces[space])
		return;
	cluster_enter(cluster, nodeid);
	engine_lockspace_free(node->spaces[space]);
	node->spaces[space] = NULL;
	cluster_leave(cluster, nodeid);
}

static uint32_t cluster_space_index(
	const struct cluster_node *node, const struct engine_lockspace *ls)
{
	return node->spaces[0] == ls ? 0 : 1;
}

/* ---- time and outputs ---- */

static void cluster_schedule_tick(struct cluster *cluster, struct cluster_node *node);

static void cluster_tick(void *context, uint64_t nodeid, uint64_t boot_count)
{
	struct cluster *cluster = context;
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (!node->engine || node->boot_count != boot_count ||
		node->tick_at_us != cluster->clock.now_us)
		return;
	node->tick_at_us = UINT64_MAX;
	cluster_enter(cluster, (uint32_t)nodeid);
	cluster_leave(cluster, (uint32_t)nodeid);
}

static void cluster_schedule_tick(struct cluster *cluster, struct cluster_node *node)
{
	uint64_t at_ms = engine_deadline(node->engine);
	uint64_t at_us = at_ms > UINT64_MAX / 1000 ? UINT64_MAX : at_ms * 1000;

	if (at_us == UINT64_MAX || at_us >= node->tick_at_us)
		return;
	if (at_us <= cluster->clock.now_us)
		at_us = cluster->clock.now_us + 100;
	if (at_us >= node->tick_at_us)
		return;
	node->tick_at_us = at_us;
	clock_at(&cluster->clock, at_us, cluster_tick, cluster, node->nodeid, node->boot_count);
}

static void cluster_work(void *context, uint64_t nodeid, uint64_t boot_count)
{
	struct cluster *cluster = context;
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (!node->engine || node->boot_count != boot_count)
		return;
	node->work_scheduled = false;
	cluster->activity++;
	cluster_enter(cluster, (uint32_t)nodeid);
	cluster_leave(cluster, (uint32_t)nodeid);
}

void cluster_work_later(struct cluster *cluster, uint32_t nodeid, uint32_t delay_us)
{
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (node->work_scheduled)
		return;
	node->work_scheduled = true;
	clock_at(&cluster->clock, cluster->clock.now_us + delay_us, cluster_work, cluster, nodeid,
		node->boot_count);
}

struct engine *cluster_enter(struct cluster *cluster, uint32_t nodeid)
{
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (node->engine)
		engine_tick(node->engine, cluster->clock.now_us / 1000);
	return node->engine;
}

static void cluster_output(
	struct cluster *cluster, struct cluster_node *node, const struct engine_output *out)
{
	struct cluster_hooks *hooks = &cluster->hooks;
	uint32_t nodeid = node->nodeid;

	switch (out->kind) {
	case ENGINE_OUT_PEER:
		net_flush(cluster->net, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_CONNECT:
		net_connect(cluster->net, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_PEER_CLOSED:
		net_peer_finished(cluster->net, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_PEER_GAP:
		net_reset(cluster->net, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_CLIENT:
		hooks->callbacks(hooks->context, out->client_context);
		break;
	case ENGINE_OUT_CLIENT_CLOSED:
		hooks->client_closed(hooks->context, out->client_context);
		break;
	case ENGINE_OUT_PROBED:
		cluster->activity++;
		hooks->probed(hooks->context, nodeid, &out->probed);
		break;
	case ENGINE_OUT_RECOVERED:
		hooks->recovered(hooks->context, nodeid, cluster_space_index(node, out->lockspace),
			out->start_number);
		break;
	case ENGINE_OUT_FAILED:
		hooks->failed(hooks->context, nodeid, cluster_space_index(node, out->lockspace),
			out->start_number, out->error);
		break;
	case ENGINE_OUT_FATAL:
		node->dying = true;
		hooks->fatal(hooks->context, nodeid, out->error);
		break;
	}
}

/* Outputs make calls into the engine (bytes are taken, callbacks are taken), which make outputs. */
static void cluster_pump(struct cluster *cluster, struct cluster_node *node)
{
	struct engine_output out;

	if (node->pumping)
		return;
	node->pumping = true;
	while (node->engine && !node->dying && engine_output(node->engine, &out))
		cluster_output(cluster, node, &out);
	node->pumping = false;
}

void cluster_leave(struct cluster *cluster, uint32_t nodeid)
{
	struct cluster_node *node = &cluster->nodes[nodeid];

	if (!node->engine || node->dying || node->pumping)
		return;
	if (!node->work_scheduled && engine_work(node->engine))
		cluster_work_later(cluster, nodeid, random_below(&cluster->random, 200));
	cluster_pump(cluster, node);
	if (node->engine && !node->dying)
		cluster_schedule_tick(cluster, node);
}

/* ---- dumps ---- */

static void cluster_dump_space(
	const struct engine_lockspace *ls, enum engine_dump_kind kind, FILE *file)
{
	struct engine_dump_cursor cursor = {0};
	char text[8192];
	size_t bytes;

	while ((bytes = engine_dump(ls, kind, &cursor, text, sizeof(text))))
		fwrite(text, 1, bytes, file);
}

static void cluster_dump_info(const struct engine_lockspace *ls, FILE *file)
{
	struct engine_lockspace_info info;

	engine_lockspace_info(ls, &info);
	fprintf(file,
		"  running %d status %x step %s waits for %u generation %u slot %u members %u "
		"locks %zu resources %zu clients %zu\n",
		info.running, info.status, info.step, info.wait_nodeid, info.generation, info.slot,
		info.member_count, info.lock_count, info.resource_count, info.client_count);
}

static void cluster_dump_peers(const struct cluster_node *node, FILE *file)
{
	struct engine_peer_info info;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++) {
		if (engine_peer_info(node->engine, i, &info) < 0)
			continue;
		fprintf(file,
			"  peer %u %s version %x connected %d users %u unacked %u queued %zu "
			"received %llu refused %llu duplicates %llu gaps %llu\n",
			i, info.state, info.version, info.connected, info.users, info.unacked_count,
			info.queued_bytes, (unsigned long long)info.received_count,
			(unsigned long long)info.refused_count,
			(unsigned long long)info.duplicate_count,
			(unsigned long long)info.gap_count);
	}
}

void cluster_dump(struct cluster *cluster, FILE *file)
{
	for (uint32_t i = 1; i <= cluster->knobs->nodes; i++) {
		const struct cluster_node *node = &cluster->nodes[i];

		fprintf(file, "== node %u%s%s\n", i, node->engine ? "" : " down",
			node->isolated ? " isolated" : "");
		if (!node->engine)
			continue;
		cluster_dump_peers(node, file);
		for (uint32_t space = 0; space < CLUSTER_SPACES_MAX; space++) {
			if (!node->spaces[space])
				continue;
			fprintf(file, "-- node %u lockspace %s\n", i, cluster_space_name(space));
			cluster_dump_info(node->spaces[space], file);
			cluster_dump_space(node->spaces[space], ENGINE_DUMP_ALL, file);
			cluster_dump_space(node->spaces[space], ENGINE_DUMP_WAITERS, file);
			cluster_dump_space(node->spaces[space], ENGINE_DUMP_TOSS, file);
		}
	}
}
