/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/peers/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/list.h"

enum answer_state {
	ANSWER_OPEN,
	ANSWER_WHOLE,
	ANSWER_NO_MEMBER, /* runs no udlm */
	ANSWER_GONE,      /* left while it was asked */
};

struct answer {
	uint32_t nodeid;
	enum answer_state state;
	uint32_t part_count; /* that have come */
	struct text text;
};

struct question {
	struct list on_peers;
	uint32_t id;
	uint16_t question;
	uint64_t request, until_ms;
	uint32_t count;
	struct answer answers[]; /* by node id */
};

struct peers {
	struct peers_settings settings;
	uint32_t member_count, members[PEERS_NODES_MAX];
	struct list questions;
	uint32_t question_count, last_id;
	size_t under_way; /* bytes of our messages that have not come round */
};

static bool is_member(const struct peers *peers, uint32_t nodeid)
{
	for (uint32_t i = 0; i < peers->member_count; i++) {
		if (peers->members[i] == nodeid)
			return true;
	}
	return false;
}

static void question_free(struct peers *peers, struct question *question)
{
	for (uint32_t i = 0; i < question->count; i++)
		text_done(&question->answers[i].text);
	list_remove(&question->on_peers);
	peers->question_count--;
	free(question);
}

int peers_new(const struct peers_settings *settings, struct peers **ret)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	peers->settings = *settings;
	list_init(&peers->questions);
	*ret = peers;
	return 0;
}

void peers_free(struct peers *peers)
{
	struct question *question;

	if (!peers)
		return;
	while ((question = list_first(&peers->questions, struct question, on_peers)))
		question_free(peers, question);
	free(peers);
}

static int message_send(
	struct peers *peers, const struct udlm_header *header, const void *text, size_t text_bytes)
{
	uint8_t message[UDLM_MESSAGE_MAX];
	size_t bytes = udlm_encode(header, text, text_bytes, message);
	int rv = peers->settings.send(peers->settings.context, message, bytes);

	peers->under_way += rv ? 0 : bytes;
	return rv;
}

/* ---- the end of a question ---- */

static void answer_write(const struct answer *answer, struct text *ret)
{
	switch (answer->state) {
	case ANSWER_WHOLE:
		text_add(ret, "node %u:\n", answer->nodeid);
		text_add_bytes(ret, answer->text.data, answer->text.bytes);
		if (answer->text.bytes && answer->text.data[answer->text.bytes - 1] != '\n')
			text_add(ret, "\n");
		return;
	case ANSWER_NO_MEMBER:
		text_add(ret, "node %u: no dlm_controld of udlm answers there\n", answer->nodeid);
		return;
	case ANSWER_GONE:
		text_add(ret, "node %u: left while it was asked\n", answer->nodeid);
		return;
	case ANSWER_OPEN:
		text_add(ret, "node %u: no answer within %u seconds\n", answer->nodeid,
			PEERS_ANSWER_MS / 1000);
		return;
	}
}

static void question_end(struct peers *peers, struct question *question)
{
	uint64_t request = question->request;
	struct text text = {0};

	for (uint32_t i = 0; i < question->count; i++)
		answer_write(&question->answers[i], &text);
	question_free(peers, question);
	peers->settings.done(peers->settings.context, request, &text);
}

static bool is_answered(const struct question *question)
{
	for (uint32_t i = 0; i < question->count; i++) {
		if (question->answers[i].state == ANSWER_OPEN)
			return false;
	}
	return true;
}

/* ---- asking ---- */

static int number_order(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static struct question *question_new(
	const struct peers *peers, const uint32_t *nodes, uint32_t count)
{
	struct question *question =
		calloc(1, sizeof(*question) + count * sizeof(question->answers[0]));
	uint32_t sorted[PEERS_NODES_MAX];

	if (!question)
		return NULL;
	memcpy(sorted, nodes, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), number_order);
	question->count = count;
	for (uint32_t i = 0; i < count; i++) {
		question->answers[i].nodeid = sorted[i];
		if (!is_member(peers, sorted[i]))
			question->answers[i].state = ANSWER_NO_MEMBER;
	}
	return question;
}

int peers_ask(struct peers *peers, uint64_t now_ms, uint16_t question, uint64_t request,
	const uint32_t *nodes, uint32_t count)
{
	struct udlm_header header = {.version = UDLM_VERSION_NOW,
		.type = UDLM_QUESTION,
		.question = question,
		.capabilities = UDLM_CAN_ASK,
		.nodeid = peers->settings.nodeid,
		.id = peers->last_id + 1};
	struct question *open;
	int rv;

	if (peers->question_count >= PEERS_QUESTIONS)
		return -EBUSY;
	if (!is_member(peers, peers->settings.nodeid) || count > PEERS_NODES_MAX)
		return -ENOTCONN;
	open = question_new(peers, nodes, count);
	if (!open)
		return -ENOMEM;
	rv = message_send(peers, &header, NULL, 0);
	if (rv) {
		free(open);
		return rv;
	}
	open->id = ++peers->last_id;
	open->question = question;
	open->request = request;
	open->until_ms = now_ms + PEERS_ANSWER_MS;
	list_add_tail(&peers->questions, &open->on_peers);
	peers->question_count++;
	return 0;
}

