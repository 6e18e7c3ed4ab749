/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to all nodes: three of them in one process, and messages that only the test can send.
 */
#include "control/peers/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

#define NODES 3u

static struct peers *nodes[NODES + 1]; /* by id */
static uint8_t sent[8192][UDLM_MESSAGE_MAX];
static size_t sent_bytes[8192];
static uint32_t senders[8192], sent_count, send_error;
static size_t report_bytes; /* of a long report; 0: a short one */
static char said[2 * PEERS_ANSWER_BYTES];
static uint64_t done_request;
static uint32_t done_count;
static const uint32_t everybody[] = {3, 1, 2};

static int take(void *context, const void *data, size_t bytes)
{
	if (send_error)
		return -(int)send_error;
	memcpy(sent[sent_count], data, bytes);
	sent_bytes[sent_count] = bytes;
	senders[sent_count++] = (uint32_t)(uintptr_t)context;
	return 0;
}

static void report(void *context, uint16_t question, struct text *ret)
{
	for (size_t i = 0; i < report_bytes; i++)
		text_add(ret, "%c", (int)('a' + i % 26));
	if (!report_bytes && question != 9)
		text_add(ret, "answer %u to %u", (unsigned)(uintptr_t)context, question);
}

static void done(void *context, uint64_t request, struct text *text)
{
	done_request = request;
	done_count++;
	snprintf(said, sizeof(said), "%s", text->data ? text->data : "");
	text_done(text);
}

static int setup(void **state)
{
	sent_count = send_error = done_count = 0;
	report_bytes = 0;
	for (uint32_t i = 1; i <= NODES; i++) {
		struct peers_settings settings = {.nodeid = i,
			.context = (void *)(uintptr_t)i,
			.send = take,
			.report = report,
			.done = done};

		if (peers_new(&settings, &nodes[i]))
			return -1;
		peers_members(nodes[i], everybody, 3);
	}
	return 0;
}

static int teardown(void **state)
{
	for (uint32_t i = 1; i <= NODES; i++)
		peers_free(nodes[i]);
	return 0;
}

/* Everything goes to everybody, in order, but to those whom @deaf has a bit for. */
static void deliver_all(uint32_t deaf)
{
	for (uint32_t at = 0; at < sent_count; at++) {
		for (uint32_t i = 1; i <= NODES; i++) {
			if (!(deaf & 1u << i))
				(void)peers_deliver(
					nodes[i], senders[at], sent[at], sent_bytes[at]);
		}
	}
	sent_count = 0;
}

static void test_all_answer(void **state)
{
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 77, everybody, 3), 0);
	assert_true(peers_is_waiting(nodes[1]));
	deliver_all(0);
	assert_int_equal(done_count, 1);
	assert_int_equal(done_request, 77);
	assert_string_equal(
		said, "node 1:\nanswer 1 to 1\nnode 2:\nanswer 2 to 1\nnode 3:\nanswer 3 to 1\n");
	assert_false(peers_is_waiting(nodes[1]));
}

static void test_empty_answers(void **state)
{
	assert_int_equal(peers_ask(nodes[2], 1000, 9, 1, everybody, 3), 0);
	deliver_all(0);
	assert_string_equal(said, "node 1:\nnode 2:\nnode 3:\n");
}

static void test_one_is_silent(void **state)
{
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), 0);
	deliver_all(1u << 2);
	peers_tick(nodes[1], 1000 + PEERS_ANSWER_MS - 1);
	assert_int_equal(done_count, 0);
	peers_tick(nodes[1], 1000 + PEERS_ANSWER_MS);
	assert_int_equal(done_count, 1);
	assert_string_equal(said, "node 1:\nanswer 1 to 1\nnode 2: no answer within 3 seconds\n"
				  "node 3:\nanswer 3 to 1\n");
}

static void test_one_runs_no_udlm_and_one_leaves(void **state)
{
	static const uint32_t two[] = {1, 2}, one[] = {1};

	peers_members(nodes[1], two, 2);
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), 0);
	deliver_all(1u << 2 | 1u << 3);
	assert_int_equal(done_count, 0);
	peers_members(nodes[1], one, 1);
	assert_int_equal(done_count, 1);
	assert_string_equal(said, "node 1:\nanswer 1 to 1\nnode 2: left while it was asked\n"
				  "node 3: no dlm_controld of udlm answers there\n");
}

