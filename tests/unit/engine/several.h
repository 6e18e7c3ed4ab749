/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Some nodes of one lockspace, each with one program, in one process: bytes go from engine to
 * engine at once, or are held back. For tests of recovery that want a certain order of things; the
 * simulator tries all the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pure/alloc.h"
#include "engine/engine.h"
#include "engine/lockspace.h"

#define SEVERAL_NODES 5u

struct several;

struct several_node {
	struct several *several;
	uint32_t nodeid;
	struct engine *engine; /* NULL: down */
	struct engine_lockspace *ls;
	struct engine_client *client;
	uint32_t next_id;
	uint32_t recovered; /* start number of the last RECOVERED */
	uint32_t failed;    /* and FAILED */
	int error;
	bool fatal;
	bool held[SEVERAL_NODES + 1]; /* nothing goes to that node */
	uint64_t sent_count;          /* frames by RCOM type */
	uint64_t rcom_sent[16];
	uint64_t rcom_received[16];
	uint64_t refused_count;
	uint32_t hold_in_step; /* nothing goes out or in while its recovery is in this step */
	const char *watched;   /* step: count entries */
	uint32_t watched_count;
	struct alloc alloc;
	int64_t live;
	bool no_memory;
};

struct several {
	struct several_node node[SEVERAL_NODES + 1]; /* by node id */
	uint64_t now_ms;
	bool nodir;
	uint32_t slice_items;
	size_t peer_queue_bytes;
	uint32_t lvb_bytes;
	uint32_t start_number;
};

static inline void *several_get(void *context, size_t bytes)
{
	struct several_node *node = context;

	if (node->no_memory)
		return NULL;
	node->live++;
	return malloc(bytes);
}

static inline void several_put(void *context, void *memory, size_t bytes)
{
	struct several_node *node = context;

	(void)bytes;
	node->live--;
	free(memory);
}

static inline void several_trace(void *context, const struct engine_trace *trace)
{
	struct several_node *node = context;

	if (getenv("SEVERAL_TRACE"))
		printf("%6llu %u kind %d node %u code %x mode %d result %d %.*s %s\n",
			(unsigned long long)node->several->now_ms, node->nodeid, trace->kind,
			trace->nodeid, trace->code, trace->mode, trace->result,
			(int)trace->name_bytes, trace->name ? (const char *)trace->name : "",
			trace->text ? trace->text : "");
	if (trace->kind == ENGINE_TRACE_SEND && (trace->code & 0x100))
		node->rcom_sent[trace->code & 15]++;
	if (trace->kind == ENGINE_TRACE_RECEIVE && (trace->code & 0x100))
		node->rcom_received[trace->code & 15]++;
	if (trace->kind == ENGINE_TRACE_REFUSED)
		node->refused_count++;
	if (trace->kind == ENGINE_TRACE_RECOVERY && node->watched &&
		!strcmp(trace->text, node->watched))
		node->watched_count++;
}

static inline void several_init(struct several *several)
{
	memset(several, 0, sizeof(*several));
	several->now_ms = 1000;
	several->lvb_bytes = DLM_USER_LVB_BYTES;
}

static inline void several_boot(struct several *several, uint32_t nodeid)
{
	struct several_node *node = &several->node[nodeid];
	struct engine_settings settings = {
		.nodeid = nodeid,
		.slice_items = several->slice_items,
		.peer_queue_bytes = several->peer_queue_bytes,
		.seed = 17 * nodeid + several->now_ms,
		.alloc = &node->alloc,
		.trace = several_trace,
		.trace_context = node,
	};
	uint32_t i;

	memset(node, 0, sizeof(*node));
	node->several = several;
	node->nodeid = nodeid;
	node->alloc = (struct alloc){several_get, several_put, node};
	assert_int_equal(engine_new(&settings, &node->engine), 0);
	engine_tick(node->engine, several->now_ms);
	assert_int_equal(engine_lockspace_new(node->engine, "test", lockspace_global_id("test"), 0,
				 several->lvb_bytes, several->nodir, &node->ls),
		0);
	assert_int_equal(engine_client_new(node->ls, node, &node->client), 0);
	assert_int_equal(engine_client_ids(node->client, &node->next_id), 0);
	for (i = 1; i <= SEVERAL_NODES; i++) {
		struct several_node *other = &several->node[i];

		if (i == nodeid || !other->engine)
			continue;
		assert_int_equal(engine_peer_add(node->engine, i), 0);
		assert_int_equal(engine_peer_add(other->engine, nodeid), 0);
		engine_peer_connected(node->engine, i);
		engine_peer_connected(other->engine, nodeid);
	}
}

/* The node is dead, and the cluster knows. */
static inline void several_kill(struct several *several, uint32_t nodeid)
{
	struct several_node *node = &several->node[nodeid];
	uint32_t i;

	engine_free(node->engine);
	assert_int_equal(node->live, 0);
	node->engine = NULL;
	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine)
			engine_peer_remove(several->node[i].engine, nodeid);
}

static inline bool several_carry(struct several_node *from, uint32_t to)
{
	static uint8_t bytes[65536];
	struct several_node *other = &from->several->node[to];
	size_t size;

	if (from->held[to] || !other->engine)
		return false;
	size = engine_peer_take(from->engine, to, bytes, sizeof(bytes));
	if (!size)
		return false;
	assert_int_equal(engine_peer_receive(other->engine, from->nodeid, bytes, size), (int)size);
	return true;
}

