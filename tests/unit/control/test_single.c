/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster of one, in a loop: order of events, bounds, and an end at any moment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "control/cluster/cluster.h"

#define TURN_MS 5u

static qb_loop_t *loop;
static struct cluster *cluster;
static char story[4096]; /* what was told, a word an event */
static const char *close_at;
static uint32_t delivered_count;

static void note(const char *event, const char *word)
{
	size_t used = strlen(story);

	snprintf(story + used, sizeof(story) - used, "%s%s%s%s", used ? " " : "", event,
		word[0] ? ":" : "", word);
	if (close_at && !strcmp(close_at, event)) {
		cluster_single.close(cluster);
		cluster = NULL;
	}
}

static void on_waiting(void *context, const char *text)
{
	note("waiting", text);
}

static void on_up(void *context, const struct cluster_facts *facts)
{
	assert_int_equal(facts->nodeid, 1);
	assert_int_equal(facts->configured_count, 0);
	assert_string_equal(facts->name, "single");
	note("up", "");
}

static void on_quorum(void *context, bool is_quorate, uint64_t ring_seq, const uint32_t *members,
	uint32_t member_count, const uint32_t *rejoined, uint32_t rejoined_count)
{
	assert_true(is_quorate);
	assert_int_equal(member_count, 1);
	assert_int_equal(members[0], 1);
	assert_int_equal(rejoined_count, 0);
	note("quorum", "");
}

static void on_confchg(void *context, const char *group, const uint32_t *members,
	uint32_t member_count, const struct cluster_left *left, uint32_t left_count,
	const uint32_t *joined, uint32_t joined_count)
{
	assert_int_equal(member_count, joined_count);
	assert_int_equal(member_count + left_count, 1);
	if (left_count) {
		assert_int_equal(left[0].nodeid, 1);
		assert_int_equal(left[0].reason, CLUSTER_REASON_LEAVE);
	}
	note(left_count ? "out" : "in", group);
}

static void on_ring(void *context, const char *group, uint32_t nodeid, uint64_t seq)
{
	note("ring", group);
}

static void on_deliver(
	void *context, const char *group, uint32_t nodeid, const void *data, size_t bytes)
{
	char word[64];

	delivered_count++;
	snprintf(word, sizeof(word), "%s:%.*s", group, (int)(bytes > 32 ? 32 : bytes),
		(const char *)data);
	note("deliver", delivered_count < 10 ? word : "");
}

static void on_looked(
	void *context, const char *group, int error, const uint32_t *members, uint32_t member_count)
{
	char word[64];

	assert_int_equal(error, 0);
	snprintf(word, sizeof(word), "%s:%u", group, member_count);
	note("looked", word);
}

static void on_join_failed(void *context, const char *group, int error)
{
	note("join_failed", group);
}

static bool on_may_shut_down(void *context)
{
	return true;
}

static void on_lost(void *context, const char *text)
{
	note("lost", text);
}

static const struct cluster_events events = {.waiting = on_waiting,
	.up = on_up,
	.quorum = on_quorum,
	.confchg = on_confchg,
	.ring = on_ring,
	.deliver = on_deliver,
	.looked = on_looked,
	.join_failed = on_join_failed,
	.may_shut_down = on_may_shut_down,
	.lost = on_lost};

static void stop(void *data)
{
	qb_loop_stop(loop);
}

static void turns(void)
{
	qb_loop_timer_handle timer;

	assert_int_equal(
		qb_loop_timer_add(loop, QB_LOOP_LOW, TURN_MS * 1000000, NULL, stop, &timer), 0);
	qb_loop_run(loop);
}

/* The loop goes round until it is told; the alarm ends what never comes. */
static void told(const char *expected)
{
	while (strcmp(story, expected)) {
		assert_true(strlen(story) < strlen(expected));
		turns();
	}
	story[0] = '\0';
}

static void begin(void)
{
	assert_int_equal(cluster_single.open(loop, NULL, &events, &cluster), 0);
	assert_string_equal(story, "");
	told("up quorum");
}

static int setup(void **state)
{
	alarm(60);
	story[0] = '\0';
	close_at = NULL;
	delivered_count = 0;
	loop = qb_loop_create();
	return !loop;
}

