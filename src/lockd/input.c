/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lockd/handshake.h"
#include "lockd/output.h"
#include "lockd/record.h"

/* Where we are in a packet. */
struct place {
	const uint8_t *data;
	uint32_t bytes;
	uint32_t at;    /* of the record */
	uint32_t index; /* its number in what is there of the packet */
	pid_t pid;      /* of the sender, 0: not visible */
};

static void input_bad(struct connection *c, const struct place *place, const char *reason)
{
	char name[CONNECTION_NAME_MAX], text[112];

	c->daemon->counters.bad_records++;
	log_write_limited(c->daemon->log, &c->daemon->limits.bad_record, LOG_LEVEL_WARNING,
		"%s: packet %" PRIu64 ", record %" PRIu32 ", byte %" PRIu32
		": %s; connection closed",
		connection_name(c, name, sizeof(name)), c->packets, place->index, place->at,
		reason);
	snprintf(text, sizeof(text), "packet %" PRIu64 ", record %" PRIu32 ": %s", c->packets,
		place->index, reason);
	connection_bye(c, -EBADMSG, text);
}

/* Keep what cannot be handled now. @c may be gone afterwards. */
static void rest_keep(struct connection *c, const struct place *place)
{
	uint32_t bytes = place->bytes - place->at;
	uint8_t *rest = malloc(bytes);

	if (!rest) {
		log_write_limited(c->daemon->log, &c->daemon->limits.memory, LOG_LEVEL_ERROR,
			"no memory for %" PRIu32 " bytes of input, connection closed", bytes);
		connection_bye(c, -ENOMEM, "the lock daemon has no memory for your requests");
		return;
	}
	memcpy(rest, place->data + place->at, bytes);
	c->rest = rest;
	c->rest_bytes = bytes;
	c->rest_pid = (uint32_t)place->pid;
	output_unreserve(c);
	connection_interest(c);
	if (!c->operation && !c->out_stuck && !list_linked(&c->held))
		output_want(c); /* no memory for answers: again, later */
}

static void first_record(
	struct connection *c, const struct place *place, const struct client_head *head)
{
	if (head->bytes != place->bytes)
		input_bad(c, place, "HELLO does not come alone");
	else
		handshake_hello(c, head, place->pid);
}

/* Return: true: go on with the next; false: enough of this packet, and @c may be gone */
static bool record_next(struct connection *c, struct place *place)
{
	const struct client_head *head =
		(const struct client_head *)(const void *)(place->data + place->at);
	const char *reason = "its length and type do not fit together";
	int rv = client_record_check(head, place->bytes - place->at);

	if (rv == -EAGAIN)
		reason = "it ends outside its packet";
	if (!rv && c->state == CONNECTION_NEW) {
		first_record(c, place, head);
		return false;
	}
	if (!rv && (c->operation || connection_hold(c) || !output_reserve(c))) {
		rest_keep(c, place);
		return false;
	}
	if (!rv)
		rv = record_handle(c, head, place->pid, &reason);
	if (rv) {
		input_bad(c, place, reason);
		return false;
	}
	c->records++;
	c->daemon->counters.records++;
	if (c->daemon->turn_budget)
		c->daemon->turn_budget--;
	place->at += head->bytes;
	place->index++;
	return true;
}

static void packet_handle(struct connection *c, const uint8_t *data, uint32_t bytes, pid_t pid)
{
	struct place place = {.data = data, .bytes = bytes, .pid = pid};

	c->daemon->engine_touched = true;
	while (place.at < place.bytes)
		if (!record_next(c, &place))
			return;
	output_unreserve(c);
	connection_interest(c);
}

void input_rest(struct connection *c)
{
	uint8_t *rest = c->rest;

	c->rest = NULL;
	packet_handle(c, rest, c->rest_bytes, (pid_t)c->rest_pid);
	free(rest);
}

struct received {
	ssize_t bytes; /* negative errno */
	int flags;
	bool has_credentials;
	pid_t pid;
};

static struct received packet_receive(int fd, uint8_t *room, size_t room_bytes)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {.iov_base = room, .iov_len = room_bytes};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct received received = {
		.bytes = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	struct ucred credentials;

	if (received.bytes < 0) {
		received.bytes = -errno;
		return received;
	}
	received.flags = message.msg_flags;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS &&
		head->cmsg_len == CMSG_LEN(sizeof(credentials))) {
		memcpy(&credentials, CMSG_DATA(head), sizeof(credentials));
		received.has_credentials = true;
		received.pid = credentials.pid;
	}
	return received;
}

static const char *received_reason(const struct received *received)
{
	if (!received->bytes)
		return "it is empty";
	if (received->flags & MSG_TRUNC)
		return "the packet is larger than libdlm's may be";
	if (received->flags & MSG_CTRUNC)
		return "it carries descriptors, which nobody asked for";
	return NULL;
}

void input_read(struct connection *c)
{
	struct daemon *daemon = c->daemon;
	struct received received = packet_receive(c->fd, daemon->input, sizeof(daemon->input));
	const char *reason;

	if (received.bytes == -EAGAIN || received.bytes == -EINTR || received.bytes == -ENOMEM)
		return;
	if (received.bytes == -ECONNRESET) {
		/* It went without having read everything. What it sent is still there. */
		output_discard(c);
		return;
	}
	if (received.bytes < 0 || (!received.bytes && !received.has_credentials)) {
		connection_end(c);
		return;
	}
	c->packets++;
	daemon->counters.packets++;
	reason = received_reason(&received);
	if (reason)
		input_bad(c, &(struct place){0}, reason);
	else
		packet_handle(c, daemon->input, (uint32_t)received.bytes, received.pid);
}
