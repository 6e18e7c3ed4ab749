/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who decides about members: stands for dlm_controld and the cluster below it. Its contract with
 * the engines: at every change of a lockspace's members all of the new members have confirmed that
 * they stopped before any of them is started again, and a node that failed is really dead before
 * then. A later change may come at any moment, in the middle of a recovery too.
 *
 * A node that joins probes the members first, and those that have started once more before it
 * confirms a stop. Nobody confirms a stop while it has an open probe to one of the new members;
 * from then on until it has started, they may start with it at any time: what it asks them
 * meanwhile leaves the conversation open.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cluster.h"
#include "prober.h"

enum membership_state {
	MEMBERSHIP_IDLE = 0,
	MEMBERSHIP_STOPPING, /* waits for confirmations, or for fencing */
	MEMBERSHIP_STARTING, /* start was sent, not all have recovered */
};

/* What one node knows of one lockspace's members. */
struct membership_seen {
	bool stopped;
	bool started;                          /* ever, since it joined */
	uint32_t stop_number;                  /* of the last change that it stopped for */
	uint32_t promised;                     /* nodes that may have started with it since it
						  confirmed, before it did */
	uint32_t members;                      /* of its last start */
	uint32_t joins[CLUSTER_NODES_MAX + 1]; /* of each member then: tells who rejoined */
};

struct membership_group {
	enum membership_state state;
	uint32_t members;   /* bit i: node i */
	uint32_t number;    /* of the last change */
	uint32_t confirmed; /* stopped for this change */
	uint32_t recovered;
	uint32_t failed;  /* left by failure, fencing not over */
	uint32_t leaving; /* in the course of leaving */
	uint32_t joining; /* they ask the members whether they would be taken */
	uint32_t joins[CLUSTER_NODES_MAX + 1]; /* times that each node joined */
	uint64_t since_us;                     /* of the state */
	struct membership_seen seen[CLUSTER_NODES_MAX + 1];
};

struct membership_hooks {
	void (*joined)(
		void *context, uint32_t node, uint32_t space); /* the lockspace exists there */
	void (*leaving)(void *context, uint32_t node, uint32_t space); /* programs must go */
	void (*dead)(void *context, uint32_t node); /* the process ended, programs call no more */
	void (*gone)(void *context, uint32_t node, uint32_t space); /* rights are over */
	void (*started)(void *context, uint32_t space);             /* a recovery begins */
	void *context;
};

struct membership {
	struct cluster *cluster;
	struct membership_hooks hooks;
	struct prober prober;
	struct membership_group groups[CLUSTER_SPACES_MAX];
	uint32_t alive;    /* members of the cluster */
	uint32_t dying;    /* ended or isolated, not noticed yet */
	uint32_t unfenced; /* noticed, fencing not over */
	uint32_t coming; /* number of boots and rejoins that are scheduled, and leaves under way */
	uint64_t change_count, recovery_change_count;
	uint64_t recovered_count;
};

void membership_init(struct membership *membership, struct cluster *cluster);

/** membership_boot() - start a node's process and make it known to the other nodes */
void membership_boot(struct membership *membership, uint32_t node);
/** membership_boot_and_join() - start it, and let it join all lockspaces when everybody knows of it
 */
void membership_boot_and_join(struct membership *membership, uint32_t node);
/** membership_join() - a node that is up joins a lockspace, after it has probed the members */
void membership_join(struct membership *membership, uint32_t node, uint32_t space);
/** membership_join_all() - a first change with all of @nodes at once */
void membership_join_all(struct membership *membership, uint32_t nodes, uint32_t space);
/** membership_leave() - in order; @rejoin_us later it joins again, 0: never */
void membership_leave(
	struct membership *membership, uint32_t node, uint32_t space, uint32_t rejoin_us);
/** membership_kill() - the process ends now; @reboot_us after fencing the node is back, 0: never */
void membership_kill(struct membership *membership, uint32_t node, uint32_t reboot_us);
/** membership_isolate() - the node is cut off and goes on alone until it is fenced */
void membership_isolate(struct membership *membership, uint32_t node, uint32_t reboot_us);

/* From the cluster's hooks. */
void membership_recovered(
	struct membership *membership, uint32_t node, uint32_t space, uint32_t number);
void membership_probed(
	struct membership *membership, uint32_t node, const struct engine_probed *probed);

/** membership_member() - the node is in the lockspace, as far as is decided, and alive */
static inline bool membership_member(
	const struct membership *membership, uint32_t node, uint32_t space)
{
	return membership->groups[space].members & 1u << node;
}
/** membership_healthy() - nodes that are members of the cluster and live */
uint32_t membership_healthy(const struct membership *membership);
/** membership_settled() - no change under way, nobody dying, coming or leaving */
bool membership_settled(const struct membership *membership);
/** membership_print() - who waits for what */
void membership_print(const struct membership *membership, FILE *file);
