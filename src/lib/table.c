/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/table.h"

#include <string.h>

#include "base/pure/dlmconst.h"
#include "base/pure/list.h"

static const struct lock *lock_of(const struct hash_node *node)
{
	return (const struct lock *)(const void *)((const char *)node -
						   offsetof(struct lock, node));
}

static uint32_t lock_hash(const struct hash_node *node)
{
	return hash_mix(lock_of(node)->lkid);
}

int table_init(struct table *table)
{
	pool_init(&table->pool, alloc_system(), sizeof(struct lock));
	return hash_init(&table->locks, alloc_system(), lock_hash);
}

void table_done(struct table *table)
{
	hash_done(&table->locks);
	pool_done(&table->pool);
}

struct lock *table_spare(struct table *table)
{
	return pool_get(&table->pool);
}

void table_spare_drop(struct table *table, struct lock *spare)
{
	pool_put(&table->pool, spare);
}

struct lock *table_add_spare(struct table *table, struct lock *spare, uint32_t lkid)
{
	memset(spare, 0, sizeof(*spare));
	spare->lkid = lkid;
	spare->mode = DLM_MODE_IV;
	spare->op = LOCK_IDLE;
	hash_insert(&table->locks, &spare->node);
	return spare;
}

struct lock *table_add(struct table *table, uint32_t lkid)
{
	struct lock *spare = table_spare(table);

	return spare ? table_add_spare(table, spare, lkid) : NULL;
}

struct lock *table_find(const struct table *table, uint32_t lkid)
{
	struct hash_node *node = hash_chain(&table->locks, hash_mix(lkid));

	while (node && lock_of(node)->lkid != lkid)
		node = node->next;
	return node ? list_entry(node, struct lock, node) : NULL;
}

void table_remove(struct table *table, struct lock *lock)
{
	hash_remove(&table->locks, &lock->node);
	pool_put(&table->pool, lock);
}

void table_each(struct table *table, void (*visit)(void *context, struct lock *lock), void *context)
{
	uint32_t index;
	struct hash_node *node;
	struct hash_node *next;

	for (index = 0; index < table->locks.bucket_count; index++) {
		for (node = hash_bucket(&table->locks, index); node; node = next) {
			next = node->next;
			visit(context, list_entry(node, struct lock, node));
		}
	}
}
