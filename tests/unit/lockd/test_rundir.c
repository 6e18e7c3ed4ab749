/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run directory and the sockets in it. */
#include "lockd/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lockd/listener.h"

#define NOBODY ((uid_t)-1), ((gid_t)-1)

static char path[64];

static int begin(void **state)
{
	snprintf(path, sizeof(path), "/tmp/udlm-rundir-XXXXXX");
	return mkdtemp(path) ? 0 : -1;
}

static int end(void **state)
{
	static const char *const FILES[] = {"lockspaces/file", "lockspaces", "leases/old", "leases",
		"control", "lockd.lock", ""};
	char name[128];
	size_t i;

	if (chdir("/"))
		return -1;
	for (i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, FILES[i]);
		(void)remove(name);
	}
	return access(path, F_OK) ? 0 : -1;
}

static mode_t mode_of(const char *name)
{
	char full[128];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	return stat(full, &st) ? 0 : st.st_mode & 07777;
}

static void test_what_is_made(void **state)
{
	struct rundir rundir;
	char text[128];
	long pid = 0;

	assert_int_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
	assert_int_equal(mode_of("control"), 0666);
	assert_int_equal(mode_of("leases"), 0700);
	assert_int_equal(mode_of("lockspaces"), 0755);
	assert_non_null(getcwd(text, sizeof(text)));
	assert_non_null(strstr(text, "/lockspaces"));
	assert_true(rundir.lock_fd >= 0 && rundir.leases_fd >= 0 && rundir.control_fd >= 0);
	rundir_done(&rundir);
	rundir_done(&rundir);
}

static void test_one_at_a_time(void **state)
{
	struct rundir first, second = {.lock_fd = 99};
	long pid = 0;

	assert_int_equal(rundir_open(path, NOBODY, &first, &pid), 0);
	assert_int_equal(rundir_open(path, NOBODY, &second, &pid), -EBUSY);
	assert_int_equal(pid, getpid());
	assert_int_equal(second.lock_fd, 99);
	rundir_done(&first);
	assert_int_equal(rundir_open(path, NOBODY, &second, &pid), 0);
	rundir_done(&second);
}

static int bind_here(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	return 0;
}

static void test_old_sockets_go_and_files_stay(void **state)
{
	struct rundir rundir;
	long pid = 0;

	assert_int_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
	bind_here("x");
	bind_here(".7");
	close(open("file", O_CREAT | O_WRONLY, 0600));
	close(openat(rundir.leases_fd, "old", O_CREAT | O_WRONLY, 0600));
	rundir_done(&rundir);
	assert_int_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
	assert_int_equal(access("x", F_OK), -1);
	assert_int_equal(access(".7", F_OK), -1);
	assert_int_equal(access("file", F_OK), 0);
	assert_int_equal(faccessat(rundir.leases_fd, "old", F_OK, 0), 0);
	rundir_done(&rundir);
}

static void test_a_link_in_place_of_a_folder_is_refused(void **state)
{
	struct rundir rundir;
	char name[128];
	long pid = 0;

	snprintf(name, sizeof(name), "%s/leases", path);
	assert_int_equal(symlink("/tmp", name), 0);
	assert_int_not_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
}

static void nothing(struct loop_source *source, uint32_t events)
{
}

static int connect_here(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int rv;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	rv = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : fd;
	if (rv < 0)
		close(fd);
	return rv;
}

static void test_a_listener_appears_and_hides(void **state)
{
	struct listener listener;
	struct rundir rundir;
	struct loop loop;
	int program, fd;
	long pid = 0;

	assert_int_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
	assert_int_equal(loop_init(&loop), 0);
	listener_init(&listener);
	listener_done(&listener);
	assert_int_equal(listener_prepare(&listener, &loop, 5, "a name", nothing), 0);
	assert_int_equal(connect_here("a name"), -ENOENT);
	assert_int_equal(listener_publish(&listener, 0640), 0);
	assert_int_equal(mode_of("lockspaces/a name"), 0640);
	program = connect_here("a name");
	assert_true(program >= 0);
	listener_hide(&listener);
	assert_int_equal(connect_here("a name"), -ENOENT);
	fd = listener_accept(&listener); /* who was connecting is still taken */
	assert_true(fd >= 0);
	assert_int_equal(listener_accept(&listener), -EAGAIN);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(program);
	assert_int_equal(listener_publish(&listener, 0), 0);
	assert_int_equal(listener_mode(&listener, 0666), 0);
	assert_int_equal(mode_of("lockspaces/a name"), 0666);
	listener_done(&listener);
	assert_int_equal(connect_here("a name"), -ENOENT);
	loop_done(&loop);
	rundir_done(&rundir);
}

/* The credentials of the very first packet are there, however early it was sent. */
static void test_credentials_from_the_first_packet(void **state)
{
	char room[CMSG_SPACE(sizeof(struct ucred))], byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room)};
	struct listener listener;
	struct rundir rundir;
	struct loop loop;
	int program, fd;
	long pid = 0;

	assert_int_equal(rundir_open(path, NOBODY, &rundir, &pid), 0);
	assert_int_equal(loop_init(&loop), 0);
	listener_init(&listener);
	assert_int_equal(listener_prepare(&listener, &loop, 5, "x", nothing), 0);
	assert_int_equal(listener_publish(&listener, 0600), 0);
	program = connect_here("x");
	fd = listener_accept(&listener);
	assert_true(fd >= 0);
	assert_int_equal(send(program, "x", 1, 0), 1);
	assert_int_equal(recvmsg(fd, &message, 0), 1);
	assert_non_null(CMSG_FIRSTHDR(&message));
	assert_int_equal(CMSG_FIRSTHDR(&message)->cmsg_type, SCM_CREDENTIALS);
	close(program);
	close(fd);
	listener_done(&listener);
	loop_done(&loop);
	rundir_done(&rundir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_made, begin, end),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, begin, end),
		cmocka_unit_test_setup_teardown(test_old_sockets_go_and_files_stay, begin, end),
		cmocka_unit_test_setup_teardown(
			test_a_link_in_place_of_a_folder_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(test_a_listener_appears_and_hides, begin, end),
		cmocka_unit_test_setup_teardown(test_credentials_from_the_first_packet, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
