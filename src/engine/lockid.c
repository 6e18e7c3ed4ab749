/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/lockid.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/engine.h"

#define LOCKID_PAGE   1024u /* blocks a page */
#define LOCKID_BLOCKS ((DLM_LOCKID_MAX + 1u) / ENGINE_ID_BLOCK)
#define LOCKID_PAGES  (LOCKID_BLOCKS / LOCKID_PAGE)
#define HOLDER_OURS   UINT32_MAX

int lockid_init(struct lockid *ids, const struct alloc *alloc)
{
	memset(ids, 0, sizeof(*ids));
	ids->alloc = alloc;
	ids->pages = alloc_zeroed(alloc, LOCKID_PAGES * sizeof(*ids->pages));
	return ids->pages ? 0 : -ENOMEM;
}

void lockid_done(struct lockid *ids)
{
	uint32_t i;

	if (!ids->pages)
		return;
	for (i = 0; i < LOCKID_PAGES; i++)
		alloc_put(ids->alloc, ids->pages[i], LOCKID_PAGE * sizeof(**ids->pages));
	alloc_put(ids->alloc, ids->pages, LOCKID_PAGES * sizeof(*ids->pages));
	memset(ids, 0, sizeof(*ids));
}

static struct lockid_block *block_at(const struct lockid *ids, uint32_t block)
{
	struct lockid_block *page = ids->pages[block / LOCKID_PAGE];

	return page ? &page[block % LOCKID_PAGE] : NULL;
}

static struct lockid_block *block_of(const struct lockid *ids, uint32_t lkid)
{
	if (!lkid || lkid > DLM_LOCKID_MAX)
		return NULL;
	return block_at(ids, lkid / ENGINE_ID_BLOCK);
}

static int page_make(struct lockid *ids, uint32_t block)
{
	struct lockid_block **page = &ids->pages[block / LOCKID_PAGE];

	if (!*page)
		*page = alloc_zeroed(ids->alloc, LOCKID_PAGE * sizeof(**page));
	return *page ? 0 : -ENOMEM;
}

int lockid_block_take(struct lockid *ids, uint32_t holder, uint32_t *ret_first)
{
	uint32_t tried;

	must(holder != 0);
	for (tried = 0; tried < LOCKID_BLOCKS; tried++) {
		uint32_t number = (ids->next_block + tried) % LOCKID_BLOCKS;
		struct lockid_block *block;

		if (!number)
			continue; /* holds id 0, which means "none" */
		if (page_make(ids, number))
			return -ENOMEM;
		block = block_at(ids, number);
		if (block->holder || block->live)
			continue;
		block->holder = holder;
		ids->next_block = (number + 1) % LOCKID_BLOCKS;
		*ret_first = number * ENGINE_ID_BLOCK;
		return 0;
	}
	return -ENOSPC;
}

void lockid_block_drop(struct lockid *ids, uint32_t first)
{
	struct lockid_block *block = block_of(ids, first);

	must(block && block->holder);
	block->holder = 0;
}

uint32_t lockid_holder(const struct lockid *ids, uint32_t lkid)
{
	const struct lockid_block *block = block_of(ids, lkid);

	return block ? block->holder : 0;
}

void lockid_used(struct lockid *ids, uint32_t lkid)
{
	struct lockid_block *block = block_of(ids, lkid);

	must(block);
	block->live++;
}

void lockid_unused(struct lockid *ids, uint32_t lkid)
{
	struct lockid_block *block = block_of(ids, lkid);

	must(block && block->live > 0);
	block->live--;
}

int lockid_own(struct lockid *ids, uint32_t *ret)
{
	if (!ids->own_next || ids->own_next == ids->own_block + ENGINE_ID_BLOCK) {
		uint32_t first;
		int error = lockid_block_take(ids, HOLDER_OURS, &first);

		if (error)
			return error;
		if (ids->own_next)
			lockid_block_drop(ids, ids->own_block);
		ids->own_block = first;
		ids->own_next = first;
	}
	*ret = ids->own_next++;
	return 0;
}
