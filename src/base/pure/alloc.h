/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The allocator that pure code is given by whoever creates it, so that a test can make the n-th
 * allocation fail and a simulator can count what each node holds.
 */
#include <stddef.h>

struct alloc {
	void *(*get)(void *context, size_t bytes); /* not zeroed; NULL: no memory */
	void (*put)(void *context, void *memory, size_t bytes);
	void *context;
};

/** alloc_system() - the C library's malloc and free; for every use outside tests */
const struct alloc *alloc_system(void);

/** alloc_get() - @bytes of memory, not zeroed; NULL where there is none */
static inline void *alloc_get(const struct alloc *alloc, size_t bytes)
{
	return alloc->get(alloc->context, bytes);
}

/** alloc_zeroed() - like alloc_get(), all bytes 0 */
void *alloc_zeroed(const struct alloc *alloc, size_t bytes);

/** alloc_put() - give back; @memory may be NULL, @bytes as it was asked for */
static inline void alloc_put(const struct alloc *alloc, void *memory, size_t bytes)
{
	if (memory)
		alloc->put(alloc->context, memory, bytes);
}
