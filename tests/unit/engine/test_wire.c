/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The codec: frames known to be right in both directions, and then everything that must be refused,
 * one field at a time.
 */
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

struct message {
	struct wire_frame frame;
	uint8_t bytes[WIRE_FRAME_MAX];
	size_t size;
};

/* ---- known frames ---- */

static void test_status(void **state)
{
	struct wire_frame frame;
	uint8_t bytes[WIRE_FRAME_MAX];
	int rc = wire_frame_decode(GOLDEN_STATUS, sizeof(GOLDEN_STATUS), &frame);

	assert_int_equal(rc, 0);
	assert_int_equal(frame.header.version, WIRE_VERSION_3_2);
	assert_int_equal(frame.header.lockspace, LS);
	assert_int_equal(frame.header.nodeid, 3);
	assert_int_equal(frame.header.cmd, WIRE_CMD_RCOM);
	assert_int_equal(frame.rcom.type, WIRE_RCOM_STATUS);
	assert_true(frame.rcom.id == 0x1122334455667788u);
	assert_true(frame.rcom.seq == 1);
	assert_int_equal(frame.rcom.status_flags, WIRE_STATUS_NEED_SLOTS);
	rc = wire_rcom_encode(WIRE_VERSION_3_2, LS, 3, &frame.rcom, NULL, bytes, sizeof(bytes));
	assert_int_equal(rc, sizeof(GOLDEN_STATUS));
	assert_memory_equal(bytes, GOLDEN_STATUS, sizeof(GOLDEN_STATUS));
}

static void test_status_reply(void **state)
{
	struct wire_rcom_slot slots[2];
	struct wire_frame frame;
	uint8_t bytes[WIRE_FRAME_MAX];
	int rc = wire_frame_decode(GOLDEN_STATUS_REPLY, sizeof(GOLDEN_STATUS_REPLY), &frame);

	assert_int_equal(rc, 0);
	assert_int_equal(frame.rcom.result, 3);
	assert_true(frame.rcom.seq == 3);
	assert_true(frame.rcom.seq_reply == 1);
	assert_int_equal(frame.rcom.config.lvb_bytes, 32);
	assert_int_equal(frame.rcom.config.flags, 0);
	assert_int_equal(frame.rcom.config.slot, 1);
	assert_int_equal(frame.rcom.config.slot_count, 2);
	assert_int_equal(frame.rcom.config.generation, 2);
	wire_slot_decode(&frame.rcom, 0, &slots[0]);
	wire_slot_decode(&frame.rcom, 1, &slots[1]);
	assert_int_equal(slots[0].nodeid, 1);
	assert_int_equal(slots[0].slot, 1);
	assert_int_equal(slots[1].nodeid, 3);
	assert_int_equal(slots[1].slot, 2);
	memset(bytes, 0xee, sizeof(bytes));
	rc = wire_rcom_encode(WIRE_VERSION_3_2, LS, 1, &frame.rcom, slots, bytes, sizeof(bytes));
	assert_int_equal(rc, sizeof(GOLDEN_STATUS_REPLY));
	assert_memory_equal(bytes, GOLDEN_STATUS_REPLY, sizeof(GOLDEN_STATUS_REPLY));
}

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

/* ---- DLM_MSG ---- */

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

/* ---- DLM_RCOM ---- */

static int encode_rcom(
	const struct wire_rcom *rcom, const struct wire_rcom_slot *slots, struct message *ret)
{
	int size = wire_rcom_encode(
		WIRE_VERSION_3_2, LS, 1, rcom, slots, ret->bytes, sizeof(ret->bytes));

	if (size < 0)
		return size;
	ret->size = (size_t)size;
	assert_int_equal(wire_frame_decode(ret->bytes, ret->size, &ret->frame), 0);
	return 0;
}

static void test_not_ready(void **state)
{
	struct wire_rcom rcom = {.type = WIRE_RCOM_STATUS_REPLY,
		.result = WIRE_NOT_READY,
		.id = 5,
		.seq_reply = 6,
		.config.lvb_bytes = WIRE_NOT_READY_LVB};
	struct message message;

	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.size, 80);
	assert_int_equal(message.frame.rcom.result, -3);
	assert_int_equal(message.frame.rcom.config.lvb_bytes, 0xffffffffu);
	rcom.result = -2;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.result = 0x100;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.result = 0xff;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
}

