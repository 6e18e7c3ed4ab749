/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers and wrappers; DLM_MSG and DLM_RCOM have tests of their own. */
#include "engine/wire.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "cmocka_all.h"
#include "golden.h"

#define LS 0x77222027u

/* ---- known frames ---- */

static void test_lookup(void **state)
{
	struct wire_frame outer, frame;
	uint8_t bytes[WIRE_FRAME_MAX];
	int rc = wire_frame_decode(GOLDEN_LOOKUP, sizeof(GOLDEN_LOOKUP), &outer);

	assert_int_equal(rc, 0);
	assert_int_equal(outer.header.cmd, WIRE_CMD_OPTS);
	assert_int_equal(outer.header.lockspace, 0);
	assert_int_equal(outer.inner.cmd, WIRE_CMD_MSG);
	assert_int_equal(outer.inner.length, 92);
	assert_ptr_equal(outer.inner_bytes, GOLDEN_LOOKUP + WIRE_OPTS_BYTES);
	assert_int_equal(wire_frame_decode(outer.inner_bytes, outer.inner.length, &frame), 0);
	assert_int_equal(frame.msg.type, WIRE_MSG_LOOKUP);
	assert_int_equal(frame.msg.pid, 0x1092);
	assert_int_equal(frame.msg.lkid, 1);
	assert_int_equal(frame.msg.exflags, DLM_LKF_NOQUEUE | DLM_LKF_VALBLK);
	assert_int_equal(frame.msg.flags, WIRE_FLAG_USER);
	assert_int_equal(frame.msg.hash, 0xbe0c1952);
	assert_int_equal(frame.msg.grmode, DLM_MODE_IV);
	assert_int_equal(frame.msg.rqmode, DLM_MODE_EX);
	assert_int_equal(frame.msg.asts, WIRE_ASTS_CAST | WIRE_ASTS_BAST);
	assert_int_equal(frame.msg.extra_bytes, 4);
	assert_memory_equal(frame.msg.extra, "test", 4);
	rc = wire_msg_encode(
		WIRE_VERSION_3_2, LS, 3, &frame.msg, bytes + WIRE_OPTS_BYTES, WIRE_INNER_MAX);
	assert_int_equal(rc, 92);
	wire_opts_encode(WIRE_VERSION_3_2, 0, 3, WIRE_CMD_MSG, 92, bytes);
	assert_memory_equal(bytes, GOLDEN_LOOKUP, sizeof(GOLDEN_LOOKUP));
}

static void test_ack_and_fin(void **state)
{
	struct wire_frame frame;
	uint8_t bytes[40];

	assert_int_equal(wire_frame_decode(GOLDEN_ACK, sizeof(GOLDEN_ACK), &frame), 0);
	assert_int_equal(frame.header.cmd, WIRE_CMD_ACK);
	assert_int_equal(frame.header.lockspace, 1);
	wire_bare_encode(WIRE_VERSION_3_2, 1, 1, WIRE_CMD_ACK, bytes);
	assert_memory_equal(bytes, GOLDEN_ACK, sizeof(GOLDEN_ACK));
	assert_int_equal(wire_frame_decode(GOLDEN_FIN, sizeof(GOLDEN_FIN), &frame), 0);
	assert_int_equal(frame.header.lockspace, 7);
	assert_int_equal(frame.inner.cmd, WIRE_CMD_FIN);
	wire_opts_encode(WIRE_VERSION_3_2, 7, 3, WIRE_CMD_FIN, WIRE_HEADER_BYTES, bytes);
	wire_bare_encode(WIRE_VERSION_3_2, 0, 3, WIRE_CMD_FIN, bytes + WIRE_OPTS_BYTES);
	assert_memory_equal(bytes, GOLDEN_FIN, sizeof(GOLDEN_FIN));
}

/* ---- header and wrapper ---- */

static void test_header_refused(void **state)
{
	struct wire_header header;
	uint8_t bytes[WIRE_HEADER_BYTES];
	uint32_t length;

	memcpy(bytes, GOLDEN_ACK, sizeof(bytes));
	for (length = 0; length < WIRE_HEADER_BYTES; length++)
		assert_int_equal(wire_header_decode(bytes, length, &header), -EAGAIN);
	for (length = 0; length <= UINT16_MAX; length++) {
		int legal = length >= WIRE_HEADER_BYTES && length <= WIRE_FRAME_MAX;

		put_le16(bytes + 12, (uint16_t)length);
		assert_int_equal(
			wire_header_decode(bytes, sizeof(bytes), &header), legal ? 0 : -EMSGSIZE);
	}
}

/* Decode a golden frame after one byte was changed. */
static int decode_changed(const uint8_t *golden, size_t size, size_t offset, uint8_t value)
{
	struct wire_frame frame;
	uint8_t bytes[WIRE_FRAME_MAX];

	memcpy(bytes, golden, size);
	bytes[offset] = value;
	return wire_frame_decode(bytes, size, &frame);
}

