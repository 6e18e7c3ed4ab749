/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools: objects do not overlap, what is given back is given out again, and memory may run out. */
#include "base/pure/pool.h"

#include <string.h>

#include "cmocka_all.h"
#include "faulty_alloc.h"

#define OBJECTS 5000u

static void fill(uint8_t *object, size_t bytes, uint32_t number)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		object[i] = (uint8_t)(number * 31 + i);
}

static void check_filled(const uint8_t *object, size_t bytes, uint32_t number)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		assert_int_equal(object[i], (uint8_t)(number * 31 + i));
}

static void check_size(size_t bytes)
{
	static uint8_t *objects[OBJECTS];
	struct faulty_alloc faulty;
	struct pool pool;
	size_t peak;
	uint32_t i;

	faulty_alloc_init(&faulty);
	pool_init(&pool, &faulty.alloc, bytes);
	assert_int_equal(pool.object_bytes % 8, 0);
	for (i = 0; i < OBJECTS; i++) {
		objects[i] = pool_get(&pool);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 8, 0);
		fill(objects[i], bytes, i);
	}
	assert_int_equal(pool.used_count, OBJECTS);
	peak = faulty.used_bytes;
	assert_true(peak <= OBJECTS * pool.object_bytes * 11 / 10 + 131072);
	for (i = 0; i < OBJECTS; i++)
		check_filled(objects[i], bytes, i);
	for (i = 0; i < OBJECTS; i += 3)
		pool_put(&pool, objects[i]);
	for (i = 0; i < OBJECTS; i += 3) {
		objects[i] = pool_get(&pool);
		fill(objects[i], bytes, i + 7);
	}
	assert_int_equal(faulty.used_bytes, peak);
	for (i = 0; i < OBJECTS; i++)
		check_filled(objects[i], bytes, i % 3 ? i : i + 7);
	pool_done(&pool);
	assert_int_equal(faulty.used_bytes, 0);
}

static void test_sizes(void **state)
{
	check_size(1);
	check_size(8);
	check_size(20);
	check_size(136);
	check_size(4104);
}

static void test_without_memory(void **state)
{
	struct faulty_alloc faulty;
	struct pool pool;
	void *first;

	faulty_alloc_init(&faulty);
	pool_init(&pool, &faulty.alloc, 64);
	faulty_alloc_fail(&faulty, 0);
	assert_null(pool_get(&pool));
	assert_int_equal(pool.used_count, 0);
	faulty_alloc_heal(&faulty);
	first = pool_get(&pool);
	assert_non_null(first);
	faulty_alloc_fail(&faulty, 0);
	while (pool_get(&pool))
		;
	assert_true(pool.used_count > 900);
	pool_put(&pool, first);
	assert_ptr_equal(pool_get(&pool), first);
	assert_null(pool_get(&pool));
	pool_done(&pool);
	assert_int_equal(faulty.used_bytes, 0);
}

static void test_done_of_zeroed(void **state)
{
	struct pool pool;

	memset(&pool, 0, sizeof(pool));
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_done_of_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
