/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Lock ids of one lockspace on one node: handed out in blocks of ENGINE_ID_BLOCK, each to one
 * client (or to ourselves, for master copies), in ascending order all round the range, so that an
 * id is used again as late as possible: a late CANCEL of a peer must not hit another lock.
 */
#include <stdint.h>

#include "base/pure/alloc.h"

struct lockid_block {
	uint32_t holder; /* number of the client that may use it, 0: nobody */
	uint32_t live;   /* locks that exist with ids of this block */
};

struct lockid {
	const struct alloc *alloc;
	struct lockid_block *
		*pages; /* LOCKID_PAGES arrays of LOCKID_PAGE blocks, made when needed */
	uint32_t next_block;
	uint32_t own_block, own_next; /* for master copies; own_next 0: none yet */
};

/** lockid_init() - Return: 0; -ENOMEM */
int lockid_init(struct lockid *ids, const struct alloc *alloc);
void lockid_done(struct lockid *ids);
/** lockid_block_take() - a block for @holder (not 0). Return: 0 and its first id; -ENOSPC; -ENOMEM
 */
int lockid_block_take(struct lockid *ids, uint32_t holder, uint32_t *ret_first);
/** lockid_block_drop() - the holder makes no more locks with it. @first: as it was returned */
void lockid_block_drop(struct lockid *ids, uint32_t first);
/** lockid_holder() - who may use this id; 0: nobody */
uint32_t lockid_holder(const struct lockid *ids, uint32_t lkid);
/** lockid_used(), lockid_unused() - a lock with this id began or ended to exist */
void lockid_used(struct lockid *ids, uint32_t lkid);
void lockid_unused(struct lockid *ids, uint32_t lkid);
/** lockid_own() - the next id for a master copy. Return: 0; -ENOSPC; -ENOMEM */
int lockid_own(struct lockid *ids, uint32_t *ret);
