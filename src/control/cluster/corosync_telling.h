/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The loop's side of corosync: letters of the worker become events; a corosync that does not answer
 * is named. It may be closed within any event.
 */
#include <pthread.h>

#include "control/cluster/cluster.h"
#include "control/cluster/corosync_post.h"

struct corosync_membership {
	struct list on_cluster;
	bool is_leaving;
	char group[POST_GROUP_BYTES_MAX];
};

struct cluster {
	qb_loop_t *loop;
	struct log *log;
	struct cluster_events events;
	struct post *post;
	pthread_t thread;
	qb_loop_timer_handle timer;
	struct list memberships;
	struct cluster_facts facts;
	uint64_t instance;
	struct letter *quorum; /* the newest LETTER_QUORUM; NULL: none yet */
	char waiting[400];
	bool is_up, is_lost, is_silent;
	bool is_telling, is_closed; /* closed while an event was told: the teller ends it */
};

/** corosync_free() - what is closed and not telling any more; its thread is not looked at */
void corosync_free(struct cluster *cluster);
/** corosync_telling_membership() - Return: NULL: we neither are in it nor join */
struct corosync_membership *corosync_telling_membership(
	const struct cluster *cluster, const char *group);
/** corosync_telling_forget() - NULL is allowed */
void corosync_telling_forget(struct corosync_membership *membership);
/** corosync_telling_read() - tell what there is, within bounds: a function of the loop's */
int32_t corosync_telling_read(int32_t fd, int32_t events, void *data);
/** corosync_telling_watch() - look now and then whether corosync answers. Return: 0; -errno */
int corosync_telling_watch(struct cluster *cluster);
