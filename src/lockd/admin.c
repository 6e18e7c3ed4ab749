/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/dumpjob.h"
#include "lockd/ending.h"
#include "lockd/peers.h"
#include "lockd/probes.h"
#include "lockd/space.h"
#include "lockd/status.h"

#define ADMIN_MESSAGES_MAX 64 /* that are handled in a turn */
#define ADMIN_QUEUE_MAX                                                                            \
	100000u /* messages that dlm_controld has not taken: it has hung itself up */

struct admin_message {
	struct list link;
	int fd; /* -1: none */
	uint32_t bytes;
	uint8_t data[];
};

struct admin {
	struct loop_source source;
	struct daemon *daemon;
	int fd;
	uint32_t queued_count;
	struct list queue; /* struct admin_message: found no room in the socket */
	_Alignas(8) uint8_t input[CONTROL_PACKET_MAX];
};

static ssize_t message_receive(int fd, void *room, size_t room_bytes)
{
	ssize_t bytes;

	do
		bytes = recv(fd, room, room_bytes, MSG_TRUNC);
	while (bytes < 0 && errno == EINTR);
	return bytes < 0 ? -errno : bytes;
}

int admin_settings(int fd, struct control_settings *ret, char *ret_text, size_t room)
{
	_Alignas(8) uint8_t message[CONTROL_PACKET_MAX];
	const struct control_settings *settings = (const struct control_settings *)(void *)message;
	ssize_t bytes = message_receive(fd, message, sizeof(message));

	if (bytes <= 0) {
		snprintf(ret_text, room,
			"dlm_controld closed the control connection before it sent the settings");
		return bytes ? (int)bytes : -EPIPE;
	}
	if (bytes > (ssize_t)sizeof(message) || control_check(message, (uint32_t)bytes) ||
		settings->head.type != CONTROL_SETTINGS) {
		snprintf(ret_text, room,
			"the first message on the control connection is no SETTINGS");
		return -EBADMSG;
	}
	if (settings->version != CONTROL_VERSION) {
		snprintf(ret_text, room,
			"dlm_controld speaks version %u of the control connection, this dlm_lockd "
			"%u: install the same release of both",
			settings->version, CONTROL_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (!settings->nodeid || strnlen(settings->boot_id, sizeof(settings->boot_id)) ==
					 sizeof(settings->boot_id)) {
		snprintf(ret_text, room, "the settings name no node id or no boot id");
		return -EBADMSG;
	}
	*ret = *settings;
	return 0;
}

/* ---- out ---- */

static int message_send(int fd, const void *message, uint32_t bytes, int pass_fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)message, .iov_len = bytes};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;

	if (pass_fd >= 0) {
		memset(&control, 0, sizeof(control));
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass_fd, sizeof(int));
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void message_free(struct admin *admin, struct admin_message *message)
{
	if (message->fd >= 0)
		close(message->fd);
	list_remove(&message->link);
	admin->queued_count--;
	free(message);
}

static void queue_send(struct admin *admin)
{
	struct admin_message *message;

	while ((message = list_first(&admin->queue, struct admin_message, link))) {
		int rv = message_send(admin->fd, message->data, message->bytes, message->fd);

		if (rv == -EAGAIN || rv == -ENOBUFS || rv == -ENOMEM)
			break;
		message_free(admin, message); /* sent, or nobody is there: EOF comes */
	}
	loop_want(&admin->daemon->loop, &admin->source,
		list_empty(&admin->queue) ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* What dlm_controld must know cannot be lost: without memory for it the process ends. */
static void queue_add(struct admin *admin, const void *message, uint32_t bytes, int fd)
{
	struct admin_message *queued = malloc(sizeof(*queued) + bytes);

	if (!queued || admin->queued_count >= ADMIN_QUEUE_MAX) {
		free(queued);
		if (fd >= 0)
			close(fd);
		log_error(admin->daemon->log,
			"messages to dlm_controld cannot be kept any more: ending");
		daemon_end(admin->daemon, 1);
		return;
	}
	queued->fd = fd;
	queued->bytes = bytes;
	memcpy(queued->data, message, bytes);
	list_add_tail(&admin->queue, &queued->link);
	admin->queued_count++;
	loop_want(&admin->daemon->loop, &admin->source, EPOLLIN | EPOLLOUT);
}

void admin_send_fd(struct daemon *daemon, const void *message, uint32_t bytes, int fd)
{
	struct admin *admin = daemon->admin;
	int rv = -EAGAIN;

	must(control_check(message, bytes) == 0);
	if (!admin || daemon->ended) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (list_empty(&admin->queue))
		rv = message_send(admin->fd, message, bytes, fd);
	if (rv == -EAGAIN || rv == -ENOBUFS || rv == -ENOMEM)
		queue_add(admin, message, bytes, fd);
	else if (fd >= 0)
		close(fd);
}

void admin_send(struct daemon *daemon, const void *message, uint32_t bytes)
{
	admin_send_fd(daemon, message, bytes, -1);
}

void admin_report(struct daemon *daemon, enum control_type type, const char *name, uint32_t number,
	int32_t result, const char *text, uint32_t bytes, int fd)
{
	union {
		struct control_ls ls;
		uint8_t room[CONTROL_PACKET_MAX];
	} message = {.ls = {.number = number, .result = result, .count = bytes}};

	must(bytes <= sizeof(message) - sizeof(message.ls));
	message.ls.head.type = type;
	message.ls.head.bytes = (uint32_t)sizeof(message.ls) + bytes;
	snprintf(message.ls.name, sizeof(message.ls.name), "%s", name);
	if (bytes)
		memcpy(&message.ls + 1, text, bytes);
	admin_send_fd(daemon, &message, message.ls.head.bytes, fd);
}

void admin_fatal(struct daemon *daemon, int error, const char *text)
{
	struct control_fatal fatal = {
		.head = {.type = CONTROL_FATAL, .bytes = sizeof(fatal)},
		.error = error,
	};

	log_error(daemon->log, "%s: ending", text);
	snprintf(fatal.text, sizeof(fatal.text), "%s", text);
	admin_send(daemon, &fatal, sizeof(fatal));
	daemon_end(daemon, 1);
}

/* ---- in ---- */

static void report_failed(struct daemon *daemon, const struct control_ls *message, int error)
{
	log_error(daemon->log, "lockspace %s: start %u failed: %s", message->name, message->number,
		strerror(-error));
	admin_report(daemon, CONTROL_FAILED, message->name, message->number, error, NULL, 0, -1);
}

static void handle_new(struct daemon *daemon, const struct control_ls_new *message)
{
	struct space *space = space_find(daemon, message->name);
	int rv = space ? space_new(space, message) : -ENOENT;

	if (!rv)
		return;
	log_error(daemon->log, "lockspace %s: not made: %s", message->name, strerror(-rv));
	admin_report(daemon, CONTROL_FAILED, message->name, 0, rv, NULL, 0, -1);
}

/* A lockspace that is not here runs as little as one that is stopped. */
static void handle_stop(struct daemon *daemon, const struct control_ls *message)
{
	struct space *space = space_find(daemon, message->name);

	if (space)
		space_stop(space);
	log_info(daemon->log, "lockspace %s: stop %u", message->name, message->number);
	admin_report(daemon, CONTROL_STOPPED, message->name, message->number, 0, NULL, 0, -1);
}

static void handle_start(struct daemon *daemon, const struct control_ls *message)
{
	struct space *space = space_find(daemon, message->name);
	const struct control_member *members = (const struct control_member *)(message + 1);
	int rv = space ? space_start(space, members, message->count, message->number) : -ENOENT;

	log_info(daemon->log, "lockspace %s: start %u with %u members", message->name,
		message->number, message->count);
	if (rv)
		report_failed(daemon, message, rv);
}

static void handle_event_done(struct daemon *daemon, const struct control_ls *message)
{
	struct space *space = space_find(daemon, message->name);

	if (space)
		space_event_done(space, message->result);
}

static void handle_status(struct daemon *daemon, const struct control_ls *message)
{
	char text[CONTROL_PACKET_MAX - sizeof(struct control_ls)];
	size_t bytes = status_write(daemon, text, sizeof(text));

	admin_report(daemon, CONTROL_STATUS_IS, message->name, message->number, 0, text,
		(uint32_t)bytes, -1);
}

static void admin_handle(struct daemon *daemon, const void *message)
{
	const struct control_ls *ls = message;

	switch ((enum control_type)ls->head.type) {
	case CONTROL_PEER_ADD:
		peers_add(daemon, message);
		break;
	case CONTROL_PEER_REMOVE:
		peers_remove(daemon, ((const struct control_peer *)message)->nodeid);
		break;
	case CONTROL_LS_NEW:
		handle_new(daemon, message);
		break;
	case CONTROL_LS_STOP:
		handle_stop(daemon, ls);
		break;
	case CONTROL_LS_START:
		handle_start(daemon, ls);
		break;
	case CONTROL_EVENT_DONE:
		handle_event_done(daemon, ls);
		break;
	case CONTROL_PING:
		admin_report(daemon, CONTROL_PONG, ls->name, ls->number, 0, NULL, 0, -1);
		break;
	case CONTROL_STATUS:
		handle_status(daemon, ls);
		break;
	case CONTROL_PROBE:
		probes_begin(daemon, message);
		break;
	case CONTROL_PROBE_END:
		probes_end(daemon, message);
		break;
	case CONTROL_STOP:
		probes_end_all(daemon);
		ending_begin(daemon, ls->number);
		break;
	case CONTROL_DUMP:
		dumpjob_begin(daemon, ls);
		break;
	case CONTROL_SETTINGS:
	case CONTROL_READY:
	case CONTROL_ONLINE:
	case CONTROL_OFFLINE:
	case CONTROL_STOPPED:
	case CONTROL_RECOVERED:
	case CONTROL_FAILED:
	case CONTROL_PONG:
	case CONTROL_STATUS_IS:
	case CONTROL_DUMP_IS:
	case CONTROL_FATAL:
	case CONTROL_PROBED:
	case CONTROL_WAITING:
	case CONTROL_ENDING:
		admin_fatal(daemon, -EBADMSG, "dlm_controld sent a message that it may not send");
		break;
	}
}

static void admin_read(struct admin *admin)
{
	struct daemon *daemon = admin->daemon;
	int i;

	for (i = 0; i < ADMIN_MESSAGES_MAX && !daemon->ended; i++) {
		ssize_t bytes = message_receive(admin->fd, admin->input, sizeof(admin->input));

		if (bytes == -EAGAIN || bytes == -ENOMEM)
			return;
		if (bytes <= 0) {
			log_notice(daemon->log, "dlm_controld is gone: ending");
			daemon_end(daemon, 0);
			return;
		}
		if (bytes > (ssize_t)sizeof(admin->input) ||
			control_check(admin->input, (uint32_t)bytes)) {
			admin_fatal(daemon, -EBADMSG, "dlm_controld sent a malformed message");
			return;
		}
		admin_handle(daemon, admin->input);
	}
}

static void admin_ready(struct loop_source *source, uint32_t events)
{
	struct admin *admin = list_entry(source, struct admin, source);

	if (events & EPOLLOUT)
		queue_send(admin);
	if (events & ~(uint32_t)EPOLLOUT)
		admin_read(admin);
}

void admin_look(struct admin *admin, bool sure)
{
	struct pollfd poll_fd = {.fd = admin->fd, .events = POLLIN};

	if (loop_has(&admin->daemon->loop, &admin->source) & (EPOLLIN | EPOLLHUP | EPOLLERR))
		admin_read(admin);
	else if (sure && poll(&poll_fd, 1, 0) == 1)
		admin_read(admin);
}

int admin_new(struct daemon *daemon, int fd, struct admin **ret)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int flags = fcntl(fd, F_GETFL);
	int rv;

	if (!admin)
		return -ENOMEM;
	admin->daemon = daemon;
	admin->fd = fd;
	list_init(&admin->queue);
	admin->source = (struct loop_source){.fd = -1, .ready = admin_ready};
	rv = flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
	if (!rv)
		rv = loop_add(&daemon->loop, &admin->source, fd, EPOLLIN);
	if (rv) {
		free(admin);
		return rv;
	}
	*ret = admin;
	return 0;
}

void admin_free(struct admin *admin)
{
	struct admin_message *message;

	if (!admin)
		return;
	while ((message = list_first(&admin->queue, struct admin_message, link)))
		message_free(admin, message);
	loop_remove(&admin->daemon->loop, &admin->source);
	close(admin->fd);
	free(admin);
}