static void test_wrapper_refused(void **state)
{
	const uint8_t *lookup = GOLDEN_LOOKUP;
	size_t size = sizeof(GOLDEN_LOOKUP);
	struct wire_frame frame;
	unsigned int cmd;

	assert_int_equal(decode_changed(lookup, size, 0, 3), -EPROTONOSUPPORT);
	assert_int_equal(decode_changed(lookup, size, 2, 4), -EPROTONOSUPPORT);
	/* 3.1 has no numbers */
	assert_int_equal(decode_changed(lookup, size, 0, 1), -EBADMSG);
	assert_int_equal(decode_changed(GOLDEN_ACK, sizeof(GOLDEN_ACK), 0, 1), -EBADMSG);
	assert_int_equal(decode_changed(lookup, size, 24, 1), -EPROTONOSUPPORT);
	for (cmd = 0; cmd < 256; cmd++) {
		assert_int_equal(decode_changed(lookup, size, 16, (uint8_t)cmd),
			cmd == WIRE_CMD_MSG ? 0 : -EBADMSG);
		assert_int_equal(decode_changed(lookup, size, 38, (uint8_t)cmd),
			cmd == WIRE_CMD_MSG ? 0 : -EBADMSG);
	}
	/* an inner length that is not what the outer one leaves */
	assert_int_equal(decode_changed(lookup, size, 36, 91), -EBADMSG);
	assert_int_equal(decode_changed(lookup, size, 36, 93), -EBADMSG);
	assert_int_equal(decode_changed(lookup, size, 37, 0x10), -EBADMSG);
	/* options that do not fit */
	assert_int_equal(decode_changed(lookup, size, 18, 8), -EBADMSG);
	assert_int_equal(decode_changed(lookup, size, 19, 0xff), -EBADMSG);
	assert_int_equal(wire_frame_decode(lookup, size - 1, &frame), -EBADMSG);
	assert_int_equal(wire_frame_decode(lookup, 5, &frame), -EBADMSG);
}

static void test_options_are_skipped(void **state)
{
	struct wire_frame frame, inner;
	uint8_t bytes[256] = {0};

	memcpy(bytes, GOLDEN_LOOKUP, WIRE_OPTS_BYTES);
	put_le16(bytes + 12, sizeof(GOLDEN_LOOKUP) + 16);
	put_le16(bytes + 18, 16);
	put_le16(bytes + 24, 0x7777);
	put_le16(bytes + 26, 8);
	memcpy(bytes + WIRE_OPTS_BYTES + 16, GOLDEN_LOOKUP + WIRE_OPTS_BYTES, 92);
	assert_int_equal(wire_frame_decode(bytes, sizeof(GOLDEN_LOOKUP) + 16, &frame), 0);
	assert_ptr_equal(frame.inner_bytes, bytes + WIRE_OPTS_BYTES + 16);
	assert_int_equal(wire_frame_decode(frame.inner_bytes, frame.inner.length, &inner), 0);
	assert_memory_equal(inner.msg.extra, "test", 4);
}

static void test_bare_headers_refused(void **state)
{
	uint8_t bytes[32] = {0};
	struct wire_frame frame;
	uint8_t cmd;

	for (cmd = WIRE_CMD_ACK; cmd <= WIRE_CMD_FIN; cmd++) {
		wire_bare_encode(WIRE_VERSION_3_2, 0, 1, cmd, bytes);
		assert_int_equal(wire_frame_decode(bytes, WIRE_HEADER_BYTES, &frame), 0);
		put_le16(bytes + 12, 20);
		assert_int_equal(wire_frame_decode(bytes, 20, &frame), -EBADMSG);
	}
	wire_bare_encode(WIRE_VERSION_3_2, 0, 1, 0, bytes);
	assert_int_equal(wire_frame_decode(bytes, WIRE_HEADER_BYTES, &frame), -EBADMSG);
	wire_bare_encode(WIRE_VERSION_3_2, 0, 1, 6, bytes);
	assert_int_equal(wire_frame_decode(bytes, WIRE_HEADER_BYTES, &frame), -EBADMSG);
}

/* ---- the fuzzer's seeds, which were put together apart from the codec ---- */

static int decode_seed(const char *path)
{
	struct wire_frame frame;
	uint8_t bytes[WIRE_FRAME_MAX];
	FILE *file = fopen(path, "rbe");
	size_t size;
	int rc;

	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	rc = wire_frame_decode(bytes, size, &frame);
	if (!rc && frame.header.cmd == WIRE_CMD_OPTS)
		rc = wire_frame_decode(frame.inner_bytes, frame.inner.length, &frame);
	return rc;
}

static void test_seeds(void **state)
{
	const char *seeds = getenv("SEEDS");
	unsigned int count = 0;
	struct dirent *entry;
	char path[4096];
	DIR *directory;

	if (!seeds)
		skip();
	snprintf(path, sizeof(path), "%s/wire", seeds);
	directory = opendir(path);
	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		bool bad = !strncmp(entry->d_name, "bad_", 4);

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "stream"))
			continue;
		snprintf(path, sizeof(path), "%s/wire/%s", seeds, entry->d_name);
		if (!decode_seed(path) == bad)
			fail_msg("%s was %s", entry->d_name, bad ? "taken" : "refused");
		count++;
	}
	closedir(directory);
	assert_true(count > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_ack_and_fin),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_wrapper_refused),
		cmocka_unit_test(test_options_are_skipped),
		cmocka_unit_test(test_bare_headers_refused),
		cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
