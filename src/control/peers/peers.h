/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Questions to all nodes of the cluster that run udlm, over the group "udlm": `dlm_tool ls --all`.
 * Who is asked answers at once with a text, in parts; who has not answered in PEERS_ANSWER_MS, or
 * runs no udlm, is named as such. Nothing is decided from it.
 *
 * The time and what the group says come in by calls; nothing here waits or sends by itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "proto/udlm.h"

#define PEERS_ANSWER_MS    3000u
#define PEERS_ANSWER_BYTES (256u * 1024) /* of one node; what is longer is cut */
#define PEERS_QUESTIONS    8u            /* open at a time */
#define PEERS_NODES_MAX    128u
#define PEERS_UNDER_WAY    (1024u * 1024) /* of ours, not come round yet: then nobody is answered */

struct peers;

struct peers_settings {
	uint32_t nodeid; /* ours */
	void *context;
	/* To the group. Return: 0; -errno */
	int (*send)(void *context, const void *data, size_t bytes);
	/* This node's answer. */
	void (*report)(void *context, uint16_t question, struct text *ret);
	/* All have answered, or will not. @text: the caller's from then on */
	void (*done)(void *context, uint64_t request, struct text *text);
};

/** peers_new() - Return: 0; -ENOMEM */
int peers_new(const struct peers_settings *settings, struct peers **ret);
/** peers_free() - questions that are open are not answered any more. NULL is allowed. */
void peers_free(struct peers *peers);

/**
 * peers_ask() - all of @nodes, ours among them
 * @request: for done()
 * Return: 0; -EBUSY PEERS_QUESTIONS are open; -ENOTCONN we are not in the group; -ENOMEM; -errno of
 * sending
 */
int peers_ask(struct peers *peers, uint64_t now_ms, uint16_t question, uint64_t request,
	const uint32_t *nodes, uint32_t count);
/** peers_members() - of the group */
void peers_members(struct peers *peers, const uint32_t *members, uint32_t count);
/** peers_deliver() - a message of the group. Return: 0; -EBADMSG refused; -EPROTONOSUPPORT;
 * -EOPNOTSUPP a kind that is not known here; -EBUSY a question that is not answered */
int peers_deliver(struct peers *peers, uint32_t sender, const void *data, size_t bytes);
/** peers_tick() - ends questions whose time is over */
void peers_tick(struct peers *peers, uint64_t now_ms);
bool peers_is_waiting(const struct peers *peers);
