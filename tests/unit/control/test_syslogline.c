/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/syslogline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmocka_all.h"

static char directory[64], path[80];

static int setup(void **state)
{
	memcpy(directory, "/tmp/udlm-syslog-XXXXXX", sizeof("/tmp/udlm-syslog-XXXXXX"));
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/log", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)unlink(path);
	return rmdir(directory);
}

static int reader_open(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, path, strlen(path));
	(void)unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void expect_line(int fd, const char *level, const char *end)
{
	char line[2048], tail[64];
	ssize_t bytes = recv(fd, line, sizeof(line) - 1, 0);

	assert_true(bytes > 0);
	line[bytes] = '\0';
	assert_memory_equal(line, level, strlen(level));
	snprintf(tail, sizeof(tail), " dlm_controld[%ld]: %s", (long)getpid(), end);
	assert_string_equal(line + strlen(line) - strlen(tail), tail);
}

static void test_lines(void **state)
{
	struct syslogline to;
	int reader = reader_open();

	syslogline_open(&to, path);
	syslogline_write(&to, LOG_LEVEL_ERROR, "one");
	syslogline_write(&to, LOG_LEVEL_NOTICE, "two");
	expect_line(reader, "<163>", "one");
	expect_line(reader, "<165>", "two");
	/* another one reads there */
	close(reader);
	reader = reader_open();
	syslogline_write(&to, LOG_LEVEL_NOTICE, "three");
	expect_line(reader, "<165>", "three");
	syslogline_close(&to);
	close(reader);
}

/* Nobody is there, or does not read: no line is waited for. */
static void test_nobody_reads(void **state)
{
	struct syslogline to;
	int reader;

	syslogline_open(&to, path);
	syslogline_write(&to, LOG_LEVEL_NOTICE, "lost");
	assert_int_equal(to.fd, -1);
	reader = reader_open();
	for (int i = 0; i < 5000; i++)
		syslogline_write(&to, LOG_LEVEL_NOTICE, "many");
	expect_line(reader, "<165>", "many");
	syslogline_close(&to);
	close(reader);
	syslogline_open(&to, NULL);
	syslogline_write(&to, LOG_LEVEL_NOTICE, "nowhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_reads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
