/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as frames. What the codec takes it can write again, what it writes it takes again, and
 * the two readings say the same. Each input is tried as it is, and with a header that fits it, so
 * that most inputs get behind the header.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"
#include "engine/wire.h"
#include "fuzz.h"

static void try_frame(const uint8_t *bytes, size_t size, bool outer);

static int encode_rcom(const struct wire_frame *frame, uint8_t *ret)
{
	struct wire_rcom_slot slots[WIRE_SLOTS_MAX];
	uint32_t i;

	if (frame->rcom.type == WIRE_RCOM_STATUS_REPLY)
		for (i = 0; i < frame->rcom.config.slot_count; i++)
			wire_slot_decode(&frame->rcom, i, &slots[i]);
	return wire_rcom_encode(frame->header.version, frame->header.lockspace,
		frame->header.nodeid, &frame->rcom, slots, ret, WIRE_INNER_MAX);
}

static int encode(const struct wire_frame *frame, uint8_t *ret)
{
	if (frame->header.cmd == WIRE_CMD_RCOM)
		return encode_rcom(frame, ret);
	if (frame->header.cmd == WIRE_CMD_MSG)
		return wire_msg_encode(frame->header.version, frame->header.lockspace,
			frame->header.nodeid, &frame->msg, ret, WIRE_INNER_MAX);
	wire_bare_encode(frame->header.version, frame->header.lockspace, frame->header.nodeid,
		frame->header.cmd, ret);
	return WIRE_HEADER_BYTES;
}

/* Names that are said to be there are. */
static void walk_names(const struct wire_rcom *rcom)
{
	const uint8_t *name;
	uint8_t bytes;
	uint32_t at = 0;
	int rc;

	if (rcom->type != WIRE_RCOM_NAMES_REPLY)
		return;
	while ((rc = wire_name_next(rcom, &at, &name, &bytes)) == 1) {
		must(bytes >= 1 && bytes <= WIRE_NAME_MAX);
		must(name >= rcom->payload);
		must(name + bytes <= rcom->payload + rcom->payload_bytes);
	}
	must(rc == 0 || rc == 2);
}

static void round_trip(const struct wire_frame *frame)
{
	uint8_t first[WIRE_INNER_MAX], second[WIRE_INNER_MAX];
	struct wire_frame again;
	int size = encode(frame, first);

	/* the one thing that is taken and never said: an error for a master */
	if (frame->header.cmd == WIRE_CMD_RCOM && frame->rcom.type == WIRE_RCOM_LOOKUP_REPLY &&
		frame->rcom.result <= 0) {
		must(size < 0);
		return;
	}
	must(size > 0);
	must(wire_frame_decode(first, (size_t)size, &again) == 0);
	must(memcmp(&frame->header.version, &again.header.version, 12) == 0);
	must(encode(&again, second) == size);
	must(memcmp(first, second, (size_t)size) == 0);
}

static void try_frame(const uint8_t *bytes, size_t size, bool outer)
{
	struct wire_frame frame;

	if (wire_frame_decode(bytes, size, &frame))
		return;
	if (frame.header.cmd == WIRE_CMD_OPTS) {
		must(outer);
		must(frame.inner_bytes >= bytes + WIRE_OPTS_BYTES);
		must(frame.inner_bytes + frame.inner.length == bytes + size);
		try_frame(frame.inner_bytes, frame.inner.length, false);
		return;
	}
	if (frame.header.cmd == WIRE_CMD_RCOM)
		walk_names(&frame.rcom);
	round_trip(&frame);
}

/* Whole frames from a stream, as a receiver walks it. */
static void try_stream(const uint8_t *bytes, size_t size)
{
	struct wire_header header;

	while (!wire_header_decode(bytes, size, &header)) {
		if (header.length > size)
			return;
		try_frame(bytes, header.length, true);
		bytes += header.length;
		size -= header.length;
	}
}

/* The same bytes with headers that fit, so that the rest gets looked at. */
static void try_fitted(const uint8_t *data, size_t size)
{
	uint8_t bytes[WIRE_FRAME_MAX];

	if (size < WIRE_HEADER_BYTES || size > sizeof(bytes))
		return;
	memcpy(bytes, data, size);
	put_le32(bytes, WIRE_VERSION_3_2);
	put_le16(bytes + 12, (uint16_t)size);
	if (bytes[14] == WIRE_CMD_OPTS && size >= WIRE_OPTS_BYTES + WIRE_HEADER_BYTES) {
		put_le16(bytes + 18, 0);
		put_le32(bytes + 24, WIRE_VERSION_3_2);
		put_le16(bytes + 36, (uint16_t)(size - WIRE_OPTS_BYTES));
		bytes[38] = bytes[16];
	}
	try_frame(bytes, size, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_stream(data, size);
	try_fitted(data, size);
	return 0;
}
