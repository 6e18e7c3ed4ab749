/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/placement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static char path[] = "/tmp/udlm-placement-XXXXXX";
static struct placement placement;

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	placement_done(&placement);
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	return 0;
}

static void read_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	placement_done(&placement);
	assert_int_equal(placement_read(path, "foo", &placement), 0);
}

/* "nodir node:weight ..." */
static void expect(const char *wanted)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%u", placement.nodir);

	for (uint32_t i = 0; i < placement.weight_count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %u:%u",
			placement.weights[i].nodeid, placement.weights[i].weight);
	assert_string_equal(text, wanted);
}

static void test_cases(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{"", "0"},
		{"lockspace foo nodir=1\n", "1"},
		{"lockspace foo nodir=1", "1"},
		{"lockspace foo\n", "0"},
		{"lockspace foo nodir=1\nmaster foo node=1 weight=2\nmaster foo node=2\n",
			"1 1:2 2:1"},
		{"lockspace\tfoo\tnodir=1\nmaster  foo\tnode=1\n", "1 1:1"},
		/* of another, of none, and a name that only begins so */
		{"lockspace bar nodir=1\nmaster bar node=1\n", "0"},
		{"master foo node=1\n", "0"},
		{"lockspace fool nodir=1\n", "0"},
		{"lockspacefoo nodir=1\n", "0"},
		{" lockspace foo nodir=1\n", "0"},
		/* what is within a section and does not end it */
		{"lockspace foo nodir=1\n# two\nmaster foo node=1\n#\nmaster foo node=2\n",
			"1 1:1 2:1"},
		/* what ends it */
		{"lockspace foo nodir=1\nmaster foo node=1\n\nmaster foo node=2\n", "1 1:1"},
		{"lockspace foo nodir=1\nmaster foo node=1\n master foo node=2\nmaster foo "
		 "node=3\n",
			"1 1:1"},
		{"lockspace foo nodir=1\nmaster bar node=1\nmaster foo node=2\n", "1"},
		{"lockspace foo nodir=1\nmaster foo weight=1\nmaster foo node=2\n", "1"},
		{"lockspace foo nodir=1\nmaster foo node=0\nmaster foo node=2\n", "1"},
		{"lockspace foo nodir=1\nport=1\nmaster foo node=2\n", "1"},
		/* several sections: masters gather, the last nodir holds */
		{"lockspace foo nodir=1\nmaster foo node=1\n\nlockspace bar\n\nlockspace foo "
		 "nodir=0\n"
		 "master foo node=2 weight=3\n",
			"0 1:1 2:3"},
		{"lockspace foo nodir=1\n\nlockspace foo\nmaster foo node=2\n", "1 2:1"},
		{"lockspace foo nodir=1\nmaster foo node=1\nlockspace foo nodir=0\nmaster foo "
		 "node=2\n",
			"0 1:1 2:1"},
		{"lockspace foo nodir=1\r\nmaster foo node=1 weight=0\r\n", "1 1:0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_text(cases[i].text);
		expect(cases[i].wanted);
		assert_int_equal(placement.doubtful_line, 0);
	}
}

static void test_numbers_that_are_none(void **state)
{
	read_text("\nlockspace foo nodir=yes\n");
	expect("0");
	assert_int_equal(placement.doubtful_line, 2);
	read_text("lockspace foo nodir=1\nmaster foo node=1 weight=2x\nmaster foo node=2 "
		  "weight=-1\n");
	expect("1 1:2 2:0");
	assert_int_equal(placement.doubtful_line, 2);
	read_text("lockspace foo nodir=99999999999999999999\n");
	expect("0");
}

static void test_long_and_many(void **state)
{
	static char text[200000];
	size_t at = 0;

	at += (size_t)snprintf(text, sizeof(text), "lockspace foo nodir=1%*s\n", 5000, "");
	for (int i = 1; i <= 1000; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			"master foo%*s node=%d weight=%d\n", 50, "", i, i);
	read_text(text);
	assert_int_equal(placement.nodir, 1);
	assert_int_equal(placement.weight_count, 1000);
	assert_int_equal(placement.weights[999].nodeid, 1000);
	assert_int_equal(placement.weights[999].weight, 1000);
}

static void test_files(void **state)
{
	assert_int_equal(placement_read("/nonexistent/dlm.conf", "foo", &placement), 0);
	expect("0");
	assert_int_equal(placement_read("/", "foo", &placement), -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cases),
		TEST(test_numbers_that_are_none),
		TEST(test_long_and_many),
		TEST(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
