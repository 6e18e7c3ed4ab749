/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The printer against whole texts: dumps/NAME_all, _toss, _waiters, _locks are what an engine
 * gives, dumps/NAME.OPTIONS.txt what the tool printed for it when it was last compared with the
 * field's.
 */
#include "tool/lockdebug.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define TEXT_MAX 65536

/* In the meson test the directory of this file. */
static FILE *dump_open(const char *name, const char *suffix)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/dumps/%s%s", getenv("TEST_DIR"), name, suffix);
	file = fopen(path, "re");
	if (!file)
		fail_msg("cannot open %s", path);
	return file;
}

static void compare(const char *name, const char *options, const char *text)
{
	static char expected[TEXT_MAX];
	char suffix[64];
	FILE *file;

	snprintf(suffix, sizeof(suffix), ".%s.txt", options);
	file = dump_open(name, suffix);
	expected[fread(expected, 1, sizeof(expected) - 1, file)] = 0;
	fclose(file);
	assert_string_equal(text, expected);
}

static void print_debug(const char *name, const char *options, FILE *out)
{
	struct lockdebug_options how = {
		.verbose = strchr(options, 'v') != NULL, .wide = strchr(options, 'w') != NULL};
	struct lockdebug_counts counts = {0};
	FILE *in = dump_open(name, "_all");

	lockdebug_print_all(in, out, &how, &counts);
	fclose(in);
	in = dump_open(name, "_toss");
	lockdebug_print_toss(in, out, &counts);
	fclose(in);
	in = dump_open(name, "_waiters");
	lockdebug_print_waiters(in, out, &counts);
	fclose(in);
	if (strchr(options, 's'))
		lockdebug_print_summary(out, &counts);
}

static void print_locks(const char *name, const char *options, FILE *out)
{
	FILE *in = dump_open(name, "_locks");

	lockdebug_print_locks(in, out, strchr(options, 'M') != NULL);
	fclose(in);
}

static void check(const char *name, const char *options)
{
	static char text[TEXT_MAX];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	if (strncmp(options, "lockdump", 8) == 0)
		print_locks(name, options, out);
	else
		print_debug(name, options + strlen("lockdebug"), out);
	fclose(out);
	compare(name, options, text);
}

static void check_all(const char *name)
{
	check(name, "lockdebug");
	check(name, "lockdebug-v");
	check(name, "lockdebug-w");
	check(name, "lockdebug-vws");
	check(name, "lockdump");
	check(name, "lockdump-M");
}

static void test_story(void **state)
{
	check_all("story");
}

static void test_odd(void **state)
{
	check_all("odd");
}

static void test_newer_kernel(void **state)
{
	check_all("newer");
}

/* What cannot be read is left out, and the rest goes on. */
static void test_refused_lines(void **state)
{
	static char all[] = "rsb x\nlkb 12\nlvb 1\nrsb 1 0 0 0 0 0 0 1 str a\nlkb bad\n";
	static char toss[] = "rsb 1\nrsb 0 0 1 2 1 9 0 1 str t\n";
	static char waiters[] = "\n1 1\n1 1 2 n\n";
	static char locks[] = "bad\n1 0 0 7 0 0 1 2 5 -1 0 0 1 \"a\"\n";
	struct lockdebug_options options = {0};
	struct lockdebug_counts counts = {0};
	char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w"), *in;

	in = fmemopen(all, strlen(all), "r");
	lockdebug_print_all(in, out, &options, &counts);
	fclose(in);
	in = fmemopen(toss, strlen(toss), "r");
	lockdebug_print_toss(in, out, &counts);
	fclose(in);
	in = fmemopen(waiters, strlen(waiters), "r");
	lockdebug_print_waiters(in, out, &counts);
	fclose(in);
	in = fmemopen(locks, strlen(locks), "r");
	lockdebug_print_locks(in, out, false);
	fclose(in);
	fclose(out);
	assert_string_equal(text,
		"\nResource len  1  \"a\"\nMaster           \nno locks\n\n"
		"Resource len  1  \"t\"\nMaster Dir:2\n\n"
		"\nExpecting reply\nnodeid  2 msg request lkid 00000001 resource \"n\"\n"
		"id 00000001 gr EX rq IV pid 7 master 0 \"a\"\n");
	assert_int_equal(counts.resource_count, 1);
	assert_int_equal(counts.lock_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_story),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_newer_kernel),
		cmocka_unit_test(test_refused_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