static void test_slots(void **state)
{
	static struct wire_rcom_slot slots[WIRE_SLOTS_MAX + 1];
	struct wire_rcom rcom = {.type = WIRE_RCOM_STATUS_REPLY, .config.lvb_bytes = 32};
	struct message message;
	struct wire_frame frame;
	uint16_t i;

	for (i = 0; i <= WIRE_SLOTS_MAX; i++) {
		slots[i].nodeid = i + 1000u;
		slots[i].slot = (uint16_t)(i + 1);
	}
	rcom.config.slot_count = WIRE_SLOTS_MAX;
	assert_int_equal(encode_rcom(&rcom, slots, &message), 0);
	for (i = 0; i < WIRE_SLOTS_MAX; i++) {
		struct wire_rcom_slot slot;

		wire_slot_decode(&message.frame.rcom, i, &slot);
		assert_int_equal(slot.nodeid, i + 1000);
		assert_int_equal(slot.slot, i + 1);
	}
	rcom.config.slot_count = WIRE_SLOTS_MAX + 1;
	assert_int_equal(encode_rcom(&rcom, slots, &message), -EBADMSG);
	rcom.config.slot_count = 2;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	/* more than there are bytes: a kernel would read beyond its buffer */
	assert_int_equal(encode_rcom(&rcom, slots, &message), 0);
	put_le16(message.bytes + 62, 3);
	assert_int_equal(wire_frame_decode(message.bytes, message.size, &frame), -EBADMSG);
	put_le16(message.bytes + 62, 1);
	assert_int_equal(wire_frame_decode(message.bytes, message.size, &frame), 0);
}

static void test_names_request(void **state)
{
	static const uint8_t NAME[WIRE_NAME_MAX + 1] = "the last one";
	struct wire_rcom rcom = {.type = WIRE_RCOM_NAMES, .id = 3, .payload = NAME};
	struct message message;

	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.frame.rcom.payload_bytes, 0);
	rcom.payload_bytes = WIRE_NAME_MAX;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_memory_equal(message.frame.rcom.payload, NAME, WIRE_NAME_MAX);
	rcom.payload_bytes = WIRE_NAME_MAX + 1;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.type = WIRE_RCOM_LOOKUP;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.payload_bytes = WIRE_NAME_MAX;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	rcom.payload_bytes = 0;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
}

/* A block filled to the last byte, with names of @bytes, and what kernel 6.12 makes of it: 4096 in
 * all. */
static void check_names(uint8_t bytes, bool end)
{
	uint8_t payload[WIRE_NAMES_BYTES] = {0}, outer[WIRE_FRAME_MAX], name[WIRE_NAME_MAX];
	struct wire_rcom rcom = {.type = WIRE_RCOM_NAMES_REPLY,
		.payload = payload,
		.payload_bytes = sizeof(payload)};
	struct wire_frame wrapped;
	struct message message;
	uint32_t at = 0, count = 0, seen = 0;
	const uint8_t *got;
	uint8_t got_bytes;
	int rc;

	memset(name, 'n', sizeof(name));
	while (wire_name_put(payload, &at, name, bytes))
		count++;
	assert_true(at + 2 <= WIRE_NAMES_BYTES);
	assert_true(at + 2u + bytes + 2u > WIRE_NAMES_BYTES);
	if (end)
		wire_name_end(payload, at);
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.size, WIRE_INNER_MAX);
	wire_opts_encode(WIRE_VERSION_3_2, 4, 1, WIRE_CMD_RCOM, WIRE_INNER_MAX, outer);
	memcpy(outer + WIRE_OPTS_BYTES, message.bytes, message.size);
	assert_int_equal(wire_frame_decode(outer, sizeof(outer), &wrapped), 0);
	assert_int_equal(wire_frame_decode(wrapped.inner_bytes, wrapped.inner.length, &wrapped), 0);
	at = 0;
	while ((rc = wire_name_next(&wrapped.rcom, &at, &got, &got_bytes)) == 1) {
		assert_int_equal(got_bytes, bytes);
		assert_memory_equal(got, name, bytes);
		seen++;
	}
	assert_int_equal(rc, end ? 2 : 0);
	assert_int_equal(seen, count);
}

static void test_names_reply(void **state)
{
	uint8_t bytes;

	for (bytes = 1; bytes <= WIRE_NAME_MAX; bytes++) {
		check_names(bytes, true);
		check_names(bytes, false);
	}
}

