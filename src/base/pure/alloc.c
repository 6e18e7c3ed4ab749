/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/pure/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *system_get(void *context, size_t bytes)
{
	(void)context;
	return malloc(bytes);
}

static void system_put(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

static const struct alloc SYSTEM = {.get = system_get, .put = system_put, .context = NULL};

const struct alloc *alloc_system(void)
{
	return &SYSTEM;
}

void *alloc_zeroed(const struct alloc *alloc, size_t bytes)
{
	void *memory = alloc_get(alloc, bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}
