/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
	char path[64];
	int fd;
};

static int begin(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	snprintf(folder->path, sizeof(folder->path), "/tmp/udlm-lease-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = folder;
	return folder->fd < 0;
}

static int end(void **state)
{
	struct folder *folder = *state;
	int rv;

	(void)unlinkat(folder->fd, LEASE_ORPHANS_FILE, 0);
	close(folder->fd);
	rv = rmdir(folder->path); /* nothing is left */
	free(folder);
	return rv;
}

static struct lease lease_read(int fd)
{
	struct lease lease;

	assert_int_equal(pread(fd, &lease, sizeof(lease), 0), sizeof(lease));
	return lease;
}

static void test_what_the_program_sees(void **state)
{
	struct folder *folder = *state;
	struct lease_file lease;
	struct lease seen;
	int fd;

	assert_int_equal(
		lease_open(folder->fd, 1, (uint32_t)getpid(), "the-boot", "x", &lease, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	seen = lease_read(fd);
	assert_int_equal(seen.magic, LEASE_MAGIC);
	assert_int_equal(seen.version, 1);
	assert_int_equal(seen.owner_pid, getpid());
	assert_int_equal(seen.held, 0);
	assert_string_equal(seen.boot_id, "the-boot");
	assert_string_equal(seen.lockspace, "x");
	assert_true(seen.command[0]);
	lease_held(&lease, 3, 1);
	lease_owner(&lease, 77);
	seen = lease_read(fd);
	assert_int_equal(seen.held, 3);
	assert_int_equal(seen.persistent_held, 1);
	assert_int_equal(seen.owner_pid, 77);
	lease_remove(&lease, folder->fd);
	seen = lease_read(fd);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.held, 0);
	lease_remove(&lease, folder->fd);
	close(fd);
}

static void test_the_right_ends_with_the_last_copy(void **state)
{
	struct folder *folder = *state;
	struct lease_file lease;
	int fd, copy;

	assert_int_equal(lease_open(folder->fd, 2, 1, "b", "x", &lease, &fd), 0);
	copy = dup(fd);
	assert_false(lease_right_ended(&lease, folder->fd));
	close(fd);
	assert_false(lease_right_ended(&lease, folder->fd));
	close(copy);
	assert_true(lease_right_ended(&lease, folder->fd));
	lease_remove(&lease, folder->fd);
	assert_true(lease_right_ended(&lease, folder->fd));
}

static void test_an_id_is_used_once(void **state)
{
	struct folder *folder = *state;
	struct lease_file lease, other;
	int fd, none = -1;

	assert_int_equal(lease_open(folder->fd, 3, 1, "b", "x", &lease, &fd), 0);
	assert_int_equal(lease_open(folder->fd, 3, 1, "b", "x", &other, &none), -EEXIST);
	assert_int_equal(none, -1);
	lease_remove(&lease, folder->fd);
	close(fd);
}

static void test_left_alone_it_says_what_it_said(void **state)
{
	struct folder *folder = *state;
	struct lease_file lease;
	struct lease seen;
	char path[64];
	int fd;

	assert_int_equal(lease_open(folder->fd, 4, 1, "b", "x", &lease, &fd), 0);
	lease_held(&lease, 2, 2);
	lease_leave(&lease);
	seen = lease_read(fd);
	assert_int_equal(seen.persistent_held, 2);
	assert_int_equal(seen.closed, 0);
	close(fd);
	snprintf(path, sizeof(path), "%ld.4", (long)getpid());
	assert_int_equal(unlinkat(folder->fd, path, 0), 0);
}

static void test_orphans(void **state)
{
	struct folder *folder = *state;
	struct lease seen;
	int fd;

	assert_int_equal(lease_orphans_write(folder->fd, "the-boot", 5), 0);
	fd = openat(folder->fd, LEASE_ORPHANS_FILE, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	seen = lease_read(fd);
	assert_int_equal(seen.magic, LEASE_MAGIC);
	assert_int_equal(seen.held, 5);
	assert_string_equal(seen.boot_id, "the-boot");
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0); /* nobody holds it */
	assert_int_equal(lease_orphans_write(folder->fd, "the-boot", 0), 0);
	assert_int_equal(lease_read(fd).held, 0);
	close(fd);
	assert_int_equal(lease_orphans_write(-1, "the-boot", 0), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_the_program_sees, begin, end),
		cmocka_unit_test_setup_teardown(test_the_right_ends_with_the_last_copy, begin, end),
		cmocka_unit_test_setup_teardown(test_an_id_is_used_once, begin, end),
		cmocka_unit_test_setup_teardown(test_left_alone_it_says_what_it_said, begin, end),
		cmocka_unit_test_setup_teardown(test_orphans, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