static void test_names_reply_refused(void **state)
{
	uint8_t payload[128] = {0};
	struct wire_rcom rcom = {.type = WIRE_RCOM_NAMES_REPLY, .payload = payload};
	struct message message;
	const uint8_t *name;
	uint8_t bytes;
	uint32_t at = 0;

	/* nothing, half a length, no end mark */
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.payload_bytes = 1;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	put_be16(payload, 3);
	rcom.payload_bytes = 5;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.payload_bytes = 7;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	/* a record beyond the end, a name too long */
	put_be16(payload, 64);
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	put_be16(payload, 65);
	rcom.payload_bytes = sizeof(payload);
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	assert_int_equal(wire_name_next(&rcom, &at, &name, &bytes), -EBADMSG);
	assert_int_equal(at, 0);
	at = sizeof(payload) + 1;
	assert_int_equal(wire_name_next(&rcom, &at, &name, &bytes), -EBADMSG);
}

/* A kernel that is told an error for a master ends in an assertion; it may tell us one. */
static void test_lookup_reply(void **state)
{
	struct wire_rcom rcom = {.type = WIRE_RCOM_LOOKUP_REPLY, .result = 3, .id = 1};
	struct message message;
	struct wire_frame frame;

	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.size, WIRE_RCOM_BYTES);
	rcom.result = -ENOMEM;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.result = 0;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	put_le32(message.bytes + 20, (uint32_t)-ENOMEM);
	assert_int_equal(wire_frame_decode(message.bytes, message.size, &frame), 0);
	assert_int_equal(frame.rcom.result, -ENOMEM);
}

static struct wire_rcom plain_lock(enum wire_rcom_type type)
{
	static const uint8_t VALUE[64] = "value";
	struct wire_rcom rcom = {.type = type,
		.id = 0xfedcba9876543210u,
		.lock = {.pid = 1,
			.lkid = 2,
			.remid = 3,
			.exflags = 0x80,
			.flags = 1,
			.lvbseq = 7,
			.rqmode = DLM_MODE_EX,
			.grmode = DLM_MODE_IV,
			.status = 1,
			.asts = 3,
			.wait_type = WIRE_MSG_REQUEST,
			.name = "resource",
			.name_bytes = 8,
			.lvb = VALUE,
			.lvb_bytes = 32}};

	return rcom;
}

static void test_rcom_lock(void **state)
{
	struct wire_rcom rcom = plain_lock(WIRE_RCOM_LOCK);
	struct message message;
	uint8_t again[WIRE_INNER_MAX];

	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.size, 156 + 32);
	assert_int_equal(message.frame.rcom.lock.lkid, 2);
	assert_int_equal(message.frame.rcom.lock.grmode, DLM_MODE_IV);
	assert_int_equal(message.frame.rcom.lock.rqmode, DLM_MODE_EX);
	assert_int_equal(message.frame.rcom.lock.wait_type, WIRE_MSG_REQUEST);
	assert_int_equal(message.frame.rcom.lock.lvb_bytes, 32);
	assert_memory_equal(message.frame.rcom.lock.lvb, "value", 6);
	assert_int_equal(message.bytes[48 + 37], 0xff);
	assert_int_equal(message.bytes[48 + 42], 8);
	assert_memory_equal(message.bytes + 48 + 44, "resource\0\0", 10);
	assert_int_equal(wire_rcom_encode(WIRE_VERSION_3_2, LS, 1, &message.frame.rcom, NULL, again,
				 sizeof(again)),
		message.size);
	assert_memory_equal(again, message.bytes, message.size);
	/* the answer never carries a value block */
	rcom.type = WIRE_RCOM_LOCK_REPLY;
	rcom.lock.result = -EEXIST;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	assert_int_equal(message.size, 156);
	assert_int_equal(message.frame.rcom.lock.result, -EEXIST);
	assert_null(message.frame.rcom.lock.lvb);
}

