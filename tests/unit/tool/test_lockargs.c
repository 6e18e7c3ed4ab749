/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockargs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/dlmconst.h"
#include "cmocka_all.h"

#define WORD_MAX 32
#define NAME_64  "0123456789012345678901234567890123456789012345678901234567890123"

static char error[512];

static int parse(const char *line, struct lockargs *ret)
{
	static char text[1024];
	static char *words[WORD_MAX + 1];
	char *rest = text, *word;
	int count = 0;

	snprintf(text, sizeof(text), "%s", line);
	while ((word = strsep(&rest, " ")) && count < WORD_MAX)
		if (*word)
			words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
	words[count] = NULL;
	error[0] = 0;
	return lockargs_parse(count, words, ret, error, sizeof(error));
}

static void test_defaults(void **state)
{
	struct lockargs args;

	assert_int_equal(parse("res", &args), 0);
	assert_int_equal(args.mode, DLM_MODE_EX);
	assert_false(args.no_wait || args.has_deadline || args.close_in_command || args.help);
	assert_int_equal(args.kill_ms, 5000);
	assert_int_equal(args.not_granted_status, 1);
	assert_string_equal(args.lockspace, "default");
	assert_string_equal(args.resource, "res");
	assert_null(args.command);
}

static void test_all_options(void **state)
{
	struct lockargs args;

	assert_int_equal(
		parse("-m shared -w 1.5 -k0.25 -E 99 -l space -o res -- cmd -n --", &args), 0);
	assert_int_equal(args.mode, DLM_MODE_PR);
	assert_true(args.has_deadline);
	assert_int_equal(args.wait_ms, 1500);
	assert_int_equal(args.kill_ms, 250);
	assert_int_equal(args.not_granted_status, 99);
	assert_string_equal(args.lockspace, "space");
	assert_true(args.close_in_command);
	assert_string_equal(args.command[0], "cmd");
	assert_string_equal(args.command[1], "-n");
	assert_string_equal(args.command[2], "--");
	assert_null(args.command[3]);
	assert_false(args.no_wait);
}

static void test_places(void **state)
{
	struct lockargs args;

	/* options after the resource are still ours, until "--" or the command */
	assert_int_equal(parse("res -no -mcw -- cmd", &args), 0);
	assert_true(args.no_wait && args.close_in_command);
	assert_int_equal(args.mode, DLM_MODE_CW);
	assert_int_equal(parse("res cmd -n", &args), 0);
	assert_false(args.no_wait);
	assert_string_equal(args.command[1], "-n");
	/* a resource that looks like an option */
	assert_int_equal(parse("-- -n -- cmd", &args), 0);
	assert_string_equal(args.resource, "-n");
	assert_string_equal(args.command[0], "cmd");
	assert_int_equal(parse("-", &args), 0);
	assert_string_equal(args.resource, "-");
	/* no waiting at all, in both spellings; it wins over a deadline */
	assert_int_equal(parse("-w 0 res", &args), 0);
	assert_true(args.no_wait && !args.has_deadline);
	assert_int_equal(parse("-n -w 5 res", &args), 0);
	assert_true(args.no_wait && !args.has_deadline);
	assert_int_equal(parse("-h", &args), 0);
	assert_true(args.help);
}

static void test_names(void **state)
{
	struct lockargs args;

	assert_int_equal(parse(NAME_64, &args), 0);
	assert_int_equal(parse(NAME_64 "4", &args), -EINVAL);
	assert_non_null(strstr(error, NAME_64 "4"));
	assert_non_null(strstr(error, "65 bytes"));
	assert_non_null(strstr(error, "at most 64"));
	assert_int_equal(parse("-l " NAME_64 " res", &args), 0);
	assert_int_equal(parse("-l " NAME_64 "4 res", &args), -EINVAL);
	assert_non_null(strstr(error, "65 bytes"));
	assert_int_equal(parse("''", &args), -EINVAL);
	assert_non_null(strstr(error, "empty"));
	assert_int_equal(parse("-l '' res", &args), -EINVAL);
	assert_int_equal(parse("-l ../../x res", &args), -EINVAL);
	assert_int_equal(parse("-l .x res", &args), -EINVAL);
	assert_int_equal(parse("-l a\tb res", &args), -EINVAL);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "missing"},
		{"-n", "missing"},
		{"res --", "no command after --"},
		{"-m XX res", "NL CR CW PR PW EX"},
		{"-m '' res", "not a lock mode"},
		{"res -m", "-m needs a value"},
		{"-w 1s res", "\"1s\""},
		{"-w -1 res", "\"-1\""},
		{"-w . res", "-w takes seconds"},
		{"-k 5.001 res", "from 0 to 5"},
		{"-k 6 res", "from 0 to 5"},
		{"-E 256 res", "0 to 255"},
		{"-E x res", "0 to 255"},
		{"-Z res", "no option -Z"},
		{"-nZ res", "no option -Z"},
		{"--mode EX res", "no option --mode"},
	};
	struct lockargs args = {.mode = 77};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].line, &args), -EINVAL);
		if (!strstr(error, cases[i].says))
			fail_msg("'%s' says: %s", cases[i].line, error);
		assert_int_equal(args.mode, 77); /* untouched */
	}
}

static void test_modes(void **state)
{
	static const char *const words[] = {"NL", "CR", "CW", "PR", "PW", "EX"};
	int mode;

	for (int i = 0; i < 6; i++) {
		assert_int_equal(lockargs_mode_parse(words[i], &mode), 0);
		assert_int_equal(mode, i);
	}
	assert_int_equal(lockargs_mode_parse("eX", &mode), 0);
	assert_int_equal(mode, DLM_MODE_EX);
	assert_int_equal(lockargs_mode_parse("Exclusive", &mode), 0);
	assert_int_equal(mode, DLM_MODE_EX);
	assert_int_equal(lockargs_mode_parse("SHARED", &mode), 0);
	assert_int_equal(mode, DLM_MODE_PR);
	assert_int_equal(lockargs_mode_parse("5", &mode), -EINVAL);
}

static void test_seconds(void **state)
{
	uint64_t ms = 7;

	assert_int_equal(lockargs_seconds_parse("10", &ms), 0);
	assert_int_equal(ms, 10000);
	assert_int_equal(lockargs_seconds_parse(".5", &ms), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(lockargs_seconds_parse("1.", &ms), 0);
	assert_int_equal(ms, 1000);
	assert_int_equal(lockargs_seconds_parse("0.0001", &ms), 0);
	assert_int_equal(ms, 1); /* never shorter than asked for */
	assert_int_equal(lockargs_seconds_parse("0.1230000", &ms), 0);
	assert_int_equal(ms, 123);
	assert_int_equal(lockargs_seconds_parse("99999999999999999999", &ms), -EINVAL);
	assert_int_equal(lockargs_seconds_parse("", &ms), -EINVAL);
	assert_int_equal(lockargs_seconds_parse("1e3", &ms), -EINVAL);
	assert_int_equal(ms, 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_options),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
