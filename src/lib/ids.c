/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/ids.h"

#include <string.h>

#include "base/pure/dlmconst.h"
#include "base/pure/must.h"

static void drop_oldest(struct ids *ids)
{
	ids->left -= ids->blocks[0].left;
	ids->block_count--;
	memmove(ids->blocks, ids->blocks + 1, ids->block_count * sizeof(*ids->blocks));
}

void ids_add(struct ids *ids, uint32_t first, uint32_t count)
{
	ids->asked = false;
	ids->error = 0;
	if (!first || first > DLM_LOCKID_MAX || !count || count - 1 > DLM_LOCKID_MAX - first)
		return;
	if (ids->block_count == IDS_BLOCKS)
		drop_oldest(ids);
	ids->blocks[ids->block_count].next = first;
	ids->blocks[ids->block_count].left = count;
	ids->block_count++;
	ids->left += count;
	ids->low = count / 2;
}

uint32_t ids_take(struct ids *ids)
{
	uint32_t lkid = ids->blocks[0].next++;

	must(ids->left > 0);
	ids->left--;
	if (--ids->blocks[0].left == 0)
		drop_oldest(ids);
	return lkid;
}

void ids_forget(struct ids *ids)
{
	memset(ids, 0, sizeof(*ids));
}
