/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_telling.h"

#include <errno.h>
#include <qb/qbutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cluster/corosync_worker.h"

#define TURN_LETTERS_MAX 64u
#define LOOK_MS          1000u
#define SILENT_MS        3000u

struct corosync_membership *corosync_telling_membership(
	const struct cluster *cluster, const char *group)
{
	const struct list *head = &cluster->memberships;

	for (const struct list *at = head->next; at != head; at = at->next) {
		struct corosync_membership *found =
			list_entry(at, struct corosync_membership, on_cluster);

		if (!strcmp(found->group, group))
			return found;
	}
	return NULL;
}

void corosync_telling_forget(struct corosync_membership *membership)
{
	if (!membership)
		return;
	list_remove(&membership->on_cluster);
	free(membership);
}

/* ---- what the worker says ---- */

static void tell_waiting(struct cluster *cluster, const char *text)
{
	if (!strcmp(cluster->waiting, text))
		return;
	snprintf(cluster->waiting, sizeof(cluster->waiting), "%s", text);
	cluster->events.waiting(cluster->events.context, text);
}

static void tell_up(struct cluster *cluster, const struct letter *letter)
{
	memcpy(&cluster->facts, letter->data, sizeof(cluster->facts));
	cluster->instance = letter->seq;
	cluster->is_up = true;
	tell_waiting(cluster, "");
	if (!cluster->is_closed)
		cluster->events.up(cluster->events.context, &cluster->facts);
}

static void tell_quorum(struct cluster *cluster, const struct letter *letter)
{
	const struct letter_quorum *word = (const struct letter_quorum *)letter->data;

	cluster->events.quorum(cluster->events.context, word->is_quorate, word->ring_seq,
		word->members, word->member_count, word->rejoined, word->rejoined_count);
}

static void tell_confchg(struct cluster *cluster, const struct letter *letter)
{
	const struct letter_confchg *change = (const struct letter_confchg *)letter->data;

	if (letter->number)
		corosync_telling_forget(corosync_telling_membership(cluster, letter->group));
	cluster->events.confchg(cluster->events.context, letter->group, change->members,
		change->member_count, change->left, change->left_count, change->joined,
		change->joined_count);
}

static void tell_looked(struct cluster *cluster, const struct letter *letter)
{
	const uint32_t *nodes = (const uint32_t *)letter->data;

	cluster->events.looked(cluster->events.context, letter->group, letter->number, nodes,
		(uint32_t)(letter->bytes / sizeof(nodes[0])));
}

static void tell_join_failed(struct cluster *cluster, const struct letter *letter)
{
	corosync_telling_forget(corosync_telling_membership(cluster, letter->group));
	cluster->events.join_failed(cluster->events.context, letter->group, letter->number);
}

static void tell_shutdown(struct cluster *cluster)
{
	bool may = cluster->events.may_shut_down(cluster->events.context);
	struct letter *reply = post_letter_new(LETTER_SHUTDOWN_REPLY, NULL, NULL, 0);

	if (!reply)
		return; /* which counts as no */
	reply->number = may;
	(void)post_to_worker(cluster->post, reply);
}

static void tell_lost(struct cluster *cluster, const char *text)
{
	cluster->is_lost = true;
	cluster->events.lost(cluster->events.context, text);
}

static void tell(struct cluster *cluster, const struct letter *letter)
{
	const struct cluster_events *events = &cluster->events;
	const char *text = (const char *)letter->data;

	switch (letter->type) {
	case LETTER_LOG:
		log_write(cluster->log, (enum log_level)letter->number, "%s", text);
		return;
	case LETTER_WAITING:
		tell_waiting(cluster, text);
		return;
	case LETTER_UP:
		tell_up(cluster, letter);
		return;
	case LETTER_QUORUM:
		tell_quorum(cluster, letter);
		return;
	case LETTER_CONFCHG:
		tell_confchg(cluster, letter);
		return;
	case LETTER_RING:
		events->ring(events->context, letter->group, letter->nodeid, letter->seq);
		return;
	case LETTER_DELIVER:
		events->deliver(events->context, letter->group, letter->nodeid, letter->data,
			letter->bytes);
		return;
	case LETTER_LOOKED:
		tell_looked(cluster, letter);
		return;
	case LETTER_JOIN_FAILED:
		tell_join_failed(cluster, letter);
		return;
	case LETTER_SHUTDOWN:
		tell_shutdown(cluster);
		return;
	case LETTER_LOST:
		tell_lost(cluster, text);
		return;
	case LETTER_JOIN:
	case LETTER_LEAVE:
	case LETTER_SEND:
	case LETTER_LOOK:
	case LETTER_KILL:
	case LETTER_SHUTDOWN_REPLY:
		return;
	}
}

static void letter_read(struct cluster *cluster, struct letter *letter)
{
	if (letter->type == LETTER_QUORUM) {
		post_letter_free(cluster->quorum);
		cluster->quorum = letter;
	}
	tell(cluster, letter);
	if (letter->type != LETTER_QUORUM)
		post_letter_free(letter);
}

/* What is left lies there for the next turn, after others had theirs. */
int32_t corosync_telling_read(int32_t fd, int32_t events, void *data)
{
	struct cluster *cluster = data;
	struct letter *letter;

	cluster->is_telling = true;
	for (uint32_t i = 0; i < TURN_LETTERS_MAX && !cluster->is_closed && !cluster->is_lost;
		i++) {
		letter = post_for_loop(cluster->post);
		if (!letter)
			break;
		letter_read(cluster, letter);
	}
	cluster->is_telling = false;
	if (cluster->is_closed)
		corosync_free(cluster);
	return 0;
}

/* ---- a corosync that does not answer ---- */

static uint64_t silent_ms(struct cluster *cluster)
{
	uint64_t began = post_call_began(cluster->post), now = worker_now();

	return began && now > began ? now - began : 0;
}

static void silence_tell(struct cluster *cluster, bool is_silent)
{
	cluster->is_silent = is_silent;
	if (!cluster->is_up) {
		if (is_silent)
			tell_waiting(cluster,
				"corosync does not answer: is its process stopped, or out of CPU "
				"time?");
		return;
	}
	tell_waiting(cluster,
		is_silent ? "corosync to answer: is its process stopped, or out of CPU time? "
			    "Nothing of the cluster is heard meanwhile"
			  : "");
	if (!is_silent)
		log_notice(cluster->log, "corosync answers again");
}

static void look_at_worker(void *data);

int corosync_telling_watch(struct cluster *cluster)
{
	return qb_loop_timer_add(cluster->loop, QB_LOOP_LOW, LOOK_MS * QB_TIME_NS_IN_MSEC, cluster,
		look_at_worker, &cluster->timer);
}

static void look_at_worker(void *data)
{
	struct cluster *cluster = data;
	bool is_silent = silent_ms(cluster) >= SILENT_MS;

	cluster->timer = 0;
	if (cluster->is_lost)
		return;
	if (corosync_telling_watch(cluster))
		log_warning(cluster->log, "no timer: a silent corosync will not be named");
	cluster->is_telling = true;
	if (is_silent != cluster->is_silent)
		silence_tell(cluster, is_silent);
	cluster->is_telling = false;
	if (cluster->is_closed)
		corosync_free(cluster);
}
