/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/admin/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

static char run_dir[64];

static int setup(void **state)
{
	memcpy(run_dir, "/tmp/udlm-listen-XXXXXX", sizeof("/tmp/udlm-listen-XXXXXX"));
	return mkdtemp(run_dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return rmdir(run_dir);
}

static void test_file(void **state)
{
	char path[128];
	struct stat st;
	pid_t pid = 0;
	int fd = listener_open(run_dir, "name", &pid), second;

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	snprintf(path, sizeof(path), "%s/name", run_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	/* what a former one has left is replaced */
	second = listener_open(run_dir, "name", &pid);
	assert_true(second >= 0);
	close(second);
	close(fd);
	listener_remove(run_dir, "name");
	assert_int_equal(stat(path, &st), -1);
}

static void test_abstract_name_is_taken(void **state)
{
	char name[64];
	pid_t pid = 0;
	int fd;

	snprintf(name, sizeof(name), "udlm-test-%ld", (long)getpid());
	fd = listener_open(NULL, name, &pid);
	assert_true(fd >= 0);
	assert_int_equal(listener_open(NULL, name, &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	close(fd);
	fd = listener_open(NULL, name, &pid);
	assert_true(fd >= 0);
	close(fd);
	listener_remove(NULL, name);
}

static void test_too_long(void **state)
{
	char path[200];
	pid_t pid;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listener_open(path, "name", &pid), -ENAMETOOLONG);
	assert_int_equal(listener_open("/nonexistent", "name", &pid), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test(test_abstract_name_is_taken),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
