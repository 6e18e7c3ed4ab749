/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon.h"

#include <errno.h>
#include <qb/qbutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pure/must.h"
#include "control/commands.h"
#include "control/daemon_room.h"
#include "control/detach.h"
#include "control/lost/holder.h"
#include "control/lost/lease.h"
#include "control/notify.h"

#define BEAT_MS   5000u
#define SETTLE_MS 1000u /* a wait that is over by then is not worth a word */
#define SECOND_MS 1000u

/* ---- states ---- */

const char *daemon_state_word(const struct daemon *daemon)
{
	switch (daemon->state) {
	case DAEMON_FORMER:
	case DAEMON_ENGINE:
		return "starting";
	case DAEMON_LOST:
	case DAEMON_CLUSTER:
	case DAEMON_JOIN:
	case DAEMON_AGAIN:
		return "waiting";
	case DAEMON_READY:
		return daemon->is_announced ? "ready" : "waiting";
	case DAEMON_STOPPING:
	case DAEMON_LEAVING:
		return "stopping";
	case DAEMON_FAILED:
		break;
	}
	return "failed";
}

/* The first thing that is waited for, without a newline; the caller frees it. */
static void waiting_first(const struct daemon *daemon, struct text *ret)
{
	daemon_describe_waiting(daemon, "waiting: ", ret);
	if (ret->data)
		ret->data[strcspn(ret->data, "\n")] = '\0';
}

/*
 * Whoever started us in the background is let go: we are ready, or wait for something, which is
 * named. What fails before that is the failure of the command that was typed.
 */
void daemon_settle(struct daemon *daemon, const char *waiting)
{
	if (daemon->detach_fd < 0)
		return;
	if (waiting)
		fprintf(stderr, "dlm_controld: %s\n", waiting);
	daemon->logfile.echoes_errors = false;
	detach_end(daemon->detach_fd);
	daemon->detach_fd = -1;
}

void daemon_status_tell(struct daemon *daemon)
{
	bool is_ready = daemon->state == DAEMON_READY && daemon->is_announced;
	char now[sizeof(daemon->told)];
	struct text text = {0};

	waiting_first(daemon, &text);
	if (text.data)
		snprintf(now, sizeof(now), "%s%s", is_ready ? "ready; " : "", text.data);
	else
		snprintf(now, sizeof(now), "%s", daemon_state_word(daemon));
	text_done(&text);
	if (!strcmp(now, daemon->told))
		return;
	memcpy(daemon->told, now, sizeof(now));
	notify_status(now);
}

void daemon_state_set(struct daemon *daemon, enum daemon_state state)
{
	must(daemon->state <= state);
	daemon->state = state;
	daemon_status_tell(daemon);
}

void daemon_end(struct daemon *daemon, int exit_status)
{
	if (daemon->is_over)
		return;
	daemon->is_over = true;
	daemon->exit_status = exit_status;
	qb_loop_stop(daemon->loop);
}

uint32_t daemon_lockspace_count(const struct daemon *daemon)
{
	return daemon->group ? group_count(daemon->group) : 0;
}

/* ---- notes ---- */

struct daemon_note *daemon_note_find(const struct list *list, const char *name)
{
	struct daemon_note *note;

	list_for_each (note, list, on_daemon) {
		if (!strcmp(note->name, name))
			return note;
	}
	return NULL;
}

struct daemon_note *daemon_note_add(struct list *list, const char *name)
{
	struct daemon_note *note = daemon_note_find(list, name);

	if (note)
		return note;
	note = calloc(1, sizeof(*note));
	if (!note)
		return NULL;
	memcpy(note->name, name, strnlen(name, DLM_NAME_BYTES_MAX));
	list_add_tail(list, &note->on_daemon);
	return note;
}

void daemon_note_free(struct daemon_note *note)
{
	list_remove(&note->on_daemon);
	free(note);
}

void daemon_notes_free(struct list *list)
{
	struct daemon_note *note;

	while ((note = list_first(list, struct daemon_note, on_daemon)))
		daemon_note_free(note);
}

/* ---- the turn, and time ---- */

struct fence_now daemon_now(void)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct fence_now){.mono = (uint64_t)mono.tv_sec, .wall = (uint64_t)wall.tv_sec};
}

static void second(void *data);

/* Conditions that nobody tells of are looked at each second, while there are any. */
static void second_set(struct daemon *daemon)
{
	bool is_wanted = fence_is_waiting(daemon->fence) || group_is_waiting(daemon->group) ||
			 daemon_peers_are_missing(daemon) || !list_empty(&daemon->looks) ||
			 peers_is_waiting(daemon->others) || daemon->is_untold ||
			 daemon->state == DAEMON_CLUSTER;

	if (is_wanted && !daemon->second_timer)
		(void)qb_loop_timer_add(daemon->loop, QB_LOOP_MED, SECOND_MS * QB_TIME_NS_IN_MSEC,
			daemon, second, &daemon->second_timer);
}

static void looks_again(struct daemon *daemon)
{
	struct daemon_note *note, *next;
	char group[sizeof(CPG_GROUP_LOCKSPACE) + DLM_NAME_BYTES_MAX];

	if (!daemon->is_up)
		return;
	list_for_each_safe (note, next, &daemon->looks, on_daemon) {
		snprintf(group, sizeof(group), CPG_GROUP_LOCKSPACE "%s", note->name);
		if (!daemon->cluster_ops->look(daemon->cluster, group))
			daemon_note_free(note);
	}
}

