/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the dlm_controlds of a cluster say to each other, in the groups "dlm:controld" and
 * "dlm:ls:NAME": the reference's messages, little-endian. Source: docs/protocol/control.md.
 *
 * Encoding fills every byte, reserved ones with 0. Decoding never reads beyond the bytes given, and
 * leaves lengths of the message's own to be checked here, not by the reader.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of a group's name that is given to corosync counts the NUL. */
#define CPG_GROUP_CONTROLD  "dlm:controld"
#define CPG_GROUP_LOCKSPACE "dlm:ls:" /* and the name */

#define CPG_HEADER_BYTES   40u
#define CPG_PROTOCOL_BYTES 72u
#define CPG_FENCE_BYTES    1064u
#define CPG_START_BYTES    72u /* and 4 for each member */
#define CPG_MEMBERS_MAX    128u
#define CPG_MESSAGE_MAX    1160u /* the longest of all types */

enum cpg_type {
	CPG_PROTOCOL = 1,
	CPG_START = 2,
	CPG_PLOCK = 3,
	CPG_PLOCK_OWN = 4,
	CPG_PLOCK_DROP = 5,
	CPG_PLOCK_SYNC_LOCK = 6,
	CPG_PLOCK_SYNC_WAITER = 7,
	CPG_PLOCKS_DONE = 8,
	CPG_PLOCKS_DATA = 9,
	CPG_FENCE_RESULT = 14,
	CPG_FENCE_CLEAR = 15,
	CPG_RUN_REQUEST = 16,
	CPG_RUN_REPLY = 17,
};

/* flags of the header */
#define CPG_FLAG_JOINING   0x001u
#define CPG_FLAG_HAVEPLOCK 0x002u
#define CPG_FLAG_NACK      0x004u
#define CPG_FLAG_UDLM      0x100u /* ours, in START: the reference keeps and ignores it */

struct cpg_header {
	uint16_t version[3]; /* that the sender runs; 0 in protocol and fence messages */
	uint16_t type;       /* enum cpg_type */
	uint32_t nodeid;     /* sender */
	uint32_t to_nodeid;
	uint32_t global_id;
	uint32_t flags;
	uint32_t msgdata, msgdata2;
};

struct cpg_version {
	uint16_t major, minor, patch, flags;
};

#define CPG_VERSION_STATEFUL 0x1u /* flags of daemon_run */

struct cpg_protocol {
	struct cpg_version daemon_max, kernel_max, daemon_run, kernel_run;
};

/* flags of struct cpg_fence */
#define CPG_FENCE_FIPU          0x1u
#define CPG_FENCE_CLEAR_STARTUP 0x2u
#define CPG_FENCE_CLEAR_FIPU    0x4u

struct cpg_fence {
	uint32_t version; /* 0 */
	uint32_t flags;
	uint32_t nodeid; /* whom it is about */
	int32_t result;  /* 0, exit status, or negative errno */
	uint64_t fence_walltime;
};

struct cpg_start {
	uint32_t started_count, member_count, joined_count, remove_count, failed_count;
	uint32_t members[CPG_MEMBERS_MAX]; /* member_count of them */
};

/** cpg_header_decode() - Return: 0; -EBADMSG too short */
int cpg_header_decode(const void *data, size_t bytes, struct cpg_header *ret);

/* Each encodes the whole message, header included. Return: its length; @ret has room for
 * CPG_MESSAGE_MAX */
size_t cpg_protocol_encode(
	const struct cpg_header *header, const struct cpg_protocol *protocol, uint8_t *ret);
size_t cpg_fence_encode(
	const struct cpg_header *header, const struct cpg_fence *fence, uint8_t *ret);
/* @start: member_count at most CPG_MEMBERS_MAX. Also PLOCKS_DONE, which looks the same. */
size_t cpg_start_encode(
	const struct cpg_header *header, const struct cpg_start *start, uint8_t *ret);

/* The payload of a message whose header has been decoded; longer ones than expected are taken.
 * Return: 0; -EBADMSG too short, or counts that do not fit its length */
int cpg_protocol_decode(const void *data, size_t bytes, struct cpg_protocol *ret);
int cpg_fence_decode(const void *data, size_t bytes, struct cpg_fence *ret);
/* -EMSGSIZE: more members than CPG_MEMBERS_MAX */
int cpg_start_decode(const void *data, size_t bytes, struct cpg_start *ret);

/** cpg_type_word() - for people; "unknown" */
const char *cpg_type_word(uint16_t type);
