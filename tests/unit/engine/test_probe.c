/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes, against the links of kernels (kernel.h) and against engines like ours: what is found, and
 * that nothing of it is left on either side.
 */
#include "engine/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "engine/engine.h"
#include "engine/link.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/wire.h"
#include "faulty_alloc.h"
#include "kernel.h"

#define LS_NAME   "ours"
#define NODES     3u
#define PIPE_ROOM 65536u
#define NONE      12345 /* no PROBED came */

struct pipe {
	uint8_t bytes[PIPE_ROOM];
	size_t used;
	bool held;
	bool connected;
};

struct node {
	struct engine *engine; /* NULL: a kernel, or not there */
	struct kernel kernel;
	struct engine_lockspace *ls;
	struct faulty_alloc faulty;
	struct engine_probed probed[64]; /* by number */
	uint32_t closed_count, recovered_count;
	bool fatal;
};

struct world {
	struct node node[NODES + 1];
	struct pipe pipe[NODES + 1][NODES + 1]; /* from, to */
	uint64_t now_ms;
};

static void traced(void *context, const struct engine_trace *trace)
{
	const struct node *node = context;

	if (getenv("PROBE_TRACE"))
		printf("%p kind %d node %u code %x result %d %s\n", (const void *)node, trace->kind,
			trace->nodeid, trace->code, trace->result, trace->text ? trace->text : "");
}

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->now_ms = 1000;
	return world;
}

static void introduce(struct world *world, uint32_t nodeid)
{
	for (uint32_t i = 1; i <= NODES; i++) {
		if (i == nodeid)
			continue;
		if (world->node[nodeid].engine)
			assert_int_equal(engine_peer_add(world->node[nodeid].engine, i), 0);
		if (world->node[i].engine)
			assert_int_equal(engine_peer_add(world->node[i].engine, nodeid), 0);
	}
}

static struct engine *boot_as(struct world *world, uint32_t nodeid, bool speak_3_1)
{
	struct node *node = &world->node[nodeid];
	struct engine_settings settings = {
		.nodeid = nodeid,
		.resend_ms = 60000,
		.seed = nodeid,
		.speak_3_1 = speak_3_1,
		.trace = traced,
		.trace_context = node,
	};

	memset(node, 0, sizeof(*node));
	faulty_alloc_init(&node->faulty);
	settings.alloc = &node->faulty.alloc;
	assert_int_equal(engine_new(&settings, &node->engine), 0);
	engine_tick(node->engine, world->now_ms);
	for (uint32_t i = 0; i < 64; i++)
		node->probed[i].result = NONE;
	introduce(world, nodeid);
	return node->engine;
}

static struct engine *boot(struct world *world, uint32_t nodeid)
{
	return boot_as(world, nodeid, false);
}

static struct kernel *boot_kernel(struct world *world, uint32_t nodeid, bool is_6_12)
{
	struct kernel *kernel = &world->node[nodeid].kernel;

	*kernel = (struct kernel){
		.is_6_12 = is_6_12,
		.nodeid = nodeid,
		.peer_nodeid = 1,
		.global_id = lockspace_global_id(LS_NAME),
		.lvb_bytes = DLM_USER_LVB_BYTES,
	};
	introduce(world, nodeid);
	return kernel;
}

static void make(struct world *world, uint32_t nodeid, uint32_t flags, uint32_t lvb_bytes)
{
	struct node *node = &world->node[nodeid];

	assert_int_equal(engine_lockspace_new(node->engine, LS_NAME, lockspace_global_id(LS_NAME),
				 flags, lvb_bytes, false, &node->ls),
		0);
}

static void start(struct world *world, uint32_t nodeid, uint32_t members)
{
	struct engine_member list[NODES];
	size_t count = 0;

	for (uint32_t i = 1; i <= NODES; i++)
		if (members & 1u << i)
			list[count++] = (struct engine_member){.nodeid = i, .weight = 1};
	assert_int_equal(engine_lockspace_start(world->node[nodeid].ls, list, count, 1), 0);
}

