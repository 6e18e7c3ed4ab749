/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static char run_dir[64];
static char found_names[512];

static struct lease make(uint32_t held, uint32_t persistent)
{
	struct lease lease = {.magic = LEASE_MAGIC,
		.version = 1,
		.owner_pid = 1,
		.held = held,
		.persistent_held = persistent,
		.boot_id = BOOT,
		.lockspace = "x",
		.command = "test"};

	return lease;
}

static enum lease_meaning judge(struct lease lease)
{
	return lease_judge(&lease, sizeof(lease), BOOT, false);
}

static void test_judge(void **state)
{
	struct lease lease = make(0, 0);

	assert_int_equal(judge(lease), LEASE_NOTHING);
	assert_int_equal(judge(make(1, 0)), LEASE_HELD);
	assert_int_equal(judge(make(2, 1)), LEASE_HELD_BEYOND);
	assert_int_equal(judge(make(0, 1)), LEASE_HELD_BEYOND);
	lease.range_held = 1;
	assert_int_equal(judge(lease), LEASE_HELD);
	lease.closed = 1;
	assert_int_equal(judge(lease), LEASE_NOTHING);
}

static void test_judge_another_boot(void **state)
{
	struct lease lease = make(5, 5);

	lease.boot_id[0] = '2';
	assert_int_equal(judge(lease), LEASE_NOTHING);
	assert_int_equal(lease_judge(&lease, sizeof(lease), BOOT, true), LEASE_NOTHING);
}

/* Who does not know which boot it is passes nothing over. */
static void test_judge_unknown_boot(void **state)
{
	struct lease lease = make(1, 0);

	assert_int_equal(lease_judge(&lease, sizeof(lease), "", false), LEASE_HELD);
	lease.boot_id[0] = '\0';
	assert_int_equal(judge(lease), LEASE_HELD);
}

static void test_judge_what_is_not_whole(void **state)
{
	struct lease lease = make(1, 0);

	/* The magic comes last: whoever made it has not given it to anybody. */
	lease.magic = 0;
	assert_int_equal(judge(lease), LEASE_NOTHING);
	assert_int_equal(lease_judge(&lease, 0, BOOT, false), LEASE_NOTHING);
	/* Not understood: it is not taken for nothing. */
	lease.magic = LEASE_MAGIC + 1;
	assert_int_equal(judge(lease), LEASE_HELD);
	lease = make(0, 0);
	lease.version = 2;
	assert_int_equal(judge(lease), LEASE_HELD);
	assert_int_equal(lease_judge(&lease, sizeof(lease), BOOT, true), LEASE_ORPHANS);
	lease = make(0, 0);
	assert_int_equal(lease_judge(&lease, sizeof(lease) - 1, BOOT, false), LEASE_HELD);
}

static void test_judge_orphans(void **state)
{
	struct lease lease = make(3, 3);

	assert_int_equal(lease_judge(&lease, sizeof(lease), BOOT, true), LEASE_ORPHANS);
	lease = make(0, 0);
	assert_int_equal(lease_judge(&lease, sizeof(lease), BOOT, true), LEASE_NOTHING);
}

/* ---- the directory ---- */

static void put(const char *name, const void *data, size_t bytes)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/leases/%s", run_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	close(fd);
}

static void path_of(const char *name, char *ret, size_t room)
{
	snprintf(ret, room, "%s/leases/%s", run_dir, name);
}

static void found(void *context, const struct lease_found *lease)
{
	size_t at = strlen(found_names);

	snprintf(found_names + at, sizeof(found_names) - at, "%s=%d ", lease->name, lease->meaning);
	assert_true(fcntl(lease->fd, F_GETFD) & FD_CLOEXEC);
	close(lease->fd);
}

static int setup(void **state)
{
	char path[160];

	memcpy(run_dir, "/tmp/udlm-lease-XXXXXX", sizeof("/tmp/udlm-lease-XXXXXX"));
	assert_non_null(mkdtemp(run_dir));
	path_of("", path, sizeof(path));
	found_names[0] = '\0';
	return mkdir(path, 0700);
}

