/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/udlm.h"

#include <errno.h>
#include <string.h>

#include "proto/dlmc.h"

#include "cmocka_all.h"

static uint8_t message[UDLM_MESSAGE_MAX + 64];

static const struct udlm_header asked = {.version = UDLM_VERSION_NOW,
	.type = UDLM_ANSWER,
	.question = UDLM_ASK_STATUS,
	.capabilities = UDLM_CAN_ASK,
	.nodeid = 0x01020304,
	.to_nodeid = 5,
	.id = 6,
	.part = 7,
	.part_count = 8};

static void test_there_and_back(void **state)
{
	static const uint8_t wanted[] = {0x33, 0, 0, 0, 1, 0, 48, 0, 2, 0, 3, 0, 1, 0, 0, 0, 4, 3,
		2, 1, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 'a', 'b', 'c'};
	struct udlm_header found;
	const char *text;
	size_t bytes;

	memset(message, 0xff, sizeof(message));
	assert_int_equal(udlm_encode(&asked, "abc", 3, message), sizeof(wanted));
	assert_memory_equal(message, wanted, sizeof(wanted));
	assert_int_equal(udlm_decode(message, sizeof(wanted), &found, &text, &bytes), 0);
	assert_memory_equal(&found, &asked, sizeof(found));
	assert_int_equal(bytes, 3);
	assert_memory_equal(text, "abc", 3);
	assert_int_equal(udlm_encode(&asked, NULL, 0, message), UDLM_HEADER_BYTES);
	assert_int_equal(udlm_decode(message, UDLM_HEADER_BYTES, &found, &text, &bytes), 0);
	assert_int_equal(bytes, 0);
}

static void test_refused(void **state)
{
	static const struct {
		uint32_t whole;
		uint16_t header_bytes, version;
		size_t bytes;
		int result;
	} cases[] = {
		{51, 48, 1, 51, 0},
		{51, 48, 1, 60, 0}, /* something behind it */
		{51, 51, 1, 51, 0}, /* a longer header, and no text */
		{51, 48, 1, 50, -EBADMSG},
		{52, 48, 1, 51, -EBADMSG},
		{0, 48, 1, 51, -EBADMSG},
		{0xffffffff, 48, 1, 51, -EBADMSG},
		{47, 48, 1, 51, -EBADMSG},
		{51, 47, 1, 51, -EBADMSG},
		{51, 52, 1, 51, -EBADMSG},
		{51, 48, 1, 47, -EBADMSG},
		{51, 48, 1, 0, -EBADMSG},
		{51, 48, 0, 51, -EPROTONOSUPPORT},
		{51, 48, 2, 51, -EPROTONOSUPPORT},
	};
	struct udlm_header found;
	const char *text;
	size_t bytes;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)udlm_encode(&asked, "abc", 3, message);
		memcpy(message, &cases[i].whole, 4);
		memcpy(message + 4, &cases[i].version, 2);
		memcpy(message + 6, &cases[i].header_bytes, 2);
		assert_int_equal(udlm_decode(message, cases[i].bytes, &found, &text, &bytes),
			cases[i].result);
	}
}

static void test_same_questions(void **state)
{
	assert_int_equal(UDLM_ASK_LS, DLMC_ALL_LS);
	assert_int_equal(UDLM_ASK_LS_NODES, DLMC_ALL_LS_NODES);
	assert_int_equal(UDLM_ASK_STATUS, DLMC_ALL_STATUS);
	assert_int_equal(UDLM_ASK_STATUS_VERBOSE, DLMC_ALL_STATUS_VERBOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_same_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
