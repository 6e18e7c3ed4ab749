/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct log *new_log(int fd, uint32_t ring_bytes, enum log_level level)
{
	struct log_settings settings = {
		.program = "test", .fd = fd, .ring_bytes = ring_bytes, .level = level};
	struct log *log;

	assert_int_equal(log_new(&settings, &log), 0);
	return log;
}

static char *ring_text(const struct log *log)
{
	size_t bytes = log_ring_used(log);
	char *text = malloc(bytes + 1);

	assert_non_null(text);
	assert_int_equal(log_ring_copy(log, text, bytes), bytes);
	text[bytes] = 0;
	return text;
}

static void test_levels(void **state)
{
	char line[2048];
	int fds[2];
	struct log *log;
	ssize_t bytes;
	char *text;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	log = new_log(fds[0], 0, LOG_LEVEL_INFO);
	log_debug(log, "kept %d", 1);
	log_error(log, "seen\n%d", 2);
	bytes = recv(fds[1], line, sizeof(line) - 1, MSG_DONTWAIT);
	assert_true(bytes > 0);
	line[bytes] = 0;
	assert_non_null(strstr(line, " test: error: seen 2\n"));
	assert_int_equal(recv(fds[1], line, sizeof(line), MSG_DONTWAIT), -1);
	text = ring_text(log);
	assert_non_null(strstr(text, " kept 1\n"));
	assert_non_null(strstr(text, " seen 2\n"));
	free(text);
	log_free(log);
	close(fds[0]);
	close(fds[1]);
	log_error(NULL, "nobody");
}

static void test_full_stream_never_blocks(void **state)
{
	struct log *log;
	int fds[2];
	int i;

	assert_int_equal(pipe(fds), 0);
	log = new_log(fds[1], 0, LOG_LEVEL_INFO);
	for (i = 0; i < 20000; i++)
		log_info(log, "line %d of many", i);
	assert_true(log_dropped_count(log) > 0);
	log_free(log);
	close(fds[0]);
	close(fds[1]);
}

static void test_ring_keeps_the_newest_whole_lines(void **state)
{
	struct log *log = new_log(-1, 4096, LOG_LEVEL_INFO);
	char part[512];
	size_t bytes;
	char *text;
	int i;

	for (i = 0; i < 5000; i++)
		log_debug(log, "number %d %.*s", i, i % 97,
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			"xxxxxxx"
			"xxxxxxxxxxxxxxxxxx");
	text = ring_text(log);
	assert_true(strlen(text) <= 4096 && strlen(text) > 3000);
	assert_non_null(strstr(text, " number 4999 "));
	assert_null(strstr(text, " number 10 "));
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(text[0] >= '0' && text[0] <= '9');
	bytes = log_ring_copy(log, part, sizeof(part));
	assert_true(bytes > 0 && bytes <= sizeof(part));
	assert_memory_equal(part, text + strlen(text) - bytes, bytes);
	assert_int_equal(text[strlen(text) - bytes - 1], '\n');
	free(text);
	log_free(log);
}

static void test_limit_counts_what_it_holds_back(void **state)
{
	struct log *log = new_log(-1, 0, LOG_LEVEL_INFO);
	struct log_limit limit = {0};
	char *text;
	int i;

	for (i = 0; i < 100; i++)
		log_write_limited(log, &limit, LOG_LEVEL_WARNING, "cause %d", i);
	text = ring_text(log);
	assert_non_null(strstr(text, "cause 4\n"));
	assert_null(strstr(text, "cause 5"));
	free(text);
	limit.until_ms = 0;
	log_write_limited(log, &limit, LOG_LEVEL_WARNING, "cause again");
	text = ring_text(log);
	assert_non_null(strstr(text, "cause again (and 95 like it, not shown)\n"));
	free(text);
	log_free(log);
}

static void test_long_line_is_cut(void **state)
{
	struct log *log = new_log(-1, 0, LOG_LEVEL_INFO);
	char *text = malloc(5000);

	assert_non_null(text);
	memset(text, 'a', 4999);
	text[4999] = 0;
	log_info(log, "%s", text);
	assert_true(log_ring_used(log) > 1000 && log_ring_used(log) < 1100);
	free(text);
	log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_full_stream_never_blocks),
		cmocka_unit_test(test_ring_keeps_the_newest_whole_lines),
		cmocka_unit_test(test_limit_counts_what_it_holds_back),
		cmocka_unit_test(test_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
