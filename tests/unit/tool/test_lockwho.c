/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockwho.h"

#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static const char *read_text(const char *text, const char *resource)
{
	static char holders[256];
	char copy[2048];
	FILE *in;

	snprintf(copy, sizeof(copy), "%s", text);
	in = fmemopen(copy, strlen(copy), "r");
	assert_non_null(in);
	lockwho_read(in, resource, holders, sizeof(holders));
	fclose(in);
	return holders;
}

static void test_holders(void **state)
{
	/* pid 0 has no command to look up */
	static const char text[] = "id nodeid remid pid xid exflags flags sts\n"
				   "1 0 0 0 0 0 1 2 5 -1 9 0 4 \"other\"\n"
				   "2 0 0 0 0 0 1 2 3 -1 9 0 6 \"backup\"\n"
				   "3 2 7 300 0 0 10001 2 3 -1 9 0 6 \"backup\"\n"
				   "4 0 0 0 0 0 1 1 -1 5 9 0 6 \"backup\"\n"
				   "5 0 0 0 0 0 1 2 3 -1 9 0 7 \"backup2\"\n";

	assert_string_equal(read_text(text, "backup"), "pid 0 (PR), pid 300 on node 2 (PR)");
	assert_string_equal(read_text(text, "other"), "pid 0 (EX)");
	assert_string_equal(read_text(text, "back"), "");
	assert_string_equal(read_text("", "x"), "");
}

static void test_many(void **state)
{
	char text[1024] = "";

	for (int i = 0; i < 8; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"%d 2 7 %d 0 0 10001 2 3 -1 9 0 1 \"r\"\n", i + 1, 100 + i);
	assert_string_equal(read_text(text, "r"),
		"pid 100 on node 2 (PR), pid 101 on node 2 (PR), pid 102 on node 2 (PR), "
		"pid 103 on node 2 (PR) and others");
}

static void test_command(void **state)
{
	char text[256];

	snprintf(text, sizeof(text), "1 0 0 %d 0 0 1 2 5 -1 9 0 1 \"r\"\n", (int)getpid());
	assert_non_null(strstr(read_text(text, "r"), " test_tool_lock"));
}

static void test_users(void **state)
{
	static const char info[] =
		"version=1\nlockspace state=up locks=3 name=a b\n"
		"client id=1 pid=0 uid=0 lockspace=a b\nclient id=2 pid=0 uid=0 lockspace=b\n"
		"client id=3 pid=77777777 uid=0 lockspace=a b\nclient id=4 lockspace=a b";
	char users[128];

	lockwho_users_read(info, "a b", 5, users, sizeof(users));
	assert_string_equal(users, "pid 0, pid 77777777");
	lockwho_users_read(info, "a b", 77777777, users, sizeof(users));
	assert_string_equal(users, "pid 0");
	lockwho_users_read(info, "a", 5, users, sizeof(users));
	assert_string_equal(users, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holders),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