static void test_rcom_lock_refused(void **state)
{
	struct wire_rcom rcom = plain_lock(WIRE_RCOM_LOCK);
	struct message message;
	struct wire_frame frame;
	int value;

	for (value = -3; value < 9; value++) {
		rcom = plain_lock(WIRE_RCOM_LOCK);
		rcom.lock.rqmode = value;
		assert_int_equal(encode_rcom(&rcom, NULL, &message) == 0, value >= 0 && value <= 5);
		rcom.lock.status = 2;
		assert_int_equal(
			encode_rcom(&rcom, NULL, &message) == 0, value >= -1 && value <= 5);
		rcom = plain_lock(WIRE_RCOM_LOCK);
		rcom.lock.grmode = value;
		assert_int_equal(
			encode_rcom(&rcom, NULL, &message) == 0, value >= -1 && value <= 5);
		rcom = plain_lock(WIRE_RCOM_LOCK_REPLY);
		rcom.lock.status = (uint8_t)value;
		assert_int_equal(encode_rcom(&rcom, NULL, &message) == 0, value >= 1 && value <= 3);
	}
	rcom = plain_lock(WIRE_RCOM_LOCK);
	for (value = 0; value < 256; value++) {
		rcom.lock.name_bytes = (uint8_t)value;
		assert_int_equal(
			encode_rcom(&rcom, NULL, &message) == 0, value >= 1 && value <= 64);
	}
	rcom = plain_lock(WIRE_RCOM_LOCK);
	rcom.lock.exflags = DLM_LKF_EXPEDITE;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom.lock.rqmode = DLM_MODE_NL;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	rcom.lock.grmode = DLM_MODE_CR;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom = plain_lock(WIRE_RCOM_LOCK);
	rcom.lock.wait_type = 15;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom = plain_lock(WIRE_RCOM_LOCK);
	rcom.lock.lkid = 0;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom = plain_lock(WIRE_RCOM_LOCK_REPLY);
	rcom.lock.result = 1;
	assert_int_equal(encode_rcom(&rcom, NULL, &message), -EBADMSG);
	rcom = plain_lock(WIRE_RCOM_LOCK);
	assert_int_equal(encode_rcom(&rcom, NULL, &message), 0);
	put_le16(message.bytes + 48 + 42, 0x0108);
	assert_int_equal(wire_frame_decode(message.bytes, message.size, &frame), -EBADMSG);
}

static const struct {
	enum wire_rcom_type type;
	uint16_t least;
} RCOM_LEAST[] = {
	{WIRE_RCOM_STATUS, 64},
	{WIRE_RCOM_NAMES, 48},
	{WIRE_RCOM_LOOKUP, 49},
	{WIRE_RCOM_LOCK, 156},
	{WIRE_RCOM_STATUS_REPLY, 80},
	{WIRE_RCOM_NAMES_REPLY, 50},
	{WIRE_RCOM_LOOKUP_REPLY, 48},
	{WIRE_RCOM_LOCK_REPLY, 156},
};

static void test_rcom_short(void **state)
{
	struct wire_rcom lock = plain_lock(WIRE_RCOM_LOCK);
	struct message message;
	struct wire_frame frame;
	uint16_t size;
	size_t i;

	assert_int_equal(encode_rcom(&lock, NULL, &message), 0);
	for (i = 0; i < sizeof(RCOM_LEAST) / sizeof(RCOM_LEAST[0]); i++) {
		put_le32(message.bytes + 16, RCOM_LEAST[i].type);
		put_le32(message.bytes + 20, 0);
		if (RCOM_LEAST[i].type != WIRE_RCOM_LOCK &&
			RCOM_LEAST[i].type != WIRE_RCOM_LOCK_REPLY)
			memset(message.bytes + 48, 0, 32);
		else
			assert_int_equal(encode_rcom(&lock, NULL, &message), 0);
		for (size = WIRE_HEADER_BYTES; size <= RCOM_LEAST[i].least; size++) {
			put_le16(message.bytes + 12, size);
			put_le32(message.bytes + 16, RCOM_LEAST[i].type);
			assert_int_equal(wire_frame_decode(message.bytes, size, &frame),
				size == RCOM_LEAST[i].least ? 0 : -EBADMSG);
		}
		assert_string_not_equal(wire_rcom_type_name((unsigned int)RCOM_LEAST[i].type), "?");
	}
	put_le32(message.bytes + 16, 9);
	assert_int_equal(wire_frame_decode(message.bytes, 156, &frame), -EBADMSG);
	put_le32(message.bytes + 16, 0);
	assert_int_equal(wire_frame_decode(message.bytes, 156, &frame), -EBADMSG);
	assert_string_equal(wire_rcom_type_name(9), "?");
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
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_reply),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_ack_and_fin),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_wrapper_refused),
		cmocka_unit_test(test_options_are_skipped),
		cmocka_unit_test(test_bare_headers_refused),
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
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_names_request),
		cmocka_unit_test(test_names_reply),
		cmocka_unit_test(test_names_reply_refused),
		cmocka_unit_test(test_lookup_reply),
		cmocka_unit_test(test_rcom_lock),
		cmocka_unit_test(test_rcom_lock_refused),
		cmocka_unit_test(test_rcom_short),
		cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
