/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door, as the transport uses it: who is asked for a connection, and who is held back. */
#include "several.h"

#include <errno.h>

#include "base/pure/dlmconst.h"

#define QUEUE_BYTES 65536u

static struct several several;

static int setup(void **state)
{
	several_init(&several);
	several.peer_queue_bytes = QUEUE_BYTES;
	several_boot(&several, 1);
	several_boot(&several, 2);
	several_start(&several, 0);
	several_wait(&several, 10000);
	assert_int_equal(several.node[1].recovered, several.start_number);
	return 0;
}

static int teardown(void **state)
{
	uint32_t i;

	for (i = 1; i <= 2; i++)
		if (several.node[i].engine)
			several_kill(&several, i);
	return 0;
}

/* Whether a connection to the other node is asked for, once. */
static bool is_asked(struct several_node *node)
{
	struct engine_output out;
	bool asked = false;

	(void)engine_work(node->engine);
	while (engine_output(node->engine, &out))
		if (out.kind == ENGINE_OUT_CONNECT) {
			assert_false(asked);
			asked = true;
		}
	return asked;
}

static struct engine_peer_info peer_of(const struct several_node *node)
{
	struct engine_peer_info info;

	assert_int_equal(engine_peer_info(node->engine, 3 - node->nodeid, &info), 0);
	return info;
}

static void lock_many(struct several_node *node, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		char name[65];
		struct engine_lock_args args = {.lkid = node->next_id++,
			.mode = DLM_MODE_EX,
			.name = name,
			.name_bytes = 64};

		snprintf(name, sizeof(name), "%064u", args.lkid);
		assert_int_equal(engine_lock(node->client, &args), 0);
	}
}

static void test_held_back_by_a_full_peer(void **state)
{
	struct several_node *one = &several.node[1];
	struct engine_client *other;

	assert_int_equal(engine_client_new(one->ls, one, &other), 0);
	one->held[2] = true;
	assert_false(engine_client_held(one->client));
	lock_many(one, 2000);
	assert_true(peer_of(one).queued_bytes > QUEUE_BYTES);
	assert_true(engine_client_held(one->client));
	assert_false(engine_client_held(other)); /* it sent nothing there */
	/* Taken is not acknowledged. */
	one->held[2] = false;
	several.node[2].held[1] = true;
	several_settle(&several);
	assert_true(engine_client_held(one->client));
	several.node[2].held[1] = false;
	several_settle(&several);
	assert_false(engine_client_held(one->client));
	assert_true(peer_of(one).queued_bytes <= QUEUE_BYTES / 2);
}

static void test_held_back_until_the_peer_is_gone(void **state)
{
	struct several_node *one = &several.node[1];

	one->held[2] = true;
	lock_many(one, 2000);
	assert_true(engine_client_held(one->client));
	several_kill(&several, 2);
	assert_false(engine_client_held(one->client));
}

/* The answer to what was asked last will not come over a connection that has ended. */
static void test_question_asks_for_a_connection(void **state)
{
	struct several_node *one = &several.node[1];

	several.node[2].held[1] = true;
	several_stop(&several);
	several_start(&several, 0);
	several_settle(&several);
	assert_false(peer_of(one).has_output); /* STATUS was taken */
	engine_peer_disconnected(one->engine, 2);
	assert_true(is_asked(one));
	engine_peer_disconnected(one->engine, 2); /* an attempt that failed */
	assert_true(is_asked(one));
	several.node[2].held[1] = false;
	engine_peer_connected(one->engine, 2);
	several_wait(&several, 10000);
	assert_int_equal(one->recovered, several.start_number);
	engine_peer_disconnected(one->engine, 2);
	assert_false(is_asked(one)); /* nothing to say, nothing to ask */
}

/* What was asked while the node was no peer asks for a connection when it is one again. */
static void test_peer_that_is_added_again(void **state)
{
	struct several_node *one = &several.node[1];

	engine_free(several.node[2].engine);
	several.node[2].engine = NULL;
	engine_peer_remove(one->engine, 2);
	engine_lockspace_stop(one->ls);
	assert_int_equal(engine_lockspace_start(one->ls,
				 (const struct engine_member[]){
					 {.nodeid = 1, .weight = 1}, {.nodeid = 2, .weight = 1}},
				 2, 9),
		0);
	assert_true(is_asked(one)); /* which the caller did not hear: no such peer */
	assert_false(is_asked(one));
	assert_int_equal(engine_peer_add(one->engine, 2), 0);
	assert_true(is_asked(one));
}

/* That its former life is over would close a connection of the new one. */
static void test_peer_that_is_removed_and_added_at_once(void **state)
{
	struct several_node *one = &several.node[1];
	struct engine_output out;

	engine_peer_remove(one->engine, 2);
	assert_int_equal(engine_peer_add(one->engine, 2), 0);
	while (engine_output(one->engine, &out))
		assert_int_not_equal(out.kind, ENGINE_OUT_PEER_CLOSED);
	assert_true(peer_of(one).is_closed);
}

static void test_answers_and_is_not_as_far(void **state)
{
	struct several_node *one = &several.node[1];
	struct engine_lockspace_info info;

	several.node[2].held[1] = true;
	engine_lockspace_stop(several.node[2].ls);
	engine_lockspace_stop(one->ls);
	assert_int_equal(engine_lockspace_start(one->ls,
				 (const struct engine_member[]){
					 {.nodeid = 1, .weight = 1}, {.nodeid = 2, .weight = 1}},
				 2, 9),
		0);
	several_wait(&several, 500);
	engine_lockspace_info(one->ls, &info);
	assert_int_equal(info.wait_nodeid, 2);
	assert_false(info.wait_answers);
	several.node[2].held[1] = false;
	several_wait(&several, 6000);
	engine_lockspace_info(one->ls, &info);
	assert_int_equal(info.wait_nodeid, 2);
	assert_true(info.wait_answers); /* that it is stopped */
	assert_int_equal(engine_lockspace_start(several.node[2].ls,
				 (const struct engine_member[]){
					 {.nodeid = 1, .weight = 1}, {.nodeid = 2, .weight = 1}},
				 2, 9),
		0);
	several_wait(&several, 20000);
	assert_int_equal(one->recovered, 9);
	engine_lockspace_info(one->ls, &info);
	assert_int_equal(info.wait_nodeid, 0);
	assert_false(info.wait_answers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_held_back_by_a_full_peer),
		TEST(test_held_back_until_the_peer_is_gone),
		TEST(test_question_asks_for_a_connection),
		TEST(test_peer_that_is_added_again),
		TEST(test_peer_that_is_removed_and_added_at_once),
		TEST(test_answers_and_is_not_as_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
