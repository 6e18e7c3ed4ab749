/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/dumpline.h"

#include <errno.h>
#include <string.h>

#include "cmocka_all.h"

static void test_resource(void **state)
{
	struct dumpline_resource res;

	assert_int_equal(
		dumpline_resource_parse("rsb 00ff 3 5f c8 1 0 2 11 str two  words ", &res), 0);
	assert_int_equal(res.nodeid, 3);
	assert_string_equal(res.first_lkid, "5f");
	assert_int_equal(res.flags, 0xc8); /* hexadecimal, whatever its digits */
	assert_int_equal(res.root, 1);
	assert_int_equal(res.recover, 0);
	assert_int_equal(res.recover_count, 2);
	assert_int_equal(res.name_bytes, 11);
	assert_false(res.name_is_hex);
	assert_string_equal(res.name, "two  words ");

	assert_int_equal(dumpline_resource_parse("rsb 0 -1 0 0 0 0 0 2 hex 00 ff", &res), 0);
	assert_int_equal(res.nodeid, -1);
	assert_true(res.name_is_hex);
	assert_string_equal(res.name, "00 ff");
}

static void test_resource_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"rsb",
		"rsb ptr nodeid first_lkid flags",
		"rsb 0 0 0 0 0 0 0",
		"rsb 0 0 0 0 0 0 0 1",
		"rsb 0 0 0 0 0 0 0 1 text a",
		"rsb 0 0 0 0 0 0 0 1 string a",
		"lkb 0 0 0 0 0 0 0 1 str a",
	};
	struct dumpline_resource res;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(dumpline_resource_parse(lines[i], &res), -EBADMSG);
}

static void test_lock(void **state)
{
	struct dumpline_lock lock;

	assert_int_equal(dumpline_lock_parse("lkb 1a2b 2 ff 501 18446744073709551615 8 10001 3 2 5 "
					     "3 1 4 9 123456 99",
				 &lock),
		0);
	assert_int_equal(lock.lkid, 0x1a2b);
	assert_int_equal(lock.nodeid, 2);
	assert_int_equal(lock.remote_lkid, 0xff);
	assert_int_equal(lock.pid, 501);
	assert_true(lock.xid == UINT64_MAX);
	assert_int_equal(lock.exflags, 8);
	assert_int_equal(lock.flags, 0x10001);
	assert_int_equal(lock.status, 3);
	assert_int_equal(lock.granted_mode, 2);
	assert_int_equal(lock.requested_mode, 5);
	assert_int_equal(lock.bast_mode, 3);
	assert_int_equal(lock.lookup, 1);
	assert_int_equal(lock.wait_type, 4);
	assert_int_equal(lock.lvb_seq, 9);
	assert_int_equal(lock.timestamp_ns, 123456);
	assert_int_equal(lock.bast_ns, 99);
	assert_int_equal(
		dumpline_lock_parse("lkb 1 0 0 1 0 0 0 2 5 -1 0 0 0 0 1", &lock), -EBADMSG);
	assert_int_equal(dumpline_lock_parse("lkb", &lock), -EBADMSG);
}

static void test_toss(void **state)
{
	struct dumpline_toss toss;

	assert_int_equal(dumpline_toss_parse("rsb 0df2 3 2 1 4 4294909731 0 4 str resB", &toss), 0);
	assert_int_equal(toss.nodeid, 3);
	assert_int_equal(toss.master_nodeid, 2);
	assert_int_equal(toss.dir_nodeid, 1);
	assert_int_equal(toss.our_nodeid, 4);
	assert_string_equal(toss.name, "resB");
	assert_int_equal(dumpline_toss_parse("rsb 0df2 3 2 1 4 9 0 str resB", &toss), -EBADMSG);
}

static void test_waiter(void **state)
{
	struct dumpline_waiter waiter;

	assert_int_equal(dumpline_waiter_parse("1a2d 2 -1 two words", &waiter), 0);
	assert_int_equal(waiter.lkid, 0x1a2d);
	assert_int_equal(waiter.wait_type, 2);
	assert_int_equal(waiter.nodeid, -1);
	assert_string_equal(waiter.name, "two words");
	assert_int_equal(dumpline_waiter_parse("1 2 3", &waiter), 0);
	assert_string_equal(waiter.name, "");
	assert_int_equal(dumpline_waiter_parse("1 2 3x", &waiter), -EBADMSG);
	assert_int_equal(dumpline_waiter_parse("1 2", &waiter), -EBADMSG);
}

static void test_plain(void **state)
{
	struct dumpline_plain lock;

	assert_int_equal(
		dumpline_plain_parse(
			"2 2 1 300 0 0 10001 1 -1 5 4000337 3 12 \"a \"quoted\" b\"", &lock),
		0);
	assert_int_equal(lock.lkid, 2);
	assert_int_equal(lock.pid, 300);
	assert_int_equal(lock.flags, 0x10001);
	assert_int_equal(lock.age_us, 4000337);
	assert_int_equal(lock.resource_nodeid, 3);
	assert_int_equal(lock.name_bytes, 12);
	assert_int_equal(lock.name_shown_bytes, 12);
	assert_memory_equal(lock.name, "a \"quoted\" b", 12);
	assert_int_equal(dumpline_plain_parse("id nodeid remid pid xid", &lock), -EBADMSG);
	/* without quotes: all of it */
	assert_int_equal(dumpline_plain_parse("2 2 1 3 0 0 0 1 -1 5 4 3 1 x", &lock), 0);
	assert_int_equal(lock.name_shown_bytes, 1);
}

static void test_words(void **state)
{
	assert_true(dumpline_is_heading("version 4 rsb 2"));
	assert_true(dumpline_is_heading("rsb ptr nodeid"));
	assert_true(dumpline_is_heading("id nodeid remid"));
	assert_false(dumpline_is_heading("rsb 00000000388e202e 0"));
	assert_string_equal(dumpline_mode_name(-1), "IV");
	assert_string_equal(dumpline_mode_name(0), "NL");
	assert_string_equal(dumpline_mode_name(5), "EX");
	assert_string_equal(dumpline_mode_name(6), "??");
	assert_string_equal(dumpline_mode_name(-2), "??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resource),
		cmocka_unit_test(test_resource_refused),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_toss),
		cmocka_unit_test(test_waiter),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