static void world_free(struct world *world)
{
	for (uint32_t i = 1; i <= NODES; i++) {
		struct node *node = &world->node[i];

		if (!node->engine)
			continue;
		engine_check(node->engine);
		engine_free(node->engine);
		assert_int_equal(node->faulty.used_bytes, 0);
	}
	free(world);
}

/* ---- bytes and outputs ---- */

static void connect_to(struct world *world, uint32_t from, uint32_t to)
{
	struct pipe *pipe = &world->pipe[from][to];
	const struct node *peer = &world->node[to];

	if (pipe->connected || (!peer->engine && !peer->kernel.nodeid))
		return;
	pipe->connected = true;
	engine_peer_connected(world->node[from].engine, to);
}

static void disconnect(struct world *world, uint32_t from, uint32_t to)
{
	if (!world->pipe[from][to].connected)
		return;
	world->pipe[from][to].connected = false;
	if (world->node[from].engine)
		engine_peer_disconnected(world->node[from].engine, to);
}

static void collect(struct world *world, uint32_t from, uint32_t to)
{
	struct pipe *pipe = &world->pipe[from][to];

	if (world->node[from].engine)
		pipe->used += engine_peer_take(world->node[from].engine, to,
			pipe->bytes + pipe->used, PIPE_ROOM - pipe->used);
}

static void outputs(struct world *world, uint32_t nodeid)
{
	struct node *node = &world->node[nodeid];
	struct engine_peer_info info;
	struct engine_output out;

	while (engine_output(node->engine, &out)) {
		switch (out.kind) {
		case ENGINE_OUT_CONNECT:
			connect_to(world, nodeid, out.nodeid);
			break;
		case ENGINE_OUT_PEER_CLOSED:
			node->closed_count++;
			collect(world, nodeid, out.nodeid);
			if (!engine_peer_info(node->engine, out.nodeid, &info) && info.is_closed)
				disconnect(world, nodeid, out.nodeid);
			break;
		case ENGINE_OUT_PROBED:
			assert_int_equal(node->probed[out.probed.number].result, NONE);
			assert_int_equal(out.nodeid, out.probed.nodeid);
			node->probed[out.probed.number] = out.probed;
			break;
		case ENGINE_OUT_RECOVERED:
			node->recovered_count++;
			break;
		case ENGINE_OUT_FATAL:
			node->fatal = true;
			break;
		case ENGINE_OUT_PEER:
		case ENGINE_OUT_PEER_GAP:
		case ENGINE_OUT_CLIENT:
		case ENGINE_OUT_CLIENT_CLOSED:
		case ENGINE_OUT_FAILED:
			break;
		}
	}
}

static bool carry(struct world *world, uint32_t from, uint32_t to)
{
	struct pipe *pipe = &world->pipe[from][to];
	struct node *peer = &world->node[to];
	size_t used;

	collect(world, from, to);
	used = pipe->used;
	if (!used || pipe->held)
		return false;
	pipe->used = 0;
	if (peer->engine)
		assert_int_equal(
			engine_peer_receive(peer->engine, from, pipe->bytes, used), (int)used);
	else if (peer->kernel.nodeid)
		kernel_receive(&peer->kernel, pipe->bytes, used);
	return true;
}

static void from_kernel(struct world *world, uint32_t nodeid)
{
	struct kernel *kernel = &world->node[nodeid].kernel;
	struct pipe *pipe = &world->pipe[nodeid][1];

	for (uint32_t i = 0; i < kernel->out_count; i++) {
		memcpy(pipe->bytes + pipe->used, kernel->out[i], kernel->out_bytes[i]);
		pipe->used += kernel->out_bytes[i];
	}
	kernel->out_count = 0;
}

