/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What dlm_controld needs of a cluster: who is there, who is in which lockspace. One file a kind
 * (single.c; corosync has its own). A kind never calls an event from within one of its functions:
 * it lets the loop come round first.
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct cluster; /* each kind has its own */

struct cluster_member {
	uint32_t nodeid;
	uint32_t weight;
	bool rejoined;
};

struct cluster_events {
	void *context;
	/* Lockspaces can be joined from now on. */
	void (*ready)(void *context);
	/* It cannot go on: what it waits for, a sentence with the cure; "" = for nothing any more.
	 */
	void (*waiting)(void *context, const char *text);
	/* Who is in a lockspace that we have joined, us included. */
	void (*members)(void *context, const char *lockspace, const struct cluster_member *members,
		uint32_t member_count, uint32_t joined_count, uint32_t failed_count);
	/* We are out of a lockspace, as asked. */
	void (*left)(void *context, const char *lockspace);
};

struct cluster_node {
	uint32_t nodeid;
	bool is_member;
	uint64_t add_time, rem_time; /* monotonic seconds */
};

struct cluster_view {
	uint32_t nodeid; /* ours; 0: not known yet */
	bool is_quorate;
	uint64_t ring_seq;
	uint32_t node_count, joined_count, remove_count;
	const struct cluster_node *nodes; /* valid until the loop comes round */
};

struct cluster_ops {
	const char *name; /* as --cluster says it */
	const char *text; /* a line in status of its own; "": none */
	/* Begin; `ready` comes when it has come so far. Return: 0; -errno */
	int (*open)(qb_loop_t *loop, struct log *log, const struct cluster_events *events,
		struct cluster **ret);
	/* Ask to be in a lockspace; `members` follows. Return: 0; -errno */
	int (*join)(struct cluster *cluster, const char *lockspace);
	/* Ask to be out of it; `left` follows. Return: 0; -errno */
	int (*leave)(struct cluster *cluster, const char *lockspace);
	void (*view)(const struct cluster *cluster, struct cluster_view *ret);
	/* NULL is allowed. No event comes any more. */
	void (*close)(struct cluster *cluster);
};

extern const struct cluster_ops cluster_single;
