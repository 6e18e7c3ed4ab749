/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DLM_MSG: every type, and every field with every illegal value. */
#include "engine/wire.h"

#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "cmocka_all.h"

#define LS 0x77222027u

static struct wire_msg plain_msg(enum wire_msg_type type)
{
	static const uint8_t EXTRA[WIRE_FRAME_MAX] = "some name";
	struct wire_msg msg = {.type = type,
		.nodeid = 2,
		.pid = 77,
		.lkid = 5,
		.remid = 6,
		.exflags = 0x12145,
		.sbflags = 2,
		.flags = 1,
		.lvbseq = 9,
		.hash = 0xabcdef01,
		.status = 2,
		.grmode = DLM_MODE_CR,
		.rqmode = DLM_MODE_PW,
		.bastmode = DLM_MODE_EX,
		.asts = 3,
		.result = 0,
		.extra = EXTRA};

	if (type == WIRE_MSG_REQUEST || type == WIRE_MSG_LOOKUP || type == WIRE_MSG_REMOVE)
		msg.extra_bytes = 9;
	return msg;
}

static int encode(const struct wire_msg *msg)
{
	uint8_t bytes[WIRE_INNER_MAX];

	return wire_msg_encode(WIRE_VERSION_3_2, LS, 1, msg, bytes, sizeof(bytes));
}

static void test_msg_round_trip(void **state)
{
	int type;

	for (type = WIRE_MSG_REQUEST; type <= WIRE_MSG_PURGE; type++) {
		struct wire_msg msg = plain_msg((enum wire_msg_type)type);
		struct wire_frame frame;
		uint8_t bytes[WIRE_INNER_MAX], again[WIRE_INNER_MAX];
		int size = wire_msg_encode(WIRE_VERSION_3_1, LS, 1, &msg, bytes, sizeof(bytes));

		assert_int_equal(size, WIRE_MSG_BYTES + msg.extra_bytes);
		assert_int_equal(wire_frame_decode(bytes, (size_t)size, &frame), 0);
		assert_int_equal(frame.msg.type, type);
		assert_int_equal(frame.msg.pid, 77);
		assert_int_equal(frame.msg.exflags, 0x12145);
		assert_int_equal(frame.msg.lvbseq, 9);
		assert_int_equal(frame.msg.status, 2);
		assert_int_equal(frame.msg.bastmode, DLM_MODE_EX);
		assert_int_equal(
			wire_msg_encode(WIRE_VERSION_3_1, LS, 1, &frame.msg, again, sizeof(again)),
			size);
		assert_memory_equal(bytes, again, size);
		assert_string_not_equal(wire_msg_type_name((unsigned int)type), "?");
	}
	assert_string_equal(wire_msg_type_name(0), "?");
	assert_string_equal(wire_msg_type_name(15), "?");
}

static void test_msg_types_refused(void **state)
{
	struct wire_msg msg = plain_msg(WIRE_MSG_CANCEL);

	msg.type = (enum wire_msg_type)0;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg.type = (enum wire_msg_type)15;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg.type = (enum wire_msg_type) - 1;
	assert_int_equal(encode(&msg), -EBADMSG);
}

/* Modes beyond the six would be read from outside a kernel's tables. */
static void test_msg_modes_refused(void **state)
{
	int type, mode;

	for (type = WIRE_MSG_REQUEST; type <= WIRE_MSG_PURGE; type++)
		for (mode = -3; mode < 9; mode++) {
			struct wire_msg msg = plain_msg((enum wire_msg_type)type);
			int legal = mode >= DLM_MODE_IV && mode <= DLM_MODE_EX;
			int asks = type == WIRE_MSG_REQUEST || type == WIRE_MSG_LOOKUP ||
				   type == WIRE_MSG_CONVERT;

			msg.grmode = mode;
			assert_int_equal(encode(&msg) > 0, legal);
			msg.grmode = DLM_MODE_NL;
			msg.rqmode = mode;
			assert_int_equal(encode(&msg) > 0, legal && (!asks || mode >= 0));
			msg.rqmode = DLM_MODE_NL;
			msg.bastmode = mode;
			assert_int_equal(
				encode(&msg) > 0, legal && (type != WIRE_MSG_BAST || mode >= 0));
		}
}