/* Everything that moves without time. */
static void settle(struct world *world)
{
	bool moved = true;
	uint32_t rounds = 0;

	while (moved) {
		assert_true(++rounds < 1000);
		moved = false;
		for (uint32_t i = 1; i <= NODES; i++) {
			if (world->node[i].engine) {
				moved |= engine_work(world->node[i].engine);
				outputs(world, i);
				engine_check(world->node[i].engine);
			}
			from_kernel(world, i);
			for (uint32_t j = 1; j <= NODES; j++)
				moved |= carry(world, i, j);
		}
	}
}

static void pass(struct world *world, uint64_t ms)
{
	uint64_t until_ms = world->now_ms + ms;

	while (world->now_ms < until_ms) {
		world->now_ms += 100;
		for (uint32_t i = 1; i <= NODES; i++)
			if (world->node[i].engine)
				engine_tick(world->node[i].engine, world->now_ms);
		settle(world);
	}
}

/* ---- what is asked and what must be left ---- */

static int probe_for(
	struct world *world, uint32_t from, uint32_t to, uint32_t number, uint32_t global_id)
{
	const struct engine_probe_args args = {
		.number = number,
		.nodeid = to,
		.global_id = global_id,
		.lvb_bytes = DLM_USER_LVB_BYTES,
	};

	return engine_probe_start(world->node[from].engine, &args);
}

static int probe(struct world *world, uint32_t from, uint32_t to, uint32_t number)
{
	return probe_for(world, from, to, number, lockspace_global_id(LS_NAME));
}

static void assert_found(struct world *world, uint32_t nodeid, uint32_t number, int result)
{
	assert_int_equal(world->node[nodeid].probed[number].result, result);
}

static void assert_clean(struct world *world, uint32_t nodeid, uint32_t peer)
{
	struct engine_peer_info info;

	assert_int_equal(engine_peer_info(world->node[nodeid].engine, peer, &info), 0);
	assert_string_equal(info.state, "CLOSED");
	assert_int_equal(info.unacked_count, 0);
	assert_int_equal(info.version, 0);
	assert_false(info.has_output);
}

static void assert_kernel_clean(const struct kernel *kernel)
{
	assert_int_equal(kernel->state, LINK_CLOSED);
	assert_int_equal(kernel->seq_send, kernel->seq_acked);
	assert_int_equal(kernel->seq_next, 0);
	assert_int_equal(kernel->stuck_count, 0);
	assert_int_equal(kernel->warning_count, 0);
	assert_int_equal(kernel->dropped_count, 0);
}

/* ---- against kernels ---- */

static void test_kernel_equal(void **state)
{
	for (int is_6_12 = 0; is_6_12 < 2; is_6_12++) {
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, is_6_12);

		boot(world, 1);
		/* without a record of us, and with one */
		for (uint32_t number = 1; number <= 3; number++) {
			assert_int_equal(probe(world, 1, 2, number), 0);
			settle(world);
			assert_found(world, 1, number, 0);
			assert_clean(world, 1, 2);
			assert_kernel_clean(kernel);
		}
		assert_int_equal(world->node[1].probed[1].their_version, WIRE_VERSION_3_2);
		assert_int_equal(world->node[1].probed[1].our_version, WIRE_VERSION_3_2);
		world_free(world);
	}
}

static void test_kernel_differs(void **state)
{
	for (int what = 0; what < 4; what++) {
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, what & 1);

		if (what & 2)
			kernel->flags = DLM_LSFL_BIT_TIMEWARN;
		else
			kernel->lvb_bytes = 64;
		boot(world, 1);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		settle(world);
		assert_found(world, 1, 1, -EPROTO);
		assert_int_equal(world->node[1].probed[1].our_lvb_bytes, 32);
		assert_int_equal(world->node[1].probed[1].their_lvb_bytes, what & 2 ? 32 : 64);
		assert_int_equal(world->node[1].probed[1].our_flags, 0);
		assert_int_equal(world->node[1].probed[1].their_flags, kernel->flags);
		assert_clean(world, 1, 2);
		assert_kernel_clean(kernel);
		world_free(world);
	}
}

