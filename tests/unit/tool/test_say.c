/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command, and sentences for those that are missing or wrong. */
#include "tool/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static char said[4096];

/* Standard error goes to a file while @call runs; what it said is in `said`. */
static const char *captured(const char *(*call)(const struct args *args), const struct args *args)
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	const char *result;
	size_t bytes;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	result = call(args);
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	bytes = fread(said, 1, sizeof(said) - 1, file);
	said[bytes] = 0;
	fclose(file);
	return result;
}

static const char *lockspace(const char *name)
{
	char *words[] = {(char *)(uintptr_t)name};
	struct args args = {.word_count = name ? 1 : 0, .words = words};

	return captured(word_lockspace, &args);
}

static void test_word_lockspace(void **state)
{
	char name[66];

	assert_string_equal(lockspace("space"), "space");
	assert_string_equal(said, "");
	assert_null(lockspace(NULL));
	assert_string_equal(said, "lockspace name required\n");
	assert_null(lockspace("../x"));
	assert_non_null(strstr(said, "\"../x\" cannot be the name"));
	assert_null(lockspace(""));
	assert_non_null(strstr(said, "cannot be the name"));
	memset(name, 'n', sizeof(name) - 1);
	name[65] = 0;
	assert_null(lockspace(name));
	assert_non_null(strstr(said, "65 bytes; at most 64"));
	name[64] = 0;
	assert_ptr_equal(lockspace(name), name);
}

static void test_words_join(void **state)
{
	char *words[] = {"lvm", "lvs", "-a"};
	struct args args = {.word_count = 3, .words = words};
	char text[13];

	assert_int_equal(words_join(&args, text, sizeof(text)), 0);
	assert_string_equal(text, "lvm lvs -a ");
	assert_int_equal(words_join(&args, text, 12), 0);
	assert_int_equal(words_join(&args, text, 11), -E2BIG);
	args.word_count = 0;
	assert_int_equal(words_join(&args, text, 1), 0);
	assert_string_equal(text, "");
}

static int error_now;

static const char *say_lockspace_now(const struct args *args)
{
	say_lockspace("space", error_now);
	return NULL;
}

static const char *say_daemon_now(const struct args *args)
{
	say_daemon(error_now);
	return NULL;
}

/* Whatever the errno: one line that names the object and more than the errno's text. */
static void test_every_error_has_its_sentence(void **state)
{
	for (error_now = 0; error_now < 134; error_now++) {
		captured(say_daemon_now, NULL);
		assert_memory_equal(said, "dlm_tool: ", 10);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		assert_true(strlen(said) > 30);
		captured(say_lockspace_now, NULL);
		assert_memory_equal(said, "dlm_tool: ", 10);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		assert_true(strstr(said, "space") || strstr(said, "dlm_controld"));
	}
	error_now = ENOENT;
	captured(say_lockspace_now, NULL);
	assert_non_null(strstr(said, "dlm_tool join space"));
	error_now = ECONNREFUSED;
	captured(say_daemon_now, NULL);
	assert_non_null(strstr(said, "is not running"));
	assert_non_null(strstr(said, "--cluster=single"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word_lockspace),
		cmocka_unit_test(test_words_join),
		cmocka_unit_test(test_every_error_has_its_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
