/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One peer's link. The way of a frame in: link_receive(), frame_received(), then bare_received(),
 * or opts_received() which looks at the number and hands the inner frame on. The way out:
 * link_send() puts it into the queue (link_queue.c), link_take() gives it to the connection.
 */
#include "engine/link.h"

#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"
#include "engine/link_queue.h"

#define GAP_MS               5000u /* right after a reconnect a gap is normal */
#define RESEND_DOUBLINGS_MAX 8u
#define FIN_RETRY_MS         1000u
/* Longer than a kernel waits for our FIN before it resets its side (3 minutes). */
#define GIVE_UP_MS 300000u
/* A lockspace waits so long for the end of a probe's conversation. */
#define REOPEN_MS 5000u
/* An acknowledgement of the conversation before may come so late, over a connection that closes. */
#define OLD_ACK_MS 2000u
#define FIN_BYTES  (WIRE_OPTS_BYTES + WIRE_HEADER_BYTES)

static const char *const STATE_NAMES[] = {
	"CLOSED", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK"};

/* Besides: from each to CLOSED (the node is gone) and to ESTABLISHED (both begin anew). */
#define TO(state) (1u << (state))
static const uint32_t STATE_NEXT[] = {
	[LINK_CLOSED] = 0,
	[LINK_ESTABLISHED] = TO(LINK_FIN_WAIT1) | TO(LINK_CLOSE_WAIT) | TO(LINK_LAST_ACK),
	[LINK_FIN_WAIT1] = TO(LINK_FIN_WAIT2) | TO(LINK_CLOSING),
	[LINK_FIN_WAIT2] = 0,
	[LINK_CLOSE_WAIT] = TO(LINK_LAST_ACK),
	[LINK_CLOSING] = 0,
	[LINK_LAST_ACK] = 0,
};

const char *link_state_name(enum link_state state)
{
	return STATE_NAMES[state];
}

static void move(struct link *link, enum link_state to)
{
	enum link_state from = link->state;

	if (from == to)
		return;
	must((STATE_NEXT[from] | TO(LINK_CLOSED) | TO(LINK_ESTABLISHED)) & TO(to));
	link->state = to;
	link->give_up_at_ms = to == LINK_LAST_ACK ? link->now_ms + GIVE_UP_MS : UINT64_MAX;
	link->owner->moved(link->owner->context, link->nodeid, from, to);
}

/* Whether MSG, LOOKUP and LOCK travel with numbers. */
static bool is_sequenced(const struct link *link)
{
	return link->our_version == WIRE_VERSION_3_2 && link->version == WIRE_VERSION_3_2;
}

/* We have said FIN: nothing may follow it, not even STATUS, which would open a new conversation. */
static bool is_fin_sent(const struct link *link)
{
	return link->state == LINK_FIN_WAIT1 || link->state == LINK_FIN_WAIT2 ||
	       link->state == LINK_CLOSING || link->state == LINK_LAST_ACK;
}

static bool is_fin_received(const struct link *link)
{
	return link->state == LINK_CLOSE_WAIT || link->state == LINK_CLOSING ||
	       link->state == LINK_LAST_ACK;
}

/* @had_output: link_has_output() before the change */
static void wake(struct link *link, bool had_output)
{
	if (!had_output && link_has_output(link))
		link->owner->wakeup(link->owner->context, link->nodeid);
}

static void refuse(struct link *link, uint32_t code, const char *why)
{
	link->counters.refused++;
	link->owner->refused(link->owner->context, link->nodeid, code, why);
}

static void forget(struct link *link)
{
	link_queue_flush(link);
	link->version = 0;
	link->seq_send = 0;
	link->seq_taken = 0;
	link->seq_acked = 0;
	link->seq_next = 0;
	link->heard = false;
	link->fin_wanted = false;
	link->names_sequenced = false;
	link->resend_at_ms = UINT64_MAX;
	link->resend_wait_ms = link->resend_ms;
	link->gap_since_ms = UINT64_MAX;
	link->for_probe = false;
	link->spoken = false;
	link->conversation++;
	link->answer_count = 0;
	link->other_version = 0;
	link->old_until_ms = 0;
	link->reopen_at_ms = UINT64_MAX;
}

void link_init(struct link *link, const struct alloc *alloc, const struct link_owner *owner,
	struct link_reserve *reserve, uint32_t our_nodeid, uint32_t nodeid, uint32_t our_version,
	uint32_t resend_ms, uint64_t now_ms)
{
	memset(link, 0, sizeof(*link));
	list_init(&link->entry);
	list_init(&link->dirty);
	list_init(&link->pages);
	link->alloc = alloc;
	link->owner = owner;
	link->reserve = reserve;
	link->nodeid = nodeid;
	link->our_nodeid = our_nodeid;
	link->our_version = our_version;
	link->resend_ms = resend_ms;
	link->now_ms = now_ms;
	link->give_up_at_ms = UINT64_MAX;
	forget(link);
}

void link_done(struct link *link)
{
	if (link->alloc)
		link_queue_flush(link);
}

/* What we still owe the old conversation must not reach a new one. */
static void forget_all(struct link *link)
{
	forget(link);
	link->ack_due = false;
	link->closed_word_valid = false;
}

void link_reset(struct link *link)
{
	forget_all(link);
	move(link, LINK_CLOSED);
}

/* A conversation that never came to its end, and the peer has begun another. */
static void restart(struct link *link)
{
	bool is_fin_unacked = link->state == LINK_LAST_ACK || link->state == LINK_CLOSING;
	uint32_t word = link->seq_send;

	if (link->reopen_at_ms != UINT64_MAX)
		link->reopened = true;
	forget_all(link);
	if (is_fin_unacked) {
		link->old_word = word;
		link->old_until_ms = link->now_ms + OLD_ACK_MS;
	}
	move(link, LINK_ESTABLISHED);
}

/* A lockspace has waited for the end of a probe's conversation. */
static void reopen(struct link *link)
{
	link->reopened = true;
	move(link, LINK_ESTABLISHED);
}

/*
 * The FIN exchange is over. The ACK of the peer's FIN may still have to go out, and should it get
 * lost, the peer repeats its FIN: so remember the answer.
 */
static void fin_done(struct link *link)
{
	bool is_wanted = link->reopen_at_ms != UINT64_MAX;
	uint32_t word = link->seq_next;

	forget(link);
	link->closed_word = word;
	link->closed_word_valid = true;
	move(link, LINK_CLOSED);
	if (is_wanted)
		reopen(link);
}

static void ack_owed(struct link *link, uint32_t word)
{
	bool had_output = link_has_output(link);

	link->ack_due = true;
	link->ack_word = word;
	wake(link, had_output);
}

/* Where there is no memory, link_tick() tries again. */
static void fin_queue(struct link *link)
{
	bool had_output = link_has_output(link);
	uint8_t *at = link_queue_room(link, FIN_BYTES, true);

	link->fin_wanted = !at;
	if (!at)
		return;
	wire_opts_encode(link->our_version, link->seq_send, link->our_nodeid, WIRE_CMD_FIN,
		WIRE_HEADER_BYTES, at);
	wire_bare_encode(
		link->our_version, 0, link->our_nodeid, WIRE_CMD_FIN, at + WIRE_OPTS_BYTES);
	link->fin_seq = link->seq_send++;
	link_queue_put(link, FIN_BYTES);
	wake(link, had_output);
}

static void fin_send(struct link *link, enum link_state to)
{
	move(link, to);
	fin_queue(link);
}

static bool rcom_is_stateless(uint32_t type)
{
	return type == WIRE_RCOM_STATUS || type == WIRE_RCOM_STATUS_REPLY ||
	       type == WIRE_RCOM_NAMES || type == WIRE_RCOM_NAMES_REPLY;
}

/* Whether this frame needs the peer's version, and whether it gets a number. */
static void frame_classify(
	const struct link *link, const uint8_t *frame, bool *ret_stateless, bool *ret_wrapped)
{
	uint32_t type = get_le32(frame + WIRE_HEADER_BYTES);
	bool stateless = frame[14] == WIRE_CMD_RCOM && rcom_is_stateless(type);
	bool wrapped = !stateless;

	if (stateless && type == WIRE_RCOM_STATUS_REPLY)
		wrapped = (int32_t)get_le32(frame + WIRE_HEADER_BYTES + 4) == WIRE_NOT_READY;
	else if (stateless && type != WIRE_RCOM_STATUS)
		wrapped = link->names_sequenced;
	*ret_stateless = stateless;
	*ret_wrapped = wrapped && is_sequenced(link);
}

static void bare_make_room(struct link *link, const uint8_t *frame)
{
	uint32_t count_max = link->connected ? LINK_BARE_CONNECTED_MAX : LINK_BARE_MAX;

	if (!link->connected && get_le32(frame + WIRE_HEADER_BYTES) == WIRE_RCOM_STATUS)
		link_queue_drop_status(link, get_le32(frame + 4));
	link_queue_bound(link, count_max - 1);
}

int link_send(struct link *link, const uint8_t *frame, size_t bytes, bool must_go)
{
	bool stateless, wrapped, had_output = link_has_output(link);
	uint32_t total = (uint32_t)bytes;
	uint8_t *at;

	must(bytes >= WIRE_RCOM_BYTES && bytes <= WIRE_INNER_MAX && get_le16(frame + 12) == bytes);
	if (is_fin_sent(link))
		return -EPIPE;
	frame_classify(link, frame, &stateless, &wrapped);
	if (!stateless && !link->version)
		return -ENOBUFS;
	if (wrapped)
		total += WIRE_OPTS_BYTES;
	else if (stateless)
		bare_make_room(link, frame);
	at = link_queue_room(link, total, must_go);
	if (!at)
		return -ENOMEM;
	if (wrapped) {
		wire_opts_encode(link->our_version, link->seq_send++, link->our_nodeid, frame[14],
			(uint32_t)bytes, at);
		at += WIRE_OPTS_BYTES;
	}
	memcpy(at, frame, bytes);
	link_queue_put(link, total);
	link->closed_word_valid = false;
	wake(link, had_output);
	return 0;
}

void link_member_added(struct link *link)
{
	if (link->state == LINK_CLOSED) {
		move(link, LINK_ESTABLISHED);
		wake(link, false); /* an ACK may wait here, and nobody tried any more */
	} else if (is_fin_sent(link) && link->for_probe)
		link->reopen_at_ms = link->now_ms + REOPEN_MS;
	else if (!link->users && link->state != LINK_ESTABLISHED)
		restart(link);
	if (link->state == LINK_ESTABLISHED)
		link->for_probe = false;
	link->users++;
}

void link_member_removed(struct link *link)
{
	if (!link->users)
		return;
	link->users--;
	if (!link->users)
		link->reopen_at_ms = UINT64_MAX;
	if (!link->users && link->state == LINK_CLOSE_WAIT)
		fin_send(link, LINK_LAST_ACK);
}

/* A 3.1 peer knows no FIN, and what is queued for it still has to go. */
static void end_unnumbered(struct link *link)
{
	link->version = 0;
	link->heard = false;
	link->for_probe = false;
	link->conversation++;
	move(link, LINK_CLOSED);
}

void link_probe_begin(struct link *link, bool keep)
{
	if (link->state == LINK_CLOSED) {
		move(link, LINK_ESTABLISHED);
		link->for_probe = true;
		wake(link, false);
	}
	if (link->state == LINK_ESTABLISHED && keep)
		link->for_probe = false;
}

void link_close(struct link *link)
{
	if (link->state == LINK_CLOSE_WAIT)
		fin_send(link, LINK_LAST_ACK);
	if (link->state != LINK_ESTABLISHED)
		return;
	if (is_sequenced(link)) {
		fin_send(link, LINK_FIN_WAIT1);
		return;
	}
	if (!link->version)
		link_queue_flush(link);
	end_unnumbered(link);
}

void link_connected(struct link *link)
{
	bool had_output = link_has_output(link);

	link->connected = true;
	link->resend_at_ms = UINT64_MAX;
	link->resend_wait_ms = link->resend_ms;
	link_queue_rewind(link);
	wake(link, had_output);
}

void link_disconnected(struct link *link)
{
	bool had_output = link_has_output(link);

	link->connected = false;
	link->resend_at_ms = UINT64_MAX;
	/* Nothing but the end of the connection tells that a 3.1 peer's probe is over. */
	if (link->state == LINK_ESTABLISHED && !link->users && !link->for_probe && link->version &&
		!is_sequenced(link))
		end_unnumbered(link);
	link_queue_bound(link, LINK_BARE_MAX);
	/* What was on its way may be lost, so a connection is wanted. */
	link_queue_rewind(link);
	wake(link, had_output);
}

static uint32_t frame_code(const struct wire_frame *frame)
{
	return frame->header.cmd == WIRE_CMD_RCOM  ? 0x100u | frame->rcom.type
	       : frame->header.cmd == WIRE_CMD_MSG ? frame->msg.type
						   : 0;
}

/* Return: false: the frame does not belong to what the peer has said before */
static bool version_accept(struct link *link, uint32_t version)
{
	if (!link->version)
		link->version = version;
	return link->version == version;
}

/*
 * STATUS and the like begin a conversation. A request after the peer's FIN can only be a new one:
 * it has forgotten the old. (A reply after its FIN may still be an answer to our own request.)
 */
static void opened(struct link *link, const struct wire_frame *frame)
{
	bool status = frame->rcom.type == WIRE_RCOM_STATUS;

	link->closed_word_valid = false;
	if (status && is_fin_received(link))
		restart(link);
	if (link->state == LINK_CLOSED) {
		link->ack_due = false;
		move(link, LINK_ESTABLISHED);
	}
}

static void deliver(struct link *link, const struct wire_frame *frame)
{
	link->owner->deliver(link->owner->context, link->nodeid, frame);
}

static void gap_seen(struct link *link)
{
	link->counters.gap++;
	if (link->gap_since_ms == UINT64_MAX)
		link->gap_since_ms = link->now_ms;
	if (link->now_ms - link->gap_since_ms < GAP_MS)
		return;
	link->gap_since_ms = link->now_ms;
	link->owner->gap(link->owner->context, link->nodeid);
}

static void bare_received(struct link *link, const struct wire_frame *frame)
{
	bool stateless = frame->header.cmd == WIRE_CMD_RCOM && rcom_is_stateless(frame->rcom.type);

	if (stateless) {
		opened(link, frame);
	} else if (!link->heard) {
		refuse(link, frame_code(frame), "before any STATUS");
		return;
	} else if (is_sequenced(link)) {
		refuse(link, frame_code(frame), "without a sequence number");
		return;
	}
	if (!version_accept(link, frame->header.version)) {
		refuse(link, frame_code(frame), "another version than before");
		return;
	}
	if (stateless && frame->rcom.type != WIRE_RCOM_NAMES &&
		frame->rcom.type != WIRE_RCOM_NAMES_REPLY)
		link->heard = true;
	if (stateless && frame->rcom.type == WIRE_RCOM_STATUS_REPLY) {
		/* Said after what is missing, and it would be believed before: a recovery went on
		 * without the answers to our requests. It is asked for again. */
		if (link->gap_since_ms != UINT64_MAX) {
			gap_seen(link);
			return;
		}
		link->answer_count++;
	}
	deliver(link, frame);
}

static void fin_received(struct link *link)
{
	ack_owed(link, link->seq_next);
	switch (link->state) {
	case LINK_ESTABLISHED:
		if (link->users)
			move(link, LINK_CLOSE_WAIT);
		else
			fin_send(link, LINK_LAST_ACK);
		return;
	case LINK_FIN_WAIT1:
		move(link, LINK_CLOSING);
		return;
	case LINK_FIN_WAIT2:
		fin_done(link);
		return;
	case LINK_CLOSED:
	case LINK_CLOSE_WAIT:
	case LINK_CLOSING:
	case LINK_LAST_ACK:
		return;
	}
}

/* A frame arrived in its turn; its number has been counted, whatever we think of its content. */
static void inner_received(struct link *link, const struct wire_frame *outer)
{
	struct wire_frame frame;

	if (outer->inner.cmd == WIRE_CMD_FIN) {
		fin_received(link);
		return;
	}
	ack_owed(link, link->seq_next);
	if (wire_frame_decode(outer->inner_bytes, outer->inner.length, &frame)) {
		refuse(link, 0, "malformed");
		return;
	}
	if (is_fin_received(link)) {
		refuse(link, frame_code(&frame), "after FIN");
		return;
	}
	if (frame.header.cmd == WIRE_CMD_RCOM &&
		(frame.rcom.type == WIRE_RCOM_NAMES || frame.rcom.type == WIRE_RCOM_NAMES_REPLY))
		link->names_sequenced = true;
	if (frame.header.cmd == WIRE_CMD_RCOM && frame.rcom.type == WIRE_RCOM_STATUS_REPLY)
		link->answer_count++;
	deliver(link, &frame);
}

/*
 * Before the first STATUS of a conversation a sequenced frame belongs to one that we have
 * forgotten; but a node that does not have the lockspace answers our STATUS with a sequenced "not
 * ready", and that may be the first we hear of it. Return: true: take it as the beginning
 */
static bool opens_sequenced(struct link *link, const struct wire_frame *outer)
{
	uint32_t seq = outer->header.lockspace;

	if (outer->inner.cmd == WIRE_CMD_RCOM && seq == 0 && !link->seq_next &&
		get_le32(outer->inner_bytes + WIRE_HEADER_BYTES) == WIRE_RCOM_STATUS_REPLY)
		return true;
	if (outer->inner.cmd == WIRE_CMD_FIN && link->closed_word_valid &&
		seq + 1 == link->closed_word) {
		link->counters.duplicate++;
		ack_owed(link, link->closed_word);
		return false;
	}
	refuse(link, 0, "numbered, before any STATUS");
	return false;
}

static void opts_received(struct link *link, const struct wire_frame *outer)
{
	int32_t ahead = (int32_t)(outer->header.lockspace - link->seq_next);

	if (outer->inner.nodeid != link->nodeid || link->our_version != WIRE_VERSION_3_2) {
		refuse(link, 0, "wrapped, and not for this link");
		return;
	}
	if (!link->heard) {
		if (!opens_sequenced(link, outer))
			return;
		link->closed_word_valid = false;
		link->ack_due = false;
		link->heard = version_accept(link, outer->header.version);
		if (link->state == LINK_CLOSED)
			move(link, LINK_ESTABLISHED);
	}
	if (!version_accept(link, outer->header.version)) {
		refuse(link, 0, "another version than before");
		return;
	}
	if (ahead < 0) {
		link->counters.duplicate++;
		ack_owed(link, link->seq_next);
		return;
	}
	if (ahead > 0) {
		gap_seen(link);
		return;
	}
	link->gap_since_ms = UINT64_MAX;
	link->seq_next++;
	inner_received(link, outer);
}

static bool is_fin_acked(const struct link *link)
{
	return !link->fin_wanted && (int32_t)(link->fin_seq - link->seq_acked) < 0;
}

static void fin_acked(struct link *link)
{
	if (link->state == LINK_FIN_WAIT1)
		move(link, LINK_FIN_WAIT2);
	else if (link->state == LINK_CLOSING || link->state == LINK_LAST_ACK)
		fin_done(link);
}

/*
 * The peer has begun anew before its acknowledgement of our last FIN was here. If that is still
 * under way, it would be taken for one of this conversation. So such a number counts only later,
 * when we have repeated what it may be about.
 */
static bool is_old_ack(struct link *link, uint32_t next)
{
	if (link->now_ms >= link->old_until_ms || (int32_t)(next - link->old_word) > 0)
		return false;
	link->resend_at_ms = link->old_until_ms;
	return true;
}

static void ack_received(struct link *link, const struct wire_header *header)
{
	uint32_t next = header->lockspace;

	if (!link->heard)
		return;
	if (!is_sequenced(link) || !version_accept(link, header->version)) {
		refuse(link, 0, "ACK, and nothing was numbered");
		return;
	}
	if ((int32_t)(next - link->seq_taken) > 0) {
		refuse(link, 0, "ACK of what was not sent");
		return;
	}
	if ((int32_t)(next - link->seq_acked) <= 0)
		return;
	if (is_old_ack(link, next))
		return;
	link->seq_acked = next;
	link->resend_wait_ms = link->resend_ms;
	link->resend_at_ms = next == link->seq_taken ? UINT64_MAX : link->now_ms + link->resend_ms;
	link_queue_trim(link);
	if (is_fin_sent(link) && is_fin_acked(link))
		fin_acked(link);
}

/* A release that speaks another protocol cannot be answered, but it can be named. */
static void note_version(struct link *link, const uint8_t *bytes)
{
	uint32_t version = get_le32(bytes);

	if (version != WIRE_VERSION_3_1 && version != WIRE_VERSION_3_2 &&
		get_le32(bytes + 8) == link->nodeid)
		link->other_version = version;
}

static void frame_received(struct link *link, const uint8_t *bytes, uint32_t length)
{
	struct wire_frame frame;

	link->counters.received++;
	if (wire_frame_decode(bytes, length, &frame)) {
		note_version(link, bytes);
		refuse(link, 0, "malformed");
		return;
	}
	if (frame.header.nodeid != link->nodeid) {
		refuse(link, frame_code(&frame), "in the name of another node");
		return;
	}
	switch ((enum wire_cmd)frame.header.cmd) {
	case WIRE_CMD_MSG:
	case WIRE_CMD_RCOM:
		bare_received(link, &frame);
		return;
	case WIRE_CMD_OPTS:
		opts_received(link, &frame);
		return;
	case WIRE_CMD_ACK:
		ack_received(link, &frame.header);
		return;
	case WIRE_CMD_FIN:
		refuse(link, 0, "FIN without a sequence number");
		return;
	}
}

int link_receive(struct link *link, const uint8_t *data, size_t size)
{
	size_t at = 0;

	if (size > INT32_MAX)
		size = INT32_MAX;
	for (;;) {
		struct wire_header header;
		int rc = wire_header_decode(data + at, size - at, &header);

		if (rc == -EMSGSIZE)
			return rc;
		if (rc || header.length > size - at)
			return (int)at;
		frame_received(link, data + at, header.length);
		at += header.length;
	}
}

size_t link_take(struct link *link, uint8_t *ret, size_t room)
{
	size_t size = 0, taken;

	if (!link->connected)
		return 0;
	if (link->ack_due && room >= WIRE_HEADER_BYTES) {
		wire_bare_encode(
			link->our_version, link->ack_word, link->our_nodeid, WIRE_CMD_ACK, ret);
		link->ack_due = false;
		size = WIRE_HEADER_BYTES;
	}
	taken = link_queue_take(link, ret + size, room - size);
	size += taken;
	link->spoken |= taken > 0;
	if (link->resend_at_ms == UINT64_MAX && link->seq_taken != link->seq_acked)
		link->resend_at_ms = link->now_ms + link->resend_wait_ms;
	return size;
}

bool link_has_output(const struct link *link)
{
	return link->ack_due || link->untaken_count;
}

/*
 * On a connection nothing gets lost, so this is for peers that dropped what they got. One that has
 * it all and was just slow to say so (a kernel 6.12 may leave 256 frames unacknowledged for ever)
 * answers the repetition at once.
 */
static void resend(struct link *link)
{
	bool had_output = link_has_output(link);

	if (link->resend_wait_ms < link->resend_ms * RESEND_DOUBLINGS_MAX)
		link->resend_wait_ms *= 2;
	link->resend_at_ms = link->now_ms + link->resend_wait_ms;
	/* The connection does not even take what is new: the peer is slow, not deaf. */
	if (link->untaken_count)
		return;
	link_queue_rewind(link);
	wake(link, had_output);
}

void link_tick(struct link *link, uint64_t now_ms)
{
	link->now_ms = now_ms;
	if (link->fin_wanted)
		fin_queue(link);
	if (link->connected && now_ms >= link->resend_at_ms)
		resend(link);
	if (now_ms >= link->give_up_at_ms)
		link_reset(link);
	if (now_ms >= link->reopen_at_ms)
		restart(link);
}

uint64_t link_deadline(const struct link *link)
{
	uint64_t at =
		link->resend_at_ms < link->give_up_at_ms ? link->resend_at_ms : link->give_up_at_ms;

	if (link->reopen_at_ms < at)
		at = link->reopen_at_ms;
	if (link->fin_wanted && link->now_ms + FIN_RETRY_MS < at)
		at = link->now_ms + FIN_RETRY_MS;
	return at;
}

void link_check(const struct link *link)
{
	link_queue_check(link);
	must((int32_t)(link->seq_taken - link->seq_acked) >= 0);
	must((int32_t)(link->seq_send - link->seq_taken) >= 0);
	must(link->version || !link->heard);
	must(link->version || link->seq_send == 0);
	must(link->state != LINK_CLOSED || !link->heard);
	must(!link->fin_wanted || is_fin_sent(link));
	must((link->state == LINK_LAST_ACK) == (link->give_up_at_ms != UINT64_MAX));
	must(!link->for_probe || link->state != LINK_CLOSED);
	must(link->reopen_at_ms == UINT64_MAX || is_fin_sent(link));
}