/* "Not ready" has numbers, which have to be acknowledged. */
static void test_kernel_not_ready(void **state)
{
	for (int is_6_12 = 0; is_6_12 < 2; is_6_12++) {
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, is_6_12);

		kernel->global_id = 0;
		boot(world, 1);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		pass(world, 3900);
		assert_found(world, 1, 1, NONE);
		assert_int_equal(kernel->seq_acked, kernel->seq_send);
		pass(world, 200);
		assert_found(world, 1, 1, -EAGAIN);
		assert_clean(world, 1, 2);
		assert_kernel_clean(kernel);

		assert_int_equal(probe(world, 1, 2, 2), 0);
		pass(world, 1500);
		kernel->global_id = lockspace_global_id(LS_NAME);
		pass(world, 1000);
		assert_found(world, 1, 2, 0);
		assert_clean(world, 1, 2);
		assert_kernel_clean(kernel);
		world_free(world);
	}
}

static void test_kernel_3_1(void **state)
{
	struct world *world = world_new();
	struct kernel *kernel = boot_kernel(world, 2, false);

	boot_as(world, 1, true);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	settle(world);
	assert_found(world, 1, 1, 0);
	assert_clean(world, 1, 2);
	assert_int_equal(kernel->seq_send, 0);
	assert_int_equal(kernel->warning_count, 0);
	world_free(world);
}

/* A kernel that has started with us: it keeps the conversation until it lets us go. */
static void test_kernel_lists_us(void **state)
{
	for (int is_6_12 = 0; is_6_12 < 2; is_6_12++) {
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, is_6_12);

		boot(world, 1);
		kernel_member_added(kernel);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		pass(world, 20000);
		assert_found(world, 1, 1, NONE);
		assert_int_equal(kernel->state, LINK_CLOSE_WAIT);
		kernel->users = 0;
		kernel_fin(kernel, LINK_LAST_ACK);
		settle(world);
		assert_found(world, 1, 1, 0);
		assert_clean(world, 1, 2);
		assert_kernel_clean(kernel);
		world_free(world);
	}
}

/* A leaver of 6.12 that got no FIN within 5 s begins anew, and our FIN stays unanswered. */
static void test_kernel_has_forgotten(void **state)
{
	struct world *world = world_new();
	struct kernel *kernel = boot_kernel(world, 2, true);
	struct link *link;

	boot(world, 1);
	make(world, 1, 0, 32);
	start(world, 1, 1u << 1 | 1u << 2);
	settle(world);
	kernel_fin(kernel, LINK_FIN_WAIT1);
	settle(world);
	link = node_link(world->node[1].engine, 2);
	assert_int_equal(link->state, LINK_CLOSE_WAIT);
	kernel_reset(kernel);
	kernel->silent = true; /* nobody listens there now */
	engine_lockspace_stop(world->node[1].ls);
	start(world, 1, 1u << 1);
	assert_int_equal(link->state, LINK_LAST_ACK);
	world->pipe[1][2].held = true;
	settle(world);
	world->pipe[1][2].used = 0;
	world->pipe[1][2].held = false;
	kernel->silent = false;
	assert_int_equal(probe(world, 1, 2, 1), 0);
	pass(world, 7000);
	assert_found(world, 1, 1, 0);
	assert_clean(world, 1, 2);
	assert_kernel_clean(kernel);
	world_free(world);
}

static void test_other_version(void **state)
{
	struct world *world = world_new();
	struct engine *engine = boot(world, 1);
	uint8_t frame[WIRE_HEADER_BYTES + 48] = {0};

	boot_kernel(world, 2, false)->silent = true;
	assert_int_equal(probe(world, 1, 2, 1), 0);
	settle(world);
	wire_bare_encode(0x00040000, lockspace_global_id(LS_NAME), 2, WIRE_CMD_RCOM, frame);
	frame[12] = sizeof(frame);
	assert_int_equal(engine_peer_receive(engine, 2, frame, sizeof(frame)), sizeof(frame));
	settle(world);
	assert_found(world, 1, 1, -EPROTO);
	assert_int_equal(world->node[1].probed[1].their_version, 0x00040000);
	assert_clean(world, 1, 2);
	world_free(world);
}

