/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#define WORD_MAX 32

/* Parse a command line given as one text. The words stay valid until the next call. */
static enum args_end parse(const char *line, struct args *ret)
{
	static char text[512];
	static char *argv[WORD_MAX + 1];
	char *rest = text, *word;
	int argc = 0;

	snprintf(text, sizeof(text), "dlm_tool %s", line);
	while ((word = strsep(&rest, " ")) && argc < WORD_MAX)
		if (*word)
			argv[argc++] = word;
	argv[argc] = NULL;
	return args_parse(argc, argv, ret);
}

static void test_commands(void **state)
{
	static const struct {
		const char *line;
		enum args_command command;
		int word_count;
		const char *first;
	} cases[] = {
		{"ls", ARGS_LS, 0, NULL},
		{"ls x", ARGS_LS, 1, "x"},
		{"-n ls x y", ARGS_LS, 2, "x"},
		{"ls x -n", ARGS_LS, 1, "x"},
		{"nonsense ls x", ARGS_LS, 1, "x"},
		{"ls ls", ARGS_LS, 1, "ls"},
		{"-- ls x", ARGS_LS, 1, "x"},
		{"run -- lvm -x", ARGS_RUN, 2, "lvm"},
		{"run_start -i 3 lvm", ARGS_RUN_START, 1, "lvm"},
		{"status -v", ARGS_STATUS, 0, NULL},
		{"lost_ack", ARGS_LOST_ACK, 0, NULL},
		{"joinleave x", ARGS_JOINLEAVE, 1, "x"},
		{"-m 0666 join x", ARGS_JOIN, 1, "x"},
		{"ls lock", ARGS_LS, 1, "lock"},
	};
	struct args args;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].line, &args), ARGS_OK);
		assert_int_equal(args.command, cases[i].command);
		assert_int_equal(args.word_count, cases[i].word_count);
		if (cases[i].first)
			assert_string_equal(args.words[0], cases[i].first);
	}
}

static void test_options(void **state)
{
	struct args args;

	assert_int_equal(parse("join x", &args), ARGS_OK);
	assert_int_equal(args.mode, 0600);
	assert_false(args.option_given);
	assert_int_equal(parse("join -e1 -f 1 -m 0666 x", &args), ARGS_OK);
	assert_true(args.exclusive && args.file_system && args.option_given);
	assert_int_equal(args.mode, 0666);
	assert_int_equal(parse("join -e 0 -f 0 x", &args), ARGS_OK);
	assert_false(args.exclusive || args.file_system);
	assert_int_equal(parse("-vws -M -n lockdebug -i 7 x", &args), ARGS_OK);
	assert_true(
		args.verbose && args.wide && args.summary && args.master_copies && args.all_nodes);
	assert_int_equal(args.wait_seconds, 7);
}

static void test_ends(void **state)
{
	struct args args;

	assert_int_equal(parse("", &args), ARGS_NO_COMMAND);
	assert_int_equal(parse("nonsense", &args), ARGS_NO_COMMAND);
	assert_int_equal(parse("-h ls", &args), ARGS_HELP);
	assert_int_equal(parse("ls -V", &args), ARGS_VERSION);
	assert_int_equal(parse("-V -h", &args), ARGS_VERSION);
	assert_int_equal(parse("ls -Z", &args), ARGS_BAD);
	assert_int_equal(parse("join x -m", &args), ARGS_BAD);
	assert_int_equal(parse("join -m 8 x", &args), ARGS_BAD_VALUE);
	assert_int_equal(args.bad_option, 'm');
	assert_string_equal(args.bad_value, "8");
	assert_int_equal(parse("join -m 777777777 x", &args), ARGS_BAD_VALUE);
	assert_int_equal(parse("join -e 2 x", &args), ARGS_BAD_VALUE);
	assert_int_equal(parse("join -f x y", &args), ARGS_BAD_VALUE);
	assert_int_equal(parse("run_check -i -1 y", &args), ARGS_BAD_VALUE);
}

/* The words after `lock` are not ours, whatever they look like. */
static void test_lock(void **state)
{
	struct args args;

	assert_int_equal(parse("lock -w 3 -n -Z res -- ls -m", &args), ARGS_OK);
	assert_int_equal(args.command, ARGS_LOCK);
	assert_int_equal(args.word_count, 8);
	assert_string_equal(args.words[0], "-w");
	assert_string_equal(args.words[7], "-m");
	assert_false(args.option_given);
	assert_int_equal(parse("-m 0666 lock res", &args), ARGS_OK);
	assert_int_equal(args.command, ARGS_LOCK);
	assert_int_equal(args.word_count, 1);
	assert_true(args.option_given);
	assert_int_equal(parse("-m lock", &args), ARGS_BAD_VALUE); /* a value, not a command */
	assert_int_equal(parse("-h lock", &args), ARGS_HELP);
	assert_int_equal(parse("-vm 0600 -- lock res", &args), ARGS_OK);
	assert_int_equal(args.command, ARGS_LOCK);
	assert_int_equal(parse("lock", &args), ARGS_OK);
	assert_int_equal(args.word_count, 0);
}

static void test_number(void **state)
{
	int number = 77;

	assert_int_equal(args_number_parse("12", 1, 12, &number), 0);
	assert_int_equal(number, 12);
	assert_int_equal(args_number_parse("13", 1, 12, &number), -ERANGE);
	assert_int_equal(args_number_parse("0", 1, 12, &number), -ERANGE);
	assert_int_equal(args_number_parse("99999999999999999999", 1, 12, &number), -ERANGE);
	assert_int_equal(args_number_parse("", 0, 12, &number), -EINVAL);
	assert_int_equal(args_number_parse("1x", 0, 12, &number), -EINVAL);
	assert_int_equal(number, 12);
}

static void test_everywhere(void **state)
{
	struct args args;

	assert_int_equal(parse("ls --all", &args), ARGS_OK);
	assert_true(args.everywhere);
	assert_int_equal(args.word_count, 0);
	assert_int_equal(parse("--all -n ls x", &args), ARGS_OK);
	assert_true(args.everywhere && args.all_nodes);
	assert_int_equal(args.word_count, 1);
	assert_int_equal(parse("status -v --all", &args), ARGS_OK);
	assert_true(args.everywhere && args.verbose);
	assert_int_equal(parse("ls", &args), ARGS_OK);
	assert_false(args.everywhere);
	assert_int_equal(parse("ls -- --all", &args), ARGS_OK);
	assert_false(args.everywhere);
	assert_int_equal(args.word_count, 1);
	/* others do not know it, and what is the command's of `lock` stays so */
	assert_int_equal(parse("dump --all", &args), ARGS_BAD);
	assert_int_equal(parse("--all", &args), ARGS_BAD);
	assert_int_equal(parse("run -- ls --all", &args), ARGS_OK);
	assert_int_equal(args.command, ARGS_RUN);
	assert_int_equal(args.word_count, 2);
	assert_int_equal(parse("lock x -- ls --all", &args), ARGS_OK);
	assert_int_equal(args.command, ARGS_LOCK);
	assert_int_equal(args.word_count, 4);
	assert_string_equal(args.words[3], "--all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_everywhere),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
