/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cluster of one: this node is all there is, always quorate, and whatever it asks for is granted
 * in the next turn of the loop.
 */
#include "control/cluster/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/dlmconst.h"
#include "base/pure/list.h"

#define SINGLE_NODEID 1u

struct request {
	struct list on_cluster;
	bool is_leave;
	char lockspace[DLM_NAME_BYTES_MAX + 1];
};

struct cluster {
	qb_loop_t *loop;
	struct cluster_events events;
	struct cluster_node node;
	bool is_ready;
	qb_loop_timer_handle turn_timer; /* a job of libqb may wait for 50 ms */
	struct list requests;            /* that the next turn grants */
};

static uint64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void grant(struct cluster *cluster, const char *lockspace, bool is_leave)
{
	const struct cluster_events *events = &cluster->events;
	struct cluster_member us = {.nodeid = SINGLE_NODEID, .weight = 1};

	if (is_leave)
		events->left(events->context, lockspace);
	else
		events->members(events->context, lockspace, &us, 1, 1, 0);
}

static void turn(void *data)
{
	struct cluster *cluster = data;
	struct request *request;
	struct list granted;

	cluster->turn_timer = 0;
	if (!cluster->is_ready) {
		cluster->is_ready = true;
		cluster->events.ready(cluster->events.context);
	}
	list_init(&granted);
	list_take_all(&granted, &cluster->requests);
	while ((request = list_first(&granted, struct request, on_cluster))) {
		list_remove(&request->on_cluster);
		grant(cluster, request->lockspace, request->is_leave);
		free(request);
	}
}

static int turn_set(struct cluster *cluster)
{
	if (cluster->turn_timer)
		return 0;
	return qb_loop_timer_add(
		cluster->loop, QB_LOOP_HIGH, 0, cluster, turn, &cluster->turn_timer);
}

static int single_open(
	qb_loop_t *loop, struct log *log, const struct cluster_events *events, struct cluster **ret)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	int rv;

	if (!cluster)
		return -ENOMEM;
	cluster->loop = loop;
	cluster->events = *events;
	cluster->node = (struct cluster_node){
		.nodeid = SINGLE_NODEID, .is_member = true, .add_time = now_seconds()};
	list_init(&cluster->requests);
	rv = turn_set(cluster);
	if (rv) {
		free(cluster);
		return rv;
	}
	log_notice(log, "single: not a cluster; this node grants everything by itself");
	*ret = cluster;
	return 0;
}

static int request_add(struct cluster *cluster, const char *lockspace, bool is_leave)
{
	struct request *request = calloc(1, sizeof(*request));
	int rv;

	if (!request)
		return -ENOMEM;
	request->is_leave = is_leave;
	memcpy(request->lockspace, lockspace, strnlen(lockspace, DLM_NAME_BYTES_MAX));
	rv = turn_set(cluster);
	if (rv) {
		free(request);
		return rv;
	}
	list_add_tail(&cluster->requests, &request->on_cluster);
	return 0;
}

static int single_join(struct cluster *cluster, const char *lockspace)
{
	return request_add(cluster, lockspace, false);
}

static int single_leave(struct cluster *cluster, const char *lockspace)
{
	return request_add(cluster, lockspace, true);
}

static void single_view(const struct cluster *cluster, struct cluster_view *ret)
{
	*ret = (struct cluster_view){.nodeid = SINGLE_NODEID,
		.is_quorate = true,
		.ring_seq = 1,
		.node_count = 1,
		.joined_count = 1,
		.nodes = &cluster->node};
}

static void single_close(struct cluster *cluster)
{
	struct request *request;

	if (!cluster)
		return;
	if (cluster->turn_timer)
		(void)qb_loop_timer_del(cluster->loop, cluster->turn_timer);
	while ((request = list_first(&cluster->requests, struct request, on_cluster))) {
		list_remove(&request->on_cluster);
		free(request);
	}
	free(cluster);
}

const struct cluster_ops cluster_single = {
	.name = "single",
	.text = "single: not a cluster",
	.open = single_open,
	.join = single_join,
	.leave = single_leave,
	.view = single_view,
	.close = single_close,
};
