/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The link of a kernel, of 6.1 or 6.12, with one lockspace: as much of it as a probe meets. It
 * answers STATUS, numbers "not ready", keeps what is not acknowledged, and ends conversations, each
 * generation in its own way; and it counts what a real one would complain of.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "base/pure/must.h"
#include "engine/link.h"
#include "engine/wire.h"

#define KERNEL_QUEUE_MAX 32u

struct kernel {
	bool is_6_12;
	uint32_t nodeid, peer_nodeid;
	uint32_t global_id; /* of its lockspace; 0: none */
	uint32_t lvb_bytes, flags;
	bool silent; /* answers nothing, and acknowledges nothing */

	bool has_record;
	enum link_state state;
	uint32_t version;
	uint32_t users;
	uint32_t seq_send, seq_next, seq_acked;
	bool ack_due;
	uint32_t stuck_count;   /* "reset node because shutdown stuck" */
	uint32_t warning_count; /* a frame in a state where it does not belong */
	uint32_t dropped_count; /* no record, another version, a gap */
	uint32_t status_count;  /* STATUS that it got */

	uint8_t out[KERNEL_QUEUE_MAX][256]; /* frames that wait to be carried */
	uint32_t out_bytes[KERNEL_QUEUE_MAX];
	uint32_t out_count;
};

static inline void kernel_put(struct kernel *kernel, const uint8_t *frame, uint32_t bytes)
{
	must(kernel->out_count < KERNEL_QUEUE_MAX && bytes <= sizeof(kernel->out[0]));
	memcpy(kernel->out[kernel->out_count], frame, bytes);
	kernel->out_bytes[kernel->out_count++] = bytes;
}

static inline void kernel_ack(struct kernel *kernel)
{
	uint8_t frame[WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, kernel->seq_next, kernel->nodeid, WIRE_CMD_ACK, frame);
	kernel_put(kernel, frame, sizeof(frame));
}

static inline void kernel_numbered(struct kernel *kernel, uint8_t *frame, uint32_t inner_bytes)
{
	wire_opts_encode(WIRE_VERSION_3_2, kernel->seq_send++, kernel->nodeid,
		frame[WIRE_OPTS_BYTES + 14], inner_bytes, frame);
	kernel_put(kernel, frame, WIRE_OPTS_BYTES + inner_bytes);
}

static inline void kernel_fin(struct kernel *kernel, enum link_state to)
{
	uint8_t frame[WIRE_OPTS_BYTES + WIRE_HEADER_BYTES];

	wire_bare_encode(
		WIRE_VERSION_3_2, 0, kernel->nodeid, WIRE_CMD_FIN, frame + WIRE_OPTS_BYTES);
	kernel_numbered(kernel, frame, WIRE_HEADER_BYTES);
	kernel->state = to;
}

static inline void kernel_reset(struct kernel *kernel)
{
	kernel->state = LINK_CLOSED;
	kernel->version = 0;
	kernel->seq_send = kernel->seq_next = kernel->seq_acked = 0;
}

static inline void kernel_member_added(struct kernel *kernel)
{
	kernel->has_record = true;
	if (!kernel->users++ && kernel->state != LINK_ESTABLISHED) {
		if (kernel->state != LINK_CLOSED)
			kernel_reset(kernel);
		kernel->state = LINK_ESTABLISHED;
	}
}

static inline void kernel_answer(
	struct kernel *kernel, uint32_t global_id, const struct wire_rcom *status)
{
	bool known = kernel->global_id && kernel->global_id == global_id;
	struct wire_rcom reply = {
		.type = WIRE_RCOM_STATUS_REPLY,
		.result = known ? 0x55 : WIRE_NOT_READY,
		.id = status->id,
		.seq_reply = status->seq,
		.config = {.lvb_bytes = known ? kernel->lvb_bytes : WIRE_NOT_READY_LVB,
			.flags = known ? kernel->flags : 0},
	};
	uint8_t frame[256];
	int bytes = wire_rcom_encode(WIRE_VERSION_3_2, global_id, kernel->nodeid, &reply, NULL,
		frame + WIRE_OPTS_BYTES, sizeof(frame) - WIRE_OPTS_BYTES);

