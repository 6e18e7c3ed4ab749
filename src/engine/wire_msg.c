/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DLM_MSG: the messages about locks. One check serves both directions, so that nothing leaves that
 * we would not take.
 */
#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "engine/wire.h"
#include "engine/wire_parts.h"

/* What the receiver of a kernel's internal, faked replies looks for; as a message it would crash
 * it. */
#define FLAGS_FAKE    0x02000000u
#define FLAGS_SHARED  0x0000ffffu
#define FLAGS_SENT    (WIRE_FLAG_USER | WIRE_FLAG_ORPHAN)
#define SBFLAGS_KNOWN (DLM_SBF_DEMOTED_BIT | DLM_SBF_VALNOTVALID_BIT | DLM_SBF_ALTMODE_BIT)
#define ASTS_KNOWN    (WIRE_ASTS_CAST | WIRE_ASTS_BAST)
#define STATUS_MAX    3u
#define ERRNO_MAX     4095

/* Errors that have other numbers on other machines travel by these. */
static const struct {
	int local;
	int wire;
} RESULTS[] = {
	{EDEADLK, WIRE_EDEADLK},
	{EBADR, WIRE_EBADR},
	{EBADSLT, WIRE_EBADSLT},
	{EPROTO, WIRE_EPROTO},
	{EOPNOTSUPP, WIRE_EOPNOTSUPP},
	{ETIMEDOUT, WIRE_ETIMEDOUT},
	{EINPROGRESS, WIRE_EINPROGRESS},
};

#define RESULT_COUNT (sizeof(RESULTS) / sizeof(RESULTS[0]))

static int result_to_wire(int result)
{
	size_t i;

	for (i = 0; i < RESULT_COUNT; i++)
		if (result == -RESULTS[i].local)
			return -RESULTS[i].wire;
	return result;
}

static int result_from_wire(int result)
{
	size_t i;

	for (i = 0; i < RESULT_COUNT; i++)
		if (result == -RESULTS[i].wire)
			return -RESULTS[i].local;
	return result;
}

static bool result_legal(int result)
{
	return (result <= 0 && result >= -ERRNO_MAX) || result == -DLM_STATUS_ECANCEL ||
	       result == -DLM_STATUS_EUNLOCK;
}

static bool mode_requested(int mode)
{
	return mode >= DLM_MODE_NL && mode <= DLM_MODE_EX;
}

static bool name_legal(const struct wire_msg *msg)
{
	return msg->extra_bytes >= 1 && msg->extra_bytes <= WIRE_NAME_MAX;
}

static bool value_legal(const struct wire_msg *msg)
{
	return msg->extra_bytes <= WIRE_INNER_MAX - WIRE_MSG_BYTES;
}

/* -1 says "not in my part of the directory"; any other value must be a node. */
static bool master_legal(uint32_t nodeid)
{
	return nodeid == UINT32_MAX || (nodeid >= 1 && nodeid <= INT32_MAX);
}

/* EXPEDITE is granted whatever is held, so that it is for new NL locks alone. */
static bool expedite_legal(const struct wire_msg *msg)
{
	if (!(msg->exflags & DLM_LKF_EXPEDITE))
		return true;
	return msg->type != WIRE_MSG_CONVERT && msg->rqmode == DLM_MODE_NL;
}

/* Whether the fields that this type uses, and the extra bytes, are what a correct node sends. */
static bool type_legal(const struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_MSG_REQUEST:
	case WIRE_MSG_LOOKUP:
		return name_legal(msg) && mode_requested(msg->rqmode) && expedite_legal(msg) &&
		       msg->lkid;
	case WIRE_MSG_CONVERT:
		return value_legal(msg) && mode_requested(msg->rqmode) && expedite_legal(msg);
	case WIRE_MSG_UNLOCK:
	case WIRE_MSG_GRANT:
		return value_legal(msg);
	case WIRE_MSG_REQUEST_REPLY:
	case WIRE_MSG_CONVERT_REPLY:
		return value_legal(msg) && result_legal(msg->result);
	case WIRE_MSG_UNLOCK_REPLY:
	case WIRE_MSG_CANCEL_REPLY:
		return !msg->extra_bytes && result_legal(msg->result);
	case WIRE_MSG_BAST:
		return !msg->extra_bytes && mode_requested(msg->bastmode);
	case WIRE_MSG_REMOVE:
		return name_legal(msg);
	case WIRE_MSG_LOOKUP_REPLY:
		return !msg->extra_bytes && master_legal(msg->nodeid);
	case WIRE_MSG_CANCEL:
	case WIRE_MSG_PURGE:
		return !msg->extra_bytes;
	default:
		return false;
	}
}

