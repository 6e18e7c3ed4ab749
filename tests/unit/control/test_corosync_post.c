/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Letters between the loop and the thread that talks to corosync. */
#include "control/cluster/corosync_post.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#define LETTERS 20000u

static struct post *post;

static int setup(void **state)
{
	alarm(60);
	return post_new(&post);
}

static int teardown(void **state)
{
	post_drop(post);
	post_drop(post);
	return 0;
}

static bool is_ringing(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};

	return poll(&look, 1, 0) > 0;
}

static void test_letters_come_in_order_and_ring(void **state)
{
	struct letter *letter;

	assert_false(is_ringing(post_loop_fd(post)));
	for (uint32_t i = 0; i < 3; i++) {
		letter = post_letter_new(LETTER_RING, "g", NULL, 0);
		letter->seq = i;
		post_to_loop(post, letter);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(is_ringing(post_loop_fd(post)));
		letter = post_for_loop(post);
		assert_int_equal(letter->seq, i);
		assert_string_equal(letter->group, "g");
		post_letter_free(letter);
	}
	assert_null(post_for_loop(post));
	assert_false(is_ringing(post_loop_fd(post)));
	assert_false(is_ringing(post_worker_fd(post)));
}

static void test_a_text_ends_with_nul(void **state)
{
	struct letter *letter = post_letter_new(LETTER_KILL, NULL, "why not", 3);

	assert_string_equal((const char *)letter->data, "why");
	assert_int_equal(letter->bytes, 3);
	post_letter_free(letter);
}

static void test_messages_are_bounded_until_sent(void **state)
{
	uint32_t count = 0;
	struct letter *letter;

	while (!post_to_worker(post, post_letter_new(LETTER_SEND, "g", NULL, 1u << 20)))
		count++;
	assert_int_equal(count, 7); /* eight with what a letter itself weighs are too much */
	assert_int_equal(post_to_worker(post, post_letter_new(LETTER_LEAVE, "g", NULL, 0)), 0);
	letter = post_for_worker(post);
	assert_int_equal(
		post_to_worker(post, post_letter_new(LETTER_SEND, "g", NULL, 1u << 20)), -ENOBUFS);
	post_sent(post, letter);
	assert_int_equal(
		post_to_worker(post, post_letter_new(LETTER_SEND, "g", NULL, 1u << 20)), 0);
}

static void test_a_loop_that_is_behind(void **state)
{
	uint32_t count = 0;

	while (!post_is_full(post)) {
		post_to_loop(post, post_letter_new(LETTER_DELIVER, "g", NULL, 1u << 16));
		assert_true(++count < 100);
	}
	assert_false(is_ringing(post_worker_fd(post)));
	while (post_is_full(post)) {
		post_letter_free(post_for_loop(post));
		assert_true(count-- > 0);
	}
	assert_true(count > 10); /* it does not wait for the last of them */
	assert_true(is_ringing(post_worker_fd(post)));
	assert_null(post_for_worker(post));
	assert_false(is_ringing(post_worker_fd(post)));
}

static void test_after_close_nothing_comes(void **state)
{
	post_to_loop(post, post_letter_new(LETTER_RING, "g", NULL, 0));
	assert_false(post_is_closed(post));
	post_close(post);
	assert_true(post_is_closed(post));
	assert_true(is_ringing(post_worker_fd(post)));
	post_to_loop(post, post_letter_new(LETTER_RING, "h", NULL, 0));
	post_letter_free(post_for_loop(post));
	assert_null(post_for_loop(post));
	assert_false(post_is_abandoned(post));
	assert_false(post_await_end(post, 0));
	assert_true(post_is_abandoned(post));
	post_end(post);
	assert_true(post_await_end(post, 0));
}

static void *echo(void *data)
{
	struct pollfd look = {.fd = post_worker_fd(post), .events = POLLIN};
	struct letter *letter;

	for (uint32_t count = 0; count < LETTERS;) {
		assert_int_equal(poll(&look, 1, -1), 1);
		while ((letter = post_for_worker(post))) {
			struct letter *answer = post_letter_new(LETTER_DELIVER, NULL, NULL, 0);

			answer->seq = letter->seq;
			post_sent(post, letter);
			post_to_loop(post, answer);
			count++;
		}
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct pollfd look = {.fd = post_loop_fd(post), .events = POLLIN};
	struct letter *letter;
	pthread_t thread;
	uint32_t heard = 0;

	assert_int_equal(pthread_create(&thread, NULL, echo, NULL), 0);
	for (uint32_t i = 0; i < LETTERS; i++) {
		letter = post_letter_new(LETTER_SEND, NULL, NULL, 0);
		letter->seq = i;
		assert_int_equal(post_to_worker(post, letter), 0);
	}
	while (heard < LETTERS) {
		assert_int_equal(poll(&look, 1, -1), 1);
		while ((letter = post_for_loop(post))) {
			assert_int_equal(letter->seq, heard++);
			post_letter_free(letter);
		}
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_letters_come_in_order_and_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_text_ends_with_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_messages_are_bounded_until_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_loop_that_is_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_close_nothing_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_threads, setup, teardown),
	};

	return cmocka_run_group_tests_name("post", tests, NULL, NULL);
}
