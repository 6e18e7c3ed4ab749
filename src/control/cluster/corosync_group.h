/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The groups that we are in, each over a connection of its own (corosync joins one group a
 * connection), with what is to be sent to it. Corosync says "try again" to a join, a leave or a
 * message while it forms a ring or has too much to do.
 */
#include <poll.h>

#include "control/cluster/corosync_worker.h"

enum corosync_group_state {
	GROUP_NEW,     /* no connection */
	GROUP_JOINING, /* connected; corosync has not taken the join */
	GROUP_JOINED,  /* it has; no word yet of a group with us in it */
	GROUP_MEMBER,
	GROUP_LEAVING, /* the leave is taken, no word yet of a group without us */
	GROUP_OUT,     /* to be freed */
};

struct corosync_group {
	struct list on_worker;
	char name[POST_GROUP_BYTES_MAX];
	enum corosync_group_state state;
	cpg_handle_t cpg;
	bool is_connected;
	int fd; /* -1 until then */
	bool wants_leave;
	bool wants_room;   /* for the next message: wait until the connection can be written */
	struct list sends; /* letters, oldest first */
};

/** corosync_group_receive() - LETTER_JOIN, _LEAVE or _SEND: taken over */
void corosync_group_receive(struct worker *worker, struct letter *letter);
/** corosync_group_step_all() - do what can be done. Return: whether something has to be tried again
 */
bool corosync_group_step_all(struct worker *worker);
uint32_t corosync_group_count(const struct worker *worker);
/** corosync_group_poll_all() - fill one of @fds a group. @wanted: POLLIN; 0 take nothing now */
void corosync_group_poll_all(const struct worker *worker, struct pollfd *fds, short wanted);
/** corosync_group_dispatch_all() - after poll() on what corosync_group_poll_all() filled */
void corosync_group_dispatch_all(struct worker *worker, const struct pollfd *fds);
/** corosync_group_free_all() - our process ends in all of them */
void corosync_group_free_all(struct worker *worker);
/** corosync_group_look() - @ret_nodes: room for CLUSTER_NODES_MAX */
cs_error_t corosync_group_look(
	struct worker *worker, const char *name, uint32_t *ret_nodes, uint32_t *ret_count);
