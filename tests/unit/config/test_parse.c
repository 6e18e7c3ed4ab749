/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static struct options options;
static char path[64], said[4096];

static void note(void *context, const struct parse_finding *finding)
{
	const char *place = strstr(finding->text, ":");

	assert_string_equal(finding->path, path);
	strncat(said, finding->is_error ? "E" : "W", sizeof(said) - strlen(said) - 1);
	strncat(said, place, sizeof(said) - strlen(said) - 1);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

static int read_text(const char *text, size_t bytes, bool is_reload)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	fclose(file);
	said[0] = '\0';
	return parse_file(&options, path, is_reload, note, NULL);
}

static int read_first(const char *text)
{
	options_done(&options);
	options_init(&options);
	return read_text(text, strlen(text), false);
}

static int reload(const char *text)
{
	return read_text(text, strlen(text), true);
}

static int setup(void **state)
{
	int fd;

	memcpy(path, "/tmp/udlm-parse-XXXXXX", sizeof("/tmp/udlm-parse-XXXXXX"));
	fd = mkostemp(path, 0);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	options_done(&options);
	return unlink(path);
}

static void test_as_the_reference_reads(void **state)
{
	assert_int_equal(read_first("# a comment\n"
				    "\n"
				    "post_join_delay=3\n"
				    "enable_fencing = 0\n"
				    "mark=0x10 a comment behind it\n"
				    "protocol\t=\tsctp\n"
				    " port=1\n" /* begins with a blank: passed over */
				    "log_debug=1\n"
				    "log_debug=0\n"
				    "cluster=single\r\n"
				    "help=1\n"
				    "drop_resources_age=5"),
		7);
	assert_string_equal(said, "");
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 3);
	assert_int_equal(options_number(&options, OPTION_ENABLE_FENCING), 0);
	assert_int_equal(options_number(&options, OPTION_MARK), 16);
	assert_string_equal(options_text(&options, OPTION_PROTOCOL), "sctp");
	assert_int_equal(options_number(&options, OPTION_PORT), 21064);
	assert_int_equal(options_number(&options, OPTION_LOG_DEBUG), 0);
	assert_string_equal(options_text(&options, OPTION_CLUSTER), "single");
	assert_int_equal(options_number(&options, OPTION_DROP_RESOURCES_AGE), 5);
}

static void test_sections_are_for_other_readers(void **state)
{
	assert_int_equal(
		read_first("lockspace foo nodir=1\nmaster foo node=1 weight=2\n"
			   "device  wti fence_wti ip=1\nconnect wti node=1 port=1\n"
			   "unfence wti\nfence_all /bin/true\nunfence_all\nnode id=1 mark=1\n"),
		0);
	assert_string_equal(said, "");
}

static void test_errors_change_nothing(void **state)
{
	assert_int_equal(read_first("post_join_delay=3\nenable_fencing=yes\n"), -EINVAL);
	assert_string_equal(said, "E:2:16: enable_fencing: \"yes\" is not a number (the reference "
				  "would have read 0)\n");
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 30);

	assert_int_equal(read_first("plock_debug\nport =\nport= 99999999999\ncluster=dual\n"
				    "post_join_delay=3s\nrun_dir=/x\n"),
		-EINVAL);
	assert_string_equal(said, "E:1:12: plock_debug: '=' and a value are missing\n"
				  "E:2:7: port: no value\n"
				  "E:3:7: port: 99999999999 is out of range\n"
				  "E:4:9: cluster: \"dual\" is none of: corosync single\n"
				  "E:5:17: post_join_delay: \"3s\" is not a number (the reference "
				  "would have read 3)\n"
				  "E:6:1: run_dir can be given on the command line only\n");
}

static void test_unknown_is_said(void **state)
{
	assert_int_equal(
		read_first("post_join_dely=3\nnonsense_that_is_near_nothing 1\nport=1\n"), 1);
	assert_string_equal(said,
		"W:1:1: unknown option \"post_join_dely\" is passed over; did you mean "
		"post_join_delay?\n"
		"W:2:1: unknown option \"nonsense_that_is_near_nothing\" is passed over\n");
}

static void test_not_text(void **state)
{
	options_done(&options);
	options_init(&options);
	assert_int_equal(read_text("port=1\n\0\0x\n", 11, false), -EINVAL);
	assert_string_equal(said, "E:2:1: a NUL byte: this is not a text file\n");
	assert_int_equal(options_number(&options, OPTION_PORT), 21064);
}

static void test_long_lines(void **state)
{
	static char text[100100];

	memset(text, 'x', 100000);
	memcpy(text + 100000, "=1\nport=2\n", 11);
	assert_int_equal(read_first(text), 1);
	assert_int_equal(options_number(&options, OPTION_PORT), 2);
	memset(text, ' ', 100000);
	memcpy(text, "port=", 5);
	memcpy(text + 100000, "3\n", 3);
	assert_int_equal(read_first(text), 1);
	assert_int_equal(options_number(&options, OPTION_PORT), 3);
}

static void test_no_file(void **state)
{
	assert_int_equal(parse_file(&options, "/nonexistent/x", false, note, NULL), -ENOENT);
	assert_int_equal(parse_file(&options, "/", false, note, NULL), -EIO);
}

static void test_reload(void **state)
{
	assert_int_equal(read_first("post_join_delay=3\nplock_debug=1\nport=5\n"), 3);
	/* not reloadable: as it was */
	assert_int_equal(reload("post_join_delay=3\nplock_debug=1\nport=6\n"), 0);
	assert_int_equal(options_number(&options, OPTION_PORT), 5);
	/* changed, gone, new */
	assert_int_equal(reload("post_join_delay=4\nlog_debug=1\n"), 3);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 4);
	assert_int_equal(options_number(&options, OPTION_PLOCK_DEBUG), 0);
	assert_int_equal(options_number(&options, OPTION_LOG_DEBUG), 1);
	/* an error leaves all as it was */
	assert_int_equal(reload("post_join_delay=9\nlog_debug=x\n"), -EINVAL);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 4);
}

static void test_reload_and_set_config(void **state)
{
	assert_int_equal(read_first("post_join_delay=3\nplock_debug=0\n"), 2);
	options_set(&options, OPTION_POST_JOIN_DELAY, OPTION_LAYER_DYNAMIC, "7");
	/* the line has not changed: what was said since stays */
	assert_int_equal(reload("post_join_delay=3\nplock_debug=0\n"), 0);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 7);
	assert_int_equal(reload("post_join_delay=4\nplock_debug=0\n"), 1);
	assert_int_equal(options_number(&options, OPTION_POST_JOIN_DELAY), 4);
	/* the command line stands above the file */
	options_set(&options, OPTION_PLOCK_DEBUG, OPTION_LAYER_CLI, "1");
	assert_int_equal(reload("post_join_delay=4\n"), 1);
	assert_int_equal(options_number(&options, OPTION_PLOCK_DEBUG), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_reference_reads),
		cmocka_unit_test(test_sections_are_for_other_readers),
		cmocka_unit_test(test_errors_change_nothing),
		cmocka_unit_test(test_unknown_is_said),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_and_set_config),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
