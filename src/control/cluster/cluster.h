/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What dlm_controld needs of a cluster: who is there, and groups whose members get each other's
 * messages and each other's comings and goings in one order. One file a kind: single.c (a cluster
 * of one, whose messages come back to it) and corosync.c. Nothing is decided here.
 *
 * A kind never calls an event from within one of its functions: it lets the loop come round first.
 * None of its functions waits for others.
 *
 * Order of events: waiting* -> up -> (quorum, confchg, ring, deliver, looked, waiting)* -> lost,
 * and nothing after it. close() may be called from within an event. The events of a group come in
 * their order; and before those of any other what happened earlier in the group that was joined
 * first.
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/log.h"

#define CLUSTER_NODES_MAX     128u
#define CLUSTER_ADDRESSES_MAX 3u

struct cluster; /* each kind has its own */

/* Why a node left a group: corosync's numbers. */
enum cluster_reason {
	CLUSTER_REASON_LEAVE = 2,
	CLUSTER_REASON_NODEDOWN = 3,
	CLUSTER_REASON_PROCDOWN = 5,
};

struct cluster_left {
	uint32_t nodeid;
	int reason; /* as corosync gives it, usually enum cluster_reason */
};

/* What does not change while the cluster is up. */
struct cluster_facts {
	uint32_t nodeid; /* ours */
	bool is_two_node;
	char name[64];
	uint32_t configured_count; /* of the node list; 0: there is none */
	uint32_t configured[CLUSTER_NODES_MAX];
};

struct cluster_events {
	void *context;
	/* It cannot go on: what it waits for, a sentence with the cure; "" = for nothing any more.
	 * After `up`: it has fallen silent, and may come back. */
	void (*waiting)(void *context, const char *text);
	/* We are a node of it: groups can be joined. @facts: valid until `lost`. */
	void (*up)(void *context, const struct cluster_facts *facts);
	void (*quorum)(void *context, bool is_quorate, uint64_t ring_seq, const uint32_t *members,
		uint32_t member_count, const uint32_t *rejoined, uint32_t rejoined_count);
	/* A group that we have joined, by its whole name. We are in @left when we are out as asked.
	 */
	void (*confchg)(void *context, const char *group, const uint32_t *members,
		uint32_t member_count, const struct cluster_left *left, uint32_t left_count,
		const uint32_t *joined, uint32_t joined_count);
	void (*ring)(void *context, const char *group, uint32_t nodeid, uint64_t seq);
	void (*deliver)(
		void *context, const char *group, uint32_t nodeid, const void *data, size_t bytes);
	/* What look() asked for. @error: 0; -errno, and nobody is listed */
	void (*looked)(void *context, const char *group, int error, const uint32_t *members,
		uint32_t member_count);
	/* A join that cannot be. @error: -errno */
	void (*join_failed)(void *context, const char *group, int error);
	/* Somebody asks corosync to shut down: may it? */
	bool (*may_shut_down)(void *context);
	/* It is gone, why. Nothing comes after it but close(). */
	void (*lost)(void *context, const char *text);
};

struct cluster_ops {
	const char *name; /* as --cluster says it */
	const char *text; /* a line in status of its own; "": none */
	/* Begin; `up` comes when it has come so far. Return: 0; -errno */
	int (*open)(qb_loop_t *loop, struct log *log, const struct cluster_events *events,
		struct cluster **ret);
	/* Join a group; `confchg` follows, or `join_failed`. Return: 0; -EEXIST in it, or not out
	 * yet; -ENOTCONN before `up` and after `lost`, as for all that follow; -errno */
	int (*join)(struct cluster *cluster, const char *group);
	/* Leave it; `confchg` follows. Return: 0; -ENOENT; -errno */
	int (*leave)(struct cluster *cluster, const char *group);
	/* Who is in a group, whether or not we are; `looked` follows. Return: 0; -errno */
	int (*look)(struct cluster *cluster, const char *group);
	/* To all members, us included, in order; kept here while corosync takes nothing. Return: 0;
	 * -ENOENT not joined; -ENOBUFS too much is kept, the node must end; -errno */
	int (*send)(struct cluster *cluster, const char *group, const void *data, size_t bytes);
	/* Remove a node (or us: `lost` follows) from the cluster. Return: 0; -errno */
	int (*kill)(struct cluster *cluster, uint32_t nodeid, const char *why);
	/* Addresses of a member, as of the last `quorum`, with port 0, for dlm's own connections.
	 * Return: how many, 1..CLUSTER_ADDRESSES_MAX; 0: not known, or no member */
	int (*addresses)(struct cluster *cluster, uint32_t nodeid,
		struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX]);
	/* When it came up, for telling one life of it from another; 0: not known */
	uint64_t (*instance)(const struct cluster *cluster);
	/* NULL is allowed. No event comes any more; groups that we are in see our process end. */
	void (*close)(struct cluster *cluster);
};

extern const struct cluster_ops cluster_single;
extern const struct cluster_ops cluster_corosync;
