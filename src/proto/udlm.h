/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the dlm_controlds of udlm say to each other alone, in the group "udlm": questions to all
 * nodes and their answers, little-endian. It never carries a decision that all must take alike,
 * since groups have no common order; daemons that do not know it are never sent it. Source:
 * docs/protocol/control.md, "The group udlm".
 *
 * Fields are added behind the header's end, and kinds of messages and questions are added; what is
 * there stays where it is, so that nodes of different releases understand what both know.
 */
#include <stddef.h>
#include <stdint.h>

#define UDLM_GROUP        "udlm"
#define UDLM_VERSION_NOW  1u
#define UDLM_HEADER_BYTES 48u
#define UDLM_TEXT_BYTES   1024u /* of an answer in one message, at most */
#define UDLM_MESSAGE_MAX  (UDLM_HEADER_BYTES + UDLM_TEXT_BYTES)

enum udlm_type {
	UDLM_QUESTION = 1, /* to all */
	UDLM_ANSWER = 2,   /* to the one who asked; in parts, in order */
};

enum udlm_question {
	UDLM_ASK_LS = 1, /* as the text of `dlm_tool ls` */
	UDLM_ASK_LS_NODES = 2,
	UDLM_ASK_STATUS = 3, /* as that of `dlm_tool status` */
	UDLM_ASK_STATUS_VERBOSE = 4,
};

/* capabilities: what the sender understands */
#define UDLM_CAN_ASK 0x1u

struct udlm_header {
	uint16_t version;
	uint16_t type;     /* enum udlm_type */
	uint16_t question; /* enum udlm_question */
	uint32_t capabilities;
	uint32_t nodeid;    /* sender */
	uint32_t to_nodeid; /* 0: all */
	uint32_t id;        /* of the question, chosen by the one who asked */
	uint32_t part, part_count;
};

/**
 * udlm_encode() - a whole message
 * @text, @bytes: of an answer, at most UDLM_TEXT_BYTES
 * @ret: room for UDLM_MESSAGE_MAX
 * Return: its length
 */
size_t udlm_encode(const struct udlm_header *header, const void *text, size_t bytes, uint8_t *ret);
/**
 * udlm_decode() - @ret_text, @ret_bytes: within @data
 * Return: 0; -EBADMSG too short, or lengths that do not fit; -EPROTONOSUPPORT a version that is not
 * known here
 */
int udlm_decode(const void *data, size_t bytes, struct udlm_header *ret, const char **ret_text,
	size_t *ret_bytes);
