/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine in user space: dlm_lockd, started by us, told what to do over a socket pair.
 *
 * dlm_lockd parses bytes from the network and from programs, so what it says is checked like any
 * other input; a malformed message is its end. It is killed by the process id of our own child
 * only, which cannot be another's before we have waited for it.
 */
#include "control/driver/driver.h"

#include <errno.h>
#include <poll.h>
#include <qb/qbutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/list.h"
#include "base/pure/must.h"
#include "control/driver/spawn.h"
#include "proto/control.h"

#define TICK_MS         1000u
#define REAP_MS         20u                /* between looks whether a killed dlm_lockd has ended */
#define STOP_MS         10000u             /* for an orderly end; then SIGKILL */
#define PART_MS         2000u              /* for an end of its own accord; then the same */
#define QUEUE_BYTES_MAX (8u * 1024 * 1024) /* messages that dlm_lockd has not taken yet */
#define QUESTIONS_MAX   64u
#define TURN_MESSAGES   64 /* read in one turn, so that others come to their turn too */

struct message {
	struct list on_driver;
	uint32_t bytes;
	uint8_t data[];
};

struct question {
	struct list on_driver;
	uint32_t number, type; /* what is waited for: CONTROL_STATUS_IS or CONTROL_DUMP_IS */
	driver_answer answer;
	void *context;
	uint64_t id;
};

struct driver {
	qb_loop_t *loop;
	struct log *log;
	struct driver_settings settings;
	struct driver_events events;
	struct list messages, questions;
	uint32_t queue_bytes, question_count, number;
	qb_loop_timer_handle tick_timer, reap_timer;
	pid_t pid; /* of our child, until it has been waited for; 0 */
	int fd;    /* control connection, -1 */
	bool is_ready, is_stopping, is_killed;
	uint32_t silent_ms; /* since dlm_lockd last said anything, by ticks that we have lived
			       through */
	uint32_t parted_ms; /* since the connection was closed */
	struct control_ready ready;
	char end_text[320]; /* why it ended; "" */
	_Alignas(8) uint8_t packet[CONTROL_PACKET_MAX];
};

static void connection_close(struct driver *driver)
{
	if (driver->fd < 0)
		return;
	(void)qb_loop_poll_del(driver->loop, driver->fd);
	close(driver->fd);
	driver->fd = -1;
}

static void questions_end(struct driver *driver)
{
	struct question *question;

	while ((question = list_first(&driver->questions, struct question, on_driver))) {
		list_remove(&question->on_driver);
		driver->question_count--;
		question->answer(question->context, question->id, -ENOTCONN, -1, NULL, 0);
		free(question);
	}
}

static void messages_drop(struct driver *driver)
{
	struct message *message;

	while ((message = list_first(&driver->messages, struct message, on_driver))) {
		list_remove(&message->on_driver);
		free(message);
	}
	driver->queue_bytes = 0;
}

/* ---- the end of dlm_lockd ---- */

static void end_text_set(struct driver *driver, const char *text)
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

static void kill_lockd(struct driver *driver, const char *text);
static void reap(void *data);

/* One look is under way at most: the end is reported once. */
static void reap_set(struct driver *driver, uint32_t ms)
{
	if (!driver->reap_timer)
		(void)qb_loop_timer_add(driver->loop, QB_LOOP_HIGH, ms * QB_TIME_NS_IN_MSEC, driver,
			reap, &driver->reap_timer);
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
		driver->parted_ms += REAP_MS;
		if (driver->parted_ms > (driver->is_stopping ? STOP_MS : PART_MS))
			kill_lockd(driver, "dlm_lockd has closed its connection and has not ended");
		reap_set(driver, REAP_MS);
		return;
	}
	status_text(status, text, sizeof(text));
	end_text_set(driver, text);
	driver->pid = 0;
	driver->is_ready = false;
	if (driver->tick_timer)
		(void)qb_loop_timer_del(driver->loop, driver->tick_timer);
	driver->tick_timer = 0;
	driver->events.ended(driver->events.context, driver->end_text);
}

/* Nothing is heard of it or said to it from now on; `ended` comes when it has been waited for. */
static void part(struct driver *driver)
{
	connection_close(driver);
	messages_drop(driver);
	questions_end(driver);
	if (driver->pid)
		reap_set(driver, 0);
}

static void kill_lockd(struct driver *driver, const char *text)
{
	if (driver->is_killed || !driver->pid)
		return;
	end_text_set(driver, text);
	log_error(driver->log, "%s; it is killed (pid %ld)", text, (long)driver->pid);
	driver->is_killed = true;
	(void)kill(driver->pid, SIGKILL);
	part(driver);
}

