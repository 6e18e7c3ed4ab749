/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Objects of one size, cut from chunks, without a header for each. Locks and resources come from
 * pools: a million of them must not pay a million times for an allocator. Chunks are given back
 * only by pool_done(): the memory of a peak stays for the next one.
 */
#include <stddef.h>

#include "base/pure/alloc.h"

struct pool {
	const struct alloc *alloc; /* borrowed */
	size_t object_bytes;       /* a multiple of 8 */
	void *free;                /* first unused object; each begins with a pointer to the next */
	void *chunks;              /* newest chunk; each begins with a pointer to the one before */
	size_t used_count;
};

void pool_init(struct pool *pool, const struct alloc *alloc, size_t object_bytes);
/** pool_done() - give back all chunks; objects still in use are gone. Takes a zeroed pool. */
void pool_done(struct pool *pool);
/** pool_get() - an object, not zeroed; NULL: no memory, nothing changed */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *object);
