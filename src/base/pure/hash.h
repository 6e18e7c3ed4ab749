/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * An intrusive hash table that grows one bucket at a time (linear hashing), so that no insertion
 * ever pays for all the others, and the hash of names that the lock protocol uses.
 *
 * hash_insert() cannot fail: where there is no memory to grow, chains get longer.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/pure/alloc.h"

struct hash_node {
	struct hash_node *next;
};

struct hash {
	const struct alloc *alloc; /* borrowed */
	uint32_t (*hash_of)(const struct hash_node *node);
	struct hash_node ***segments; /* segment_count arrays of HASH_SEGMENT buckets */
	uint32_t segment_count;
	uint32_t segment_room; /* entries allocated in segments */
	uint32_t bucket_count; /* in use, at least 1 after init */
	uint32_t mask;         /* of the round: bucket_count is in (mask, 2 * mask + 2] */
	size_t count;          /* nodes in the table */
};

/** hash_init() - Return: 0; -ENOMEM. @hash_of must give the same value for a node's whole life. */
int hash_init(struct hash *hash, const struct alloc *alloc,
	uint32_t (*hash_of)(const struct hash_node *node));
/** hash_done() - free the table, not the nodes. Takes a zeroed struct. */
void hash_done(struct hash *hash);
void hash_insert(struct hash *hash, struct hash_node *node);
/** hash_remove() - @node must be in the table */
void hash_remove(struct hash *hash, struct hash_node *node);
/** hash_chain() - first node of the chain where @value would be; walk it by ->next */
struct hash_node *hash_chain(const struct hash *hash, uint32_t value);
/** hash_bucket() - first node of bucket @index, below bucket_count; for walking all nodes */
struct hash_node *hash_bucket(const struct hash *hash, uint32_t index);

/**
 * hash_name() - Bob Jenkins' lookup3 over bytes, as all nodes compute it for resource names
 * @initial: 0 for resource names
 * Source: docs/protocol/wire.md, "Name hash".
 */
uint32_t hash_name(const void *bytes, size_t size, uint32_t initial);
/** hash_mix() - spread an integer key over 32 bits */
uint32_t hash_mix(uint32_t key);
