/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DLM_RCOM: the messages of recovery. As with DLM_MSG, one check serves both directions; the single
 * exception is an error in place of a master, which a kernel may send and we never do.
 */
#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/dlmconst.h"
#include "engine/wire.h"
#include "engine/wire_parts.h"

#define STATUS_BITS     0xff
#define FLAGS_SHARED    0x0000ffffu
#define FLAGS_SENT      (WIRE_FLAG_USER | WIRE_FLAG_ORPHAN)
#define ASTS_KNOWN      (WIRE_ASTS_CAST | WIRE_ASTS_BAST)
#define NAMES_BLOCK_END 0x0000u
#define NAMES_LIST_END  0xffffu

enum {
	QUEUE_WAITING = 1,
	QUEUE_GRANTED = 2,
	QUEUE_CONVERTING = 3,
};

int wire_name_next(
	const struct wire_rcom *rcom, uint32_t *at, const uint8_t **ret_name, uint8_t *ret_bytes)
{
	uint32_t left, length;

	if (*at > rcom->payload_bytes || rcom->payload_bytes - *at < 2)
		return -EBADMSG;
	left = rcom->payload_bytes - *at - 2;
	length = get_be16(rcom->payload + *at);
	if (length == NAMES_LIST_END)
		return 2;
	if (length == NAMES_BLOCK_END)
		return 0;
	if (length > WIRE_NAME_MAX || length > left)
		return -EBADMSG;
	*ret_name = rcom->payload + *at + 2;
	*ret_bytes = (uint8_t)length;
	*at += 2 + length;
	return 1;
}

bool wire_name_put(uint8_t *payload, uint32_t *at, const uint8_t *name, uint8_t bytes)
{
	if (*at + 2u + bytes + 2u > WIRE_NAMES_BYTES)
		return false;
	put_be16(payload + *at, bytes);
	memcpy(payload + *at + 2, name, bytes);
	*at += 2u + bytes;
	return true;
}

void wire_name_end(uint8_t *payload, uint32_t at)
{
	put_be16(payload + at, NAMES_LIST_END);
}

/* Every record lies inside, and an end mark follows. */
static bool names_legal(const struct wire_rcom *rcom)
{
	const uint8_t *name;
	uint8_t bytes;
	uint32_t at = 0;
	int rc;

	do
		rc = wire_name_next(rcom, &at, &name, &bytes);
	while (rc == 1);
	return rc >= 0;
}

static bool config_legal(const struct wire_rcom *rcom)
{
	uint32_t count = rcom->config.slot_count;

	if (rcom->result != WIRE_NOT_READY && (rcom->result < 0 || rcom->result > STATUS_BITS))
		return false;
	return count <= WIRE_SLOTS_MAX && rcom->payload_bytes >= count * WIRE_SLOT_BYTES;
}

/*
 * A kernel that gets a queue beyond the three ends in an assertion, and a mode beyond the six reads
 * outside its tables.
 */
static bool lock_legal(const struct wire_rcom_lock *lock)
{
	if (!wire_mode_legal(lock->rqmode) || !wire_mode_legal(lock->grmode))
		return false;
	if (lock->status < QUEUE_WAITING || lock->status > QUEUE_CONVERTING)
		return false;
	if (lock->status != QUEUE_GRANTED && lock->rqmode == DLM_MODE_IV)
		return false;
	if ((lock->exflags & DLM_LKF_EXPEDITE) &&
		(lock->rqmode > DLM_MODE_NL || lock->grmode > DLM_MODE_NL))
		return false;
	return lock->name_bytes >= 1 && lock->name_bytes <= WIRE_NAME_MAX &&
	       lock->wait_type <= WIRE_MSG_PURGE && lock->result <= 0 && lock->lkid;
}

static bool rcom_legal(const struct wire_rcom *rcom)
{
	switch (rcom->type) {
	case WIRE_RCOM_STATUS:
	case WIRE_RCOM_LOOKUP_REPLY:
		return true;
	case WIRE_RCOM_NAMES:
		return rcom->payload_bytes <= WIRE_NAME_MAX;
	case WIRE_RCOM_LOOKUP:
		return rcom->payload_bytes >= 1 && rcom->payload_bytes <= WIRE_NAME_MAX;
	case WIRE_RCOM_STATUS_REPLY:
		return config_legal(rcom);
	case WIRE_RCOM_NAMES_REPLY:
		return names_legal(rcom);
	case WIRE_RCOM_LOCK:
	case WIRE_RCOM_LOCK_REPLY:
		return lock_legal(&rcom->lock);
	default:
		return false;
	}
}

static void config_read(const uint8_t *at, struct wire_rcom_config *ret)
{
	ret->lvb_bytes = get_le32(at);
	ret->flags = get_le32(at + 4);
	ret->slot = get_le16(at + 12);
	ret->slot_count = get_le16(at + 14);
	ret->generation = get_le32(at + 16);
}

