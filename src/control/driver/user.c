/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine in user space: dlm_lockd, started by us, told what to do over a socket pair. It is
 * killed by the process id of our own child only, which cannot be another's before we have waited
 * for it.
 */
#include <errno.h>
#include <poll.h>
#include <qb/qbutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/driver/spawn.h"
#include "control/driver/user_room.h"

#define TICK_MS       1000u
#define REAP_MS       20u    /* between looks whether a killed dlm_lockd has ended */
#define GOODBYE_MS    5000u  /* that it may take to say goodbye to its peers */
#define STOP_MS       10000u /* for an orderly end; then SIGKILL */
#define PART_MS       2000u  /* for an end of its own accord; then the same */
#define PARTED_MS     100u   /* a process that ends has ended by then, if nothing holds it */
#define QUESTIONS_MAX 64u

/* ---- the end of dlm_lockd ---- */

void user_end_text(struct driver *driver, const char *text)
{
	if (!driver->end_text[0])
		snprintf(driver->end_text, sizeof(driver->end_text), "%s", text);
}

static void status_text(int status, char *ret, size_t room)
{
	if (WIFSIGNALED(status))
		snprintf(ret, room, "dlm_lockd was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(ret, room, "dlm_lockd has ended with status %d", WEXITSTATUS(status));
}

static void connection_close(struct driver *driver)
{
	if (driver->fd < 0)
		return;
	(void)qb_loop_poll_del(driver->loop, driver->fd);
	close(driver->fd);
	driver->fd = -1;
}

static void tick_end(struct driver *driver)
{
	if (driver->tick_timer)
		(void)qb_loop_timer_del(driver->loop, driver->tick_timer);
	driver->tick_timer = 0;
}

static void reap(void *data);

/* One look is under way at most: the end is reported once. */
static void reap_set(struct driver *driver, uint32_t ms)
{
	if (!driver->reap_timer)
		(void)qb_loop_timer_add(driver->loop, QB_LOOP_HIGH, ms * QB_TIME_NS_IN_MSEC, driver,
			reap, &driver->reap_timer);
}

/* One that hangs in the kernel may do so without end: what has to be done meanwhile is not ours. */
static void not_ended(struct driver *driver)
{
	driver->parted_ms += REAP_MS;
	if (driver->parted_ms > (driver->is_stopping ? STOP_MS : PART_MS))
		user_kill_for(driver, "dlm_lockd has closed its connection and has not ended");
	reap_set(driver, REAP_MS);
	if (driver->parted_ms == PARTED_MS)
		driver->events.parted(driver->events.context,
			driver->end_text[0] ? driver->end_text
					    : "dlm_lockd has closed its connection");
}

static void reap(void *data)
{
	struct driver *driver = data;
	char text[128];
	int status = 0;
	pid_t pid;

	driver->reap_timer = 0;
	pid = waitpid(driver->pid, &status, WNOHANG);
	if (!pid) {
		not_ended(driver);
		return;
	}
	status_text(status, text, sizeof(text));
	user_end_text(driver, text);
	driver->pid = 0;
	driver->is_ready = false;
	tick_end(driver);
	driver->events.ended(driver->events.context, driver->end_text);
}

void user_part(struct driver *driver)
{
	connection_close(driver);
	user_post_drop(driver);
	user_receive_questions_end(driver);
	if (driver->pid)
		reap_set(driver, 0);
}

static void kill_lockd(struct driver *driver, enum log_level level, const char *text)
{
	if (driver->is_killed || !driver->pid)
		return;
	user_end_text(driver, text);
	log_write(driver->log, level, "%s; it is killed (pid %ld)", text, (long)driver->pid);
	driver->is_killed = true;
	(void)kill(driver->pid, SIGKILL);
	user_part(driver);
}

void user_kill_for(struct driver *driver, const char *text)
{
	kill_lockd(driver, LOG_LEVEL_ERROR, text);
}

/* ---- time ---- */

/* Return: why it cannot live on; NULL it can */
static const char *overdue(const struct driver *driver, char *room, size_t bytes)
{
	if (driver->stopping_ms > STOP_MS)
		return "dlm_lockd was asked to end and has not";
	if (driver->silent_ms <= driver->settings.timeout_ms)
		return NULL;
	snprintf(room, bytes, "dlm_lockd has not answered for %u seconds",
		driver->settings.timeout_ms / 1000);
	return room;
}

/*
 * Only time that we have lived through counts: after a pause of our own, what dlm_lockd said
 * meanwhile is read first. So this counts ticks and never looks at a clock.
 */
static void tick(void *data)
{
	struct driver *driver = data;
	const char *text;
	char room[96];

	driver->tick_timer = 0;
	if (driver->fd < 0)
		return;
	driver->silent_ms += TICK_MS;
	driver->stopping_ms += driver->is_stopping ? TICK_MS : 0;
	text = overdue(driver, room, sizeof(room));
	if (text) {
		user_kill_for(driver, text);
		return;
	}
	if (driver->is_ready)
		(void)user_post_ls(driver, CONTROL_PING, "", ++driver->number, 0);
	(void)qb_loop_timer_add(driver->loop, QB_LOOP_LOW, TICK_MS * QB_TIME_NS_IN_MSEC, driver,
		tick, &driver->tick_timer);
}

/* ---- the ops ---- */

static void user_close(struct driver *driver)
{
	if (!driver)
		return;
	tick_end(driver);
	if (driver->reap_timer)
		(void)qb_loop_timer_del(driver->loop, driver->reap_timer);
	connection_close(driver);
	user_post_drop(driver);
	user_receive_questions_end(driver);
	user_post_births_drop(driver, NULL);
	free(driver);
}

static int user_open(qb_loop_t *loop, struct log *log, const struct driver_settings *settings,
	const struct driver_events *events, struct driver **ret)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	int rv;

	if (!driver)
		return -ENOMEM;
	driver->loop = loop;
	driver->log = log;
	driver->settings = *settings;
	driver->events = *events;
	driver->fd = -1;
	list_init(&driver->messages);
	list_init(&driver->questions);
	list_init(&driver->births);
	rv = spawn_lockd(log, settings->lockd_path, settings->run_dir, settings->error_fd,
		&driver->pid, &driver->fd);
	if (!rv)
		rv = qb_loop_poll_add(
			loop, QB_LOOP_HIGH, driver->fd, POLLIN, driver, user_receive_dispatch);
	if (!rv)
		rv = user_post_settings(driver);
	if (!rv)
		rv = qb_loop_timer_add(loop, QB_LOOP_LOW, TICK_MS * QB_TIME_NS_IN_MSEC, driver,
			tick, &driver->tick_timer);
	if (rv) {
		user_close(driver);
		return rv;
	}
	*ret = driver;
	return 0;
}