/* ---- silence ---- */

static void test_silent_then_answers(void **state)
{
	struct world *world = world_new();
	struct kernel *kernel = boot_kernel(world, 2, false);
	struct engine_probe_info info;

	kernel->silent = true;
	boot(world, 1);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	pass(world, 12000);
	assert_found(world, 1, 1, NONE);
	assert_int_equal(kernel->status_count, 3);
	assert_int_equal(engine_probe_info(world->node[1].engine, 1, &info), 0);
	assert_int_equal(info.nodeid, 2);
	assert_int_equal(info.since_ms, 1000);
	kernel->silent = false;
	pass(world, 5000);
	assert_found(world, 1, 1, 0);
	assert_clean(world, 1, 2);
	assert_kernel_clean(kernel);
	assert_int_equal(engine_probe_info(world->node[1].engine, 1, &info), -ENOENT);
	world_free(world);
}

static void test_nobody_there(void **state)
{
	struct world *world = world_new();

	boot(world, 1);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	pass(world, 12000);
	assert_found(world, 1, 1, NONE);
	engine_probe_end(world->node[1].engine, 1); /* nothing was said: it ends at once */
	settle(world);
	assert_found(world, 1, 1, -ECANCELED);
	assert_clean(world, 1, 2);
	world_free(world);
}

static void test_ended_while_silent(void **state)
{
	struct world *world = world_new();

	boot_kernel(world, 2, false)->silent = true;
	boot(world, 1);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	settle(world);
	engine_probe_end(world->node[1].engine, 1);
	engine_probe_end(world->node[1].engine, 1);
	engine_probe_end(world->node[1].engine, 77);
	pass(world, 4900);
	assert_found(world, 1, 1, NONE);
	pass(world, 200);
	assert_found(world, 1, 1, -ECANCELED);
	assert_clean(world, 1, 2);
	world_free(world);
}

/* The answer comes: the conversation ends as always, whenever it was given up. */
static void test_ended(void **state)
{
	for (uint32_t after = 0; after < 12; after++) {
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, after & 1);

		boot(world, 1);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		for (uint32_t i = 0; i < after / 2; i++) {
			outputs(world, 1);
			carry(world, 1, 2);
			from_kernel(world, 2);
			carry(world, 2, 1);
		}
		engine_probe_end(world->node[1].engine, 1);
		settle(world);
		assert_true(world->node[1].probed[1].result == -ECANCELED ||
			    (after >= 6 && world->node[1].probed[1].result == 0));
		assert_clean(world, 1, 2);
		assert_kernel_clean(kernel);
		world_free(world);
	}
}

static void test_peer_removed(void **state)
{
	struct world *world = world_new();
	struct engine *engine = boot(world, 1);

	boot(world, 2);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	outputs(world, 1);
	collect(world, 1, 2);
	engine_peer_remove(engine, 2);
	outputs(world, 1);
	assert_found(world, 1, 1, -ENOENT);
	assert_int_equal(probe(world, 1, 2, 2), -ENOENT);
	assert_int_equal(engine_peer_add(engine, 2), 0);
	assert_clean(world, 1, 2);
	world_free(world);
}

/* What was on its way is lost with the connection, at any moment. */
static void test_connection_lost(void **state)
{
	for (uint32_t at = 0; at < 16; at++) {
		struct world *world = world_new();

		boot(world, 1);
		boot(world, 2);
		make(world, 2, 0, 32);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		for (uint32_t i = 0; i < at / 2; i++) {
			outputs(world, 1);
			carry(world, 1, 2);
			outputs(world, 2);
			carry(world, 2, 1);
		}
		collect(world, 1, 2);
		collect(world, 2, 1);
		world->pipe[1][2].used = world->pipe[2][1].used = 0;
		disconnect(world, 1 + at % 2, 2 - at % 2);
		disconnect(world, 2 - at % 2, 1 + at % 2);
		settle(world);
		assert_found(world, 1, 1, 0);
		assert_clean(world, 1, 2);
		assert_clean(world, 2, 1);
		world_free(world);
	}
}

