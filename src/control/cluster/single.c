/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cluster of one: this node is all there is, always quorate. What it asks for happens in the next
 * turn of the loop, in the order in which it was asked.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/list.h"
#include "control/cluster/cluster.h"

#define SINGLE_NODEID     1u
#define SINGLE_NAME       "single"
#define SINGLE_RING_SEQ   1u
#define GROUP_BYTES_MAX   128u /* as corosync's, with the NUL */
#define SEND_BYTES_MAX    (8u * 1024u * 1024u)
#define SEND_COUNT_MAX    65536u
#define TURN_REQUESTS_MAX 64u

enum request_type {
	REQUEST_UP,
	REQUEST_JOIN,
	REQUEST_LEAVE,
	REQUEST_LOOK,
	REQUEST_SEND,
	REQUEST_LOST,
};

struct request {
	struct list on_cluster;
	enum request_type type;
	char group[GROUP_BYTES_MAX];
	size_t bytes;
	uint8_t data[];
};

struct membership {
	struct list on_cluster;
	bool is_leaving;
	char group[GROUP_BYTES_MAX];
};

struct cluster {
	qb_loop_t *loop;
	struct cluster_events events;
	struct cluster_facts facts;
	uint64_t instance;
	int fd; /* readable while there are requests; a job of libqb may wait for 50 ms */
	struct list requests; /* oldest first */
	struct list memberships;
	size_t send_bytes;
	uint32_t send_count;
	bool is_up, is_lost;
	bool is_telling, is_closed; /* closed while an event was told: the teller ends it */
};

static struct membership *membership_find(const struct cluster *cluster, const char *group)
{
	const struct list *head = &cluster->memberships;

	for (const struct list *at = head->next; at != head; at = at->next) {
		struct membership *found = list_entry(at, struct membership, on_cluster);

		if (!strcmp(found->group, group))
			return found;
	}
	return NULL;
}

/* ---- what happens in a turn ---- */

static void tell_up(struct cluster *cluster)
{
	const struct cluster_events *events = &cluster->events;
	uint32_t us = SINGLE_NODEID;

	cluster->is_up = true;
	events->up(events->context, &cluster->facts);
	if (!cluster->is_closed)
		events->quorum(events->context, true, SINGLE_RING_SEQ, &us, 1, NULL, 0);
}

static void tell_join(struct cluster *cluster, const char *group)
{
	const struct cluster_events *events = &cluster->events;
	uint32_t us = SINGLE_NODEID;

	events->confchg(events->context, group, &us, 1, NULL, 0, &us, 1);
	if (!cluster->is_closed)
		events->ring(events->context, group, SINGLE_NODEID, SINGLE_RING_SEQ);
}

static void tell_leave(struct cluster *cluster, const char *group)
{
	const struct cluster_events *events = &cluster->events;
	struct cluster_left us = {.nodeid = SINGLE_NODEID, .reason = CLUSTER_REASON_LEAVE};
	struct membership *membership = membership_find(cluster, group);

	if (membership) {
		list_remove(&membership->on_cluster);
		free(membership);
	}
	events->confchg(events->context, group, NULL, 0, &us, 1, NULL, 0);
}

static void tell_looked(struct cluster *cluster, const char *group)
{
	uint32_t us = SINGLE_NODEID;

	cluster->events.looked(
		cluster->events.context, group, 0, &us, membership_find(cluster, group) ? 1 : 0);
}

static void tell_sent(struct cluster *cluster, const struct request *request)
{
	cluster->send_count--;
	cluster->send_bytes -= request->bytes;
	cluster->events.deliver(cluster->events.context, request->group, SINGLE_NODEID,
		request->data, request->bytes);
}

static void tell_lost(struct cluster *cluster, const struct request *request)
{
	cluster->is_lost = true;
	cluster->events.lost(cluster->events.context, (const char *)request->data);
}

static void tell(struct cluster *cluster, const struct request *request)
{
	switch (request->type) {
	case REQUEST_UP:
		tell_up(cluster);
		return;
	case REQUEST_JOIN:
		tell_join(cluster, request->group);
		return;
	case REQUEST_LEAVE:
		tell_leave(cluster, request->group);
		return;
	case REQUEST_LOOK:
		tell_looked(cluster, request->group);
		return;
	case REQUEST_SEND:
		tell_sent(cluster, request);
		return;
	case REQUEST_LOST:
		tell_lost(cluster, request);
		return;
	}
}

static void cluster_free(struct cluster *cluster)
{
	struct membership *membership;
	struct request *request;

	while ((request = list_first(&cluster->requests, struct request, on_cluster))) {
		list_remove(&request->on_cluster);
		free(request);
	}
	while ((membership = list_first(&cluster->memberships, struct membership, on_cluster))) {
		list_remove(&membership->on_cluster);
		free(membership);
	}
	close(cluster->fd);
	free(cluster);
}

