/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "lib/ids.h"

static void test_order(void **state)
{
	struct ids ids = {.asked = true, .error = -5};
	uint32_t i;

	ids_add(&ids, 100, 4);
	assert_false(ids.asked);
	assert_int_equal(ids.error, 0);
	ids_add(&ids, 10, 4);
	assert_int_equal(ids.left, 8);
	assert_int_equal(ids.low, 2);
	for (i = 0; i < 4; i++)
		assert_int_equal(ids_take(&ids), 100 + i);
	for (i = 0; i < 4; i++)
		assert_int_equal(ids_take(&ids), 10 + i);
	assert_int_equal(ids.left, 0);
}

/* As the daemon has it: a client has two blocks, a third takes the place of the first. */
static void test_third_block(void **state)
{
	struct ids ids = {0};

	ids_add(&ids, 100, 4);
	ids_add(&ids, 200, 4);
	assert_int_equal(ids_take(&ids), 100);
	ids_add(&ids, 300, 4);
	assert_int_equal(ids.left, 8);
	assert_int_equal(ids_take(&ids), 200);
	ids_forget(&ids);
	assert_int_equal(ids.left, 0);
}

static void test_nonsense(void **state)
{
	struct ids ids = {0};

	ids_add(&ids, 0, 4);
	ids_add(&ids, 5, 0);
	ids_add(&ids, DLM_LOCKID_MAX, 2);
	ids_add(&ids, 0x80000000u, 1);
	ids_add(&ids, 2, UINT32_MAX);
	assert_int_equal(ids.left, 0);
	ids_add(&ids, DLM_LOCKID_MAX, 1);
	assert_int_equal(ids_take(&ids), DLM_LOCKID_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_third_block),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
