/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

static char path[64];
static struct holder_key key;
static pid_t found_pid;
static unsigned int found_count;

static int setup(void **state)
{
	struct stat st;
	int fd;

	memcpy(path, "/tmp/udlm-holder-XXXXXX", sizeof("/tmp/udlm-holder-XXXXXX"));
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	close(fd);
	key = (struct holder_key){
		.name = path + strlen("/tmp/"), .dev = st.st_dev, .ino = st.st_ino, .index = 7};
	return 0;
}

static int teardown(void **state)
{
	return unlink(path) && errno != ENOENT;
}

/* A child that has the file open, or mapped only. It says so before it waits to be ended. */
static pid_t holder_start(bool is_mapped)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int fd = open(path, O_RDONLY);

		if (is_mapped) {
			if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
				_exit(1);
			close(fd);
		}
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void found(void *context, size_t index, pid_t pid, const char *command)
{
	assert_int_equal(index, 7);
	assert_true(command[0]);
	found_pid = pid;
	found_count++;
}

static unsigned int find(bool with_maps)
{
	found_count = 0;
	assert_int_equal(holder_find(&key, 1, with_maps, found, NULL), 0);
	return found_count;
}

static void ended_by(pid_t pid, int number)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), number);
}

static void test_open(void **state)
{
	pid_t pid;

	assert_int_equal(find(true), 0);
	pid = holder_start(false);
	assert_int_equal(find(false), 1);
	assert_int_equal(found_pid, pid);
	assert_int_equal(holder_signal(pid, &key, SIGTERM), 0);
	ended_by(pid, SIGTERM);
	assert_int_equal(find(true), 0);
}

static void test_removed_file(void **state)
{
	pid_t pid = holder_start(false);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(find(false), 1);
	assert_int_equal(holder_signal(pid, &key, SIGKILL), 0);
	ended_by(pid, SIGKILL);
}

static void test_mapped(void **state)
{
	pid_t pid = holder_start(true);

	assert_int_equal(find(false), 0);
	assert_int_equal(find(true), 1);
	assert_int_equal(found_pid, pid);
	assert_int_equal(holder_signal(pid, &key, SIGKILL), 0);
	ended_by(pid, SIGKILL);
}

/* The number of a process is no proof: it must have the file. */
static void test_not_a_holder(void **state)
{
	struct holder_key other = key;
	pid_t pid = holder_start(false);

	other.ino++;
	assert_int_equal(holder_signal(pid, &other, SIGKILL), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	other = key;
	other.name = "another-name";
	assert_int_equal(holder_signal(pid, &other, SIGKILL), -ESRCH);
	assert_int_equal(holder_signal(1, &key, SIGKILL), -EPERM);
	assert_int_equal(holder_signal(0, &key, SIGKILL), -EPERM);
	assert_int_equal(holder_signal(-1, &key, SIGKILL), -EPERM);
	assert_int_equal(holder_signal(pid, &key, SIGKILL), 0);
	ended_by(pid, SIGKILL);
	assert_int_equal(holder_signal(pid, &key, SIGKILL), -ESRCH);
}

static void test_not_ourselves(void **state)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(find(true), 0);
	close(fd);
}

static void test_several(void **state)
{
	struct holder_key keys[3] = {
		{.name = "zzz", .ino = 1, .index = 1}, key, {.name = "aaa", .ino = 2, .index = 2}};
	pid_t pid = holder_start(false);

	found_count = 0;
	assert_int_equal(holder_find(keys, 3, false, found, NULL), 0);
	assert_int_equal(found_count, 1);
	assert_int_equal(holder_find(keys, 0, false, found, NULL), 0);
	kill(pid, SIGKILL);
	ended_by(pid, SIGKILL);
}

static void test_command(void **state)
{
	char command[32];

	holder_command(getpid(), command);
	assert_int_equal(strncmp(command, "test_control_ho", 15), 0);
	holder_command(0x7ffffff0, command);
	assert_string_equal(command, "?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Who has bound the name and does not listen is found by its descriptor. */
static void test_name_of_a_mute(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ready[2], fd, bytes;
	pid_t child;
	char name[64], byte;

	bytes = snprintf(name, sizeof(name), "udlm-mute-%ld", (long)getpid());
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		memcpy(address.sun_path + 1, name, strlen(name));
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					(size_t)bytes)))
			_exit(1);
		close(ready[1]);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0); /* it has bound, or ended */
	close(ready[0]);
	assert_int_equal(holder_of_name(name), child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(holder_of_name(name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_removed_file),
		TEST(test_mapped),
		TEST(test_not_a_holder),
		TEST(test_not_ourselves),
		TEST(test_several),
		TEST(test_command),
		cmocka_unit_test(test_name_of_a_mute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