static int teardown(void **state)
{
	cluster_single.close(cluster);
	cluster = NULL;
	qb_loop_destroy(loop);
	return 0;
}

static int send_text(const char *group, const char *text)
{
	return cluster_single.send(cluster, group, text, strlen(text));
}

static void test_life_of_a_group(void **state)
{
	begin();
	assert_int_equal(cluster_single.join(cluster, "g"), 0);
	assert_int_equal(cluster_single.join(cluster, "g"), -EEXIST);
	assert_int_equal(send_text("g", "one"), 0);
	assert_int_equal(cluster_single.look(cluster, "g"), 0);
	assert_int_equal(cluster_single.look(cluster, "h"), 0);
	assert_string_equal(story, "");
	told("in:g ring:g deliver:g:one looked:g:1 looked:h:0");
	assert_int_equal(send_text("g", "two"), 0);
	assert_int_equal(cluster_single.leave(cluster, "g"), 0);
	assert_int_equal(cluster_single.join(cluster, "g"), -EEXIST);
	assert_int_equal(cluster_single.leave(cluster, "g"), -ENOENT);
	assert_int_equal(send_text("g", "three"), -ENOENT);
	told("deliver:g:two out:g");
	assert_int_equal(cluster_single.join(cluster, "g"), 0);
	told("in:g ring:g");
}

static void test_what_is_refused(void **state)
{
	struct sockaddr_storage addresses[CLUSTER_ADDRESSES_MAX];
	char name[129];

	memset(name, 'x', sizeof(name));
	name[128] = '\0';
	assert_int_equal(cluster_single.open(loop, NULL, &events, &cluster), 0);
	assert_int_equal(cluster_single.join(cluster, "g"), -ENOTCONN);
	told("up quorum");
	assert_int_equal(cluster_single.join(cluster, name), -ENAMETOOLONG);
	assert_int_equal(cluster_single.look(cluster, name), -ENAMETOOLONG);
	assert_int_equal(cluster_single.leave(cluster, "g"), -ENOENT);
	assert_int_equal(send_text("g", "x"), -ENOENT);
	assert_int_equal(cluster_single.addresses(cluster, 1, addresses), 0);
	assert_int_not_equal(cluster_single.instance(cluster), 0);
}

static void test_too_much(void **state)
{
	static const uint8_t big[4u << 20];
	int rv;

	begin();
	assert_int_equal(cluster_single.join(cluster, "g"), 0);
	told("in:g ring:g");
	for (uint32_t i = 0; i < 65536; i++)
		assert_int_equal(send_text("g", "x"), 0);
	assert_int_equal(send_text("g", "x"), -ENOBUFS);
	while (delivered_count < 65536)
		turns();
	for (uint32_t i = 0; !(rv = cluster_single.send(cluster, "g", big, sizeof(big))); i++)
		assert_true(i < 2);
	assert_int_equal(rv, -ENOBUFS);
}

static void test_removed_from_itself(void **state)
{
	begin();
	assert_int_equal(cluster_single.kill(cluster, 2, "why"), -ENOENT);
	assert_int_equal(cluster_single.join(cluster, "g"), 0);
	assert_int_equal(cluster_single.kill(cluster, 1, "why"), 0);
	assert_int_equal(send_text("g", "never heard"), 0);
	told("in:g ring:g lost:why");
	assert_int_equal(send_text("g", "x"), -ENOTCONN);
	turns();
	assert_string_equal(story, "");
}

static void test_closed_in_an_event(void **state)
{
	static const char *const at[] = {
		"up", "quorum", "in", "ring", "deliver", "looked", "out", "lost"};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		close_at = at[i];
		assert_int_equal(cluster_single.open(loop, NULL, &events, &cluster), 0);
		turns();
		if (cluster) {
			assert_int_equal(cluster_single.join(cluster, "g"), 0);
			assert_int_equal(send_text("g", "x"), 0);
			assert_int_equal(cluster_single.look(cluster, "g"), 0);
			assert_int_equal(cluster_single.leave(cluster, "g"), 0);
			assert_int_equal(cluster_single.kill(cluster, 1, "why"), 0);
		}
		while (cluster)
			turns();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life_of_a_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_from_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_in_an_event, setup, teardown),
	};

	return cmocka_run_group_tests_name("single", tests, NULL, NULL);
}
