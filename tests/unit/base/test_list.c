/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists, compared with an array after every step. */
#include "base/pure/list.h"

#include <string.h>

#include "cmocka_all.h"

struct item {
	struct list entry;
	int value;
};

/* @expected: the values in order, as digits */
static void check(struct list *list, const char *expected)
{
	size_t count = strlen(expected), i = 0;
	struct list *at;
	struct item *item;

	list_for_each (item, list, entry) {
		assert_true(i < count);
		assert_int_equal(item->value, expected[i++] - '0');
	}
	assert_int_equal(i, count);
	for (at = list->prev; at != list; at = at->prev)
		assert_int_equal(list_entry(at, struct item, entry)->value, expected[--i] - '0');
	assert_int_equal(i, 0);
	assert_int_equal(list_empty(list), count == 0);
	if (!count) {
		assert_null(list_first(list, struct item, entry));
		assert_null(list_last(list, struct item, entry));
		return;
	}
	assert_int_equal(list_first(list, struct item, entry)->value, expected[0] - '0');
	assert_int_equal(list_last(list, struct item, entry)->value, expected[count - 1] - '0');
}

static void items_init(struct item *items, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		list_init(&items[i].entry);
		items[i].value = i;
		assert_false(list_linked(&items[i].entry));
	}
}

static void test_order(void **state)
{
	struct item items[5];
	struct list list;

	items_init(items, 5);
	list_init(&list);
	check(&list, "");
	list_add_tail(&list, &items[1].entry);
	check(&list, "1");
	list_add_head(&list, &items[0].entry);
	list_add_tail(&list, &items[2].entry);
	check(&list, "012");
	list_add_before(&items[1].entry, &items[3].entry);
	check(&list, "0312");
	list_add_before(&items[0].entry, &items[4].entry);
	check(&list, "40312");
	assert_true(list_linked(&items[4].entry));
}

static void test_remove(void **state)
{
	struct item items[4];
	struct list list;
	int i;

	items_init(items, 4);
	list_init(&list);
	for (i = 0; i < 4; i++)
		list_add_tail(&list, &items[i].entry);
	list_remove(&items[1].entry);
	check(&list, "023");
	assert_false(list_linked(&items[1].entry));
	list_remove(&items[1].entry); /* twice is harmless */
	check(&list, "023");
	list_remove(&items[0].entry);
	list_remove(&items[3].entry);
	check(&list, "2");
	list_remove(&items[2].entry);
	check(&list, "");
}

static void test_take_all(void **state)
{
	struct item items[4];
	struct list from, to;

	items_init(items, 4);
	list_init(&from);
	list_init(&to);
	list_take_all(&to, &from);
	check(&to, "");
	list_add_tail(&from, &items[0].entry);
	list_add_tail(&from, &items[1].entry);
	list_take_all(&to, &from);
	check(&to, "01");
	check(&from, "");
	list_add_tail(&from, &items[2].entry);
	list_take_all(&to, &from);
	check(&to, "012");
	list_take_all(&from, &to);
	check(&from, "012");
	check(&to, "");
}

static void test_remove_while_walking(void **state)
{
	struct item items[6], *item, *tmp;
	struct list list;
	int i;

	items_init(items, 6);
	list_init(&list);
	for (i = 0; i < 6; i++)
		list_add_tail(&list, &items[i].entry);
	list_for_each_safe (item, tmp, &list, entry)
		if (item->value % 2 == 0)
			list_remove(&item->entry);
	check(&list, "135");
	list_for_each_safe (item, tmp, &list, entry)
		list_remove(&item->entry);
	check(&list, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_take_all),
		cmocka_unit_test(test_remove_while_walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
