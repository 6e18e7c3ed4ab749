/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/remote_index.h"

#include <string.h>

#include "engine/lock.h"

struct entry {
	struct hash_node node;
	uint32_t nodeid;
	uint32_t remid;
	uint32_t lkid;
};

static uint32_t key_of(uint32_t nodeid, uint32_t remid)
{
	return hash_mix(hash_mix(nodeid) ^ remid);
}

static uint32_t hash_of(const struct hash_node *node)
{
	const struct entry *entry = list_entry(node, const struct entry, node);

	return key_of(entry->nodeid, entry->remid);
}

void remote_index_init(struct remote_index *index, const struct alloc *alloc)
{
	memset(index, 0, sizeof(*index));
	index->alloc = alloc;
}

void remote_index_done(struct remote_index *index)
{
	remote_index_clear(index);
}

void remote_index_clear(struct remote_index *index)
{
	if (index->ready) {
		hash_done(&index->hash);
		pool_done(&index->pool);
	}
	remote_index_init(index, index->alloc);
}

static struct entry *entry_new(struct remote_index *index)
{
	if (!index->ready) {
		if (hash_init(&index->hash, index->alloc, hash_of))
			return NULL;
		pool_init(&index->pool, index->alloc, sizeof(struct entry));
		index->ready = true;
	}
	return pool_get(&index->pool);
}

void remote_index_add(struct remote_index *index, const struct lock *lock)
{
	struct entry *entry = entry_new(index);

	if (!entry) {
		index->incomplete = true;
		return;
	}
	entry->nodeid = lock->nodeid;
	entry->remid = lock->remid;
	entry->lkid = lock->lkid;
	hash_insert(&index->hash, &entry->node);
}

static struct lock *copy_of(const struct engine_lockspace *ls, const struct entry *entry)
{
	struct lock *lock = lock_find(ls, entry->lkid);

	if (!lock || !(lock->flags & LOCK_MASTER_COPY))
		return NULL;
	return lock->nodeid == entry->nodeid && lock->remid == entry->remid ? lock : NULL;
}

struct lock *remote_index_find(const struct remote_index *index, const struct engine_lockspace *ls,
	uint32_t nodeid, uint32_t remid)
{
	struct hash_node *node;

	if (!index->ready)
		return NULL;
	for (node = hash_chain(&index->hash, key_of(nodeid, remid)); node; node = node->next) {
		const struct entry *entry = list_entry(node, struct entry, node);
		struct lock *lock;

		if (entry->nodeid != nodeid || entry->remid != remid)
			continue;
		lock = copy_of(ls, entry);
		if (lock)
			return lock;
	}
	return NULL;
}