/* ---- engines ---- */

static void test_equal(void **state)
{
	struct world *world = world_new();

	boot(world, 1);
	boot(world, 2);
	make(world, 2, DLM_LSFL_BIT_NEWEXCL, 32); /* flags that need not be equal */
	assert_int_equal(probe(world, 1, 2, 1), 0);
	assert_int_equal(probe(world, 1, 2, 1), -EEXIST);
	assert_int_equal(probe_for(world, 1, 2, 2, 0), -EINVAL);
	assert_int_equal(probe(world, 1, 1, 3), -ENOENT);
	settle(world);
	assert_found(world, 1, 1, 0);
	assert_clean(world, 1, 2);
	assert_clean(world, 2, 1);
	assert_int_equal(world->node[1].closed_count, 1);
	assert_int_equal(world->node[2].closed_count, 1);
	world_free(world);
}

static void test_3_1(void **state)
{
	for (int both = 0; both < 2; both++) {
		struct world *world = world_new();

		boot_as(world, 1, true);
		boot_as(world, 2, both);
		make(world, 2, 0, 32);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		settle(world);
		assert_found(world, 1, 1, 0);
		assert_clean(world, 1, 2);
		disconnect(world, 2, 1); /* the peer sees the end of our connection */
		settle(world);
		assert_clean(world, 2, 1);
		world_free(world);
	}
}

/* On a link that a lockspace uses there is nothing to end. */
static void test_shared(void **state)
{
	struct world *world = world_new();
	struct engine_peer_info info;

	for (uint32_t i = 1; i <= 2; i++) {
		boot(world, i);
		make(world, i, 0, 32);
	}
	for (uint32_t i = 1; i <= 2; i++)
		start(world, i, 1u << 1 | 1u << 2);
	pass(world, 2000);
	assert_int_equal(world->node[1].recovered_count, 1);
	assert_int_equal(probe(world, 1, 2, 1), 0);
	settle(world);
	assert_found(world, 1, 1, 0);
	assert_int_equal(probe_for(world, 1, 2, 2, 99), 0);
	pass(world, 4100);
	assert_found(world, 1, 2, -EAGAIN);
	assert_int_equal(probe(world, 1, 2, 3), 0);
	engine_probe_end(world->node[1].engine, 3);
	outputs(world, 1);
	assert_found(world, 1, 3, -ECANCELED);
	settle(world);
	for (uint32_t i = 1; i <= 2; i++) {
		engine_peer_info(world->node[i].engine, 3 - i, &info);
		assert_string_equal(info.state, "ESTABLISHED");
		assert_int_equal(info.unacked_count, 0);
	}
	world_free(world);
}

/* A lockspace may be started with us over there at any moment: then there is no FIN. */
static void test_keep(void **state)
{
	for (int is_6_12 = 0; is_6_12 < 2; is_6_12++) {
		const struct engine_probe_args args = {.number = 1,
			.nodeid = 2,
			.global_id = lockspace_global_id(LS_NAME),
			.lvb_bytes = 32,
			.keep = true};
		struct world *world = world_new();
		struct kernel *kernel = boot_kernel(world, 2, is_6_12);
		struct engine *engine = boot(world, 1);

		assert_int_equal(engine_probe_start(engine, &args), 0);
		settle(world);
		assert_found(world, 1, 1, 0);
		assert_int_equal(node_link(engine, 2)->state, LINK_ESTABLISHED);
		kernel_member_added(kernel);
		make(world, 1, 0, 32);
		start(world, 1, 1u << 1 | 1u << 2);
		settle(world);
		assert_int_equal(node_link(engine, 2)->state, LINK_ESTABLISHED);
		assert_int_equal(kernel->state, LINK_ESTABLISHED);
		assert_int_equal(kernel->stuck_count, 0);
		world_free(world);
	}
}

