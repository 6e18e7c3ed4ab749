/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/dynamic.h"

#include <string.h>

#include "cmocka_all.h"

static struct options options;
static unsigned int said_count;

static void note(void *context, const char *text)
{
	assert_true(text[0]);
	said_count++;
}

static int set_bytes(const char *text, size_t bytes)
{
	said_count = 0;
	return dynamic_set(&options, text, bytes, note, NULL);
}

static int set(const char *text)
{
	return set_bytes(text, strlen(text));
}

static int setup(void **state)
{
	options_init(&options);
	return 0;
}

static int teardown(void **state)
{
	options_done(&options);
	return 0;
}

static void test_values(void **state)
{
	assert_int_equal(set("post_join_delay=5 plock_debug=1"), 2);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 5);
	assert_int_equal(options_number(&options, OPTION_PLOCK_DEBUG), 1);
	assert_int_equal(set("\t post_join_delay=restore\n"), 1);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 30);
	assert_int_equal(set("restore_all"), 1);
	assert_int_equal(options_number(&options, OPTION_PLOCK_DEBUG), 0);
}

static void test_refused(void **state)
{
	assert_int_equal(set("port=1 nothing=2 post_join_delay post_join_delay=x =3 ="), 0);
	assert_int_equal(said_count, 6);
	assert_int_equal(options_number(&options, OPTION_PORT), 21064);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 30);
}

/* Only the first word means all. */
static void test_restore_all_comes_first(void **state)
{
	assert_int_equal(set("post_join_delay=5 restore_all"), 1);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 5);
}

static void test_hostile(void **state)
{
	char text[1024];

	assert_int_equal(set(""), 0);
	assert_int_equal(set("   \t\n "), 0);
	assert_int_equal(set_bytes(NULL, 0), 0);
	assert_int_equal(set_bytes("\0post_join_delay=5", 18), 0);
	assert_int_equal(set("\x80\xff post_join_delay=5"), 0);
	assert_int_equal(set_bytes("post_join_delay=5", 16), 0); /* no value yet */
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 30);
	memset(text, 'a', sizeof(text));
	assert_int_equal(set_bytes(text, sizeof(text)), 0);
	memset(text, '\\', sizeof(text));
	assert_int_equal(set_bytes(text, sizeof(text)), 0);
	for (size_t i = 0; i + 2 <= sizeof(text); i += 2)
		memcpy(text + i, "a ", 2);
	assert_int_equal(set_bytes(text, sizeof(text)), 0);
	assert_int_equal(said_count, DYNAMIC_WORDS_MAX);
}

static void test_escapes(void **state)
{
	assert_int_equal(set("post_join_delay=\\5"), 0);
	assert_int_equal(set("post_join_delay=5\\ plock_debug=1"), 0);
	assert_int_equal(options_number(&options, OPTION_PLOCK_DEBUG), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore_all_comes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
