/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames: the header that all have, the wrapper of sequenced ones, and those that are nothing but a
 * header. What is inside DLM_MSG and DLM_RCOM is in wire_msg.c and wire_rcom.c.
 */
#include "engine/wire.h"

#include <assert.h>
#include <errno.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "engine/wire_parts.h"

static_assert(WIRE_NAME_MAX == DLM_NAME_BYTES_MAX, "one limit of names");
static_assert(
	WIRE_RCOM_BYTES + WIRE_CONFIG_BYTES + WIRE_SLOTS_MAX * WIRE_SLOT_BYTES <= WIRE_INNER_MAX,
	"all slots fit one frame");

bool wire_mode_legal(int mode)
{
	return mode >= DLM_MODE_IV && mode <= DLM_MODE_EX;
}

static void header_read(const uint8_t *frame, struct wire_header *ret)
{
	ret->version = get_le32(frame);
	ret->lockspace = get_le32(frame + 4);
	ret->nodeid = get_le32(frame + 8);
	ret->length = get_le16(frame + 12);
	ret->cmd = frame[14];
}

int wire_header_decode(const uint8_t *frame, size_t size_bytes, struct wire_header *ret)
{
	uint16_t length;

	if (size_bytes < WIRE_HEADER_BYTES)
		return -EAGAIN;
	length = get_le16(frame + 12);
	if (length < WIRE_HEADER_BYTES || length > WIRE_FRAME_MAX)
		return -EMSGSIZE;
	header_read(frame, ret);
	return 0;
}

static bool version_known(uint32_t version)
{
	return version == WIRE_VERSION_3_1 || version == WIRE_VERSION_3_2;
}

/* The least that a frame of this kind has; 0: it cannot be inside OPTS. */
static uint32_t inner_bytes_min(uint8_t cmd)
{
	switch (cmd) {
	case WIRE_CMD_MSG:
		return WIRE_MSG_BYTES;
	case WIRE_CMD_RCOM:
		return WIRE_RCOM_BYTES;
	case WIRE_CMD_FIN:
		return WIRE_HEADER_BYTES;
	default:
		return 0;
	}
}

/*
 * The inner length decides how much is read, so it must be what the outer one leaves: kernels do
 * not compare the two.
 */
static int opts_decode(const uint8_t *frame, size_t size_bytes, struct wire_frame *ret)
{
	struct wire_header inner;
	uint32_t least, options;

	if (size_bytes < WIRE_OPTS_BYTES)
		return -EBADMSG;
	least = inner_bytes_min(frame[16]);
	options = get_le16(frame + 18);
	if (!least || size_bytes < WIRE_OPTS_BYTES + options + least)
		return -EBADMSG;
	header_read(frame + WIRE_OPTS_BYTES + options, &inner);
	if (inner.length != size_bytes - WIRE_OPTS_BYTES - options || inner.cmd != frame[16])
		return -EBADMSG;
	if (inner.version != WIRE_VERSION_3_2)
		return -EPROTONOSUPPORT;
	ret->inner = inner;
	ret->inner_bytes = frame + WIRE_OPTS_BYTES + options;
	return 0;
}

static int body_decode(
	const struct wire_header *header, const uint8_t *frame, struct wire_frame *ret)
{
	switch (header->cmd) {
	case WIRE_CMD_MSG:
		return wire_msg_decode(frame, header->length, &ret->msg);
	case WIRE_CMD_RCOM:
		return wire_rcom_decode(frame, header->length, &ret->rcom);
	case WIRE_CMD_OPTS:
		return opts_decode(frame, header->length, ret);
	case WIRE_CMD_ACK:
	case WIRE_CMD_FIN:
		return header->length == WIRE_HEADER_BYTES ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

int wire_frame_decode(const uint8_t *frame, size_t size_bytes, struct wire_frame *ret)
{
	struct wire_header header;
	int rc = wire_header_decode(frame, size_bytes, &header);

	if (rc || header.length != size_bytes)
		return -EBADMSG;
	if (!version_known(header.version))
		return -EPROTONOSUPPORT;
	if (header.version == WIRE_VERSION_3_1 && header.cmd > WIRE_CMD_RCOM)
		return -EBADMSG;
	rc = body_decode(&header, frame, ret);
	if (!rc)
		ret->header = header;
	return rc;
}

void wire_header_encode(uint8_t *ret, uint32_t version, uint32_t word, uint32_t nodeid,
	uint32_t length, enum wire_cmd cmd)
{
	put_le32(ret, version);
	put_le32(ret + 4, word);
	put_le32(ret + 8, nodeid);
	put_le16(ret + 12, (uint16_t)length);
	ret[14] = (uint8_t)cmd;
	ret[15] = 0;
}

void wire_opts_encode(uint32_t version, uint32_t seq, uint32_t nodeid, uint8_t inner_cmd,
	uint32_t inner_bytes, uint8_t *ret)
{
	wire_header_encode(ret, version, seq, nodeid, WIRE_OPTS_BYTES + inner_bytes, WIRE_CMD_OPTS);
	ret[16] = inner_cmd;
	ret[17] = 0;
	put_le16(ret + 18, 0);
	put_le32(ret + 20, 0);
}

void wire_bare_encode(uint32_t version, uint32_t word, uint32_t nodeid, uint8_t cmd, uint8_t *ret)
{
	wire_header_encode(ret, version, word, nodeid, WIRE_HEADER_BYTES, (enum wire_cmd)cmd);
}
