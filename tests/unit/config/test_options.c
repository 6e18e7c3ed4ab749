/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/options.h"

#include <errno.h>
#include <string.h>

#include "cmocka_all.h"

static int setup(void **state)
{
	static struct options options;

	options_init(&options);
	*state = &options;
	return 0;
}

static int teardown(void **state)
{
	options_done(*state);
	return 0;
}

static void test_defaults(void **state)
{
	const struct options *options = *state;

	assert_int_equal(options_number(options, OPTION_PORT), 21064);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 30);
	assert_true(options_bool(options, OPTION_ENABLE_FENCING));
	assert_false(options_bool(options, OPTION_DAEMON_DEBUG));
	assert_string_equal(options_text(options, OPTION_PROTOCOL), "detect");
	assert_string_equal(options_text(options, OPTION_CLUSTER), "corosync");
	assert_int_equal(options_number(options, OPTION_HELP), -1);
}

static void test_every_option_is_whole(void **state)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_definition *option = options_definition((enum option_id)i);

		assert_non_null(option->name);
		assert_non_null(option->help);
		assert_int_equal(options_find(option->name, strlen(option->name)), i);
		if (option->letter)
			assert_int_equal(options_find_letter(option->letter), i);
		assert_true((option->type == OPTION_STRING) == (option->text != NULL));
		assert_false(option->reloadable && option->cli_only);
		if (option->type == OPTION_STRING && option->choice)
			assert_int_equal(options_check((enum option_id)i, option->text), 0);
	}
	assert_int_equal(options_find_letter('Z'), OPTION_COUNT);
	assert_int_equal(options_find_letter(0), OPTION_COUNT);
	assert_int_equal(options_find("por", 3), OPTION_COUNT);
	assert_int_equal(options_find("", 0), OPTION_COUNT);
}

static void test_layers(void **state)
{
	struct options *options = *state;

	assert_int_equal(options_set(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_FILE, "3"), 0);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 3);
	assert_int_equal(options_set(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_CLI, "4"), 0);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 4);
	assert_int_equal(
		options_set(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_DYNAMIC, "5"), 0);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 5);
	options_clear(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_DYNAMIC);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 4);
	options_clear(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_CLI);
	options_clear(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_FILE);
	assert_int_equal(options_number(options, OPTION_POST_JOIN_DELAY), 30);
}

static void test_debug_from_the_environment(void **state)
{
	struct options *options = *state;

	options_set(options, OPTION_DAEMON_DEBUG, OPTION_LAYER_CLI, "0");
	options->debug_forced = true;
	assert_true(options_bool(options, OPTION_DAEMON_DEBUG));
}

static void test_values(void **state)
{
	static const struct {
		enum option_id id;
		const char *word;
		int rv;
		int64_t number;
	} cases[] = {
		{OPTION_FOREGROUND, "0", 0, 0},
		{OPTION_FOREGROUND, "1", 0, 1},
		{OPTION_FOREGROUND, "7", 0, 1},
		{OPTION_FOREGROUND, "yes", -EINVAL, 0},
		{OPTION_FOREGROUND, "", -EINVAL, 0},
		{OPTION_FOREGROUND, "1x", -EINVAL, 0},
		{OPTION_POST_JOIN_DELAY, "-5", 0, -5},
		{OPTION_POST_JOIN_DELAY, "010", 0, 10},
		{OPTION_POST_JOIN_DELAY, "0x10", -EINVAL, 0},
		{OPTION_POST_JOIN_DELAY, "2147483647", 0, 2147483647},
		{OPTION_POST_JOIN_DELAY, "2147483648", -ERANGE, 0},
		{OPTION_POST_JOIN_DELAY, "99999999999999999999", -ERANGE, 0},
		{OPTION_POST_JOIN_DELAY, " 5", -EINVAL, 0},
		{OPTION_POST_JOIN_DELAY, "--5", -EINVAL, 0},
		{OPTION_MARK, "0x10", 0, 16},
		{OPTION_MARK, "4294967295", 0, 4294967295},
		{OPTION_MARK, "4294967296", -ERANGE, 0},
		{OPTION_MARK, "-1", -ERANGE, 0},
		{OPTION_PORT, "65535", 0, 65535},
		{OPTION_PORT, "65536", -ERANGE, 0},
		{OPTION_PORT, "0", -ERANGE, 0},
		{OPTION_LOCKD_TIMEOUT, "0", -ERANGE, 0},
		{OPTION_LOCKD_TIMEOUT, "-1", -ERANGE, 0},
		{OPTION_HELP, "1", -EINVAL, 0},
	};
	struct options *options = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t before = options_number(options, cases[i].id);

		assert_int_equal(options_check(cases[i].id, cases[i].word), cases[i].rv);
		assert_int_equal(options_set(options, cases[i].id, OPTION_LAYER_CLI, cases[i].word),
			cases[i].rv);
		assert_int_equal(options_number(options, cases[i].id),
			cases[i].rv ? before : cases[i].number);
	}
}

