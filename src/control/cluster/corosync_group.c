/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_group.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "control/cluster/corosync_hearing.h"

#define CHECK_EVERY 32u

static struct corosync_group *group_find(const struct worker *worker, const char *name)
{
	for (const struct list *at = worker->groups.next; at != &worker->groups; at = at->next) {
		struct corosync_group *group = list_entry(at, struct corosync_group, on_worker);

		if (!strcmp(group->name, name) && group->state != GROUP_OUT)
			return group;
	}
	return NULL;
}

static void name_of(const char *name, struct cpg_name *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->length = (uint32_t)strlen(name) + 1; /* as the reference counts: with the NUL */
	memcpy(ret->value, name, ret->length - 1);
}

static void group_free(struct worker *worker, struct corosync_group *group)
{
	struct letter *letter;

	list_remove(&group->on_worker);
	if (group->is_connected)
		(void)cpg_finalize(group->cpg);
	while ((letter = list_first(&group->sends, struct letter, on_box))) {
		list_remove(&letter->on_box);
		post_sent(worker->post, letter);
	}
	free(group);
}

/* ---- what we want of it ---- */

static bool join_failed(struct worker *worker, struct corosync_group *group, cs_error_t error)
{
	struct letter *letter = post_letter_new(LETTER_JOIN_FAILED, group->name, NULL, 0);

	if (letter)
		letter->number = worker_errno(error);
	worker_tell(worker, letter);
	group->state = GROUP_OUT;
	return false;
}

/* Return: whether to try again */
static bool group_connect(struct worker *worker, struct corosync_group *group)
{
	cs_error_t error = corosync_hearing_open(group);

	if (error == CS_ERR_TRY_AGAIN)
		return true;
	if (error != CS_OK)
		return join_failed(worker, group, error);
	group->is_connected = true;
	group->state = GROUP_JOINING;
	error = cpg_fd_get(group->cpg, &group->fd);
	return error != CS_OK && join_failed(worker, group, error);
}

/* EXIST: the connection of an earlier time in the group is not quite gone. */
static bool group_join(struct worker *worker, struct corosync_group *group)
{
	struct cpg_name name;
	cs_error_t error;

	name_of(group->name, &name);
	error = cpg_join(group->cpg, &name);
	if (error == CS_ERR_TRY_AGAIN || error == CS_ERR_EXIST)
		return true;
	if (error != CS_OK)
		return !worker_is_gone(worker, group->name, error) &&
		       join_failed(worker, group, error);
	group->state = GROUP_JOINED;
	return false;
}

/*
 * The library writes a byte into a socket for each message, and tries without end while that is
 * full, as it is when corosync is stopped: so there must be room for CHECK_EVERY of them.
 */
static bool has_room(struct corosync_group *group)
{
	struct pollfd fd = {.fd = group->fd, .events = POLLOUT};

	group->wants_room = poll(&fd, 1, 0) <= 0 || !(fd.revents & (POLLOUT | POLLHUP | POLLERR));
	return !group->wants_room;
}

/* Return: whether to try again; a connection without room says by itself when it has some */
static bool group_send(struct worker *worker, struct corosync_group *group)
{
	struct letter *letter;

	for (uint32_t i = 0; (letter = list_first(&group->sends, struct letter, on_box)); i++) {
		struct iovec data = {.iov_base = letter->data, .iov_len = letter->bytes};
		cs_error_t error;

		if (i % CHECK_EVERY == 0 && !has_room(group))
			return false;
		error = cpg_mcast_joined(group->cpg, CPG_TYPE_AGREED, &data, 1);
		if (error == CS_ERR_TRY_AGAIN)
			return true;
		if (error != CS_OK) {
			/* Whoever goes on without a message of its own is not a replica any more.
			 */
			worker_lost(worker, "corosync is gone (a message to %s: %s)", group->name,
				cs_strerror(error));
			return false;
		}
		list_remove(&letter->on_box);
		post_sent(worker->post, letter);
	}
	return false;
}

static bool group_leave(struct worker *worker, struct corosync_group *group)
{
	struct cpg_name name;
	cs_error_t error;

	name_of(group->name, &name);
	error = cpg_leave(group->cpg, &name);
	if (error == CS_ERR_TRY_AGAIN)
		return true;
	if (error == CS_OK)
		group->state = GROUP_LEAVING;
	else
		worker_lost(worker, "corosync is gone (leaving %s: %s)", group->name,
			cs_strerror(error));
	return false;
}

