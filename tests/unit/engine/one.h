/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One node with one lockspace, and programs on it: the fixture of tests that need no other node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pure/alloc.h"
#include "engine/engine.h"

#define ONE_CLIENTS 4

struct one {
	struct engine *engine;
	struct engine_lockspace *ls;
	struct engine_client *client[ONE_CLIENTS];
	uint32_t next_id[ONE_CLIENTS];
	uint64_t now_ms;
	struct alloc alloc;
	uint64_t alloc_count; /* allocations so far */
	uint64_t fail_at;     /* that one fails, 0: none */
	int64_t live;         /* allocations that were not given back */
};

static inline void *one_get(void *context, size_t bytes)
{
	struct one *one = context;

	if (++one->alloc_count == one->fail_at)
		return NULL;
	one->live++;
	return malloc(bytes);
}

static inline void one_put(void *context, void *memory, size_t bytes)
{
	struct one *one = context;

	(void)bytes;
	one->live--;
	free(memory);
}

/* All pending work and outputs; what is told is returned as bits 1 << kind. */
static inline uint32_t one_settle(struct one *one)
{
	struct engine_output out;
	uint32_t seen = 0;

	while (engine_work(one->engine))
		;
	while (engine_output(one->engine, &out))
		seen |= 1u << out.kind;
	return seen;
}

static inline void one_start(struct one *one, const struct engine_settings *given)
{
	const struct engine_member self = {.nodeid = 1, .weight = 1};
	struct engine_settings settings = given ? *given : (struct engine_settings){0};
	unsigned int i;

	memset(one, 0, sizeof(*one));
	one->alloc = (struct alloc){.get = one_get, .put = one_put, .context = one};
	one->now_ms = 1000;
	settings.nodeid = 1;
	settings.alloc = &one->alloc;
	assert_int_equal(engine_new(&settings, &one->engine), 0);
	engine_tick(one->engine, one->now_ms);
	assert_int_equal(engine_lockspace_new(one->engine, "test", lockspace_global_id("test"), 0,
				 DLM_USER_LVB_BYTES, false, &one->ls),
		0);
	assert_int_equal(engine_lockspace_start(one->ls, &self, 1, 1), 0);
	assert_int_equal(one_settle(one), 1u << ENGINE_OUT_RECOVERED);
	for (i = 0; i < ONE_CLIENTS; i++) {
		assert_int_equal(engine_client_new(one->ls, NULL, &one->client[i]), 0);
		assert_int_equal(engine_client_ids(one->client[i], &one->next_id[i]), 0);
	}
}

static inline void one_stop(struct one *one)
{
	engine_check(one->engine);
	engine_free(one->engine);
	assert_int_equal(one->live, 0);
}

static inline int one_lock(struct one *one, unsigned int who, const char *name, int mode,
	uint32_t flags, uint32_t *ret_lkid)
{
	const struct engine_lock_args args = {
		.lkid = one->next_id[who],
		.flags = flags,
		.mode = mode,
		.name = name,
		.name_bytes = (uint32_t)strlen(name),
		.pid = 100 + who,
		.wants_bast = true,
	};
	int error = engine_lock(one->client[who], &args);

	if (!error)
		*ret_lkid = one->next_id[who]++;
	return error;
}

static inline int one_convert(struct one *one, unsigned int who, uint32_t lkid, int mode,
	uint32_t flags, const uint8_t *lvb)
{
	const struct engine_lock_args args = {
		.lkid = lkid,
		.flags = flags | DLM_LKF_CONVERT,
		.mode = mode,
		.lvb = lvb,
		.pid = 100 + who,
		.wants_bast = true,
	};

	return engine_lock(one->client[who], &args);
}

/* The next callback must be this completion. */
static inline struct engine_callback one_completes(
	struct one *one, unsigned int who, uint32_t lkid, int status, int mode)
{
	struct engine_callback callback;

	assert_true(engine_client_take(one->client[who], &callback));
	assert_false(callback.is_bast);
	assert_int_equal(callback.lkid, lkid);
	assert_int_equal(callback.status, status);
	assert_int_equal(callback.mode, mode);
	return callback;
}

static inline void one_blocks(struct one *one, unsigned int who, uint32_t lkid, int mode)
{
	struct engine_callback callback;

	assert_true(engine_client_take(one->client[who], &callback));
	assert_true(callback.is_bast);
	assert_int_equal(callback.lkid, lkid);
	assert_int_equal(callback.mode, mode);
}

static inline void one_quiet(struct one *one, unsigned int who)
{
	struct engine_callback callback;

	assert_false(engine_client_take(one->client[who], &callback));
}

/* A lock that is granted at once and whose completion is taken. */
static inline uint32_t one_granted(
	struct one *one, unsigned int who, const char *name, int mode, uint32_t flags)
{
	uint32_t lkid = 0;

	assert_int_equal(one_lock(one, who, name, mode, flags, &lkid), 0);
	one_completes(one, who, lkid, 0, mode);
	return lkid;
}
