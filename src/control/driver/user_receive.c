/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dlm_lockd says. It parses bytes from the network and from programs, so what it says is
 * checked like any other input; a malformed message is its end.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/driver/user_room.h"

#define TURN_MESSAGES 64   /* read in one turn, so that others come to their turn too */
#define WAITING_BYTES 256u /* of a sentence that is passed on */

/* ---- answers to questions ---- */

void user_receive_questions_end(struct driver *driver)
{
	struct user_question *question;

	while ((question = list_first(&driver->questions, struct user_question, on_driver))) {
		list_remove(&question->on_driver);
		driver->question_count--;
		question->answer(question->context, question->id, -ENOTCONN, -1, NULL, 0);
		free(question);
	}
}

static struct user_question *question_find(
	const struct driver *driver, uint32_t number, uint32_t type)
{
	struct user_question *question;

	list_for_each (question, &driver->questions, on_driver) {
		if (question->number == number && question->type == type)
			return question;
	}
	return NULL;
}

static void receive_answer(struct driver *driver, const struct control_ls *ls, int fd)
{
	struct user_question *question = question_find(driver, ls->number, ls->head.type);

	if (!question) {
		log_write_limited(driver->log, &driver->limit, LOG_LEVEL_WARNING,
			"dlm_lockd answers what nobody asked (%u)", ls->number);
		return;
	}
	list_remove(&question->on_driver);
	driver->question_count--;
	question->answer(question->context, question->id, ls->result > 0 ? -EPROTO : ls->result, fd,
		(const char *)(ls + 1), ls->count);
	free(question);
}

/* ---- reports ---- */

