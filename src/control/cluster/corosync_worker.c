/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/must.h"
#include "control/cluster/corosync_connect.h"
#include "control/cluster/corosync_group.h"
#include "control/cluster/corosync_quorum.h"

#define CONNECT_MS   1000
#define PULSE_MS     2000
#define RETRY_MS_MAX 32u
#define LAST_BYTES   256u
#define FIXED_FDS    4u /* the post's, cfg's, quorum's, cpg's */

static _Thread_local struct worker *current;

struct worker *worker_current(void)
{
	return current;
}

uint64_t worker_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- telling ---- */

void worker_lost(struct worker *worker, const char *format, ...)
{
	va_list args;

	if (worker->is_lost)
		return;
	worker->is_lost = true;
	va_start(args, format);
	(void)vsnprintf((char *)worker->last->data, LAST_BYTES, format, args);
	va_end(args);
}

void worker_tell(struct worker *worker, struct letter *letter)
{
	if (letter)
		post_to_loop(worker->post, letter);
	else
		worker_lost(worker, "no memory for what corosync tells");
}

void worker_log(struct worker *worker, enum log_level level, const char *format, ...)
{
	struct letter *letter;
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	letter = post_letter_new(LETTER_LOG, NULL, text, strlen(text));
	if (letter)
		letter->number = (int32_t)level;
	worker_tell(worker, letter);
}

bool worker_is_gone(struct worker *worker, const char *what, cs_error_t error)
{
	if (error != CS_ERR_LIBRARY && error != CS_ERR_BAD_HANDLE)
		return false;
	worker_lost(worker, "corosync is gone (%s: %s)", what, cs_strerror(error));
	return true;
}

int worker_errno(cs_error_t error)
{
	switch ((int)error) {
	case CS_ERR_NO_MEMORY:
		return -ENOMEM;
	case CS_ERR_NO_SPACE:
	case CS_ERR_NO_RESOURCES:
		return -ENOSPC;
	case CS_ERR_ACCESS:
	case CS_ERR_SECURITY:
		return -EACCES;
	case CS_ERR_NAME_TOO_LONG:
		return -ENAMETOOLONG;
	case CS_ERR_EXIST:
		return -EEXIST;
	case CS_ERR_NOT_EXIST:
		return -ENOENT;
	default:
		return -EIO;
	}
}

/* ---- what the loop asks ---- */

static cs_error_t kill_node(struct worker *worker, const struct letter *letter)
{
	cs_error_t error =
		corosync_cfg_kill_node(worker->cfg, letter->nodeid, (const char *)letter->data);

	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		worker_log(worker, LOG_LEVEL_ERROR, "corosync does not remove node %u: %s",
			letter->nodeid, cs_strerror(error));
	return error;
}

static cs_error_t look(struct worker *worker, const struct letter *letter)
{
	uint32_t members[CLUSTER_NODES_MAX], count = 0;
	struct letter *answer;
	cs_error_t error = corosync_group_look(worker, letter->group, members, &count);

	if (error == CS_ERR_TRY_AGAIN)
		return error;
	answer = post_letter_new(LETTER_LOOKED, letter->group, members, count * sizeof(members[0]));
	if (answer)
		answer->number = error == CS_OK ? 0 : worker_errno(error);
	worker_tell(worker, answer);
	return error;
}

/* Return: whether it is done, so or so */
static bool attempt(struct worker *worker, const struct letter *letter)
{
	cs_error_t error;

	if (letter->type == LETTER_KILL)
		error = kill_node(worker, letter);
	else if (letter->type == LETTER_LOOK)
		error = look(worker, letter);
	else
		error = corosync_cfg_replyto_shutdown(
			worker->cfg, letter->number ? COROSYNC_CFG_SHUTDOWN_FLAG_YES
						    : COROSYNC_CFG_SHUTDOWN_FLAG_NO);
	(void)worker_is_gone(worker, "a request", error);
	return error != CS_ERR_TRY_AGAIN;
}

/* Whatever corosync does not take now waits behind, without keeping others. */
static void todo_run(struct worker *worker)
{
	struct letter *letter;
	struct list again;

	list_init(&again);
	while (!worker->is_lost && !post_is_abandoned(worker->post) &&
		(letter = list_first(&worker->todo, struct letter, on_box))) {
		list_remove(&letter->on_box);
		if (attempt(worker, letter))
			post_letter_free(letter);
		else
			list_add_tail(&again, &letter->on_box);
	}
	list_take_all(&again, &worker->todo);
	list_take_all(&worker->todo, &again);
}

static void letters_read(struct worker *worker)
{
	struct letter *letter;

	while ((letter = post_for_worker(worker->post))) {
		if (letter->type == LETTER_KILL || letter->type == LETTER_LOOK ||
			letter->type == LETTER_SHUTDOWN_REPLY)
			list_add_tail(&worker->todo, &letter->on_box);
		else
			corosync_group_receive(worker, letter);
	}
}

/* ---- what corosync says ---- */

static void shut_or_dead(struct worker *worker, const struct pollfd *fd, const char *what)
{
	if (fd->revents & (POLLHUP | POLLERR | POLLNVAL))
		worker_lost(worker, "corosync is gone (it closed the connection to %s)", what);
}