static void user_peer_add(struct driver *driver, const struct driver_peer *peer)
{
	user_post_peer(driver, CONTROL_PEER_ADD, peer);
}

static void user_peer_remove(struct driver *driver, uint32_t nodeid)
{
	user_post_peer(driver, CONTROL_PEER_REMOVE, &(struct driver_peer){.nodeid = nodeid});
}

static void user_probe(struct driver *driver, const struct driver_probe *probe)
{
	user_post_probe(driver, CONTROL_PROBE, probe);
}

static void user_probe_end(struct driver *driver, uint32_t number)
{
	user_post_probe(
		driver, CONTROL_PROBE_END, &(struct driver_probe){.number = number, .name = ""});
}

static void user_ls_stop(struct driver *driver, const char *name, uint32_t number)
{
	(void)user_post_ls(driver, CONTROL_LS_STOP, name, number, 0);
}

static void user_event_done(struct driver *driver, const char *name, int32_t result)
{
	(void)user_post_ls(driver, CONTROL_EVENT_DONE, name, 0, result);
}

static int ask(struct driver *driver, uint32_t type, uint32_t answer_type, const char *name,
	uint32_t kind, driver_answer answer, void *context, uint64_t id)
{
	struct user_question *question;
	int rv;

	if (driver->question_count >= QUESTIONS_MAX)
		return -EBUSY;
	question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	*question = (struct user_question){.number = ++driver->number,
		.type = answer_type,
		.answer = answer,
		.context = context,
		.id = id};
	rv = driver->is_ready ? user_post_ls(driver, type, name, question->number, (int32_t)kind)
			      : -ENOTCONN;
	if (rv) {
		free(question);
		return rv;
	}
	list_add_tail(&driver->questions, &question->on_driver);
	driver->question_count++;
	return 0;
}

static int user_status(struct driver *driver, driver_answer answer, void *context, uint64_t id)
{
	return ask(driver, CONTROL_STATUS, CONTROL_STATUS_IS, "", 0, answer, context, id);
}

static int user_dump(struct driver *driver, const char *name, uint32_t kind, driver_answer answer,
	void *context, uint64_t id)
{
	return ask(driver, CONTROL_DUMP, CONTROL_DUMP_IS, name, kind, answer, context, id);
}

static void user_view(const struct driver *driver, struct driver_view *ret)
{
	*ret = (struct driver_view){.pid = driver->pid,
		.is_ready = driver->is_ready,
		.memory_locked = driver->ready.memory_locked != 0,
		.realtime = driver->ready.realtime,
		.text = driver->ready.text};
}

/* One that is not ready has no peers: the end of its connection is all that it needs. */
static void user_stop(struct driver *driver)
{
	if (driver->is_stopping || !driver->pid)
		return;
	driver->is_stopping = true;
	if (driver->is_ready)
		(void)user_post_ls(driver, CONTROL_STOP, "", GOODBYE_MS, 0);
	else
		user_part(driver);
}

static void user_kill(struct driver *driver)
{
	kill_lockd(driver, LOG_LEVEL_NOTICE, "dlm_lockd has to end at once");
}

const struct driver_ops driver_user = {
	.name = "user",
	.open = user_open,
	.peer_add = user_peer_add,
	.peer_remove = user_peer_remove,
	.probe = user_probe,
	.probe_end = user_probe_end,
	.ls_new = user_post_new,
	.ls_start = user_post_start,
	.ls_stop = user_ls_stop,
	.event_done = user_event_done,
	.status = user_status,
	.dump = user_dump,
	.view = user_view,
	.stop = user_stop,
	.kill = user_kill,
	.close = user_close,
};