static void test_choices(void **state)
{
	struct options *options = *state;

	assert_int_equal(options_set(options, OPTION_PROTOCOL, OPTION_LAYER_CLI, "SCTP"), 0);
	assert_int_equal(options_set(options, OPTION_PROTOCOL, OPTION_LAYER_CLI, "tc"), -EINVAL);
	assert_int_equal(options_set(options, OPTION_PROTOCOL, OPTION_LAYER_CLI, ""), -EINVAL);
	assert_string_equal(options_text(options, OPTION_PROTOCOL), "SCTP");
	assert_int_equal(options_set(options, OPTION_CLUSTER, OPTION_LAYER_CLI, "two"), -EINVAL);
	assert_int_equal(options_set(options, OPTION_LOCKD_PATH, OPTION_LAYER_CLI, "/x y"), 0);
}

static void test_nearest(void **state)
{
	assert_string_equal(options_nearest("post_join_dely", 14), "post_join_delay");
	assert_string_equal(options_nearest("prot", 4), "port");
	assert_string_equal(options_nearest("enable_fencin", 13), "enable_fencing");
	assert_null(options_nearest("zzzzzzzz", 8));
	assert_null(options_nearest("", 0));
	assert_null(options_nearest("a_name_that_is_much_longer_than_any_option_has", 46));
}

/* What the reference's daemon prints, with our options put in before the last two. */
static void test_dump(void **state)
{
	struct options *options = *state;
	char text[4096], *at;

	options_set(options, OPTION_DAEMON_DEBUG, OPTION_LAYER_CLI, "1");
	options_set(options, OPTION_LOG_DEBUG, OPTION_LAYER_FILE, "1");
	options_set(options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_FILE, "3");
	options_set(options, OPTION_PLOCK_DEBUG, OPTION_LAYER_DYNAMIC, "1");
	assert_in_range(options_dump(options, text, sizeof(text)), 1, sizeof(text) - 1);
	at = strstr(text, "cluster=");
	assert_non_null(at);
	*at = '\0';
	assert_string_equal(text, "daemon_debug=1 (cli option)\n"
				  "foreground=0\n"
				  "log_debug=1 (dlm.conf)\n"
				  "protocol=detect\n"
				  "port=21064\n"
				  "debug_logfile=0\n"
				  "bind_all=0\n"
				  "mark=0\n"
				  "enable_fscontrol=0\n"
				  "enable_plock=1\n"
				  "plock_debug=1 (set_config)\n"
				  "plock_rate_limit=0\n"
				  "plock_ownership=0\n"
				  "drop_resources_time=10000\n"
				  "drop_resources_count=10\n"
				  "drop_resources_age=10000\n"
				  "post_join_delay=3 (dlm.conf)\n"
				  "enable_fencing=1\n"
				  "enable_concurrent_fencing=0\n"
				  "enable_startup_fencing=1\n"
				  "repeat_failed_fencing=1\n"
				  "enable_quorum_fencing=1\n"
				  "enable_quorum_lockspace=1\n"
				  "enable_helper=1\n");
	assert_non_null(strstr(at + 1, "help=-1\nversion=-1\n"));
}

static void test_texts_are_cut(void **state)
{
	struct options *options = *state;
	char text[8192];
	size_t whole = options_help(text, sizeof(text));

	assert_int_equal(whole, strlen(text));
	assert_int_equal(options_help(text, 10), whole);
	assert_int_equal(strlen(text), 9);
	assert_int_equal(options_help(NULL, 0), whole);
	whole = options_debug(options, text, sizeof(text));
	assert_int_equal(whole, strlen(text));
	assert_non_null(strstr(text, "port                      cli_set 0 cli_int 0 cli_str  "
				     "use_int 21064 use_str \n"));
}

static void test_help(void **state)
{
	char text[8192];

	(void)options_help(text, sizeof(text));
	assert_int_equal(
		strncmp(text,
			"Usage:\n\ndlm_controld [options]\n\nOption [arg]\nDescription "
			"[default]\n\n  --daemon_debug | -D 0|1\n        enable debugging to "
			"stderr and don't fork [0]\n\n  --foreground 0|1\n",
			160),
		0);
	assert_null(strstr(text, "bind_all"));
	assert_non_null(strstr(text, "\n  --help | -h\n        print this help, then exit\n\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test(test_every_option_is_whole),
		cmocka_unit_test_setup_teardown(test_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debug_from_the_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choices, setup, teardown),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test_setup_teardown(test_dump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts_are_cut, setup, teardown),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
