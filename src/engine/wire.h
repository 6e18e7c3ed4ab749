/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The bytes of the lock protocol, to and from structs. This room knows layouts, lengths and which
 * values are legal; it keeps no state and knows nothing of locks.
 *
 * What we emit passes the same validator as what we receive, since a kernel peer trusts its
 * members.
 *
 * Source: docs/protocol/wire.md, "Header", "Validation", "Messages" and "Recovery messages".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION_3_1     0x00030001u
#define WIRE_VERSION_3_2     0x00030002u
#define WIRE_HEADER_BYTES    16u
#define WIRE_OPTS_BYTES      24u
#define WIRE_MSG_BYTES       88u
#define WIRE_RCOM_BYTES      48u
#define WIRE_RCOM_LOCK_BYTES 108u
#define WIRE_CONFIG_BYTES    32u
#define WIRE_SLOT_BYTES      16u
#define WIRE_STATUS_BYTES    16u
#define WIRE_FRAME_MAX       4096u
#define WIRE_INNER_MAX       (WIRE_FRAME_MAX - WIRE_OPTS_BYTES)
#define WIRE_NAME_MAX        64u
#define WIRE_SLOTS_MAX       249u
#define WIRE_NAMES_BYTES     (WIRE_INNER_MAX - WIRE_RCOM_BYTES)

/* Numbers that these errors have in m_result, whatever they are on this machine. */
#define WIRE_EDEADLK     35
#define WIRE_EBADR       53
#define WIRE_EBADSLT     57
#define WIRE_EPROTO      71
#define WIRE_EOPNOTSUPP  95
#define WIRE_ETIMEDOUT   110
#define WIRE_EINPROGRESS 115

enum wire_cmd {
	WIRE_CMD_MSG = 1,
	WIRE_CMD_RCOM = 2,
	WIRE_CMD_OPTS = 3,
	WIRE_CMD_ACK = 4,
	WIRE_CMD_FIN = 5,
};

enum wire_msg_type {
	WIRE_MSG_REQUEST = 1,
	WIRE_MSG_CONVERT = 2,
	WIRE_MSG_UNLOCK = 3,
	WIRE_MSG_CANCEL = 4,
	WIRE_MSG_REQUEST_REPLY = 5,
	WIRE_MSG_CONVERT_REPLY = 6,
	WIRE_MSG_UNLOCK_REPLY = 7,
	WIRE_MSG_CANCEL_REPLY = 8,
	WIRE_MSG_GRANT = 9,
	WIRE_MSG_BAST = 10,
	WIRE_MSG_LOOKUP = 11,
	WIRE_MSG_REMOVE = 12,
	WIRE_MSG_LOOKUP_REPLY = 13,
	WIRE_MSG_PURGE = 14,
};

enum wire_rcom_type {
	WIRE_RCOM_STATUS = 1,
	WIRE_RCOM_NAMES = 2,
	WIRE_RCOM_LOOKUP = 3,
	WIRE_RCOM_LOCK = 4,
	WIRE_RCOM_STATUS_REPLY = 5,
	WIRE_RCOM_NAMES_REPLY = 6,
	WIRE_RCOM_LOOKUP_REPLY = 7,
	WIRE_RCOM_LOCK_REPLY = 8,
};

/* Bits of m_flags and rl_flags that both sides share. */
#define WIRE_FLAG_USER   0x00000001u
#define WIRE_FLAG_ORPHAN 0x00000002u

#define WIRE_ASTS_CAST 0x1u
#define WIRE_ASTS_BAST 0x2u

#define WIRE_STATUS_NEED_SLOTS 0x1u
/* rc_result and rf_lvblen of the answer to a STATUS for a lockspace that the node does not have */
#define WIRE_NOT_READY     (-3)
#define WIRE_NOT_READY_LVB 0xffffffffu

struct wire_header {
	uint32_t version;
	uint32_t lockspace; /* global id; in OPTS and ACK: the sequence number */
	uint32_t nodeid;    /* sender */
	uint16_t length;    /* whole frame, in bytes */
	uint8_t cmd;        /* enum wire_cmd */
};

struct wire_msg {
	enum wire_msg_type type;
	uint32_t nodeid; /* LOOKUP_REPLY: the master, 0xffffffff: none; else informational */
	uint32_t pid;
	uint32_t lkid;  /* the sender's */
	uint32_t remid; /* the receiver's */
	uint32_t exflags;
	uint32_t sbflags;
	uint32_t flags; /* WIRE_FLAG_*; encode: only these two bits leave; decode: low 16 bits */
	uint32_t lvbseq;
	uint32_t hash;
	uint32_t status;
	int grmode, rqmode, bastmode; /* enum dlm_mode */
	uint32_t asts;
	int result;           /* negative errno of this machine, or -DLM_STATUS_*; 0 */
	const uint8_t *extra; /* name or value block; into the frame after decode */
	uint32_t extra_bytes;
};

struct wire_rcom_config {
	uint32_t lvb_bytes;
	uint32_t flags;
	uint16_t slot;
	uint16_t slot_count;
	uint32_t generation;
};