/* In parts, of which one that is lost makes the answer none. */
static void test_long_answers(void **state)
{
	report_bytes = 5 * UDLM_TEXT_BYTES;
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, (uint32_t[]){1}, 1), 0);
	(void)peers_deliver(nodes[1], 1, sent[0], sent_bytes[0]);
	assert_int_equal(sent_count, 1 + 5);
	for (uint32_t at = 1; at < 5; at++)
		(void)peers_deliver(nodes[1], 1, sent[at], sent_bytes[at]);
	assert_int_equal(done_count, 0);
	(void)peers_deliver(nodes[1], 1, sent[5], sent_bytes[5]);
	assert_int_equal(done_count, 1);
	assert_int_equal(strlen(said), strlen("node 1:\n") + report_bytes + 1);

	sent_count = 0;
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, (uint32_t[]){1}, 1), 0);
	for (uint32_t at = 0; at < sent_count; at++) {
		if (at != 3)
			(void)peers_deliver(nodes[1], 1, sent[at], sent_bytes[at]);
	}
	peers_tick(nodes[1], 99999);
	assert_string_equal(said, "node 1: no answer within 3 seconds\n");
}

static void test_what_is_too_long_is_cut(void **state)
{
	report_bytes = PEERS_ANSWER_BYTES + 1000;
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, (uint32_t[]){1}, 1), 0);
	for (uint32_t at = 0; at < sent_count; at++)
		(void)peers_deliver(nodes[1], senders[at], sent[at], sent_bytes[at]);
	assert_int_equal(done_count, 1);
	assert_true(strlen(said) <= PEERS_ANSWER_BYTES + 16);
	assert_non_null(strstr(said, "\n(more is cut)\n"));
}

static void test_refused_questions(void **state)
{
	static const uint32_t others[] = {2, 3};

	for (uint32_t i = 0; i < PEERS_QUESTIONS; i++)
		assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, i, everybody, 3), 0);
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 99, everybody, 3), -EBUSY);
	peers_tick(nodes[1], 99999);
	assert_int_equal(done_count, PEERS_QUESTIONS);
	send_error = ENOBUFS;
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), -ENOBUFS);
	assert_false(peers_is_waiting(nodes[1]));
	send_error = 0;
	peers_members(nodes[1], others, 2);
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), -ENOTCONN);
	peers_members(nodes[1], NULL, 0); /* we are out */
	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), -ENOTCONN);
}

/* What no node of ours would send changes nothing. */
static void test_hostile(void **state)
{
	struct udlm_header answer = {.version = UDLM_VERSION_NOW,
		.type = UDLM_ANSWER,
		.nodeid = 2,
		.to_nodeid = 1,
		.id = 1,
		.part_count = 1};
	uint8_t data[UDLM_MESSAGE_MAX];
	size_t bytes;

	assert_int_equal(peers_ask(nodes[1], 1000, UDLM_ASK_LS, 1, everybody, 3), 0);
	bytes = udlm_encode(&answer, "x", 1, data);
	assert_int_equal(peers_deliver(nodes[1], 3, data, bytes), -EBADMSG);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes - 1), -EBADMSG);
	answer.part = 1; /* not the first */
	bytes = udlm_encode(&answer, "x", 1, data);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), 0);
	answer.part = 0;
	answer.id = 2; /* not asked */
	bytes = udlm_encode(&answer, "x", 1, data);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), 0);
	answer.id = 1;
	answer.to_nodeid = 3; /* not for us */
	bytes = udlm_encode(&answer, "x", 1, data);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), 0);
	answer.type = 77;
	bytes = udlm_encode(&answer, "x", 1, data);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), -EOPNOTSUPP);
	assert_int_equal(done_count, 0);
	deliver_all(0);
	assert_int_equal(done_count, 1);
	assert_non_null(strstr(said, "node 2:\nanswer 2 to 1\n"));
}

/* One who asks without end gets answers as fast as the group takes them, and no faster. */
static void test_asked_without_end(void **state)
{
	struct udlm_header question = {.version = UDLM_VERSION_NOW,
		.type = UDLM_QUESTION,
		.question = UDLM_ASK_LS,
		.nodeid = 2,
		.id = 1};
	uint8_t data[UDLM_MESSAGE_MAX];
	size_t bytes = udlm_encode(&question, NULL, 0, data), under_way = 0;
	uint32_t answered = 0;

	report_bytes = PEERS_ANSWER_BYTES / 2;
	while (!peers_deliver(nodes[1], 2, data, bytes))
		assert_true(++answered < 100);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), -EBUSY);
	for (uint32_t at = 0; at < sent_count; at++)
		under_way += sent_bytes[at];
	assert_true(under_way < PEERS_UNDER_WAY + PEERS_ANSWER_BYTES);
	for (uint32_t at = 0; at < sent_count; at++)
		assert_int_equal(peers_deliver(nodes[1], 1, sent[at], sent_bytes[at]), 0);
	assert_int_equal(peers_deliver(nodes[1], 2, data, bytes), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_answer),
		TEST(test_empty_answers),
		TEST(test_one_is_silent),
		TEST(test_one_runs_no_udlm_and_one_leaves),
		TEST(test_long_answers),
		TEST(test_what_is_too_long_is_cut),
		TEST(test_refused_questions),
		TEST(test_hostile),
		TEST(test_asked_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
