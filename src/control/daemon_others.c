/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group "udlm" and questions to all nodes: who asked here, and what this node answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/commands.h"
#include "control/daemon_room.h"
#include "control/report.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int others_send(void *context, const void *data, size_t bytes)
{
	struct daemon *daemon = context;

	return daemon->is_up ? daemon->cluster_ops->send(daemon->cluster, UDLM_GROUP, data, bytes)
			     : -ENOTCONN;
}

static void others_report(void *context, uint16_t question, struct text *ret)
{
	const struct daemon *daemon = context;

	switch (question) {
	case UDLM_ASK_LS:
	case UDLM_ASK_LS_NODES:
		report_ls(daemon, question == UDLM_ASK_LS_NODES, ret);
		return;
	case UDLM_ASK_STATUS:
	case UDLM_ASK_STATUS_VERBOSE:
		report_status(daemon, question == UDLM_ASK_STATUS_VERBOSE, ret);
		return;
	default:
		text_add(ret, "question %u is not known here\n", question);
	}
}

static void others_done(void *context, uint64_t request, struct text *text)
{
	commands_all_nodes(context, request, text);
}

int daemon_others_new(struct daemon *daemon)
{
	struct peers_settings settings = {.nodeid = daemon->facts.nodeid,
		.context = daemon,
		.send = others_send,
		.report = others_report,
		.done = others_done};

	return peers_new(&settings, &daemon->others);
}

/* Without it this node is not seen from others, and all else is as it should be. */
void daemon_others_join(struct daemon *daemon)
{
	int rv = daemon->cluster_ops->join(daemon->cluster, UDLM_GROUP);

	if (rv)
		log_warning(daemon->log, "cannot join the group " UDLM_GROUP ": %s", strerror(-rv));
}

void daemon_others_leave(struct daemon *daemon)
{
	if (daemon->is_up)
		(void)daemon->cluster_ops->leave(daemon->cluster, UDLM_GROUP);
}

void daemon_others_deliver(struct daemon *daemon, uint32_t nodeid, const void *data, size_t bytes)
{
	int rv = peers_deliver(daemon->others, nodeid, data, bytes);

	if (rv)
		log_write_limited(daemon->log, &daemon->others_limit, LOG_LEVEL_INFO,
			"a message of node %u in the group " UDLM_GROUP ": %s", nodeid,
			strerror(-rv));
}

void daemon_others_second(struct daemon *daemon)
{
	peers_tick(daemon->others, now_ms());
}

int daemon_ask_all(struct daemon *daemon, uint32_t question, uint64_t request)
{
	uint32_t nodes[CLUSTER_NODES_MAX + 1], count = 0;

	if (question < UDLM_ASK_LS || question > UDLM_ASK_STATUS_VERBOSE)
		return -EINVAL;
	if (daemon->state != DAEMON_READY)
		return -ENOTCONN;
	nodes[count++] = daemon->facts.nodeid;
	for (uint32_t i = 0; i < daemon->peer_count; i++)
		nodes[count++] = daemon->peers[i].nodeid;
	return peers_ask(daemon->others, now_ms(), (uint16_t)question, request, nodes, count);
}
