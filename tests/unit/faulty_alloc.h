/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * An allocator for tests: it can be made to fail from the n-th request on, and it knows what has
 * not been given back.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/alloc.h"

struct faulty_alloc {
	struct alloc alloc; /* to be given to the code under test */
	uint64_t get_count; /* requests so far */
	uint64_t fail_from; /* the number of the first that fails; UINT64_MAX: none */
	size_t used_bytes;  /* not given back */
	size_t used_count;
};

static void *faulty_get(void *context, size_t bytes)
{
	struct faulty_alloc *faulty = context;
	void *memory;

	if (faulty->get_count++ >= faulty->fail_from)
		return NULL;
	memory = malloc(bytes);
	if (!memory)
		abort();
	memset(memory, 0xa5, bytes);
	faulty->used_bytes += bytes;
	faulty->used_count++;
	return memory;
}

static void faulty_put(void *context, void *memory, size_t bytes)
{
	struct faulty_alloc *faulty = context;

	if (faulty->used_bytes < bytes || !faulty->used_count)
		abort();
	memset(memory, 0x5a, bytes);
	faulty->used_bytes -= bytes;
	faulty->used_count--;
	free(memory);
}

/** faulty_alloc_init() - nothing fails */
static inline void faulty_alloc_init(struct faulty_alloc *faulty)
{
	memset(faulty, 0, sizeof(*faulty));
	faulty->alloc.get = faulty_get;
	faulty->alloc.put = faulty_put;
	faulty->alloc.context = faulty;
	faulty->fail_from = UINT64_MAX;
}

/** faulty_alloc_fail() - after @more successful requests all fail */
static inline void faulty_alloc_fail(struct faulty_alloc *faulty, uint64_t more)
{
	faulty->fail_from = faulty->get_count + more;
}

static inline void faulty_alloc_heal(struct faulty_alloc *faulty)
{
	faulty->fail_from = UINT64_MAX;
}
