/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Lock ids that the daemon has given us, to be used in the order that they came, once each. */
#include <stdbool.h>
#include <stdint.h>

#define IDS_BLOCKS 2 /* a third takes the place of the oldest, there as here */

struct ids {
	struct {
		uint32_t next, left;
	} blocks[IDS_BLOCKS];
	uint32_t block_count;
	uint32_t left; /* in all blocks */
	uint32_t low;  /* ask for more below this */
	bool asked;
	int error; /* negative errno of the last time that we asked, 0: none */
};

/** ids_add() - a block from the daemon */
void ids_add(struct ids *ids, uint32_t first, uint32_t count);
/** ids_take() - the next one; ids->left must not be 0 */
uint32_t ids_take(struct ids *ids);
/** ids_forget() - after fork: the blocks are the parent's */
void ids_forget(struct ids *ids);
