/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

static char path[64];

static int setup(void **state)
{
	memcpy(path, "/tmp/udlm-pid-XXXXXX", sizeof("/tmp/udlm-pid-XXXXXX"));
	return close(mkostemp(path, O_CLOEXEC));
}

static int teardown(void **state)
{
	return unlink(path);
}

static void test_written(void **state)
{
	char text[32] = {0}, wanted[32];
	pid_t pid = -1;
	int fd = pidfile_open(path, 0600, &pid);

	assert_true(fd >= 0);
	snprintf(wanted, sizeof(wanted), "%ld\n", (long)getpid());
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, wanted);
	close(fd);
}

/* A lock is one process's: the second is another. */
static void test_second(void **state)
{
	pid_t pid = -1, child;
	int fd = pidfile_open(path, 0600, &pid), status;

	assert_true(fd >= 0);
	child = fork();
	if (!child) {
		int second = pidfile_open(path, 0600, &pid);

		_exit(second == -EBUSY && pid == getppid() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	child = fork();
	if (!child)
		_exit(pidfile_open(path, 0600, &pid) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_no_place(void **state)
{
	pid_t pid;

	assert_int_equal(pidfile_open("/nonexistent/x", 0600, &pid), -ENOENT);
	assert_int_equal(pidfile_open("/proc/self/exe", 0600, &pid), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second, setup, teardown),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
