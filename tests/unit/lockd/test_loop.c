/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCES 100

struct pipe_source {
	struct loop_source source;
	int fds[2];
};

static void ready(struct loop_source *source, uint32_t events)
{
}

static void open_source(struct loop *loop, struct pipe_source *pipe_source)
{
	assert_int_equal(pipe(pipe_source->fds), 0);
	pipe_source->source = (struct loop_source){.fd = -1, .ready = ready};
	assert_int_equal(loop_add(loop, &pipe_source->source, pipe_source->fds[0], EPOLLIN), 0);
}

static void close_source(struct loop *loop, struct pipe_source *pipe_source)
{
	loop_remove(loop, &pipe_source->source);
	close(pipe_source->fds[0]);
	close(pipe_source->fds[1]);
}

static void test_ready_sources_are_taken_once(void **state)
{
	struct pipe_source one, two;
	struct loop_source *source;
	struct loop loop;
	uint32_t events;

	assert_int_equal(loop_init(&loop), 0);
	open_source(&loop, &one);
	open_source(&loop, &two);
	loop_wait(&loop, 0);
	assert_false(loop_pending(&loop));
	assert_int_equal(write(two.fds[1], "x", 1), 1);
	loop_wait(&loop, 1000);
	assert_true(loop_pending(&loop));
	assert_true(loop_has(&loop, &two.source) & EPOLLIN);
	assert_int_equal(loop_has(&loop, &one.source), 0);
	source = loop_take(&loop, &events);
	assert_ptr_equal(source, &two.source);
	assert_true(events & EPOLLIN);
	assert_null(loop_take(&loop, &events));
	close_source(&loop, &one);
	close_source(&loop, &two);
	loop_done(&loop);
}

static void test_what_is_removed_does_not_come(void **state)
{
	struct pipe_source one, two;
	struct loop loop;
	uint32_t events;

	assert_int_equal(loop_init(&loop), 0);
	open_source(&loop, &one);
	open_source(&loop, &two);
	assert_int_equal(write(one.fds[1], "x", 1), 1);
	assert_int_equal(write(two.fds[1], "x", 1), 1);
	loop_wait(&loop, 1000);
	loop_remove(&loop, &one.source);
	loop_remove(&loop, &one.source);
	assert_ptr_equal(loop_take(&loop, &events), &two.source);
	assert_null(loop_take(&loop, &events));
	close_source(&loop, &one);
	close_source(&loop, &two);
	loop_done(&loop);
}

static void test_unwanted_input_stays_and_hangup_comes(void **state)
{
	struct pipe_source one;
	struct loop loop;
	uint32_t events;

	assert_int_equal(loop_init(&loop), 0);
	open_source(&loop, &one);
	assert_int_equal(write(one.fds[1], "x", 1), 1);
	loop_want(&loop, &one.source, 0);
	loop_wait(&loop, 0);
	assert_false(loop_pending(&loop));
	close(one.fds[1]);
	loop_wait(&loop, 1000);
	assert_ptr_equal(loop_take(&loop, &events), &one.source);
	assert_int_equal(events, EPOLLHUP);
	loop_want(&loop, &one.source, EPOLLIN);
	loop_wait(&loop, 1000);
	assert_true(loop_has(&loop, &one.source) & EPOLLIN);
	one.fds[1] = dup(one.fds[0]);
	close_source(&loop, &one);
	loop_done(&loop);
}

/* All of many get their turn, though only some are found at once. */
static void test_none_is_starved(void **state)
{
	static struct pipe_source sources[SOURCES];
	unsigned int counts[SOURCES] = {0};
	struct loop_source *source;
	struct loop loop;
	uint32_t events;
	int i;

	assert_int_equal(loop_init(&loop), 0);
	for (i = 0; i < SOURCES; i++) {
		open_source(&loop, &sources[i]);
		assert_int_equal(write(sources[i].fds[1], "x", 1), 1);
	}
	for (i = 0; i < 10; i++) {
		loop_wait(&loop, 1000);
		assert_true(loop.was_full);
		while ((source = loop_take(&loop, &events)))
			counts[(struct pipe_source *)(void *)source - sources]++;
	}
	for (i = 0; i < SOURCES; i++) {
		assert_in_range(counts[i], 5, 8);
		close_source(&loop, &sources[i]);
	}
	loop_done(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_sources_are_taken_once),
		cmocka_unit_test(test_what_is_removed_does_not_come),
		cmocka_unit_test(test_unwanted_input_stays_and_hangup_comes),
		cmocka_unit_test(test_none_is_starved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
