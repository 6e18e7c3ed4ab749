/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/goodbye.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static char dir[64];
static struct goodbye goodbye;

static int setup(void **state)
{
	strncpy(dir, "/tmp/udlm-goodbye-XXXXXX", sizeof(dir) - 1);
	goodbye = (struct goodbye){.instance = 77, .boot_id = "boot"};
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" GOODBYE_FILE, dir);
	unlink(path);
	return rmdir(dir);
}

static void file_write(const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/" GOODBYE_FILE, dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_there_and_back(void **state)
{
	struct goodbye found;

	assert_int_equal(goodbye_read(dir, &found), 0);
	assert_int_equal(found.count, 0);
	assert_int_equal(goodbye_add(&goodbye, 3), 0);
	assert_int_equal(goodbye_add(&goodbye, 2), 0);
	assert_int_equal(goodbye_add(&goodbye, 3), 0);
	assert_int_equal(goodbye_write(dir, &goodbye), 0);
	assert_int_equal(goodbye_read(dir, &found), 0);
	assert_memory_equal(&found, &goodbye, sizeof(found));
	assert_int_equal(found.count, 2);
	goodbye.count = 0;
	assert_int_equal(goodbye_write(dir, &goodbye), 0);
	assert_int_equal(goodbye_write(dir, &goodbye), 0);
	assert_int_equal(goodbye_read(dir, &found), 0);
	assert_int_equal(found.count, 0);
}

static void test_full(void **state)
{
	for (uint32_t i = 1; i <= GOODBYE_NODES_MAX; i++)
		assert_int_equal(goodbye_add(&goodbye, i), 0);
	assert_int_equal(goodbye_add(&goodbye, 1), 0);
	assert_int_equal(goodbye_add(&goodbye, 1000), -ENOSPC);
}

static void test_refused_files(void **state)
{
	static const char *const bad[] = {"x\n", "node=\n", "node=-1\n", "node=1x\n",
		"node=4294967296\n", "instance=\n", "instance=99999999999999999999999\n",
		"boot_id=0123456789012345678901234567890123456789\n", "node=1\n\nnode=2\n"};
	struct goodbye found;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		file_write(bad[i]);
		assert_int_equal(goodbye_read(dir, &found), -EBADMSG);
		assert_int_equal(found.count, 0);
	}
}

static void test_applies(void **state)
{
	assert_true(goodbye_applies(&goodbye, 77, "boot"));
	assert_false(goodbye_applies(&goodbye, 78, "boot"));
	assert_false(goodbye_applies(&goodbye, 77, "another"));
	assert_true(goodbye_applies(&goodbye, 0, "boot"));
	goodbye.instance = 0;
	assert_true(goodbye_applies(&goodbye, 78, "boot"));
}

static void test_keep(void **state)
{
	static const uint32_t members[] = {1, 2, 3, 5}, rejoined[] = {3};

	for (uint32_t i = 2; i <= 5; i++)
		assert_int_equal(goodbye_add(&goodbye, i), 0);
	assert_int_equal(goodbye_keep(&goodbye, members, 4, rejoined, 1), 2);
	assert_int_equal(goodbye.count, 2);
	assert_int_equal(goodbye.nodes[0], 2);
	assert_int_equal(goodbye.nodes[1], 5);
	assert_int_equal(goodbye_keep(&goodbye, members, 4, NULL, 0), 0);
	assert_int_equal(goodbye_keep(&goodbye, members, 1, NULL, 0), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_full),
		TEST(test_refused_files),
		TEST(test_applies),
		TEST(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
