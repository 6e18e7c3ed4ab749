/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/pure/must.h"

/* A completion with its value block, or the answers to one record. */
#define OUTPUT_RECORD_ROOM 128u
/* Of a packet, left free by completions: should it get stuck, answers go on. */
#define OUTPUT_ANSWERS_ROOM 8192u
/* That one connection may send in a turn. */
#define OUTPUT_PACKETS_MAX 4u

static_assert(sizeof(struct client_completion) + DLM_USER_LVB_BYTES <= OUTPUT_RECORD_ROOM,
	"a callback fits");
static_assert(sizeof(struct client_ids) + sizeof(struct client_answer) <= OUTPUT_RECORD_ROOM,
	"the answers to a record fit");

void output_lease(struct connection *c)
{
	uint32_t held, persistent_held;

	if (!c->client)
		return;
	engine_client_counts(c->client, &held, &persistent_held);
	lease_held(&c->lease, held, persistent_held);
}

int output_send(struct connection *c, const struct packet *packet, int pass_fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)packet->data, .iov_len = packet->bytes};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;

	if (pass_fd >= 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass_fd, sizeof(int));
	}
	if (sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	c->daemon->counters.packets_sent++;
	return 0;
}

void output_discard(struct connection *c)
{
	c->deaf = true;
	c->out_stuck = false;
	output_want(c); /* drops what waits in the engine */
	packet_put(&c->daemon->packets, c->out);
	c->out = NULL;
}

/* Send c->out. Return: true: it is sent and put back */
static bool out_send(struct connection *c)
{
	int rv;

	output_lease(c);
	rv = output_send(c, c->out, -1);
	if (rv == -EAGAIN || rv == -EWOULDBLOCK || rv == -ENOBUFS || rv == -ENOMEM) {
		c->out_stuck = true;
		connection_interest(c);
		return false;
	}
	if (rv) {
		output_discard(c);
		connection_interest(c);
		return false;
	}
	packet_put(&c->daemon->packets, c->out);
	c->out = NULL;
	return true;
}

static bool out_get(struct connection *c)
{
	if (!c->out)
		c->out = packet_get(&c->daemon->packets);
	if (!c->out)
		c->daemon->memory_short = true;
	return c->out;
}

bool output_reserve(struct connection *c)
{
	if (c->deaf)
		return true;
	if (c->out_stuck)
		return packet_room(c->out) >= OUTPUT_RECORD_ROOM;
	if (c->out && packet_room(c->out) < OUTPUT_RECORD_ROOM && !out_send(c))
		return c->deaf;
	return out_get(c);
}

void output_unreserve(struct connection *c)
{
	if (!c->out || c->out->bytes)
		return;
	packet_put(&c->daemon->packets, c->out);
	c->out = NULL;
}

void output_want(struct connection *c)
{
	if (!list_linked(&c->flush))
		list_add_tail(&c->daemon->flushing, &c->flush);
}

static void *answer_append(struct connection *c, enum client_record_type type, uint32_t bytes,
	uint8_t flags, uint32_t serial)
{
	if (c->deaf)
		return NULL;
	output_want(c);
	return packet_append(c->out, type, bytes, flags, serial);
}

void output_answer(struct connection *c, uint32_t serial, int32_t result, uint32_t value)
{
	struct client_answer *answer;

	if (result < 0) {
		c->refused_records++;
		c->daemon->counters.refused_records++;
	}
	if (!serial)
		return;
	answer = answer_append(c, CLIENT_ANSWER, sizeof(*answer), 0, serial);
	if (!answer)
		return;
	answer->result = result;
	answer->value = value;
}

void output_refused(
	struct connection *c, const struct client_head *head, uint32_t lkid, int32_t error)
{
	struct client_refused *refused;

	if (head->serial) {
		output_answer(c, head->serial, error, 0);
		return;
	}
	c->refused_records++;
	c->daemon->counters.refused_records++;
	refused = answer_append(c, CLIENT_REFUSED, sizeof(*refused), head->type, 0);
	if (!refused)
		return;
	refused->lkid = lkid;
	refused->error = error;
}

void output_ids(struct connection *c, uint32_t first)
{
	struct client_ids *ids = answer_append(c, CLIENT_IDS, sizeof(*ids), 0, 0);

	if (!ids)
		return;
	ids->first = first;
	ids->count = ENGINE_ID_BLOCK;
}

/* ---- callbacks ---- */

static void completion_append(struct packet *packet, const struct engine_callback *callback)
{
	uint32_t lvb_bytes = callback->lvb ? DLM_USER_LVB_BYTES : 0;
	struct client_completion *completion =
		packet_append(packet, CLIENT_COMPLETION, (uint32_t)sizeof(*completion) + lvb_bytes,
			(uint8_t)((callback->ended ? CLIENT_COMPLETION_ENDED : 0) |
				  (lvb_bytes ? CLIENT_COMPLETION_HAS_LVB : 0)),
			0);

	completion->lkid = callback->lkid;
	completion->status = callback->status;
	completion->sbflags = callback->sbflags;
	completion->mode = (int8_t)callback->mode;
	if (lvb_bytes)
		memcpy(completion + 1, callback->lvb, lvb_bytes);
}

static void callback_append(struct packet *packet, const struct engine_callback *callback)
{
	struct client_bast *bast;

	if (!callback->is_bast) {
		completion_append(packet, callback);
		return;
	}
	bast = packet_append(packet, CLIENT_BAST, sizeof(*bast), 0, 0);
	bast->lkid = callback->lkid;
	bast->mode = (uint8_t)callback->mode;
}

/* Fill c->out from the engine. */
static void callbacks_take(struct connection *c)
{
	struct engine_callback callback;

	while (c->has_callbacks && packet_room(c->out) >= OUTPUT_ANSWERS_ROOM) {
		if (!engine_client_take(c->client, &callback)) {
			c->has_callbacks = false;
			return;
		}
		callback_append(c->out, &callback);
		c->daemon->counters.callbacks_sent++;
	}
}

/* Nobody reads them, and a lock whose completion was not taken cannot be unlocked. */
static void callbacks_drop(struct connection *c)
{
	struct engine_callback callback;

	while (c->client && engine_client_take(c->client, &callback))
		;
	c->has_callbacks = false;
}

void output_flush(struct connection *c)
{
	uint32_t count;

	list_remove(&c->flush);
	if (c->deaf)
		callbacks_drop(c);
	for (count = 0; !c->out_stuck && (c->out || c->has_callbacks); count++) {
		if (count == OUTPUT_PACKETS_MAX || !out_get(c)) {
			output_want(c);
			return;
		}
		callbacks_take(c);
		output_unreserve(c);
		if (!c->out)
			break;
		if (!out_send(c))
			break;
	}
	output_lease(c);
	connection_resume(c);
}