/* Several lockspaces at one peer; the conversation ends when all have what they asked. */
static void test_several(void **state)
{
	struct world *world = world_new();

	boot(world, 1);
	boot(world, 2);
	boot(world, 3);
	make(world, 2, 0, 32);
	make(world, 3, 0, 64);
	for (uint32_t number = 1; number <= 4; number++)
		assert_int_equal(probe(world, 1, 2 + number % 2, number), 0);
	assert_int_equal(probe_for(world, 1, 2, 9, 99), 0);
	assert_int_equal(probe(world, 1, 2, 10), 0);
	settle(world);
	assert_found(world, 1, 1, -EPROTO);
	assert_found(world, 1, 2, NONE);
	engine_probe_end(world->node[1].engine, 10); /* others go on: it need not wait */
	outputs(world, 1);
	assert_found(world, 1, 10, -ECANCELED);
	engine_probe_end(world->node[1].engine, 9);
	settle(world);
	assert_found(world, 1, 9, -ECANCELED);
	assert_found(world, 1, 2, 0);
	assert_found(world, 1, 4, 0);
	for (uint32_t i = 2; i <= 3; i++) {
		assert_clean(world, 1, i);
		assert_clean(world, i, 1);
	}
	world_free(world);
}

/* Both ask each other, and the FINs cross, or one comes in the middle of the other's question. */
static void test_both_ways(void **state)
{
	for (uint32_t when = 0; when < 64; when++) {
		struct world *world = world_new();

		boot(world, 1);
		boot(world, 2);
		make(world, 1, 0, 32);
		make(world, 2, 0, 32);
		assert_int_equal(probe(world, 1, 2, 1), 0);
		for (uint32_t i = 0; i < when % 8; i++) {
			outputs(world, 1);
			carry(world, 1, 2);
			outputs(world, 2);
			carry(world, 2, 1);
		}
		assert_int_equal(probe(world, 2, 1, 1), 0);
		world->pipe[1][2].held = when & 8;
		settle(world);
		world->pipe[1][2].held = false;
		world->pipe[2][1].held = when & 16;
		if (when & 32)
			pass(world, 6000);
		settle(world);
		world->pipe[2][1].held = false;
		settle(world);
		for (uint32_t i = 1; i <= 2; i++) {
			assert_found(world, i, 1, 0);
			assert_clean(world, i, 3 - i);
		}
		world_free(world);
	}
}

/* A start while FIN is under way waits for its end, and then nothing of the old numbers is left. */
static void test_start_during_fin(void **state)
{
	for (uint32_t first = 1; first <= 2; first++) {
		struct world *world = world_new();
		struct link *link;

		for (uint32_t i = 1; i <= 2; i++) {
			boot(world, i);
			make(world, i, 0, 32);
		}
		world->pipe[2][1].held = true;
		/* a question that gets a numbered answer, so that there is something to leak */
		assert_int_equal(probe_for(world, 1, 2, 1, 99), 0);
		world->pipe[2][1].held = false;
		pass(world, 4500);
		assert_found(world, 1, 1, -EAGAIN);
		world->node[1].probed[1].result = NONE;
		assert_int_equal(probe_for(world, 1, 2, 1, 99), 0);
		settle(world);
		engine_probe_end(world->node[1].engine, 1);
		outputs(world, 1);
		carry(world, 1, 2);
		outputs(world, 2);
		carry(world, 2, 1);
		world->pipe[2][1].held = true;
		settle(world);
		link = node_link(world->node[1].engine, 2);
		assert_true(link->state == LINK_FIN_WAIT1 || link->state == LINK_FIN_WAIT2);
		start(world, 1, 1u << 1 | 1u << 2);
		assert_true(link->state == LINK_FIN_WAIT1 || link->state == LINK_FIN_WAIT2);
		assert_int_equal(link->users, 1);
		settle(world);
		if (first == 2)
			start(world, 2, 1u << 1 | 1u << 2);
		settle(world);
		world->pipe[2][1].held = false;
		settle(world);
		assert_found(world, 1, 1, -ECANCELED);
		if (first == 1)
			start(world, 2, 1u << 1 | 1u << 2);
		pass(world, 2000);
		for (uint32_t i = 1; i <= 2; i++) {
			assert_int_equal(world->node[i].recovered_count, 1);
			assert_int_equal(node_link(world->node[i].engine, 3 - i)->counters.gap, 0);
			assert_int_equal(
				node_link(world->node[i].engine, 3 - i)->counters.duplicate, 0);
		}
		world_free(world);
	}
}

