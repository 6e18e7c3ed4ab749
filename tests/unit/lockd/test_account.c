/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/account.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_the_sum_is_bounded(void **state)
{
	struct account_table table;
	struct account *accounts[4], *none = NULL;
	int i;

	account_table_init(&table, 4, 9);
	for (i = 0; i < 4; i++)
		assert_int_equal(account_charge(&table, 0, &accounts[i]), 0);
	assert_int_equal(account_charge(&table, 0, &none), -EUSERS);
	assert_int_equal(account_charge(&table, 7, &none), -EUSERS);
	assert_null(none);
	assert_int_equal(table.refused_count, 2);
	account_release(&table, accounts[0]);
	assert_int_equal(account_charge(&table, 7, &accounts[0]), 0);
	for (i = 0; i < 4; i++)
		account_release(&table, accounts[i]);
	assert_int_equal(table.connection_count, 0);
	assert_true(list_empty(&table.accounts));
}

static void test_a_user_has_half(void **state)
{
	struct account_table table;
	struct account *mine[4], *other, *none = NULL;
	int i;

	account_table_init(&table, 8, 9);
	for (i = 0; i < 4; i++)
		assert_int_equal(account_charge(&table, 7, &mine[i]), 0);
	assert_int_equal(account_charge(&table, 7, &none), -EMFILE);
	assert_int_equal(mine[0]->refused_count, 1);
	assert_int_equal(account_charge(&table, 8, &other), 0);
	account_release(&table, mine[3]);
	assert_int_equal(account_charge(&table, 7, &mine[3]), 0);
	account_release(&table, NULL);
	account_table_done(&table);
}

static void test_root_and_our_own_user_may_have_all(void **state)
{
	struct account_table table;
	struct account *accounts[8];
	int i;

	account_table_init(&table, 8, 9);
	for (i = 0; i < 8; i++)
		assert_int_equal(account_charge(&table, i < 6 ? 9 : 0, &accounts[i]), 0);
	account_table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sum_is_bounded),
		cmocka_unit_test(test_a_user_has_half),
		cmocka_unit_test(test_root_and_our_own_user_may_have_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
