/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/pure/hash.h"

#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"

#define HASH_SEGMENT 512u

static struct hash_node **bucket_at(const struct hash *hash, uint32_t index)
{
	return &hash->segments[index / HASH_SEGMENT][index % HASH_SEGMENT];
}

static uint32_t bucket_of(const struct hash *hash, uint32_t value)
{
	uint32_t index = value & (hash->mask * 2 + 1);

	return index < hash->bucket_count ? index : value & hash->mask;
}

/* Return: 0; -ENOMEM, the table is as it was */
static int add_segment(struct hash *hash)
{
	struct hash_node **segment;

	if (hash->segment_count == hash->segment_room) {
		uint32_t room = hash->segment_room ? hash->segment_room * 2 : 8;
		struct hash_node ***wider = alloc_get(hash->alloc, room * sizeof(*wider));

		if (!wider)
			return -ENOMEM;
		if (hash->segment_count)
			memcpy(wider, hash->segments, hash->segment_count * sizeof(*wider));
		alloc_put(
			hash->alloc, hash->segments, hash->segment_room * sizeof(*hash->segments));
		hash->segments = wider;
		hash->segment_room = room;
	}
	segment = alloc_zeroed(hash->alloc, HASH_SEGMENT * sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	hash->segments[hash->segment_count++] = segment;
	return 0;
}

int hash_init(struct hash *hash, const struct alloc *alloc,
	uint32_t (*hash_of)(const struct hash_node *node))
{
	memset(hash, 0, sizeof(*hash));
	hash->alloc = alloc;
	hash->hash_of = hash_of;
	if (add_segment(hash)) {
		hash_done(hash);
		return -ENOMEM;
	}
	hash->bucket_count = 1;
	return 0;
}

void hash_done(struct hash *hash)
{
	uint32_t i;

	for (i = 0; i < hash->segment_count; i++)
		alloc_put(hash->alloc, hash->segments[i], HASH_SEGMENT * sizeof(**hash->segments));
	if (hash->segments)
		alloc_put(
			hash->alloc, hash->segments, hash->segment_room * sizeof(*hash->segments));
	memset(hash, 0, sizeof(*hash));
}

/* Add one bucket and move to it what belongs there, out of the one bucket that it splits. */
static void split(struct hash *hash)
{
	uint32_t added = hash->bucket_count;
	struct hash_node **from, **to;

	if (added == UINT32_MAX / 2)
		return;
	if (added / HASH_SEGMENT == hash->segment_count && add_segment(hash))
		return; /* longer chains, going on */
	if (added == hash->mask * 2 + 2)
		hash->mask = hash->mask * 2 + 1;
	hash->bucket_count++;
	from = bucket_at(hash, added & hash->mask);
	to = bucket_at(hash, added);
	while (*from) {
		struct hash_node *node = *from;

		if (bucket_of(hash, hash->hash_of(node)) != added) {
			from = &node->next;
			continue;
		}
		*from = node->next;
		node->next = *to;
		*to = node;
	}
}

void hash_insert(struct hash *hash, struct hash_node *node)
{
	struct hash_node **bucket;

	if (hash->count >= hash->bucket_count)
		split(hash);
	bucket = bucket_at(hash, bucket_of(hash, hash->hash_of(node)));
	node->next = *bucket;
	*bucket = node;
	hash->count++;
}

void hash_remove(struct hash *hash, struct hash_node *node)
{
	struct hash_node **at = bucket_at(hash, bucket_of(hash, hash->hash_of(node)));

	while (*at && *at != node)
		at = &(*at)->next;
	must(*at == node);
	*at = node->next;
	node->next = NULL;
	hash->count--;
}

struct hash_node *hash_chain(const struct hash *hash, uint32_t value)
{
	return *bucket_at(hash, bucket_of(hash, value));
}

struct hash_node *hash_bucket(const struct hash *hash, uint32_t index)
{
	must(index < hash->bucket_count);
	return *bucket_at(hash, index);
}

static uint32_t rotate(uint32_t word, unsigned int bits)
{
	return word << bits | word >> (32 - bits);
}

struct words {
	uint32_t a, b, c;
};

static void words_mix(struct words *w)
{
	w->a = (w->a - w->c) ^ rotate(w->c, 4);
	w->c += w->b;
	w->b = (w->b - w->a) ^ rotate(w->a, 6);
	w->a += w->c;
	w->c = (w->c - w->b) ^ rotate(w->b, 8);
	w->b += w->a;
	w->a = (w->a - w->c) ^ rotate(w->c, 16);
	w->c += w->b;
	w->b = (w->b - w->a) ^ rotate(w->a, 19);
	w->a += w->c;
	w->c = (w->c - w->b) ^ rotate(w->b, 4);
	w->b += w->a;
}

static void words_final(struct words *w)
{
	w->c = (w->c ^ w->b) - rotate(w->b, 14);
	w->a = (w->a ^ w->c) - rotate(w->c, 11);
	w->b = (w->b ^ w->a) - rotate(w->a, 25);
	w->c = (w->c ^ w->b) - rotate(w->b, 16);
	w->a = (w->a ^ w->c) - rotate(w->c, 4);
	w->b = (w->b ^ w->a) - rotate(w->a, 14);
	w->c = (w->c ^ w->b) - rotate(w->b, 24);
}

static void words_add(struct words *w, const uint8_t *twelve)
{
	w->a += get_le32(twelve);
	w->b += get_le32(twelve + 4);
	w->c += get_le32(twelve + 8);
}

uint32_t hash_name(const void *bytes, size_t size, uint32_t initial)
{
	const uint8_t *at = bytes;
	uint8_t tail[12] = {0};
	struct words w;

	w.a = w.b = w.c = 0xdeadbeefu + (uint32_t)size + initial;
	for (; size > 12; size -= 12, at += 12) {
		words_add(&w, at);
		words_mix(&w);
	}
	if (!size)
		return w.c;
	memcpy(tail, at, size);
	words_add(&w, tail);
	words_final(&w);
	return w.c;
}

uint32_t hash_mix(uint32_t key)
{
	key ^= key >> 16;
	key *= 0x7feb352du;
	key ^= key >> 15;
	key *= 0x846ca68bu;
	return key ^ key >> 16;
}