static inline void several_event(struct several_node *node, const struct engine_output *out)
{
	if (out->kind == ENGINE_OUT_RECOVERED)
		node->recovered = out->start_number;
	if (out->kind == ENGINE_OUT_FAILED) {
		node->failed = out->start_number;
		node->error = out->error;
	}
	if (out->kind == ENGINE_OUT_FATAL)
		node->fatal = true;
}

/* Return: something happened */
static inline bool several_turn(struct several *several)
{
	struct engine_output out;
	bool moved = false;
	uint32_t i, j;

	for (i = 1; i <= SEVERAL_NODES; i++) {
		struct several_node *node = &several->node[i];

		if (!node->engine)
			continue;
		moved |= engine_work(node->engine);
		while (engine_output(node->engine, &out))
			several_event(node, &out);
		for (j = 1; j <= SEVERAL_NODES; j++)
			if (j != i)
				moved |= several_carry(node, j);
	}
	return moved;
}

static inline void several_settle(struct several *several)
{
	while (several_turn(several))
		;
}

/* Time goes by, in steps to what is due next. */
static inline void several_wait(struct several *several, uint64_t ms)
{
	uint64_t end = several->now_ms + ms;

	several_settle(several);
	while (several->now_ms < end) {
		uint64_t next = end;
		uint32_t i;

		for (i = 1; i <= SEVERAL_NODES; i++)
			if (several->node[i].engine &&
				engine_deadline(several->node[i].engine) < next)
				next = engine_deadline(several->node[i].engine);
		several->now_ms = next > several->now_ms ? next : several->now_ms + 1;
		for (i = 1; i <= SEVERAL_NODES; i++)
			if (several->node[i].engine)
				engine_tick(several->node[i].engine, several->now_ms);
		several_settle(several);
	}
}

static inline void several_stop(struct several *several)
{
	uint32_t i;

	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine)
			engine_lockspace_stop(several->node[i].ls);
}

/* All that are up are members; @rejoined: a bit for each that came anew. */
static inline void several_start(struct several *several, uint32_t rejoined)
{
	struct engine_member members[SEVERAL_NODES];
	size_t count = 0;
	uint32_t i;

	several->start_number++;
	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine)
			members[count++] = (struct engine_member){
				.nodeid = i, .weight = 1, .rejoined = rejoined & 1u << i};
	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine)
			assert_int_equal(engine_lockspace_start(several->node[i].ls, members, count,
						 several->start_number),
				0);
}

static inline bool several_running(struct several *several)
{
	uint32_t i;

	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine && several->node[i].recovered != several->start_number)
			return false;
	return true;
}

static inline void several_recover(struct several *several, uint32_t rejoined)
{
	uint32_t i;

	several_stop(several);
	several_start(several, rejoined);
	several_wait(several, 3000);
	assert_true(several_running(several));
	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine)
			engine_check(several->node[i].engine);
}

static inline void several_form(struct several *several, uint32_t count)
{
	uint32_t i;

	for (i = 1; i <= count; i++)
		several_boot(several, i);
	several_start(several, 0);
	several_wait(several, 3000);
	assert_true(several_running(several));
}

static inline void several_done(struct several *several)
{
	uint32_t i;

	for (i = 1; i <= SEVERAL_NODES; i++)
		if (several->node[i].engine) {
			engine_check(several->node[i].engine);
			several_kill(several, i);
		}
}

static inline uint32_t several_lock(
	struct several *several, uint32_t nodeid, const char *name, int mode, uint32_t flags)
{
	struct several_node *node = &several->node[nodeid];
	const struct engine_lock_args args = {
		.lkid = node->next_id++,
		.flags = flags,
		.mode = mode,
		.name = name,
		.name_bytes = (uint32_t)strlen(name),
		.pid = nodeid,
		.wants_bast = true,
	};

	assert_int_equal(engine_lock(node->client, &args), 0);
	return args.lkid;
}

static inline void several_convert(struct several *several, uint32_t nodeid, uint32_t lkid,
	int mode, uint32_t flags, const uint8_t *lvb)
{
	const struct engine_lock_args args = {
		.lkid = lkid,
		.flags = flags | DLM_LKF_CONVERT,
		.mode = mode,
		.lvb = lvb,
		.pid = nodeid,
		.wants_bast = true,
	};

	assert_int_equal(engine_lock(several->node[nodeid].client, &args), 0);
}

/* The next completion (blocking ASTs are passed over) must be this one. */
static inline struct engine_callback several_completes(
	struct several *several, uint32_t nodeid, uint32_t lkid, int status, int mode)
{
	struct engine_callback callback;

	do
		assert_true(engine_client_take(several->node[nodeid].client, &callback));
	while (callback.is_bast);
	assert_int_equal(callback.lkid, lkid);
	assert_int_equal(callback.status, status);
	assert_int_equal(callback.mode, mode);
	return callback;
}

static inline void several_no_completion(struct several *several, uint32_t nodeid)
{
	struct engine_callback callback;

	while (engine_client_take(several->node[nodeid].client, &callback))
		assert_true(callback.is_bast);
}

static inline uint32_t several_granted(
	struct several *several, uint32_t nodeid, const char *name, int mode, uint32_t flags)
{
	uint32_t lkid = several_lock(several, nodeid, name, mode, flags);

	several_settle(several);
	several_completes(several, nodeid, lkid, 0, mode);
	return lkid;
}

static inline struct engine_resource_view several_view(
	struct several *several, uint32_t nodeid, const char *name)
{
	struct engine_resource_view view;

	assert_int_equal(
		engine_resource_view(several->node[nodeid].ls, name, strlen(name), &view), 0);
	return view;
}