/* It is granted whatever is held. */
static void test_expedite(void **state)
{
	int type, mode;

	for (type = WIRE_MSG_REQUEST; type <= WIRE_MSG_PURGE; type++)
		for (mode = DLM_MODE_NL; mode <= DLM_MODE_EX; mode++) {
			struct wire_msg msg = plain_msg((enum wire_msg_type)type);
			bool legal = true;

			msg.exflags = DLM_LKF_EXPEDITE;
			msg.rqmode = mode;
			if (type == WIRE_MSG_REQUEST || type == WIRE_MSG_LOOKUP)
				legal = mode == DLM_MODE_NL;
			else if (type == WIRE_MSG_CONVERT)
				legal = false;
			assert_int_equal(encode(&msg) > 0, legal);
		}
}

static bool type_has_name(int type)
{
	return type == WIRE_MSG_REQUEST || type == WIRE_MSG_LOOKUP || type == WIRE_MSG_REMOVE;
}

static bool type_has_value(int type)
{
	return type == WIRE_MSG_CONVERT || type == WIRE_MSG_UNLOCK ||
	       type == WIRE_MSG_REQUEST_REPLY || type == WIRE_MSG_CONVERT_REPLY ||
	       type == WIRE_MSG_GRANT;
}

static void test_msg_extra(void **state)
{
	int type;
	uint32_t bytes;

	for (type = WIRE_MSG_REQUEST; type <= WIRE_MSG_PURGE; type++)
		for (bytes = 0; bytes <= WIRE_INNER_MAX - WIRE_MSG_BYTES + 1; bytes++) {
			struct wire_msg msg = plain_msg((enum wire_msg_type)type);
			bool legal = !bytes;

			if (type_has_name(type))
				legal = bytes >= 1 && bytes <= WIRE_NAME_MAX;
			else if (type_has_value(type))
				legal = bytes <= WIRE_INNER_MAX - WIRE_MSG_BYTES;
			msg.extra_bytes = bytes;
			assert_int_equal(encode(&msg) > 0, legal);
		}
}

static void test_msg_room(void **state)
{
	struct wire_msg msg = plain_msg(WIRE_MSG_REQUEST);
	uint8_t bytes[WIRE_MSG_BYTES + 9];

	assert_int_equal(
		wire_msg_encode(WIRE_VERSION_3_2, LS, 1, &msg, bytes, sizeof(bytes) - 1), -EBADMSG);
	assert_int_equal(wire_msg_encode(WIRE_VERSION_3_2, LS, 1, &msg, bytes, sizeof(bytes)), 97);
}

static const struct {
	int local;
	int32_t wire;
} RESULTS[] = {
	{0, 0},
	{-EDEADLK, -35},
	{-EBADR, -53},
	{-EBADSLT, -57},
	{-EPROTO, -71},
	{-EOPNOTSUPP, -95},
	{-ETIMEDOUT, -110},
	{-EINPROGRESS, -115},
	{-EAGAIN, -11},
	{-EINVAL, -22},
	{-ENOENT, -2},
	{-ENOMEM, -12},
	{-EBUSY, -16},
	{-ENOTBLK, -15},
	{-DLM_STATUS_ECANCEL, -0x10001},
	{-DLM_STATUS_EUNLOCK, -0x10002},
};

static void test_msg_results(void **state)
{
	struct wire_msg msg = plain_msg(WIRE_MSG_REQUEST_REPLY);
	size_t i;

	for (i = 0; i < sizeof(RESULTS) / sizeof(RESULTS[0]); i++) {
		uint8_t bytes[WIRE_MSG_BYTES];
		struct wire_frame frame;

		msg.result = RESULTS[i].local;
		assert_int_equal(
			wire_msg_encode(WIRE_VERSION_3_2, LS, 1, &msg, bytes, sizeof(bytes)), 88);
		assert_int_equal((int32_t)get_le32(bytes + 84), RESULTS[i].wire);
		assert_int_equal(wire_frame_decode(bytes, sizeof(bytes), &frame), 0);
		assert_int_equal(frame.msg.result, RESULTS[i].local);
	}
	msg.result = 1;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg.result = -4096;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg.result = -DLM_STATUS_EINPROG;
	assert_int_equal(encode(&msg), -EBADMSG);
}