static int32_t turn(int32_t fd, int32_t events, void *data)
{
	struct cluster *cluster = data;
	struct request *request;
	uint64_t count;

	cluster->is_telling = true;
	for (uint32_t i = 0; i < TURN_REQUESTS_MAX && !cluster->is_closed && !cluster->is_lost;
		i++) {
		request = list_first(&cluster->requests, struct request, on_cluster);
		if (!request)
			break;
		list_remove(&request->on_cluster);
		tell(cluster, request);
		free(request);
	}
	cluster->is_telling = false;
	if (cluster->is_closed)
		cluster_free(cluster);
	else if (list_empty(&cluster->requests) || cluster->is_lost)
		(void)!read(cluster->fd, &count, sizeof(count));
	return 0;
}

/* ---- what is asked ---- */

static int request_add(struct cluster *cluster, enum request_type type, const char *group,
	const void *data, size_t bytes)
{
	struct request *request;
	uint64_t one = 1;

	if (cluster->is_lost || (!cluster->is_up && type != REQUEST_UP))
		return -ENOTCONN;
	request = calloc(1, sizeof(*request) + bytes + 1);
	if (!request)
		return -ENOMEM;
	request->type = type;
	memcpy(request->group, group, strnlen(group, GROUP_BYTES_MAX - 1));
	request->bytes = bytes;
	if (bytes)
		memcpy(request->data, data, bytes);
	list_add_tail(&cluster->requests, &request->on_cluster);
	(void)!write(cluster->fd, &one, sizeof(one));
	return 0;
}

static int single_join(struct cluster *cluster, const char *group)
{
	struct membership *membership;
	int rv;

	if (strlen(group) >= GROUP_BYTES_MAX)
		return -ENAMETOOLONG;
	if (membership_find(cluster, group))
		return -EEXIST;
	membership = calloc(1, sizeof(*membership));
	if (!membership)
		return -ENOMEM;
	rv = request_add(cluster, REQUEST_JOIN, group, NULL, 0);
	if (rv) {
		free(membership);
		return rv;
	}
	memcpy(membership->group, group, strlen(group));
	list_add_tail(&cluster->memberships, &membership->on_cluster);
	return 0;
}

static int single_leave(struct cluster *cluster, const char *group)
{
	struct membership *membership = membership_find(cluster, group);
	int rv;

	if (!membership || membership->is_leaving)
		return -ENOENT;
	rv = request_add(cluster, REQUEST_LEAVE, group, NULL, 0);
	membership->is_leaving = !rv;
	return rv;
}

static int single_look(struct cluster *cluster, const char *group)
{
	if (strlen(group) >= GROUP_BYTES_MAX)
		return -ENAMETOOLONG;
	return request_add(cluster, REQUEST_LOOK, group, NULL, 0);
}

static int single_send(struct cluster *cluster, const char *group, const void *data, size_t bytes)
{
	const struct membership *membership = membership_find(cluster, group);
	int rv;

	if (!membership || membership->is_leaving)
		return -ENOENT;
	if (cluster->send_count >= SEND_COUNT_MAX || bytes > SEND_BYTES_MAX - cluster->send_bytes)
		return -ENOBUFS;
	rv = request_add(cluster, REQUEST_SEND, group, data, bytes);
	if (rv)
		return rv;
	cluster->send_count++;
	cluster->send_bytes += bytes;
	return 0;
}

static int single_kill(struct cluster *cluster, uint32_t nodeid, const char *why)
{
	if (nodeid != SINGLE_NODEID)
		return -ENOENT;
	return request_add(cluster, REQUEST_LOST, "", why, strlen(why));
}

/* Nobody connects to it. */
static int single_addresses(struct cluster *cluster, uint32_t nodeid,
	struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX])
{
	return 0;
}

static uint64_t single_instance(const struct cluster *cluster)
{
	return cluster->instance;
}

/* ---- its life ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int begin(struct cluster *cluster)
{
	int rv;

	cluster->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cluster->fd < 0)
		return -errno;
	rv = request_add(cluster, REQUEST_UP, "", NULL, 0);
	if (!rv)
		rv = qb_loop_poll_add(
			cluster->loop, QB_LOOP_MED, cluster->fd, POLLIN, cluster, turn);
	return rv;
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
	cluster->facts = (struct cluster_facts){.nodeid = SINGLE_NODEID, .name = SINGLE_NAME};
	cluster->instance = now_ns();
	list_init(&cluster->requests);
	list_init(&cluster->memberships);
	rv = begin(cluster);
	if (rv) {
		cluster_free(cluster);
		return rv;
	}
	log_notice(log, "single: not a cluster; this node grants everything by itself");
	*ret = cluster;
	return 0;
}

static void single_close(struct cluster *cluster)
{
	if (!cluster || cluster->is_closed)
		return;
	cluster->is_closed = true;
	(void)qb_loop_poll_del(cluster->loop, cluster->fd);
	if (!cluster->is_telling)
		cluster_free(cluster);
}

const struct cluster_ops cluster_single = {
	.name = "single",
	.text = "single: not a cluster",
	.open = single_open,
	.join = single_join,
	.leave = single_leave,
	.look = single_look,
	.send = single_send,
	.kill = single_kill,
	.addresses = single_addresses,
	.instance = single_instance,
	.close = single_close,
};
