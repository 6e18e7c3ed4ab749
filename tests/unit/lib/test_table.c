/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "lib/table.h"

#define COUNT 5000

static void test_add_find_remove(void **state)
{
	struct table table;
	uint32_t i;

	assert_int_equal(table_init(&table), 0);
	for (i = 1; i <= COUNT; i++)
		assert_int_equal(table_add(&table, i * 7)->lkid, i * 7);
	for (i = 1; i <= COUNT; i++) {
		struct lock *lock = table_find(&table, i * 7);

		assert_non_null(lock);
		assert_int_equal(lock->mode, DLM_MODE_IV);
		assert_int_equal(lock->op, LOCK_IDLE);
		assert_null(table_find(&table, i * 7 + 1));
		if (i % 2)
			table_remove(&table, lock);
	}
	for (i = 1; i <= COUNT; i++)
		assert_int_equal(!table_find(&table, i * 7), i % 2);
	table_done(&table);
}

static void remove_some(void *context, struct lock *lock)
{
	uint32_t *count = context;

	(*count)++;
	if (lock->lkid % 3 == 0) {
		struct table *table = (void *)lock->ast_arg;

		table_remove(table, lock);
	}
}

static void test_each(void **state)
{
	struct table table;
	uint32_t i, count = 0;

	assert_int_equal(table_init(&table), 0);
	for (i = 1; i <= COUNT; i++)
		table_add(&table, i)->ast_arg = &table;
	table_each(&table, remove_some, &count);
	assert_int_equal(count, COUNT);
	for (i = 1; i <= COUNT; i++)
		assert_int_equal(!table_find(&table, i), i % 3 == 0);
	table_done(&table);
}

static void test_spare(void **state)
{
	struct table table;
	struct lock *spare;

	assert_int_equal(table_init(&table), 0);
	spare = table_spare(&table);
	assert_non_null(spare);
	assert_null(table_find(&table, 9));
	assert_ptr_equal(table_add_spare(&table, spare, 9), spare);
	assert_ptr_equal(table_find(&table, 9), spare);
	table_spare_drop(&table, table_spare(&table));
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_find_remove),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_spare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
