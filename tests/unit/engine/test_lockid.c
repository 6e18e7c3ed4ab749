/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock ids: blocks belong to one holder, live ids keep a block, and reuse comes as late as
 * possible. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/lockid.h"

#define BLOCKS ((DLM_LOCKID_MAX + 1u) / ENGINE_ID_BLOCK)

static int setup(void **state)
{
	static struct lockid ids;

	*state = &ids;
	return lockid_init(&ids, alloc_system());
}

static int teardown(void **state)
{
	lockid_done(*state);
	return 0;
}

static void test_blocks_have_holders(void **state)
{
	struct lockid *ids = *state;
	uint32_t one, other;

	assert_int_equal(lockid_block_take(ids, 7, &one), 0);
	assert_int_equal(lockid_block_take(ids, 9, &other), 0);
	assert_true(one >= ENGINE_ID_BLOCK); /* never id 0 */
	assert_int_equal(other, one + ENGINE_ID_BLOCK);
	assert_int_equal(lockid_holder(ids, one), 7);
	assert_int_equal(lockid_holder(ids, one + ENGINE_ID_BLOCK - 1), 7);
	assert_int_equal(lockid_holder(ids, other), 9);
	assert_int_equal(lockid_holder(ids, 0), 0);
	assert_int_equal(lockid_holder(ids, DLM_LOCKID_MAX), 0);
	assert_int_equal(lockid_holder(ids, DLM_LOCKID_MAX + 1u), 0);
	assert_int_equal(lockid_holder(ids, UINT32_MAX), 0);
	lockid_block_drop(ids, one);
	assert_int_equal(lockid_holder(ids, one), 0);
}

static void test_reuse_is_late(void **state)
{
	struct lockid *ids = *state;
	uint32_t first, next, i;

	assert_int_equal(lockid_block_take(ids, 1, &first), 0);
	lockid_block_drop(ids, first);
	/* Every other block comes before the first one does again. */
	for (i = 0; i < BLOCKS - 2; i++) {
		assert_int_equal(lockid_block_take(ids, 1, &next), 0);
		assert_int_not_equal(next, first);
		assert_true(next <= DLM_LOCKID_MAX);
		lockid_block_drop(ids, next);
	}
	assert_int_equal(lockid_block_take(ids, 1, &next), 0);
	assert_int_equal(next, first);
}

static void test_live_ids_keep_a_block(void **state)
{
	struct lockid *ids = *state;
	uint32_t first, next, i;

	assert_int_equal(lockid_block_take(ids, 1, &first), 0);
	lockid_used(ids, first + 5);
	lockid_block_drop(ids, first);
	for (i = 0; i < BLOCKS - 2; i++) {
		assert_int_equal(lockid_block_take(ids, 1, &next), 0);
		assert_int_not_equal(next, first);
	}
	assert_int_equal(lockid_block_take(ids, 1, &next), -ENOSPC);
	lockid_unused(ids, first + 5);
	assert_int_equal(lockid_block_take(ids, 1, &next), 0);
	assert_int_equal(next, first);
}

static void test_own_ids(void **state)
{
	struct lockid *ids = *state;
	uint32_t before, id, block, i;

	assert_int_equal(lockid_own(ids, &before), 0);
	assert_int_equal(lockid_block_take(ids, 3, &block), 0);
	for (i = 0; i < 3 * ENGINE_ID_BLOCK; i++) {
		assert_int_equal(lockid_own(ids, &id), 0);
		assert_true(id > before);
		assert_true(id < block || id >= block + ENGINE_ID_BLOCK);
		before = id;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_blocks_have_holders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse_is_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_ids_keep_a_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_ids, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