static void lock_read(const uint8_t *at, uint32_t bytes, struct wire_rcom_lock *ret)
{
	uint16_t name_bytes = get_le16(at + 42);

	ret->pid = get_le32(at);
	ret->lkid = get_le32(at + 4);
	ret->remid = get_le32(at + 8);
	ret->parent_lkid = get_le32(at + 12);
	ret->parent_remid = get_le32(at + 16);
	ret->exflags = get_le32(at + 20);
	ret->flags = get_le32(at + 24) & FLAGS_SHARED;
	ret->lvbseq = get_le32(at + 28);
	ret->result = (int)get_le32(at + 32);
	ret->rqmode = (int8_t)at[36];
	ret->grmode = (int8_t)at[37];
	ret->status = at[38];
	ret->asts = at[39] & ASTS_KNOWN;
	ret->wait_type = get_le16(at + 40);
	ret->name_bytes = name_bytes > WIRE_NAME_MAX ? UINT8_MAX : (uint8_t)name_bytes;
	memcpy(ret->name, at + 44, WIRE_NAME_MAX);
	if (bytes > WIRE_RCOM_LOCK_BYTES) {
		ret->lvb = at + WIRE_RCOM_LOCK_BYTES;
		ret->lvb_bytes = bytes - WIRE_RCOM_LOCK_BYTES;
	}
}

/* What the types have behind the fixed part. Return: false where it is not there. */
static bool payload_read(const uint8_t *at, uint32_t bytes, struct wire_rcom *ret)
{
	switch (ret->type) {
	case WIRE_RCOM_STATUS:
		if (bytes < WIRE_STATUS_BYTES)
			return false;
		ret->status_flags = get_le32(at);
		return true;
	case WIRE_RCOM_STATUS_REPLY:
		if (bytes < WIRE_CONFIG_BYTES)
			return false;
		config_read(at, &ret->config);
		ret->payload = at + WIRE_CONFIG_BYTES;
		ret->payload_bytes = bytes - WIRE_CONFIG_BYTES;
		return true;
	case WIRE_RCOM_LOCK:
	case WIRE_RCOM_LOCK_REPLY:
		if (bytes < WIRE_RCOM_LOCK_BYTES)
			return false;
		lock_read(at, bytes, &ret->lock);
		return true;
	case WIRE_RCOM_NAMES:
	case WIRE_RCOM_LOOKUP:
	case WIRE_RCOM_NAMES_REPLY:
	case WIRE_RCOM_LOOKUP_REPLY:
		ret->payload = at;
		ret->payload_bytes = bytes;
		return true;
	default:
		return false;
	}
}

int wire_rcom_decode(const uint8_t *frame, size_t size_bytes, struct wire_rcom *ret)
{
	struct wire_rcom rcom = {0};

	if (size_bytes < WIRE_RCOM_BYTES || size_bytes > WIRE_INNER_MAX)
		return -EBADMSG;
	rcom.type = (enum wire_rcom_type)get_le32(frame + 16);
	rcom.result = (int)get_le32(frame + 20);
	rcom.id = get_le64(frame + 24);
	rcom.seq = get_le64(frame + 32);
	rcom.seq_reply = get_le64(frame + 40);
	if (!payload_read(frame + WIRE_RCOM_BYTES, (uint32_t)(size_bytes - WIRE_RCOM_BYTES), &rcom))
		return -EBADMSG;
	if (!rcom_legal(&rcom))
		return -EBADMSG;
	*ret = rcom;
	return 0;
}

void wire_slot_decode(const struct wire_rcom *rcom, uint32_t index, struct wire_rcom_slot *ret)
{
	const uint8_t *at = rcom->payload + index * WIRE_SLOT_BYTES;

	ret->nodeid = get_le32(at);
	ret->slot = get_le16(at + 4);
}

static uint32_t config_write(
	const struct wire_rcom *rcom, const struct wire_rcom_slot *slots, uint8_t *at)
{
	uint32_t i, count = rcom->config.slot_count;

	memset(at, 0, WIRE_CONFIG_BYTES + count * WIRE_SLOT_BYTES);
	put_le32(at, rcom->config.lvb_bytes);
	put_le32(at + 4, rcom->config.flags);
	put_le16(at + 12, rcom->config.slot);
	put_le16(at + 14, rcom->config.slot_count);
	put_le32(at + 16, rcom->config.generation);
	at += WIRE_CONFIG_BYTES;
	for (i = 0; i < count; i++, at += WIRE_SLOT_BYTES) {
		put_le32(at, slots[i].nodeid);
		put_le16(at + 4, slots[i].slot);
	}
	return WIRE_CONFIG_BYTES + count * WIRE_SLOT_BYTES;
}