/* Return: whether there is something left that a decision can be made of */
static bool decides(const struct daemon *daemon)
{
	return daemon->fence && daemon->state <= DAEMON_LEAVING && !daemon->is_over;
}

static void orders_do(struct daemon *daemon)
{
	bool is_busy = true;

	while (is_busy && decides(daemon)) {
		if (daemon->fence_changed)
			group_tick(daemon->group, daemon_now());
		daemon->fence_changed = false;
		is_busy = daemon_orders_run(daemon);
	}
}

void daemon_turn(struct daemon *daemon)
{
	orders_do(daemon);
	daemon_life_announce(daemon);
	daemon->is_untold = true; /* it is a text of all lockspaces: once a second is enough */
	if (decides(daemon))
		second_set(daemon);
}

static void second(void *data)
{
	struct daemon *daemon = data;

	daemon->second_timer = 0;
	if (!decides(daemon))
		return;
	fence_tick(daemon->fence, daemon_now());
	daemon->fence_changed = true;
	daemon_others_second(daemon);
	looks_again(daemon);
	daemon_peers_tell(daemon);
	daemon_life_engine(daemon);
	orders_do(daemon);
	daemon->is_untold = false;
	daemon_life_announce(daemon);
	daemon_status_tell(daemon);
	if (decides(daemon))
		second_set(daemon);
}

static void settle_late(void *data)
{
	struct daemon *daemon = data;
	struct text text = {0};

	daemon->settle_timer = 0;
	if (daemon->state == DAEMON_FAILED)
		return; /* the command that was typed ends when we do, with our exit status */
	waiting_first(daemon, &text);
	daemon_settle(daemon, text.data ? text.data : "still starting: see dlm_tool status");
	text_done(&text);
}

static void beat(void *data)
{
	struct daemon *daemon = data;

	if (!daemon->is_announced)
		notify_alive();
	(void)qb_loop_timer_add(daemon->loop, QB_LOOP_LOW, BEAT_MS * QB_TIME_NS_IN_MSEC, daemon,
		beat, &daemon->beat_timer);
}

/* ---- the whole ---- */

static int admin_begin(struct daemon *daemon)
{
	struct admin_settings settings = {
		.run_dir = daemon->is_default_place ? NULL : daemon->run_dir,
		.context = daemon,
		.request = commands_request};
	struct admin_taken taken = {.name = ""};
	int rv = admin_open(daemon->loop, daemon->log, &settings, &daemon->admin, &taken);

	if (rv == -EADDRINUSE && !taken.pid)
		taken.pid = holder_of_name(taken.name);
	if (rv == -EADDRINUSE && !taken.pid)
		log_error(daemon->log,
			"the socket name %s is taken by a process that cannot be seen from here: "
			"look for it outside of this container with ss -xlp",
			taken.name);
	else if (rv == -EADDRINUSE)
		log_error(daemon->log,
			"the socket name %s is taken by process %ld: another dlm_controld runs, or "
			"a program that pretends to be it",
			taken.name, (long)taken.pid);
	else if (rv)
		log_error(daemon->log, "cannot listen on %s in %s: %s", taken.name,
			daemon->is_default_place ? "the abstract namespace" : daemon->run_dir,
			strerror(-rv));
	return rv;
}

int daemon_start(struct daemon *daemon)
{
	int rv;

	list_init(&daemon->onlines);
	list_init(&daemon->looks);
	list_init(&daemon->waits);
	lease_boot_id(daemon->boot_id);
	daemon->loop = qb_loop_create();
	if (!daemon->loop)
		return -ENOMEM;
	rv = admin_begin(daemon);
	if (!rv)
		rv = daemon_life_begin(daemon);
	if (!rv)
		rv = qb_loop_timer_add(daemon->loop, QB_LOOP_LOW, SETTLE_MS * QB_TIME_NS_IN_MSEC,
			daemon, settle_late, &daemon->settle_timer);
	if (!rv)
		beat(daemon);
	return rv;
}

int daemon_run(struct daemon *daemon)
{
	qb_loop_run(daemon->loop);
	return daemon->exit_status;
}

static void timers_end(struct daemon *daemon)
{
	qb_loop_timer_handle timers[] = {
		daemon->settle_timer, daemon->beat_timer, daemon->second_timer};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		if (timers[i])
			(void)qb_loop_timer_del(daemon->loop, timers[i]);
	}
}

void daemon_done(struct daemon *daemon)
{
	if (!daemon->loop)
		return;
	admin_close(daemon->admin);
	if (daemon->cluster)
		daemon->cluster_ops->close(daemon->cluster);
	if (daemon->driver)
		daemon->driver_ops->close(daemon->driver);
	former_free(daemon->former);
	lost_free(daemon->lost);
	group_free(daemon->group);
	fence_free(daemon->fence);
	peers_free(daemon->others);
	daemon_notes_free(&daemon->onlines);
	daemon_notes_free(&daemon->looks);
	daemon_notes_free(&daemon->waits);
	timers_end(daemon);
	qb_loop_destroy(daemon->loop);
}
