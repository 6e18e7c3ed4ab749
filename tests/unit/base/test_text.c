/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static void test_grows(void **state)
{
	struct text text = {0};

	for (int i = 0; i < 1000; i++)
		text_add(&text, "%03d,", i);
	assert_int_equal(text.bytes, 4000);
	assert_int_equal(strlen(text.data), 4000);
	assert_int_equal(strncmp(text.data + 3992, "998,999,", 9), 0);
	assert_false(text.failed);
	text_done(&text);
	assert_null(text.data);
	text_done(&text);
}

static void test_bytes(void **state)
{
	struct text text = {0};

	text_add_bytes(&text, NULL, 0);
	assert_null(text.data);
	text_add_bytes(&text, "a\0b", 3);
	assert_int_equal(text.bytes, 3);
	assert_memory_equal(text.data, "a\0b", 4);
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