/* Corosync makes whoever leaves during the join wait, so that is left for later. */
static bool group_step(struct worker *worker, struct corosync_group *group)
{
	bool is_waiting = false;

	if (group->state == GROUP_NEW)
		is_waiting = group_connect(worker, group);
	if (group->state == GROUP_JOINING && !is_waiting)
		is_waiting = group_join(worker, group);
	if ((group->state == GROUP_JOINED || group->state == GROUP_MEMBER) && !worker->is_lost)
		is_waiting = group_send(worker, group);
	if (group->state == GROUP_MEMBER && group->wants_leave && list_empty(&group->sends) &&
		!worker->is_lost)
		is_waiting = group_leave(worker, group);
	return is_waiting;
}

bool corosync_group_step_all(struct worker *worker)
{
	struct list *at = worker->groups.next;
	bool is_waiting = false;

	while (at != &worker->groups && !worker->is_lost) {
		struct corosync_group *group = list_entry(at, struct corosync_group, on_worker);

		at = at->next;
		is_waiting = group_step(worker, group) || is_waiting;
		if (group->state == GROUP_OUT)
			group_free(worker, group);
	}
	return is_waiting;
}

static void group_new(struct worker *worker, const char *name)
{
	struct corosync_group *group = calloc(1, sizeof(*group));

	if (!group) {
		worker_lost(worker, "no memory for group %s", name);
		return;
	}
	list_init(&group->sends);
	memcpy(group->name, name, sizeof(group->name));
	group->fd = -1;
	list_add_tail(&worker->groups, &group->on_worker);
}

void corosync_group_receive(struct worker *worker, struct letter *letter)
{
	struct corosync_group *group = group_find(worker, letter->group);

	if (letter->type == LETTER_SEND) {
		if (group)
			list_add_tail(&group->sends, &letter->on_box);
		else
			post_sent(worker->post, letter);
		return;
	}
	if (letter->type == LETTER_JOIN && !group)
		group_new(worker, letter->group);
	if (letter->type == LETTER_LEAVE && group)
		group->wants_leave = true;
	post_letter_free(letter);
}

/* ---- all of them ---- */

uint32_t corosync_group_count(const struct worker *worker)
{
	uint32_t count = 0;

	for (const struct list *at = worker->groups.next; at != &worker->groups; at = at->next)
		count++;
	return count;
}

void corosync_group_poll_all(const struct worker *worker, struct pollfd *fds, short wanted)
{
	for (const struct list *at = worker->groups.next; at != &worker->groups; at = at->next) {
		struct corosync_group *group = list_entry(at, struct corosync_group, on_worker);

		*fds++ = (struct pollfd){.fd = group->fd,
			.events = (short)(wanted | (group->wants_room ? POLLOUT : 0))};
	}
}

void corosync_group_dispatch_all(struct worker *worker, const struct pollfd *fds)
{
	for (const struct list *at = worker->groups.next; at != &worker->groups; at = at->next) {
		struct corosync_group *group = list_entry(at, struct corosync_group, on_worker);
		short got = fds++->revents;

		if (got & (POLLHUP | POLLERR | POLLNVAL))
			worker_lost(worker,
				"corosync is gone (it closed the connection of group %s)",
				group->name);
		else if (got & POLLIN)
			corosync_hearing_dispatch(worker, group);
		if (worker->is_lost)
			return;
	}
}

void corosync_group_free_all(struct worker *worker)
{
	struct corosync_group *group;

	while ((group = list_first(&worker->groups, struct corosync_group, on_worker)))
		group_free(worker, group);
}

cs_error_t corosync_group_look(
	struct worker *worker, const char *name, uint32_t *ret_nodes, uint32_t *ret_count)
{
	struct cpg_address members[CPG_MEMBERS_MAX];
	int count = CPG_MEMBERS_MAX;
	struct cpg_name group;
	cs_error_t error;

	name_of(name, &group);
	error = cpg_membership_get(worker->cpg, &group, members, &count);
	if (error == CS_OK)
		*ret_count = corosync_hearing_nodes(worker, members, (size_t)count, ret_nodes);
	return error;
}