struct wire_rcom_slot {
	uint32_t nodeid;
	uint16_t slot;
};

struct wire_rcom_lock {
	uint32_t pid, lkid, remid, parent_lkid, parent_remid, exflags, flags, lvbseq;
	int result; /* negative errno, raw */
	int rqmode, grmode;
	uint8_t status, asts;
	uint16_t wait_type; /* enum wire_msg_type or 0 */
	uint8_t name[WIRE_NAME_MAX];
	uint8_t name_bytes;
	const uint8_t *lvb; /* NULL: none */
	uint32_t lvb_bytes;
};

struct wire_rcom {
	enum wire_rcom_type type;
	int result; /* status bits, node id or negative errno, by type */
	uint64_t id, seq, seq_reply;
	/* STATUS */
	uint32_t status_flags;
	/* STATUS_REPLY */
	struct wire_rcom_config config;
	/* STATUS_REPLY: config.slot_count records; NAMES, NAMES_REPLY, LOOKUP: the payload.
	   Into the frame after decode. */
	const uint8_t *payload;
	uint32_t payload_bytes;
	/* LOCK, LOCK_REPLY */
	struct wire_rcom_lock lock;
};

struct wire_frame {
	struct wire_header header;
	/* by header.cmd: */
	struct wire_msg msg;
	struct wire_rcom rcom;
	struct wire_header inner;   /* OPTS: header of the frame inside */
	const uint8_t *inner_bytes; /* OPTS: where it begins; inner.length bytes */
};

/**
 * wire_header_decode() - read the header at the start of a frame
 * @frame:      first byte of the frame; any alignment; not kept
 * @size_bytes: bytes that are there, which may be less than the frame
 *
 * Return: 0 and @ret; -EAGAIN fewer than WIRE_HEADER_BYTES are there; -EMSGSIZE the length is below
 * WIRE_HEADER_BYTES or above WIRE_FRAME_MAX: close the connection; an unknown version or command is
 * not an error here.
 */
int wire_header_decode(const uint8_t *frame, size_t size_bytes, struct wire_header *ret);
/**
 * wire_frame_decode() - read and check one whole frame (for OPTS: only the wrapper)
 * @size_bytes: exactly the header's length
 * Return: 0 and @ret, which points into @frame; -EPROTONOSUPPORT version; -EBADMSG length, type or
 * a value that no correct node sends. The frame is then skipped; the stream goes on.
 */
int wire_frame_decode(const uint8_t *frame, size_t size_bytes, struct wire_frame *ret);
/**
 * wire_msg_encode() - write a whole DLM_MSG frame
 * @room: of @ret; WIRE_INNER_MAX always suffices
 * Return: its length; -EBADMSG it would not pass our own validator (a mistake of ours)
 */
int wire_msg_encode(uint32_t version, uint32_t lockspace, uint32_t nodeid,
	const struct wire_msg *msg, uint8_t *ret, size_t room);
/** wire_rcom_encode() - the same for DLM_RCOM. @slots: STATUS_REPLY only, config.slot_count of them
 */
int wire_rcom_encode(uint32_t version, uint32_t lockspace, uint32_t nodeid,
	const struct wire_rcom *rcom, const struct wire_rcom_slot *slots, uint8_t *ret,
	size_t room);
/** wire_slot_decode() - slot record @index of a STATUS_REPLY; index below config.slot_count */
void wire_slot_decode(const struct wire_rcom *rcom, uint32_t index, struct wire_rcom_slot *ret);
/** wire_opts_encode() - the 24 bytes in front of a sequenced frame of @inner_bytes and @inner_cmd
 */
void wire_opts_encode(uint32_t version, uint32_t seq, uint32_t nodeid, uint8_t inner_cmd,
	uint32_t inner_bytes, uint8_t *ret);
/** wire_bare_encode() - a frame that is only a header: ACK (@word: next sequence) or the inner FIN
 * (0) */
void wire_bare_encode(uint32_t version, uint32_t word, uint32_t nodeid, uint8_t cmd, uint8_t *ret);
/** wire_name_next() - walk the records of a NAMES_REPLY payload
 * @at: 0 to begin; advanced
 * Return: 1 and a name (into the payload); 0 end of this block, more to come; 2 end of the list;
 * -EBADMSG
 */
int wire_name_next(
	const struct wire_rcom *rcom, uint32_t *at, const uint8_t **ret_name, uint8_t *ret_bytes);
/** wire_name_put() - append a record to a NAMES_REPLY payload of WIRE_NAMES_BYTES (zeroed)
 * Return: true; false: no room left for it and an end mark */
bool wire_name_put(uint8_t *payload, uint32_t *at, const uint8_t *name, uint8_t bytes);
/** wire_name_end() - mark the end of the list (or leave the block open: nothing to do) */
void wire_name_end(uint8_t *payload, uint32_t at);
/** wire_msg_type_name(), wire_rcom_type_name() - for traces; "?" where unknown */
const char *wire_msg_type_name(unsigned int type);
const char *wire_rcom_type_name(unsigned int type);