	must(bytes > 0);
	kernel->status_count++;
	if (kernel->silent)
		return;
	if (!known && kernel->version == WIRE_VERSION_3_2)
		kernel_numbered(kernel, frame, (uint32_t)bytes);
	else
		kernel_put(kernel, frame + WIRE_OPTS_BYTES, (uint32_t)bytes);
}

/* Return: false: the frame is dropped */
static inline bool kernel_admit(struct kernel *kernel, const struct wire_frame *frame)
{
	bool opening = frame->header.cmd == WIRE_CMD_RCOM; /* only such come bare in 3.2 */

	if (kernel->is_6_12) {
		kernel->has_record = true;
		if (!kernel->version && frame->header.version == WIRE_VERSION_3_2 &&
			kernel->state == LINK_CLOSED)
			kernel->state = LINK_ESTABLISHED;
	} else if (opening && kernel->has_record) {
		if (kernel->state != LINK_CLOSED && kernel->state != LINK_ESTABLISHED) {
			kernel_reset(kernel);
			kernel->stuck_count++;
		}
		kernel->state = LINK_ESTABLISHED;
	} else if (opening) {
		kernel->has_record = true;
	}
	if (!kernel->has_record)
		return false;
	if (!kernel->version)
		kernel->version = frame->header.version;
	return kernel->version == frame->header.version;
}

static inline void kernel_fin_received(struct kernel *kernel)
{
	kernel_ack(kernel);
	switch (kernel->state) {
	case LINK_ESTABLISHED:
		if (kernel->users)
			kernel->state = LINK_CLOSE_WAIT;
		else
			kernel_fin(kernel, LINK_LAST_ACK);
		break;
	case LINK_FIN_WAIT1:
		kernel->state = LINK_CLOSING;
		break;
	case LINK_FIN_WAIT2:
		kernel_reset(kernel);
		break;
	case LINK_LAST_ACK:
		break;
	case LINK_CLOSED:
	case LINK_CLOSE_WAIT:
	case LINK_CLOSING:
		kernel->warning_count++;
		break;
	}
}

static inline void kernel_ack_received(struct kernel *kernel, uint32_t next)
{
	if ((int32_t)(next - kernel->seq_acked) > 0)
		kernel->seq_acked = next;
	if (kernel->seq_acked != kernel->seq_send)
		return;
	if (kernel->state == LINK_FIN_WAIT1)
		kernel->state = LINK_FIN_WAIT2;
	else if (kernel->state == LINK_CLOSING || kernel->state == LINK_LAST_ACK)
		kernel_reset(kernel);
}

static inline void kernel_opts_received(struct kernel *kernel, const struct wire_frame *outer)
{
	int32_t ahead = (int32_t)(outer->header.lockspace - kernel->seq_next);
	struct wire_frame inner;

	if (ahead) {
		kernel->dropped_count++;
		if (ahead < 0)
			kernel_ack(kernel);
		return;
	}
	kernel->seq_next++;
	if (outer->inner.cmd == WIRE_CMD_FIN) {
		kernel_fin_received(kernel);
		return;
	}
	must(!wire_frame_decode(outer->inner_bytes, outer->inner.length, &inner));
	kernel->ack_due = true;
	if (kernel->state == LINK_CLOSED)
		kernel->warning_count++;
}

static inline void kernel_frame(struct kernel *kernel, const uint8_t *bytes, uint32_t length)
{
	struct wire_frame frame;

	must(!wire_frame_decode(bytes, length, &frame));
	if (!kernel_admit(kernel, &frame)) {
		kernel->dropped_count++;
		return;
	}
	if (frame.header.cmd == WIRE_CMD_OPTS)
		kernel_opts_received(kernel, &frame);
	else if (frame.header.cmd == WIRE_CMD_ACK)
		kernel_ack_received(kernel, frame.header.lockspace);
	else if (frame.header.cmd == WIRE_CMD_RCOM && frame.rcom.type == WIRE_RCOM_STATUS)
		kernel_answer(kernel, frame.header.lockspace, &frame.rcom);
}

/** kernel_receive() - whole frames */
static inline void kernel_receive(struct kernel *kernel, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		uint32_t length = get_le16(bytes + at + 12);

		kernel_frame(kernel, bytes + at, length);
		at += length;
	}
	if (kernel->ack_due && kernel->state == LINK_ESTABLISHED && !kernel->is_6_12)
		kernel_ack(kernel);
	kernel->ack_due = false;
}