/* The peer has started already and will never say FIN: then both begin anew. */
static void test_start_during_fin_of_member(void **state)
{
	struct world *world = world_new();

	for (uint32_t i = 1; i <= 2; i++) {
		boot(world, i);
		make(world, i, 0, 32);
	}
	assert_int_equal(probe(world, 1, 2, 1), 0);
	world->pipe[1][2].held = true;
	settle(world);
	start(world, 2, 1u << 1 | 1u << 2);
	world->pipe[1][2].held = false;
	settle(world);
	assert_found(world, 1, 1, NONE);
	assert_int_equal(node_link(world->node[1].engine, 2)->state, LINK_FIN_WAIT2);
	assert_int_equal(node_link(world->node[2].engine, 1)->state, LINK_CLOSE_WAIT);
	start(world, 1, 1u << 1 | 1u << 2);
	pass(world, 20000);
	assert_found(world, 1, 1, 0);
	assert_int_equal(world->node[1].recovered_count, 1);
	assert_int_equal(world->node[2].recovered_count, 1);
	world_free(world);
}

/* The last lockspace goes while a probe asks: its FIN ends the conversation, and the probe has
 * another. */
static void test_release_during_probe(void **state)
{
	struct world *world = world_new();

	boot(world, 1);
	boot(world, 2);
	make(world, 1, 0, 32);
	assert_int_equal(probe_for(world, 1, 2, 1, 99), 0);
	settle(world);
	engine_lockspace_free(world->node[1].ls);
	settle(world);
	assert_found(world, 1, 1, NONE);
	pass(world, 5000);
	assert_found(world, 1, 1, -EAGAIN);
	assert_clean(world, 1, 2);
	assert_clean(world, 2, 1);
	world_free(world);
}

static void test_no_memory(void **state)
{
	uint32_t whole_count = 0;

	for (uint32_t fail_at = 1; fail_at < 12; fail_at++) {
		struct world *world = world_new();

		boot(world, 1);
		boot(world, 2);
		make(world, 2, 0, 32);
		faulty_alloc_fail(&world->node[1].faulty, fail_at - 1);
		faulty_alloc_fail(&world->node[2].faulty, fail_at - 1);
		if (probe(world, 1, 2, 1) == 0) {
			pass(world, 3000);
			faulty_alloc_heal(&world->node[1].faulty);
			faulty_alloc_heal(&world->node[2].faulty);
			pass(world, 15000);
			assert_true(world->node[1].fatal || world->node[2].fatal ||
				    world->node[1].probed[1].result == 0);
			whole_count += world->node[1].probed[1].result == 0;
		}
		world_free(world);
	}
	assert_true(whole_count >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_equal),
		cmocka_unit_test(test_kernel_differs),
		cmocka_unit_test(test_kernel_not_ready),
		cmocka_unit_test(test_kernel_3_1),
		cmocka_unit_test(test_kernel_lists_us),
		cmocka_unit_test(test_kernel_has_forgotten),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_silent_then_answers),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_ended_while_silent),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_peer_removed),
		cmocka_unit_test(test_connection_lost),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_3_1),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_start_during_fin),
		cmocka_unit_test(test_start_during_fin_of_member),
		cmocka_unit_test(test_release_during_probe),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