static int teardown(void **state)
{
	char command[160];

	path_of("", command, sizeof(command));
	if (rmdir(command) || rmdir(run_dir))
		return -1;
	return 0;
}

static void test_scan(void **state)
{
	struct lease lease = make(1, 0);
	char path[160], other[160];

	put("12.1", &lease, sizeof(lease));
	assert_int_equal(lease_scan(NULL, run_dir, BOOT, found, NULL), 0);
	assert_string_equal(found_names, "12.1=1 ");
	/* none of these is a lease, and none is a way to have another file's users ended */
	path_of("12.1", path, sizeof(path));
	path_of("link", other, sizeof(other));
	assert_int_equal(symlink(path, other), 0);
	path_of("hard", other, sizeof(other));
	path_of("12.1", path, sizeof(path));
	path_of("fifo", path, sizeof(path));
	assert_int_equal(mkfifo(path, 0600), 0);
	path_of("dir", other, sizeof(other));
	assert_int_equal(mkdir(other, 0700), 0);
	found_names[0] = '\0';
	assert_int_equal(lease_scan(NULL, run_dir, BOOT, found, NULL), 0);
	assert_string_equal(found_names, "12.1=1 ");
	path_of("12.1", path, sizeof(path));
	path_of("hard", other, sizeof(other));
	assert_int_equal(link(path, other), 0);
	found_names[0] = '\0';
	assert_int_equal(lease_scan(NULL, run_dir, BOOT, found, NULL), 0);
	assert_string_equal(found_names, "");
	assert_int_equal(lease_remove_file(run_dir, "hard"), 0);
	assert_int_equal(lease_remove_file(run_dir, "hard"), -ENOENT);
	assert_int_equal(lease_remove_file(run_dir, "12.1"), 0);
	assert_int_equal(lease_remove_file(run_dir, "link"), 0);
	assert_int_equal(lease_remove_file(run_dir, "fifo"), 0);
	assert_int_equal(rmdir((path_of("dir", path, sizeof(path)), path)), 0);
}

/* A lease that cannot be opened is not passed over: somebody may hold locks by it. */
static void test_scan_without_descriptors(void **state)
{
	struct rlimit limit, low;
	struct lease lease = make(1, 0);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), rv;

	put("12.1", &lease, sizeof(lease));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)fd + 1; /* for the directory alone */
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	rv = lease_scan(NULL, run_dir, BOOT, found, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(rv, -EMFILE);
	assert_string_equal(found_names, "");
	assert_int_equal(lease_remove_file(run_dir, "12.1"), 0);
}

static void test_scan_short_and_orphans(void **state)
{
	struct lease lease = make(2, 2);

	put("1.1", "", 0);
	put("1.2", "LEAS", 4);
	put(LEASE_ORPHANS_FILE, &lease, sizeof(lease));
	assert_int_equal(lease_scan(NULL, run_dir, BOOT, found, NULL), 0);
	assert_non_null(strstr(found_names, "1.1=0 "));
	assert_non_null(strstr(found_names, "1.2=1 "));
	assert_non_null(strstr(found_names, "orphans=3 "));
	lease_remove_file(run_dir, "1.1");
	lease_remove_file(run_dir, "1.2");
	lease_remove_file(run_dir, LEASE_ORPHANS_FILE);
}

static void test_no_directory(void **state)
{
	assert_int_equal(lease_scan(NULL, "/nonexistent", BOOT, found, NULL), 0);
	assert_int_equal(lease_scan(NULL, "/dev/null", BOOT, found, NULL), -ENOTDIR);
}

static void test_boot_id(void **state)
{
	char id[40];

	lease_boot_id(id);
	assert_int_equal(strlen(id), 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_judge_another_boot),
		cmocka_unit_test(test_judge_unknown_boot),
		cmocka_unit_test(test_judge_what_is_not_whole),
		cmocka_unit_test(test_judge_orphans),
		cmocka_unit_test_setup_teardown(test_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scan_without_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scan_short_and_orphans, setup, teardown),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_boot_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