bool peers_is_waiting(const struct peers *peers)
{
	return !list_empty(&peers->questions);
}

void peers_tick(struct peers *peers, uint64_t now_ms)
{
	struct question *question, *next;

	list_for_each_safe (question, next, &peers->questions, on_peers) {
		if (question->until_ms <= now_ms)
			question_end(peers, question);
	}
}

void peers_members(struct peers *peers, const uint32_t *members, uint32_t count)
{
	struct question *question, *next;

	peers->member_count = count < PEERS_NODES_MAX ? count : PEERS_NODES_MAX;
	for (uint32_t i = 0; i < peers->member_count; i++)
		peers->members[i] = members[i];
	list_for_each_safe (question, next, &peers->questions, on_peers) {
		for (uint32_t i = 0; i < question->count; i++) {
			struct answer *answer = &question->answers[i];

			if (answer->state == ANSWER_OPEN && !is_member(peers, answer->nodeid))
				answer->state = ANSWER_GONE;
		}
		if (is_answered(question))
			question_end(peers, question);
	}
}

/* ---- answering ---- */

static int answer_send(
	struct peers *peers, const struct udlm_header *asked, const char *text, size_t bytes)
{
	struct udlm_header header = {.version = UDLM_VERSION_NOW,
		.type = UDLM_ANSWER,
		.question = asked->question,
		.capabilities = UDLM_CAN_ASK,
		.nodeid = peers->settings.nodeid,
		.to_nodeid = asked->nodeid,
		.id = asked->id};

	header.part_count = (uint32_t)((bytes + UDLM_TEXT_BYTES - 1) / UDLM_TEXT_BYTES);
	header.part_count += !header.part_count; /* an empty answer is one too */
	for (; header.part < header.part_count; header.part++) {
		size_t at = (size_t)header.part * UDLM_TEXT_BYTES;
		size_t part = bytes - at < UDLM_TEXT_BYTES ? bytes - at : UDLM_TEXT_BYTES;
		int rv = message_send(peers, &header, text ? text + at : NULL, part);

		if (rv)
			return rv;
	}
	return 0;
}

static void answer_part(struct peers *peers, struct question *question, struct answer *answer,
	const struct udlm_header *header, const char *text, size_t bytes)
{
	if (answer->state != ANSWER_OPEN || header->part != answer->part_count ||
		answer->text.bytes + bytes > PEERS_ANSWER_BYTES)
		return;
	text_add_bytes(&answer->text, text, bytes);
	answer->part_count++;
	if (answer->part_count < header->part_count)
		return;
	answer->state = ANSWER_WHOLE;
	if (is_answered(question))
		question_end(peers, question);
}

static void answer_take(
	struct peers *peers, const struct udlm_header *header, const char *text, size_t bytes)
{
	struct question *question;

	list_for_each (question, &peers->questions, on_peers) {
		if (question->id != header->id)
			continue;
		for (uint32_t i = 0; i < question->count; i++) {
			if (question->answers[i].nodeid != header->nodeid)
				continue;
			answer_part(peers, question, &question->answers[i], header, text, bytes);
			return;
		}
	}
}

static int question_answer(struct peers *peers, const struct udlm_header *asked)
{
	static const char cut[] = "\n(more is cut)\n";
	size_t most = PEERS_ANSWER_BYTES - sizeof(cut);
	struct text text = {0};
	int rv;

	/* Whoever asks without end must not take the room that our other messages need. */
	if (peers->under_way > PEERS_UNDER_WAY)
		return -EBUSY;
	peers->settings.report(peers->settings.context, asked->question, &text);
	if (text.bytes > most) {
		text.bytes = most;
		text_add_bytes(&text, cut, sizeof(cut) - 1);
	}
	rv = answer_send(peers, asked, text.data, text.bytes);
	text_done(&text);
	return rv;
}

int peers_deliver(struct peers *peers, uint32_t sender, const void *data, size_t bytes)
{
	struct udlm_header header;
	const char *text;
	size_t text_bytes;
	int rv = udlm_decode(data, bytes, &header, &text, &text_bytes);

	if (sender == peers->settings.nodeid)
		peers->under_way -= bytes < peers->under_way ? bytes : peers->under_way;
	if (rv)
		return rv;
	if (header.nodeid != sender)
		return -EBADMSG;
	switch (header.type) {
	case UDLM_QUESTION:
		return question_answer(peers, &header);
	case UDLM_ANSWER:
		if (header.to_nodeid == peers->settings.nodeid)
			answer_take(peers, &header, text, text_bytes);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