/* ---- sending ---- */

static int32_t dispatch(int32_t fd, int32_t events, void *data);

static void want(struct driver *driver)
{
	int events = POLLIN | (list_empty(&driver->messages) ? 0 : POLLOUT);

	(void)qb_loop_poll_mod(driver->loop, QB_LOOP_HIGH, driver->fd, events, driver, dispatch);
}

static int queue(struct driver *driver, const void *data, uint32_t bytes)
{
	struct message *message;

	if (driver->queue_bytes + bytes > QUEUE_BYTES_MAX)
		return -ENOBUFS;
	message = malloc(sizeof(*message) + bytes);
	if (!message)
		return -ENOMEM;
	message->bytes = bytes;
	memcpy(message->data, data, bytes);
	list_add_tail(&driver->messages, &message->on_driver);
	driver->queue_bytes += bytes;
	want(driver);
	return 0;
}

static int send_now(const struct driver *driver, const void *data, uint32_t bytes)
{
	ssize_t n;

	do
		n = send(driver->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A message that cannot reach dlm_lockd would leave the two of different minds: its end. */
static int post(struct driver *driver, void *data, uint32_t type, uint32_t bytes)
{
	struct control_head *head = data;
	int rv = -EAGAIN;

	if (driver->fd < 0)
		return -ENOTCONN;
	head->type = type;
	head->bytes = bytes;
	must(!control_check(data, bytes));
	if (list_empty(&driver->messages))
		rv = send_now(driver, data, bytes);
	if (rv == -EAGAIN || rv == -ENOBUFS)
		rv = queue(driver, data, bytes);
	if (rv == -ENOBUFS || rv == -ENOMEM)
		kill_lockd(driver, "dlm_lockd does not take what it is told");
	return rv; /* a connection that broke is seen by dispatch() */
}

static void flush(struct driver *driver)
{
	struct message *message;

	while ((message = list_first(&driver->messages, struct message, on_driver))) {
		if (send_now(driver, message->data, message->bytes))
			break;
		list_remove(&message->on_driver);
		driver->queue_bytes -= message->bytes;
		free(message);
	}
	want(driver);
}

static void ls_init(struct control_ls *ls, const char *name, uint32_t number, int32_t result)
{
	memset(ls, 0, sizeof(*ls));
	ls->number = number;
	ls->result = result;
	memcpy(ls->name, name, strnlen(name, sizeof(ls->name) - 1));
}

static int post_ls(
	struct driver *driver, uint32_t type, const char *name, uint32_t number, int32_t result)
{
	struct control_ls ls;

	ls_init(&ls, name, number, result);
	return post(driver, &ls, type, sizeof(ls));
}

static int post_settings(struct driver *driver)
{
	const struct driver_settings *from = &driver->settings;
	struct control_settings to;

	memset(&to, 0, sizeof(to));
	to.version = CONTROL_VERSION;
	to.flags = (from->log_debug ? CONTROL_SETTING_LOG_DEBUG : 0) |
		   (from->is_single ? CONTROL_SETTING_SINGLE : 0);
	to.nodeid = from->nodeid;
	to.port = from->is_single ? 0 : from->port;
	to.mark = from->mark;
	to.protocol = from->protocol;
	to.client_count_max = from->client_count_max;
	to.client_locks_max = from->client_locks_max;
	memcpy(to.boot_id, from->boot_id, sizeof(to.boot_id));
	memcpy(to.cluster_name, from->cluster_name, sizeof(to.cluster_name));
	return post(driver, &to, CONTROL_SETTINGS, sizeof(to));
}

/* ---- receiving ---- */

static void receive_ready(struct driver *driver, const struct control_ready *ready)
{
	if (driver->is_ready || ready->version != CONTROL_VERSION) {
		kill_lockd(driver, driver->is_ready ? "dlm_lockd says READY twice"
						    : "dlm_lockd is of another version");
		return;
	}
	driver->ready = *ready;
	driver->is_ready = true;
	log_info(driver->log, "dlm_lockd is ready (pid %ld), memory %slocked, priority %u%s%s",
		(long)driver->pid, ready->memory_locked ? "" : "not ", ready->realtime,
		ready->text[0] ? ": " : "", ready->text);
	driver->events.ready(driver->events.context);
}

static struct question *question_find(const struct driver *driver, uint32_t number, uint32_t type)
{
	struct question *question;

	list_for_each (question, &driver->questions, on_driver) {
		if (question->number == number && question->type == type)
			return question;
	}
	return NULL;
}

static void receive_answer(struct driver *driver, const struct control_ls *ls, int fd)
{
	struct question *question = question_find(driver, ls->number, ls->head.type);

	if (!question) {
		log_warning(driver->log, "dlm_lockd answers what nobody asked (%u)", ls->number);
		return;
	}
	list_remove(&question->on_driver);
	driver->question_count--;
	question->answer(question->context, question->id, ls->result > 0 ? -EPROTO : ls->result, fd,
		(const char *)(ls + 1), ls->count);
	free(question);
}

static void receive_event(struct driver *driver, const struct control_event *event)
{
	const struct driver_events *events = &driver->events;

	if (client_lockspace_name_check(event->name)) {
		kill_lockd(driver, "dlm_lockd asks for a lockspace that cannot be");
		return;
	}
	if (event->head.type == CONTROL_ONLINE)
		events->online(events->context, event->name, event->flags, event->pid, event->uid);
	else
		events->offline(events->context, event->name, event->pid, event->uid);
}

static void receive_ls(struct driver *driver, const struct control_ls *ls, int fd)
{
	const struct driver_events *events = &driver->events;

	switch (ls->head.type) {
	case CONTROL_STOPPED:
		events->stopped(events->context, ls->name, ls->number);
		return;
	case CONTROL_RECOVERED:
		events->recovered(events->context, ls->name, ls->number);
		return;
	case CONTROL_FAILED:
		events->failed(events->context, ls->name, ls->number, ls->result);
		return;
	case CONTROL_STATUS_IS:
	case CONTROL_DUMP_IS:
		receive_answer(driver, ls, fd);
		return;
	case CONTROL_PONG:
		return;
	default:
		kill_lockd(driver, "dlm_lockd says what is not for it to say");
	}
}

static void receive(struct driver *driver, const void *data, uint32_t bytes, int fd)
{
	const struct control_head *head = data;
	const struct control_fatal *fatal = data;
	char text[300];

	if (control_check(data, bytes)) {
		kill_lockd(driver, "dlm_lockd sends what cannot be read");
		return;
	}
	driver->silent_ms = 0;
	if (head->type == CONTROL_READY) {
		receive_ready(driver, data);
	} else if (head->type == CONTROL_FATAL) {
		snprintf(text, sizeof(text), "dlm_lockd ends itself: %.*s",
			(int)strnlen(fatal->text, sizeof(fatal->text)), fatal->text);
		log_error(driver->log, "%s", text);
		end_text_set(driver, text);
	} else if (!driver->is_ready) {
		kill_lockd(driver, "dlm_lockd speaks before it is ready");
	} else if (head->type == CONTROL_ONLINE || head->type == CONTROL_OFFLINE) {
		receive_event(driver, data);
	} else {
		receive_ls(driver, data, fd);
	}
}

static int passed_fd(struct msghdr *message)
{
	struct cmsghdr *part_head;
	int fd = -1, each;

	for (part_head = CMSG_FIRSTHDR(message); part_head;
		part_head = CMSG_NXTHDR(message, part_head)) {
		if (part_head->cmsg_level != SOL_SOCKET || part_head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(each) <= part_head->cmsg_len - CMSG_LEN(0);
			at += sizeof(each)) {
			memcpy(&each, CMSG_DATA(part_head) + at, sizeof(each));
			if (fd < 0)
				fd = each;
			else
				close(each);
		}
	}
	return fd;
}

/* Return: 1 a message was taken; 0 none is there; -ENOTCONN the end */
static int receive_one(struct driver *driver)
{
	union {
		char room[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} parts;
	struct iovec piece = {.iov_base = driver->packet, .iov_len = sizeof(driver->packet)};
	struct msghdr message = {.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = parts.room,
		.msg_controllen = sizeof(parts.room)};
	ssize_t bytes = recvmsg(driver->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (bytes <= 0)
		return -ENOTCONN;
	fd = passed_fd(&message);
	if (message.msg_flags & MSG_TRUNC)
		kill_lockd(driver, "dlm_lockd sends more than a message may have");
	else
		receive(driver, driver->packet, (uint32_t)bytes, fd);
	if (fd >= 0)
		close(fd);
	return 1;
}

static int32_t dispatch(int32_t fd, int32_t events, void *data)
{
	struct driver *driver = data;
	int rv = 1;

	for (int i = 0; i < TURN_MESSAGES && rv == 1 && driver->fd >= 0; i++)
		rv = receive_one(driver);
	if (driver->fd >= 0 && rv == -ENOTCONN)
		part(driver);
	if (driver->fd >= 0 && events & POLLOUT)
		flush(driver);
	return 0;
}

/* ---- time ---- */

/*
 * Only time that we have lived through counts: after a pause of our own, what dlm_lockd said
 * meanwhile is read first. So this counts ticks and never looks at a clock.
 */
static void tick(void *data)
{
	struct driver *driver = data;
	char text[96];

	driver->tick_timer = 0;
	if (driver->fd < 0)
		return;
	driver->silent_ms += TICK_MS;
	if (driver->silent_ms > driver->settings.timeout_ms) {
		snprintf(text, sizeof(text), "dlm_lockd has not answered for %u seconds",
			driver->settings.timeout_ms / 1000);
		kill_lockd(driver, text);
		return;
	}
	if (driver->is_ready)
		(void)post_ls(driver, CONTROL_PING, "", ++driver->number, 0);
	(void)qb_loop_timer_add(driver->loop, QB_LOOP_LOW, TICK_MS * QB_TIME_NS_IN_MSEC, driver,
		tick, &driver->tick_timer);
}

/* ---- the ops ---- */

static void user_close(struct driver *driver)
{
	if (!driver)
		return;
	if (driver->tick_timer)
		(void)qb_loop_timer_del(driver->loop, driver->tick_timer);
	if (driver->reap_timer)
		(void)qb_loop_timer_del(driver->loop, driver->reap_timer);
	connection_close(driver);
	messages_drop(driver);
	questions_end(driver);
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
	rv = spawn_lockd(log, settings->lockd_path, settings->run_dir, settings->error_fd,
		&driver->pid, &driver->fd);
	if (!rv)
		rv = qb_loop_poll_add(loop, QB_LOOP_HIGH, driver->fd, POLLIN, driver, dispatch);
	if (!rv)
		rv = post_settings(driver);
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

static void user_ls_new(struct driver *driver, const struct driver_lockspace *lockspace)
{
	struct control_ls_new message;

	memset(&message, 0, sizeof(message));
	message.global_id = lockspace->global_id;
	message.flags = lockspace->flags;
	message.nodir = lockspace->nodir;
	message.lvb_bytes = DLM_USER_LVB_BYTES;
	memcpy(message.name, lockspace->name, strnlen(lockspace->name, sizeof(message.name) - 1));
	(void)post(driver, &message, CONTROL_LS_NEW, sizeof(message));
}

static void user_ls_start(struct driver *driver, const char *name, uint32_t number,
	const struct driver_member *members, uint32_t member_count)
{
	struct {
		struct control_ls ls;
		struct control_member members[256];
	} message;

	must(member_count <= 256);
	ls_init(&message.ls, name, number, 0);
	message.ls.count = member_count;
	for (uint32_t i = 0; i < member_count; i++)
		message.members[i] = (struct control_member){.nodeid = members[i].nodeid,
			.weight = members[i].weight,
			.rejoined = members[i].rejoined};
	(void)post(driver, &message, CONTROL_LS_START,
		(uint32_t)(sizeof(message.ls) + member_count * sizeof(message.members[0])));
}

static void user_ls_stop(struct driver *driver, const char *name, uint32_t number)
{
	(void)post_ls(driver, CONTROL_LS_STOP, name, number, 0);
}

static void user_event_done(struct driver *driver, const char *name, int32_t result)
{
	(void)post_ls(driver, CONTROL_EVENT_DONE, name, 0, result);
}

static int ask(struct driver *driver, uint32_t type, uint32_t answer_type, const char *name,
	uint32_t kind, driver_answer answer, void *context, uint64_t id)
{
	struct question *question;
	int rv;

	if (driver->question_count >= QUESTIONS_MAX)
		return -EBUSY;
	question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	*question = (struct question){.number = ++driver->number,
		.type = answer_type,
		.answer = answer,
		.context = context,
		.id = id};
	rv = driver->is_ready ? post_ls(driver, type, name, question->number, (int32_t)kind)
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

static void user_stop(struct driver *driver)
{
	if (driver->is_stopping || !driver->pid)
		return;
	driver->is_stopping = true;
	if (driver->tick_timer)
		(void)qb_loop_timer_del(driver->loop, driver->tick_timer);
	driver->tick_timer = 0;
	part(driver); /* the end of the connection is what ends it */
}

const struct driver_ops driver_user = {
	.name = "user",
	.open = user_open,
	.ls_new = user_ls_new,
	.ls_start = user_ls_start,
	.ls_stop = user_ls_stop,
	.event_done = user_event_done,
	.status = user_status,
	.dump = user_dump,
	.view = user_view,
	.stop = user_stop,
	.close = user_close,
};
