/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DLM_RCOM: known frames, every type, and every field with every illegal value. */
#include "engine/wire.h"

#include <errno.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_reply),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_names_request),
		cmocka_unit_test(test_names_reply),
		cmocka_unit_test(test_names_reply_refused),
		cmocka_unit_test(test_lookup_reply),
		cmocka_unit_test(test_rcom_lock),
		cmocka_unit_test(test_rcom_lock_refused),
		cmocka_unit_test(test_rcom_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
