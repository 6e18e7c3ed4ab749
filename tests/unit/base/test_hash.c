/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table that grows bucket by bucket, also where memory runs out, and the hash of names. */
#include "base/pure/hash.h"

#include <string.h>

#include "cmocka_all.h"
#include "faulty_alloc.h"

struct item {
	struct hash_node node;
	uint32_t key;
};

static uint32_t item_hash(const struct hash_node *node)
{
	return hash_mix(((const struct item *)(const void *)node)->key);
}

static struct item *item_find(const struct hash *hash, uint32_t key)
{
	struct hash_node *node = hash_chain(hash, hash_mix(key));

	for (; node; node = node->next)
		if (((struct item *)(void *)node)->key == key)
			return (struct item *)(void *)node;
	return NULL;
}

static void test_init_without_memory(void **state)
{
	struct faulty_alloc faulty;
	struct hash hash;
	uint64_t n;

	for (n = 0;; n++) {
		int rc;

		faulty_alloc_init(&faulty);
		faulty_alloc_fail(&faulty, n);
		rc = hash_init(&hash, &faulty.alloc, item_hash);
		if (!rc)
			break;
		assert_int_equal(faulty.used_bytes, 0);
	}
	assert_true(n > 0);
	hash_done(&hash);
	assert_int_equal(faulty.used_bytes, 0);
	hash_done(&hash); /* zeroed: allowed */
}

static size_t walk(const struct hash *hash)
{
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < hash->bucket_count; i++) {
		const struct hash_node *node;

		for (node = hash_bucket(hash, i); node; node = node->next)
			count++;
	}
	return count;
}

#define ITEMS 20000u

/* Growth may fail at any point; nothing is lost, and it goes on when there is memory again. */
static void check_growth(uint32_t fail_from, uint32_t heal_at)
{
	struct item *items = calloc(ITEMS, sizeof(*items));
	struct faulty_alloc faulty;
	struct hash hash;
	uint32_t i;

	assert_non_null(items);
	faulty_alloc_init(&faulty);
	assert_int_equal(hash_init(&hash, &faulty.alloc, item_hash), 0);
	for (i = 0; i < ITEMS; i++) {
		if (i == fail_from)
			faulty_alloc_fail(&faulty, 0);
		if (i == heal_at)
			faulty_alloc_heal(&faulty);
		items[i].key = i * 7;
		hash_insert(&hash, &items[i].node);
		if (i % 997 == 0)
			assert_int_equal(walk(&hash), i + 1);
	}
	if (heal_at < ITEMS / 2)
		assert_true(hash.bucket_count > ITEMS / 2 - heal_at);
	for (i = 0; i < ITEMS; i++)
		assert_ptr_equal(item_find(&hash, i * 7), &items[i]);
	assert_null(item_find(&hash, 3));
	for (i = 0; i < ITEMS; i += 2)
		hash_remove(&hash, &items[i].node);
	assert_int_equal(hash.count, ITEMS / 2);
	assert_int_equal(walk(&hash), ITEMS / 2);
	for (i = 0; i < ITEMS; i++) {
		struct item *expected = i % 2 ? &items[i] : NULL;

		assert_ptr_equal(item_find(&hash, i * 7), expected);
	}
	hash_done(&hash);
	assert_int_equal(faulty.used_bytes, 0);
	free(items);
}

static void test_growth(void **state)
{
	check_growth(UINT32_MAX, 0);
}

static void test_growth_without_memory(void **state)
{
	check_growth(0, UINT32_MAX);
	check_growth(100, 5000);
	check_growth(511, 513);
	check_growth(4096, 4097);
	check_growth(5000, UINT32_MAX);
}

static void test_equal_hashes(void **state)
{
	struct item items[64];
	struct hash hash;
	size_t i;

	assert_int_equal(hash_init(&hash, alloc_system(), item_hash), 0);
	for (i = 0; i < 64; i++) {
		items[i].key = 5;
		hash_insert(&hash, &items[i].node);
	}
	assert_int_equal(walk(&hash), 64);
	for (i = 0; i < 64; i++)
		hash_remove(&hash, &items[63 - i].node);
	assert_int_equal(walk(&hash), 0);
	hash_done(&hash);
}

static void test_mix_is_a_permutation(void **state)
{
	uint32_t i, bits = 0;

	for (i = 1; i < 100000; i++) {
		assert_int_not_equal(hash_mix(i), hash_mix(i - 1));
		bits |= hash_mix(i);
	}
	assert_int_equal(bits, UINT32_MAX);
}

static const struct {
	const char *name;
	size_t size;
	uint32_t hash;
} NAMES[] = {
	{"a", 1, 0x58d68708},
	{"ab", 2, 0xfbb3a8df},
	{"abc", 3, 0x0e397631},
	{"abcd", 4, 0xb5f4889c},
	{"A", 1, 0x01014ba1},
	{"test", 4, 0xbe0c1952},
	{"resource", 8, 0xad4e19e1},
	{"hello world!", 12, 0x4b8946db},
	{"hello world!!", 13, 0xbdfd2524},
	{"RES00000001", 11, 0xe588087a},
	{"RES00000002", 11, 0x7f89c7b3},
	{"       2              17", 24, 0xb57fd050},
	{"abcdefghijklmnopqrstuvwxyz", 26, 0x7538b5bd},
	{"\0", 1, 0x8ba9414b},
};

static void test_names(void **state)
{
	uint8_t bytes[64];
	size_t i;

	for (i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		assert_int_equal(hash_name(NAMES[i].name, NAMES[i].size, 0), NAMES[i].hash);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(hash_name(bytes, 64, 0), 0xd086904f);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(hash_name(bytes, 64, 0), 0xeb9fa151);
	for (i = 0; i < 64; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(hash_name(bytes, 64, 0), 0x9ff036cc);
	assert_int_equal(hash_name(bytes, 12, 0), 0x5e4aa593);
	assert_int_equal(hash_name(bytes, 24, 0), 0x9c0add53);
}

/* The self-test that lookup3 is published with. */
static void test_names_initial(void **state)
{
	const char *text = "Four score and seven years ago";

	assert_int_equal(hash_name("", 0, 0), 0xdeadbeef);
	assert_int_equal(hash_name("", 0, 0xdeadbeef), 0xbd5b7dde);
	assert_int_equal(hash_name(text, strlen(text), 0), 0x17770551);
	assert_int_equal(hash_name(text, strlen(text), 1), 0xcd628161);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_without_memory),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_growth_without_memory),
		cmocka_unit_test(test_equal_hashes),
		cmocka_unit_test(test_mix_is_a_permutation),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_initial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