static void receive_ready(struct driver *driver, const struct control_ready *ready)
{
	if (driver->is_ready || ready->version != CONTROL_VERSION) {
		user_kill_for(driver, driver->is_ready ? "dlm_lockd says READY twice"
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

static void receive_event(struct driver *driver, const struct control_event *event)
{
	const struct driver_events *events = &driver->events;

	if (client_lockspace_name_check(event->name)) {
		user_kill_for(driver, "dlm_lockd asks for a lockspace that cannot be");
		return;
	}
	if (event->head.type == CONTROL_ONLINE)
		events->online(events->context, event->name, event->flags, event->pid, event->uid);
	else
		events->offline(events->context, event->name, event->pid, event->uid);
}

/* Where the lockspace could not be made the start behind it has failed; dlm_lockd says so of that
 * too, which is of the past then. */
static void receive_failed(struct driver *driver, const struct control_ls *ls)
{
	const struct driver_events *events = &driver->events;
	int32_t error = ls->result < 0 ? ls->result : -EPROTO;
	uint32_t number = ls->number;
	struct user_birth *birth;

	list_for_each (birth, &driver->births, on_driver) {
		if (!number && !strcmp(birth->name, ls->name))
			number = birth->start_number;
	}
	user_post_births_drop(driver, ls->name);
	if (number)
		events->failed(events->context, ls->name, number, error);
}

static void receive_probed(struct driver *driver, const struct control_probed *message)
{
	struct driver_probed probed = {.number = message->number,
		.nodeid = message->nodeid,
		.result = message->result > 0 ? -EPROTO : message->result,
		.their_version = message->their_version,
		.our_version = message->our_version,
		.their_lvb_bytes = message->their_lvb_bytes,
		.our_lvb_bytes = message->our_lvb_bytes,
		.their_flags = message->their_flags,
		.our_flags = message->our_flags,
		.name = message->name};

	driver->events.probed(driver->events.context, &probed);
}

/* It goes into lines that people and programs read. */
static void receive_waiting(struct driver *driver, const struct control_ls *ls)
{
	const unsigned char *from = (const unsigned char *)(ls + 1);
	uint32_t bytes = ls->count < WAITING_BYTES - 1 ? ls->count : WAITING_BYTES - 1;
	char text[WAITING_BYTES];

	for (uint32_t i = 0; i < bytes; i++)
		text[i] = isprint(from[i]) ? (char)from[i] : '?';
	text[bytes] = '\0';
	driver->events.waiting(driver->events.context, ls->name, text);
}

static void receive_ending(struct driver *driver, const struct control_ls *ls)
{
	uint32_t nodes[256], count = ls->count < 256 ? ls->count : 256;

	if (!driver->is_stopping) {
		user_kill_for(driver, "dlm_lockd ends and nobody asked it to");
		return;
	}
	memcpy(nodes, ls + 1, count * sizeof(nodes[0]));
	driver->events.unfinished(driver->events.context, nodes, count);
}

static void receive_ls(struct driver *driver, const struct control_ls *ls, int fd)
{
	const struct driver_events *events = &driver->events;

	switch (ls->head.type) {
	case CONTROL_STOPPED:
		user_post_births_drop(driver, ls->name);
		events->stopped(events->context, ls->name, ls->number);
		return;
	case CONTROL_RECOVERED:
		user_post_births_drop(driver, ls->name);
		events->recovered(events->context, ls->name, ls->number);
		return;
	case CONTROL_FAILED:
		receive_failed(driver, ls);
		return;
	case CONTROL_WAITING:
		receive_waiting(driver, ls);
		return;
	case CONTROL_ENDING:
		receive_ending(driver, ls);
		return;
	case CONTROL_STATUS_IS:
	case CONTROL_DUMP_IS:
		receive_answer(driver, ls, fd);
		return;
	case CONTROL_PONG:
		return;
	default:
		user_kill_for(driver, "dlm_lockd says what is not for it to say");
	}
}

static void receive_fatal(struct driver *driver, const struct control_fatal *fatal)
{
	char text[300];

	snprintf(text, sizeof(text), "dlm_lockd ends itself: %.*s",
		(int)strnlen(fatal->text, sizeof(fatal->text)), fatal->text);
	log_error(driver->log, "%s", text);
	user_end_text(driver, text);
}

static void receive(struct driver *driver, const void *data, uint32_t bytes, int fd)
{
	const struct control_head *head = data;

	if (control_check(data, bytes)) {
		user_kill_for(driver, "dlm_lockd sends what cannot be read");
		return;
	}
	driver->silent_ms = 0;
	if (head->type == CONTROL_READY)
		receive_ready(driver, data);
	else if (head->type == CONTROL_FATAL)
		receive_fatal(driver, data);
	else if (!driver->is_ready)
		user_kill_for(driver, "dlm_lockd speaks before it is ready");
	else if (head->type == CONTROL_ONLINE || head->type == CONTROL_OFFLINE)
		receive_event(driver, data);
	else if (head->type == CONTROL_PROBED)
		receive_probed(driver, data);
	else if (head->type == CONTROL_SETTINGS || head->type == CONTROL_PEER_ADD ||
		 head->type == CONTROL_PEER_REMOVE || head->type == CONTROL_LS_NEW ||
		 head->type == CONTROL_PROBE)
		user_kill_for(driver, "dlm_lockd says what is not for it to say");
	else
		receive_ls(driver, data, fd);
}

/* ---- the connection ---- */

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
	if (bytes < 0 && errno == ECONNRESET)
		return 1; /* it has not read all; what it said before its end comes behind this */
	if (bytes <= 0)
		return -ENOTCONN;
	fd = passed_fd(&message);
	if (message.msg_flags & MSG_TRUNC)
		user_kill_for(driver, "dlm_lockd sends more than a message may have");
	else
		receive(driver, driver->packet, (uint32_t)bytes, fd);
	if (fd >= 0)
		close(fd);
	return 1;
}

int32_t user_receive_dispatch(int32_t fd, int32_t events, void *data)
{
	struct driver *driver = data;
	int rv = 1;

	for (int i = 0; i < TURN_MESSAGES && rv == 1 && driver->fd >= 0; i++)
		rv = receive_one(driver);
	if (driver->fd >= 0 && rv == -ENOTCONN)
		user_part(driver);
	if (driver->fd >= 0 && events & POLLOUT)
		user_post_flush(driver);
	return 0;
}
