/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/pure/pool.h"

#include <stdint.h>
#include <string.h>

#include "base/pure/must.h"

/* A multiple of the page size less malloc's own header, so that a chunk wastes no page. */
#define CHUNK_BYTES      (65536u - 64u)
#define CHUNK_HEAD_BYTES 16u

void pool_init(struct pool *pool, const struct alloc *alloc, size_t object_bytes)
{
	must(object_bytes <= CHUNK_BYTES / 8);
	memset(pool, 0, sizeof(*pool));
	pool->alloc = alloc;
	pool->object_bytes = (object_bytes + 7u) & ~(size_t)7u;
}

void pool_done(struct pool *pool)
{
	void *chunk = pool->chunks;

	while (chunk) {
		void *before;

		memcpy(&before, chunk, sizeof(before));
		alloc_put(pool->alloc, chunk, CHUNK_BYTES);
		chunk = before;
	}
	memset(pool, 0, sizeof(*pool));
}

static void put_free(struct pool *pool, void *object)
{
	memcpy(object, &pool->free, sizeof(pool->free));
	pool->free = object;
}

static void *grow(struct pool *pool)
{
	uint8_t *chunk = alloc_get(pool->alloc, CHUNK_BYTES);
	size_t at;

	if (!chunk)
		return NULL;
	memcpy(chunk, &pool->chunks, sizeof(pool->chunks));
	pool->chunks = chunk;
	/* From the end, so that objects are handed out in ascending order. */
	at = CHUNK_HEAD_BYTES +
	     (CHUNK_BYTES - CHUNK_HEAD_BYTES) / pool->object_bytes * pool->object_bytes;
	for (; at > CHUNK_HEAD_BYTES; at -= pool->object_bytes)
		put_free(pool, chunk + at - pool->object_bytes);
	return pool->free;
}

void *pool_get(struct pool *pool)
{
	void *object = pool->free;

	if (!object)
		object = grow(pool);
	if (!object)
		return NULL;
	memcpy(&pool->free, object, sizeof(pool->free));
	pool->used_count++;
	return object;
}

void pool_put(struct pool *pool, void *object)
{
	must(pool->used_count > 0);
	pool->used_count--;
	put_free(pool, object);
}