static void test_msg_flags(void **state)
{
	struct wire_msg msg = plain_msg(WIRE_MSG_GRANT);
	uint8_t bytes[WIRE_MSG_BYTES];
	struct wire_frame frame;

	/* what only this node may know stays here, and the magic cannot be said */
	msg.flags = 0xffffffffu;
	msg.sbflags = 0xffffffffu;
	msg.asts = 0xffffffffu;
	assert_int_equal(wire_msg_encode(WIRE_VERSION_3_2, LS, 1, &msg, bytes, 88), 88);
	assert_int_equal(get_le32(bytes + 52), WIRE_FLAG_USER | WIRE_FLAG_ORPHAN);
	assert_int_equal(get_le32(bytes + 48), 7);
	assert_int_equal(get_le32(bytes + 80), 3);
	msg.flags = 0x02000000u;
	assert_int_equal(wire_msg_encode(WIRE_VERSION_3_2, LS, 1, &msg, bytes, 88), 88);
	assert_int_equal(get_le32(bytes + 52), 0);
	/* kernel 6.1 sends its own high bits along */
	put_le32(bytes + 52, 0x00010001u);
	assert_int_equal(wire_frame_decode(bytes, 88, &frame), 0);
	assert_int_equal(frame.msg.flags, WIRE_FLAG_USER);
	put_le32(bytes + 52, 0x02000001u);
	assert_int_equal(wire_frame_decode(bytes, 88, &frame), 0);
	put_le32(bytes + 52, 0x02000000u);
	assert_int_equal(wire_frame_decode(bytes, 88, &frame), -EBADMSG);
}

static void test_msg_values_refused(void **state)
{
	struct wire_msg msg = plain_msg(WIRE_MSG_LOOKUP_REPLY);
	int type;

	for (type = WIRE_MSG_REQUEST; type <= WIRE_MSG_PURGE; type++) {
		msg = plain_msg((enum wire_msg_type)type);
		msg.status = 3;
		assert_true(encode(&msg) > 0);
		msg.status = 4;
		assert_int_equal(encode(&msg), -EBADMSG);
	}
	msg = plain_msg(WIRE_MSG_LOOKUP_REPLY);
	msg.nodeid = UINT32_MAX;
	assert_true(encode(&msg) > 0);
	msg.nodeid = 0;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg.nodeid = 0x80000000u;
	assert_int_equal(encode(&msg), -EBADMSG);
	msg = plain_msg(WIRE_MSG_REQUEST);
	msg.lkid = 0;
	assert_int_equal(encode(&msg), -EBADMSG);
}

static void test_msg_short(void **state)
{
	uint8_t bytes[WIRE_MSG_BYTES] = {0};
	struct wire_frame frame;
	uint16_t size;

	wire_bare_encode(WIRE_VERSION_3_1, LS, 1, WIRE_CMD_MSG, bytes);
	put_le32(bytes + 16, WIRE_MSG_CANCEL);
	for (size = WIRE_HEADER_BYTES; size < WIRE_MSG_BYTES; size++) {
		put_le16(bytes + 12, size);
		assert_int_equal(wire_frame_decode(bytes, size, &frame), -EBADMSG);
	}
	put_le16(bytes + 12, size);
	assert_int_equal(wire_frame_decode(bytes, size, &frame), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_msg_round_trip),
		cmocka_unit_test(test_msg_types_refused),
		cmocka_unit_test(test_msg_modes_refused),
		cmocka_unit_test(test_expedite),
		cmocka_unit_test(test_msg_extra),
		cmocka_unit_test(test_msg_room),
		cmocka_unit_test(test_msg_results),
		cmocka_unit_test(test_msg_flags),
		cmocka_unit_test(test_msg_values_refused),
		cmocka_unit_test(test_msg_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