static void dispatch(struct worker *worker, const struct pollfd *fds)
{
	shut_or_dead(worker, &fds[1], "cfg");
	shut_or_dead(worker, &fds[2], "quorum");
	shut_or_dead(worker, &fds[3], "cpg");
	if (!worker->is_lost && fds[1].revents & POLLIN)
		corosync_connect_dispatch(worker);
	if (!worker->is_lost && fds[2].revents & POLLIN)
		corosync_quorum_dispatch(worker);
	if (!worker->is_lost)
		corosync_group_dispatch_all(worker, fds + FIXED_FDS);
}

/* ---- its life ---- */

/* What waits for corosync is tried again after 1, 2, 4 ... ms. */
static int patience(struct worker *worker, bool is_waiting)
{
	if (!is_waiting)
		worker->retry_ms = 0;
	else if (worker->retry_ms < RETRY_MS_MAX)
		worker->retry_ms = worker->retry_ms ? worker->retry_ms * 2 : 1;
	return is_waiting ? (int)worker->retry_ms : PULSE_MS;
}

static void turn(struct worker *worker, int timeout)
{
	uint32_t group_count = corosync_group_count(worker);
	short wanted = post_is_full(worker->post) ? 0 : POLLIN;
	struct pollfd *fds = calloc(FIXED_FDS + group_count, sizeof(*fds));

	if (!fds) {
		worker_lost(worker, "no memory for looking at corosync's connections");
		return;
	}
	fds[0] = (struct pollfd){.fd = post_worker_fd(worker->post), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = worker->cfg_fd, .events = wanted};
	fds[2] = (struct pollfd){.fd = worker->quorum_fd, .events = wanted};
	fds[3] = (struct pollfd){.fd = worker->cpg_fd};
	corosync_group_poll_all(worker, fds + FIXED_FDS, wanted);
	if (poll(fds, FIXED_FDS + group_count, timeout) > 0) {
		post_call(worker->post, worker_now());
		dispatch(worker, fds);
	}
	free(fds);
}

/* A stopped corosync is seen by whoever asks it something, and by nobody else. */
static void pulse(struct worker *worker)
{
	uint64_t now = worker_now();
	unsigned int nodeid;

	if (now - worker->pulse_ms < PULSE_MS)
		return;
	worker->pulse_ms = now;
	(void)worker_is_gone(worker, "a question", corosync_cfg_local_get(worker->cfg, &nodeid));
}

static void serve(struct worker *worker)
{
	bool is_waiting;

	post_call(worker->post, worker_now());
	letters_read(worker);
	todo_run(worker);
	if (!worker->is_lost && !post_is_abandoned(worker->post))
		pulse(worker);
	is_waiting = !list_empty(&worker->todo);
	if (!worker->is_lost && !post_is_abandoned(worker->post))
		is_waiting = corosync_group_step_all(worker) || is_waiting;
	post_call(worker->post, 0);
	if (!worker->is_lost && !post_is_closed(worker->post))
		turn(worker, patience(worker, is_waiting));
}

static void wait_for_corosync(struct worker *worker)
{
	struct pollfd fd = {.fd = post_worker_fd(worker->post), .events = POLLIN};
	uint64_t end = worker_now() + CONNECT_MS, now;

	while (!post_is_closed(worker->post) && (now = worker_now()) < end)
		if (poll(&fd, 1, (int)(end - now)) > 0)
			letters_read(worker); /* nothing but a close makes sense before up */
}

static void connect_step(struct worker *worker)
{
	post_call(worker->post, worker_now());
	worker->is_up = corosync_connect(worker);
	post_call(worker->post, 0);
	if (!worker->is_up)
		wait_for_corosync(worker);
}

/* What was asked right before the close is done (a removal of ourselves); what lay here while
 * corosync was stopped may be wrong by now. */
static void end(struct worker *worker)
{
	struct letter *letter;

	if (worker->is_up && !worker->is_lost && !post_is_abandoned(worker->post)) {
		letters_read(worker);
		todo_run(worker);
	}
	corosync_group_free_all(worker);
	corosync_connect_end(worker);
	while ((letter = list_first(&worker->todo, struct letter, on_box))) {
		list_remove(&letter->on_box);
		post_letter_free(letter);
	}
	post_call(worker->post, 0);
}

void *worker_run(void *data)
{
	struct worker *worker = data;
	struct post *post = worker->post;
	struct sched_param param = {.sched_priority = worker->priority};

	current = worker;
	/* A thread of a real-time process that resets on fork begins as an ordinary one. */
	(void)sched_setscheduler(0, worker->policy, &param);
	while (!worker->is_lost && !post_is_closed(post)) {
		if (worker->is_up)
			serve(worker);
		else
			connect_step(worker);
	}
	end(worker);
	if (worker->is_lost) {
		worker->last->bytes = strlen((const char *)worker->last->data);
		post_to_loop(post, worker->last);
		worker->last = NULL;
	}
	worker_drop(worker);
	post_end(post);
	post_drop(post);
	return NULL;
}

int worker_new(struct post *post, struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct sched_param param = {0};

	if (!worker)
		return -ENOMEM;
	worker->last = post_letter_new(LETTER_LOST, NULL, NULL, LAST_BYTES);
	if (!worker->last) {
		free(worker);
		return -ENOMEM;
	}
	worker->post = post;
	list_init(&worker->groups);
	list_init(&worker->todo);
	worker->policy = sched_getscheduler(0);
	(void)sched_getparam(0, &param);
	worker->priority = param.sched_priority;
	*ret = worker;
	return 0;
}

void worker_drop(struct worker *worker)
{
	must(list_empty(&worker->groups) && list_empty(&worker->todo));
	post_letter_free(worker->last);
	free(worker);
}
