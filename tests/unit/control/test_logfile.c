/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static char directory[64];

static int setup(void **state)
{
	memcpy(directory, "/tmp/udlm-log-XXXXXX", sizeof("/tmp/udlm-log-XXXXXX"));
	return mkdtemp(directory) ? 0 : -1;
}

static void path_of(char ret[128])
{
	snprintf(ret, 128, "%s/new/dlm_controld.log", directory);
}

static int teardown(void **state)
{
	char path[128];

	path_of(path);
	if (unlink(path))
		return -1;
	*strrchr(path, '/') = '\0';
	return rmdir(path) || rmdir(directory);
}

static void read_log(char *ret, size_t room)
{
	char path[128];
	ssize_t bytes;
	int fd;

	path_of(path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = read(fd, ret, room - 1);
	assert_true(bytes >= 0);
	ret[bytes] = '\0';
	close(fd);
}

/* "Mon dd HH:MM:SS SECONDS text", appended, up to its level. */
static void test_lines(void **state)
{
	char place[80], text[512], month[8], clock[16], word[16];
	struct logfile logfile;
	int day, seconds;

	snprintf(place, sizeof(place), "%s/new", directory);
	for (int i = 0; i < 2; i++) {
		logfile_open(&logfile, place, false, LOG_LEVEL_INFO);
		logfile_sink(&logfile, LOG_LEVEL_INFO, "hello");
		logfile_sink(&logfile, LOG_LEVEL_DEBUG, "not this");
		logfile_close(&logfile);
	}
	read_log(text, sizeof(text));
	assert_null(strstr(text, "not this"));
	assert_int_equal(
		sscanf(text, "%7s %d %15s %d %15s\n", month, &day, clock, &seconds, word), 5);
	assert_string_equal(word, "hello");
	assert_int_equal(strlen(month), 3);
	assert_int_equal(strlen(clock), 8);
	assert_non_null(strstr(strstr(text, "hello") + 1, "hello"));
}

static void test_no_place(void **state)
{
	struct logfile logfile;

	logfile_open(&logfile, "/proc/nowhere", false, LOG_LEVEL_INFO);
	assert_int_equal(logfile.fd, -1);
	logfile_sink(&logfile, LOG_LEVEL_ERROR, "into nothing");
	logfile_close(&logfile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
