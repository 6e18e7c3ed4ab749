/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/cmdline.h"

#include <errno.h>
#include <string.h>

#include "cmocka_all.h"

#define WORDS_MAX 24

static struct options options;
static struct cmdline_result result;
static char error[256];

/* A command line, its words apart by blanks. */
static int parse(const char *text)
{
	static char copy[512];
	char *argv[WORDS_MAX + 1] = {"dlm_controld"}, *rest = copy, *word;
	int argc = 1;

	options_done(&options);
	options_init(&options);
	result = (struct cmdline_result){0};
	error[0] = '\0';
	assert_true(strlen(text) < sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	while ((word = strsep(&rest, " ")) && argc < WORDS_MAX) {
		if (*word)
			argv[argc++] = strcmp(word, "''") ? word : "";
	}
	return cmdline_parse(&options, argc, argv, &result, error, sizeof(error));
}

static int64_t number(enum option_id id)
{
	return options_number(&options, id);
}

static void accepted(const char *text)
{
	if (parse(text))
		fail_msg("%s: %s", text, error);
}

static void refused(const char *text, const char *sentence)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(error, sentence);
}

static void test_help_and_version(void **state)
{
	static const char *const help[] = {"help", "--help", "-h", "-D -h"};
	static const char *const version[] = {"version", "--version", "-V"};

	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++) {
		accepted(help[i]);
		assert_int_equal(result.wish, CMDLINE_HELP);
	}
	for (size_t i = 0; i < sizeof(version) / sizeof(version[0]); i++) {
		accepted(version[i]);
		assert_int_equal(result.wish, CMDLINE_VERSION);
	}
	refused("-D help", "option -D requires digit number");
	accepted("");
	assert_int_equal(result.wish, CMDLINE_RUN);
}

static void test_bool(void **state)
{
	accepted("-D");
	assert_int_equal(number(OPTION_DAEMON_DEBUG), 1);
	accepted("-f0");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 0);
	accepted("-f 0");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 0);
	accepted("-f=0 -D");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 0);
	assert_int_equal(number(OPTION_DAEMON_DEBUG), 1);
	accepted("--enable_fencing=0");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 0);
	accepted("--enable_fencing 0 --foreground");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 0);
	assert_int_equal(number(OPTION_FOREGROUND), 1);
	accepted("--foreground -s 0");
	assert_int_equal(number(OPTION_FOREGROUND), 1);
	assert_int_equal(number(OPTION_ENABLE_STARTUP_FENCING), 0);
	accepted("-s 5");
	assert_int_equal(number(OPTION_ENABLE_STARTUP_FENCING), 1);
	refused("--foreground yes", "option --foreground requires digit number");
	refused("-f=", "option -f= requires digit number");
}

static void test_bundles(void **state)
{
	accepted("-DKP");
	assert_int_equal(number(OPTION_DAEMON_DEBUG), 1);
	assert_int_equal(number(OPTION_LOG_DEBUG), 1);
	assert_int_equal(number(OPTION_PLOCK_DEBUG), 1);
	accepted("-Df0");
	assert_int_equal(number(OPTION_ENABLE_FENCING), 1);
	refused("-DZ", "unknown option char Z");
	accepted("-DKLpPofsq");
	assert_int_equal(parse("-DKLpPofsqD"), -EINVAL);
}

static void test_values(void **state)
{
	accepted("-j 7");
	assert_int_equal(number(OPTION_POST_JOIN_DELAY), 7);
	accepted("-j7");
	assert_int_equal(number(OPTION_POST_JOIN_DELAY), 7);
	accepted("-j=7");
	assert_int_equal(number(OPTION_POST_JOIN_DELAY), 7);
	accepted("--post_join_delay=7 --port 0x10");
	assert_int_equal(number(OPTION_POST_JOIN_DELAY), 7);
	assert_int_equal(number(OPTION_PORT), 16);
	accepted("-r sctp --cluster=single");
	assert_string_equal(options_text(&options, OPTION_PROTOCOL), "sctp");
	assert_string_equal(options_text(&options, OPTION_CLUSTER), "single");
	accepted("--cluster single");
	assert_string_equal(options_text(&options, OPTION_CLUSTER), "single");
	refused("-j", "option -j no arg");
	refused("--post_join_delay", "option --post_join_delay no arg");
	refused("-j -D", "option -j requires arg");
	refused("-j ''", "option -j requires arg");
	refused("--port=", "option --port= requires arg");
	refused("-j x", "option -j requires digit number");
	refused("--mark=-1", "option --mark=-1 requires arg");
	refused("--port 4294967296", "option --port: 4294967296 is out of range");
	refused("--cluster=double",
		"option --cluster=double: \"double\" is none of: corosync single");
}

static void test_unknown(void **state)
{
	refused("word", "unknown option arg word");
	refused("-D 1 word", "unknown option arg word");
	refused("--nothing", "unknown option --nothing");
	refused("--por=1", "unknown option --por=1");
	refused("-Z", "unknown option -Z");
	refused("-", "unknown option -");
	refused("--", "unknown option --");
	refused("''", "unknown option arg ");
}

static void test_debug_options(void **state)
{
	accepted("-D --debug_options -j 1");
	assert_true(result.debug_options);
	assert_int_equal(number(OPTION_POST_JOIN_DELAY), 1);
	accepted("-D");
	assert_false(result.debug_options);
}

/* As pacemaker's agent starts it. */
static void test_of_the_field(void **state)
{
	accepted("-s 0");
	assert_int_equal(number(OPTION_ENABLE_STARTUP_FENCING), 0);
	assert_int_equal(result.wish, CMDLINE_RUN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_debug_options),
		cmocka_unit_test(test_of_the_field),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	options_done(&options);
	return failed;
}