static uint32_t lock_write(const struct wire_rcom_lock *lock, bool with_value, uint8_t *at)
{
	put_le32(at, lock->pid);
	put_le32(at + 4, lock->lkid);
	put_le32(at + 8, lock->remid);
	put_le32(at + 12, lock->parent_lkid);
	put_le32(at + 16, lock->parent_remid);
	put_le32(at + 20, lock->exflags);
	put_le32(at + 24, lock->flags & FLAGS_SENT);
	put_le32(at + 28, lock->lvbseq);
	put_le32(at + 32, (uint32_t)lock->result);
	at[36] = (uint8_t)lock->rqmode;
	at[37] = (uint8_t)lock->grmode;
	at[38] = lock->status;
	at[39] = lock->asts & ASTS_KNOWN;
	put_le16(at + 40, lock->wait_type);
	put_le16(at + 42, lock->name_bytes);
	memset(at + 44, 0, WIRE_NAME_MAX);
	memcpy(at + 44, lock->name, lock->name_bytes);
	if (!with_value || !lock->lvb)
		return WIRE_RCOM_LOCK_BYTES;
	memcpy(at + WIRE_RCOM_LOCK_BYTES, lock->lvb, lock->lvb_bytes);
	return WIRE_RCOM_LOCK_BYTES + lock->lvb_bytes;
}

static uint32_t payload_bytes(const struct wire_rcom *rcom)
{
	switch (rcom->type) {
	case WIRE_RCOM_STATUS:
		return WIRE_STATUS_BYTES;
	case WIRE_RCOM_STATUS_REPLY:
		return WIRE_CONFIG_BYTES + rcom->config.slot_count * WIRE_SLOT_BYTES;
	case WIRE_RCOM_LOCK:
		return WIRE_RCOM_LOCK_BYTES + (rcom->lock.lvb ? rcom->lock.lvb_bytes : 0);
	case WIRE_RCOM_LOCK_REPLY:
		return WIRE_RCOM_LOCK_BYTES;
	case WIRE_RCOM_NAMES:
	case WIRE_RCOM_LOOKUP:
	case WIRE_RCOM_NAMES_REPLY:
		return rcom->payload_bytes;
	case WIRE_RCOM_LOOKUP_REPLY:
	default:
		return 0;
	}
}

static void payload_write(
	const struct wire_rcom *rcom, const struct wire_rcom_slot *slots, uint8_t *at)
{
	switch (rcom->type) {
	case WIRE_RCOM_STATUS:
		memset(at, 0, WIRE_STATUS_BYTES);
		put_le32(at, rcom->status_flags);
		return;
	case WIRE_RCOM_STATUS_REPLY:
		config_write(rcom, slots, at);
		return;
	case WIRE_RCOM_LOCK:
	case WIRE_RCOM_LOCK_REPLY:
		lock_write(&rcom->lock, rcom->type == WIRE_RCOM_LOCK, at);
		return;
	case WIRE_RCOM_NAMES:
	case WIRE_RCOM_LOOKUP:
	case WIRE_RCOM_NAMES_REPLY:
		if (rcom->payload_bytes)
			memcpy(at, rcom->payload, rcom->payload_bytes);
		return;
	case WIRE_RCOM_LOOKUP_REPLY:
	default:
		return;
	}
}

/* What only we promise: a master is a node, and as many slots as are said. */
static bool emission_legal(const struct wire_rcom *rcom, const struct wire_rcom_slot *slots)
{
	struct wire_rcom checked = *rcom;

	if (rcom->type == WIRE_RCOM_LOOKUP_REPLY && rcom->result <= 0)
		return false;
	if (rcom->type == WIRE_RCOM_STATUS_REPLY) {
		if (rcom->config.slot_count && !slots)
			return false;
		checked.payload_bytes = rcom->config.slot_count * WIRE_SLOT_BYTES;
	}
	return rcom_legal(&checked);
}

int wire_rcom_encode(uint32_t version, uint32_t lockspace, uint32_t nodeid,
	const struct wire_rcom *rcom, const struct wire_rcom_slot *slots, uint8_t *ret, size_t room)
{
	uint32_t length;

	if (!emission_legal(rcom, slots))
		return -EBADMSG;
	length = payload_bytes(rcom);
	if (length > WIRE_INNER_MAX - WIRE_RCOM_BYTES || WIRE_RCOM_BYTES + length > room)
		return -EBADMSG;
	length += WIRE_RCOM_BYTES;
	wire_header_encode(ret, version, lockspace, nodeid, length, WIRE_CMD_RCOM);
	put_le32(ret + 16, rcom->type);
	put_le32(ret + 20, (uint32_t)rcom->result);
	put_le64(ret + 24, rcom->id);
	put_le64(ret + 32, rcom->seq);
	put_le64(ret + 40, rcom->seq_reply);
	payload_write(rcom, slots, ret + WIRE_RCOM_BYTES);
	return (int)length;
}

const char *wire_rcom_type_name(unsigned int type)
{
	static const char *const NAMES[] = {"?", "STATUS", "NAMES", "LOOKUP", "LOCK",
		"STATUS_REPLY", "NAMES_REPLY", "LOOKUP_REPLY", "LOCK_REPLY"};

	return type < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[type] : "?";
}
