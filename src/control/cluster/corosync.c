/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster is corosync's. This is the side of the daemon's loop: it writes letters to the worker
 * (corosync_worker.c), reads the worker's (corosync_telling.c), and remembers what may be asked
 * without waiting.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "control/cluster/corosync_telling.h"
#include "control/cluster/corosync_worker.h"

#define CLOSE_MS     200u                 /* for a worker that corosync keeps waiting */
#define WORKER_STACK (4u * 1024u * 1024u) /* corosync's library puts megabytes there */
#define WORKER_NAME  "corosync"

/* ---- its life ---- */

static int thread_begin(struct cluster *cluster, struct worker *worker)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int rv;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	(void)pthread_attr_setstacksize(&attr, WORKER_STACK);
	/* Signals are the loop's. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rv = -pthread_create(&cluster->thread, &attr, worker_run, worker);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!rv)
		(void)pthread_setname_np(cluster->thread, WORKER_NAME);
	return rv;
}

static int worker_begin(struct cluster *cluster)
{
	struct worker *worker;
	int rv = worker_new(cluster->post, &worker);

	if (rv)
		return rv;
	rv = thread_begin(cluster, worker);
	if (rv)
		worker_drop(worker);
	return rv;
}

static int watch_begin(struct cluster *cluster)
{
	int rv = qb_loop_poll_add(cluster->loop, QB_LOOP_MED, post_loop_fd(cluster->post), POLLIN,
		cluster, corosync_telling_read);

	return rv ? rv : corosync_telling_watch(cluster);
}

static void watch_end(struct cluster *cluster)
{
	(void)qb_loop_poll_del(cluster->loop, post_loop_fd(cluster->post));
	if (cluster->timer)
		(void)qb_loop_timer_del(cluster->loop, cluster->timer);
	cluster->timer = 0;
}

static int begin(struct cluster *cluster)
{
	int rv = post_new(&cluster->post);

	if (rv)
		return rv;
	rv = watch_begin(cluster);
	if (!rv)
		rv = worker_begin(cluster);
	if (rv) {
		watch_end(cluster);
		post_drop(cluster->post); /* the worker's, which there is not */
		post_drop(cluster->post);
	}
	return rv;
}

static int corosync_open(
	qb_loop_t *loop, struct log *log, const struct cluster_events *events, struct cluster **ret)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	int rv;

	if (!cluster)
		return -ENOMEM;
	cluster->loop = loop;
	cluster->log = log;
	cluster->events = *events;
	list_init(&cluster->memberships);
	rv = begin(cluster);
	if (rv) {
		free(cluster);
		return rv;
	}
	*ret = cluster;
	return 0;
}

void corosync_free(struct cluster *cluster)
{
	struct corosync_membership *membership;

	post_drop(cluster->post);
	while ((membership =
			list_first(&cluster->memberships, struct corosync_membership, on_cluster)))
		corosync_telling_forget(membership);
	post_letter_free(cluster->quorum);
	free(cluster);
}

/* A worker that a stopped corosync keeps waiting ends by itself when that goes on, or with us. */
static void worker_end(struct cluster *cluster)
{
	post_close(cluster->post);
	if (post_await_end(cluster->post, CLOSE_MS))
		(void)pthread_join(cluster->thread, NULL);
	else
		(void)pthread_detach(cluster->thread);
}

static void corosync_close(struct cluster *cluster)
{
	if (!cluster || cluster->is_closed)
		return;
	cluster->is_closed = true;
	watch_end(cluster);
	worker_end(cluster);
	if (!cluster->is_telling)
		corosync_free(cluster);
}

/* ---- what the daemon asks ---- */

static int ask(struct cluster *cluster, enum letter_type type, const char *group, const void *data,
	size_t bytes)
{
	struct letter *letter;

	if (!cluster->is_up || cluster->is_lost)
		return -ENOTCONN;
	letter = post_letter_new(type, group, data, bytes);
	return letter ? post_to_worker(cluster->post, letter) : -ENOMEM;
}

static int corosync_join(struct cluster *cluster, const char *group)
{
	struct corosync_membership *membership;
	int rv;

	if (strlen(group) >= POST_GROUP_BYTES_MAX)
		return -ENAMETOOLONG;
	if (corosync_telling_membership(cluster, group))
		return -EEXIST;
	membership = calloc(1, sizeof(*membership));
	if (!membership)
		return -ENOMEM;
	rv = ask(cluster, LETTER_JOIN, group, NULL, 0);
	if (rv) {
		free(membership);
		return rv;
	}
	memcpy(membership->group, group, strlen(group));
	list_add_tail(&cluster->memberships, &membership->on_cluster);
	return 0;
}

static int corosync_leave(struct cluster *cluster, const char *group)
{
	struct corosync_membership *membership = corosync_telling_membership(cluster, group);
	int rv;

	if (!membership || membership->is_leaving)
		return -ENOENT;
	rv = ask(cluster, LETTER_LEAVE, group, NULL, 0);
	membership->is_leaving = !rv;
	return rv;
}

static int corosync_look(struct cluster *cluster, const char *group)
{
	if (strlen(group) >= POST_GROUP_BYTES_MAX)
		return -ENAMETOOLONG;
	return ask(cluster, LETTER_LOOK, group, NULL, 0);
}

static int corosync_send(struct cluster *cluster, const char *group, const void *data, size_t bytes)
{
	const struct corosync_membership *membership = corosync_telling_membership(cluster, group);

	if (!membership || membership->is_leaving)
		return -ENOENT;
	return ask(cluster, LETTER_SEND, group, data, bytes);
}

static int corosync_kill(struct cluster *cluster, uint32_t nodeid, const char *why)
{
	struct letter *letter;

	if (!cluster->is_up || cluster->is_lost)
		return -ENOTCONN;
	letter = post_letter_new(LETTER_KILL, NULL, why, strnlen(why, CS_MAX_NAME_LENGTH - 1));
	if (!letter)
		return -ENOMEM;
	letter->nodeid = nodeid;
	return post_to_worker(cluster->post, letter);
}

static int corosync_addresses(struct cluster *cluster, uint32_t nodeid,
	struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX])
{
	const struct letter_quorum *word;

	if (!cluster->quorum)
		return 0;
	word = (const struct letter_quorum *)cluster->quorum->data;
	for (uint32_t i = 0; i < word->member_count; i++) {
		if (word->members[i] != nodeid)
			continue;
		memcpy(ret, word->addresses[i], word->address_counts[i] * sizeof(ret[0]));
		return (int)word->address_counts[i];
	}
	return 0;
}

static uint64_t corosync_instance(const struct cluster *cluster)
{
	return cluster->instance;
}

const struct cluster_ops cluster_corosync = {
	.name = "corosync",
	.text = "",
	.open = corosync_open,
	.join = corosync_join,
	.leave = corosync_leave,
	.look = corosync_look,
	.send = corosync_send,
	.kill = corosync_kill,
	.addresses = corosync_addresses,
	.instance = corosync_instance,
	.close = corosync_close,
};
