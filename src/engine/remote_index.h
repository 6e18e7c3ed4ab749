/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Recovery's index of the master copies that it made, by owner: a LOCK may come again after an
 * aborted recovery, and a search through the queues of a resource with very many locks would take
 * time that grows with the square of their number. It names locks by our id, so that one that is
 * gone meanwhile is simply not found.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/hash.h"
#include "base/pure/pool.h"

struct engine_lockspace;
struct lock;

struct remote_index {
	const struct alloc *alloc;
	struct hash hash;
	struct pool pool;
	bool ready;      /* hash and pool are initialised */
	bool incomplete; /* an entry could not be stored: search the queues */
};

void remote_index_init(struct remote_index *index, const struct alloc *alloc);
void remote_index_done(struct remote_index *index);
/** remote_index_clear() - forget all entries: the recovery is over */
void remote_index_clear(struct remote_index *index);
/** remote_index_add() - a master copy was made. Where there is no memory, searches get slow */
void remote_index_add(struct remote_index *index, const struct lock *lock);
/** remote_index_find() - the copy of (owner, its id) on a resource; NULL: none */
struct lock *remote_index_find(const struct remote_index *index, const struct engine_lockspace *ls,
	uint32_t nodeid, uint32_t remid);
