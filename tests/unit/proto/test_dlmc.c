/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/dlmc.h"

#include <errno.h>
#include <string.h>

#include "cmocka_all.h"
#include "engine/engine.h"

/* A request as the reference's library sends it, byte for byte (little-endian machines). */
static void test_header(void **state)
{
	static const uint8_t wanted[96] = {0x3c, 0xd1, 0x3c, 0xd1, 1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0,
		0, 0x60, 0, 0, 0, [32] = 't', 'e', 's', 't', 'l', 's'};
	struct dlmc_header header;

	dlmc_header_init(&header, DLMC_CMD_LOCKSPACE_INFO, "testls");
	assert_memory_equal(&header, wanted, sizeof(wanted));
	assert_int_equal(dlmc_header_check(&header, 0), 0);
	dlmc_header_init(&header, 3, NULL);
	assert_int_equal(header.name[0], 0);
}

static void test_longest_name(void **state)
{
	char name[80], got[DLMC_NAME_BYTES + 1];
	struct dlmc_header header;

	memset(name, 'n', sizeof(name));
	name[79] = '\0';
	dlmc_header_init(&header, 3, name);
	dlmc_header_name(&header, got);
	assert_int_equal(strlen(got), 64);
}

static void test_check(void **state)
{
	struct dlmc_header header;

	dlmc_header_init(&header, 3, "x");
	header.len = 95;
	assert_int_equal(dlmc_header_check(&header, 10), -EBADMSG);
	header.len = 106;
	assert_int_equal(dlmc_header_check(&header, 10), 0);
	header.len = 107;
	assert_int_equal(dlmc_header_check(&header, 10), -EMSGSIZE);
	header.len = UINT32_MAX;
	assert_int_equal(dlmc_header_check(&header, UINT32_MAX), 0);
	header.version = 0x00020000;
	assert_int_equal(dlmc_header_check(&header, UINT32_MAX), -EPROTONOSUPPORT);
	header.magic = 0;
	assert_int_equal(dlmc_header_check(&header, UINT32_MAX), -EBADMSG);
}

/* The option of ENGINE_DUMP is passed on as it is. */
static void test_dump_kinds(void **state)
{
	assert_int_equal(DLMC_DUMP_ALL, ENGINE_DUMP_ALL);
	assert_int_equal(DLMC_DUMP_LOCKS, ENGINE_DUMP_LOCKS);
	assert_int_equal(DLMC_DUMP_TOSS, ENGINE_DUMP_TOSS);
	assert_int_equal(DLMC_DUMP_WAITERS, ENGINE_DUMP_WAITERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_dump_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