static bool msg_legal(const struct wire_msg *msg)
{
	return msg->status <= STATUS_MAX && wire_mode_legal(msg->grmode) &&
	       wire_mode_legal(msg->rqmode) && wire_mode_legal(msg->bastmode) && type_legal(msg);
}

int wire_msg_decode(const uint8_t *frame, size_t size_bytes, struct wire_msg *ret)
{
	struct wire_msg msg;
	uint32_t flags;

	if (size_bytes < WIRE_MSG_BYTES)
		return -EBADMSG;
	flags = get_le32(frame + 52);
	if (flags == FLAGS_FAKE)
		return -EBADMSG;
	msg.type = (enum wire_msg_type)get_le32(frame + 16);
	msg.nodeid = get_le32(frame + 20);
	msg.pid = get_le32(frame + 24);
	msg.lkid = get_le32(frame + 28);
	msg.remid = get_le32(frame + 32);
	msg.exflags = get_le32(frame + 44);
	msg.sbflags = get_le32(frame + 48) & SBFLAGS_KNOWN;
	msg.flags = flags & FLAGS_SHARED;
	msg.lvbseq = get_le32(frame + 56);
	msg.hash = get_le32(frame + 60);
	msg.status = get_le32(frame + 64);
	msg.grmode = (int)get_le32(frame + 68);
	msg.rqmode = (int)get_le32(frame + 72);
	msg.bastmode = (int)get_le32(frame + 76);
	msg.asts = get_le32(frame + 80) & ASTS_KNOWN;
	msg.result = result_from_wire((int)get_le32(frame + 84));
	msg.extra = frame + WIRE_MSG_BYTES;
	msg.extra_bytes = (uint32_t)(size_bytes - WIRE_MSG_BYTES);
	if (!msg_legal(&msg))
		return -EBADMSG;
	*ret = msg;
	return 0;
}

int wire_msg_encode(uint32_t version, uint32_t lockspace, uint32_t nodeid,
	const struct wire_msg *msg, uint8_t *ret, size_t room)
{
	uint32_t length = WIRE_MSG_BYTES + msg->extra_bytes;

	if (!msg_legal(msg) || length > WIRE_INNER_MAX || length > room)
		return -EBADMSG;
	wire_header_encode(ret, version, lockspace, nodeid, length, WIRE_CMD_MSG);
	put_le32(ret + 16, msg->type);
	put_le32(ret + 20, msg->nodeid);
	put_le32(ret + 24, msg->pid);
	put_le32(ret + 28, msg->lkid);
	put_le32(ret + 32, msg->remid);
	put_le32(ret + 36, 0);
	put_le32(ret + 40, 0);
	put_le32(ret + 44, msg->exflags);
	put_le32(ret + 48, msg->sbflags & SBFLAGS_KNOWN);
	put_le32(ret + 52, msg->flags & FLAGS_SENT);
	put_le32(ret + 56, msg->lvbseq);
	put_le32(ret + 60, msg->hash);
	put_le32(ret + 64, msg->status);
	put_le32(ret + 68, (uint32_t)msg->grmode);
	put_le32(ret + 72, (uint32_t)msg->rqmode);
	put_le32(ret + 76, (uint32_t)msg->bastmode);
	put_le32(ret + 80, msg->asts & ASTS_KNOWN);
	put_le32(ret + 84, (uint32_t)result_to_wire(msg->result));
	if (msg->extra_bytes)
		memcpy(ret + WIRE_MSG_BYTES, msg->extra, msg->extra_bytes);
	return (int)length;
}

const char *wire_msg_type_name(unsigned int type)
{
	static const char *const NAMES[] = {"?", "REQUEST", "CONVERT", "UNLOCK", "CANCEL",
		"REQUEST_REPLY", "CONVERT_REPLY", "UNLOCK_REPLY", "CANCEL_REPLY", "GRANT", "BAST",
		"LOOKUP", "REMOVE", "LOOKUP_REPLY", "PURGE"};

	return type < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[type] : "?";
}
