/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The worker: the thread that makes all calls to corosync, for one life of the connection: it
 * connects, tells the loop what corosync tells, does what the loop asks, and ends when corosync is
 * gone or the loop has closed. The rooms of its services are corosync_connect.c (from nothing to a
 * node of the cluster), corosync_map.c, corosync_quorum.c and corosync_group.c.
 */
#include <corosync/cfg.h>
#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>

#include "control/cluster/cluster.h"
#include "control/cluster/corosync_post.h"

/* Events of one connection in a turn, so that none keeps the others waiting. */
#define WORKER_EVENTS_MAX 64u

struct worker {
	struct post *post;
	int policy, priority; /* of the loop's thread, for this one */

	bool has_cfg, has_quorum, has_cpg;
	corosync_cfg_handle_t cfg;
	quorum_handle_t quorum;
	cpg_handle_t cpg; /* in no group: for asking */
	int cfg_fd, quorum_fd, cpg_fd;

	struct cluster_facts facts;
	uint64_t instance;
	uint32_t rejoined[CLUSTER_NODES_MAX]; /* since the last word of the quorum */
	uint32_t rejoined_count;

	struct list groups; /* struct corosync_group */
	struct list todo;   /* letters that corosync has not taken yet */
	uint32_t retry_ms;  /* 0: nothing has to be tried again */
	uint64_t pulse_ms;  /* when corosync was last asked whether it answers */

	bool is_up, is_lost;
	struct letter *last; /* LETTER_LOST, made while there was memory */
};

/** worker_new() - everything it needs, without its thread. Return: 0; -errno */
int worker_new(struct post *post, struct worker **ret);
/** worker_run() - a thread's whole life; frees the worker and drops the post */
void *worker_run(void *data);
/** worker_drop() - one that never ran; the post stays the caller's */
void worker_drop(struct worker *worker);

/* ---- for its rooms ---- */

/** worker_current() - of the thread that calls: corosync's callbacks do not all have a context */
struct worker *worker_current(void);
uint64_t worker_now(void);
/** worker_tell() - a letter to the loop; without memory the connection counts as lost */
void worker_tell(struct worker *worker, struct letter *letter);
void worker_log(struct worker *worker, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** worker_lost() - the first cause is the one that is told */
void worker_lost(struct worker *worker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** worker_is_gone() - whether a call's error says that there is no connection any more; then it is
 * lost */
bool worker_is_gone(struct worker *worker, const char *what, cs_error_t error);
/** worker_errno() - Return: -errno for corosync's error, never 0 */
int worker_errno(cs_error_t error);
