/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that share a connection. A child tells what it saw by its exit status, since a failed
 * assertion in it would be a second test program.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "fake.h"
#include "lib/fork.h"

static struct fake fake;
static dlm_lshandle_t ls;
static struct dlm_lksb lksb;
static volatile int called;

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			_exit(__LINE__ % 250 + 1);                                                 \
	} while (0)

/* A child whose parent has failed must not stay: alarms are not inherited. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid)
		alarm(60);
	return pid;
}

static void note(void *arg)
{
	called++;
}

static int setup(void **state)
{
	alarm(60);
	fake_start(&fake);
	ls = fake_open(&fake);
	assert_non_null(ls);
	memset(&lksb, 0, sizeof(lksb));
	called = 0;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, 0, "name", 4, 0, note, "a", note, NULL), 0);
	fake_next_lock(&fake);
	return 0;
}

static int teardown(void **state)
{
	dlm_close_lockspace(ls);
	fake_stop(&fake);
	return 0;
}

static void assert_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status))
		fail_msg("the child failed at line %d (modulo 250)", WEXITSTATUS(status) - 1);
}

static uint32_t give_to(pid_t pid)
{
	uint32_t serial = fake_next(&fake, CLIENT_TAKEOVER)->serial;

	assert_int_not_equal(serial, 0);
	fake.lease->owner_pid = (uint32_t)pid;
	fake_ids(&fake, 5000, 64);
	fake_answer(&fake, serial, 0, 0);
	return serial;
}

static void child_converts(void)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};
	struct dlm_lksb other = {0};

	/* The lock and its completion are known; the id of a new one is the child's own. */
	CHECK(dlm_ls_lock(ls, LKM_PRMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "a", note, NULL) ==
		0);
	CHECK(dlm_ls_lock(ls, LKM_PRMODE, &other, 0, "other", 5, 0, note, "a", note, NULL) == 0);
	CHECK(other.sb_lkid == 5000);
	while (called < 3) {
		CHECK(poll(&fd, 1, FAKE_WAIT_MS) == 1);
		CHECK(dlm_dispatch(fd.fd) == 0);
	}
	CHECK(lksb.sb_status == 0 && other.sb_status == 0);
	_exit(0);
}

static void test_child_takes_over(void **state)
{
	struct dlm_lksb other = {0};
	pid_t pid = fork_child();

	if (!pid)
		child_converts();
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_EXMODE, false);
	give_to(pid);
	fake_send(&fake);
	assert_int_equal(fake_next_lock(&fake)->lkid, lksb.sb_lkid);
	assert_int_equal(fake_next_lock(&fake)->lkid, 5000);
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_PRMODE, false);
	fake_completion(&fake, 5000, 0, LKM_PRMODE, false);
	fake_send(&fake);
	assert_child(pid);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &other, 0, "x", 1, 0, note, "a", note, NULL), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(
		dlm_ls_lock_wait(ls, LKM_EXMODE, &other, 0, "x", 1, 0, NULL, NULL, NULL), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), -1);
	assert_int_equal(errno, EPERM);
}

/* A child that does not use the handle changes nothing, and its end neither. */
static void test_child_leaves_alone(void **state)
{
	struct dlm_lksb other = {0};
	pid_t pid = fork_child();

	if (!pid) {
		CHECK(dlm_close_lockspace(ls) == 0);
		_exit(0);
	}
	assert_child(pid);
	assert_true(fake_silent(&fake));
	assert_true(fake_lease_held(&fake));
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_EXMODE, false);
	fake_send(&fake);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_int_equal(called, 1);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &other, 0, "x", 1, 0, note, "a", note, NULL), 0);
}

/* The daemon's REFUSED with EPERM, where the lease has not been looked at. */
static void test_child_is_refused(void **state)
{
	pid_t pid = fork_child();
	uint32_t serial;

	if (!pid) {
		CHECK(dlm_ls_purge(ls, 0, 0) == -1 && errno == EPERM);
		CHECK(dlm_ls_purge(ls, 0, 0) == -1 && errno == EPERM);
		_exit(0);
	}
	serial = fake_next(&fake, CLIENT_TAKEOVER)->serial;
	fake_answer(&fake, serial, -EPERM, 0);
	fake_send(&fake);
	assert_child(pid);
	assert_true(fake_silent(&fake));
}

/* An answer that got lost (a parent was reading) is asked for again. */
static void test_takeover_asks_again(void **state)
{
	pid_t pid = fork_child();
	uint32_t serial;

	if (!pid) {
		CHECK(dlm_ls_lock(ls, 0, &lksb, 0, "x", 1, 0, note, "a", note, NULL) == 0);
		_exit(0);
	}
	serial = fake_next(&fake, CLIENT_TAKEOVER)->serial;
	assert_int_equal(give_to(pid), serial);
	fake_send(&fake);
	assert_int_equal(fake_next_lock(&fake)->lkid, 5000);
	assert_child(pid);
}

/* The lease ends when the last process that has it ends. */
static void test_lease_of_child(void **state)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork_child();
	if (!pid) {
		close(ends[1]);
		CHECK(read(ends[0], &pid, 1) == 0);
		_exit(0);
	}
	close(ends[0]);
	assert_int_equal(dlm_close_lockspace(ls), 0);
	ls = NULL;
	assert_true(fake_lease_held(&fake));
	close(ends[1]);
	assert_child(pid);
	assert_false(fake_lease_held(&fake));
	ls = NULL;
}

static int teardown_closed(void **state)
{
	fake_stop(&fake);
	return 0;
}

static void lost(void *arg)
{
	called += 10;
}

/* Every process hears of the loss, and lets its own lease go. */
static void test_lost_in_both(void **state)
{
	pid_t pid;

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, NULL), 0);
	pid = fork_child();
	if (!pid) {
		struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = 0};

		fake_hangup(&fake); /* the daemon is the parent, not its children */
		CHECK(poll(&fd, 1, FAKE_WAIT_MS) == 1);
		CHECK(dlm_dispatch(fd.fd) == -1 && errno == ENOTCONN);
		CHECK(called == 11);
		_exit(0);
	}
	fake_hangup(&fake);
	assert_child(pid);
	assert_true(fake_lease_held(&fake));
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), -1);
	assert_int_equal(called, 11);
	assert_false(fake_lease_held(&fake));
}

/* The former hears of the loss as well: it has the lease too, and must let it go. */
static void test_lost_in_former(void **state)
{
	pid_t pid;

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, NULL), 0);
	pid = fork_child();
	if (!pid) {
		CHECK(dlm_ls_lock(ls, 0, &lksb, 0, "x", 1, 0, note, "a", note, NULL) == 0);
		_exit(0);
	}
	give_to(pid);
	fake_send(&fake);
	fake_next_lock(&fake);
	assert_child(pid);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), -1);
	assert_int_equal(errno, EPERM);
	assert_true(fake_lease_held(&fake));
	fake_hangup(&fake);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(called, 11);
	assert_false(fake_lease_held(&fake));
}

#ifndef LIBDLM_LT
#ifndef __SANITIZE_THREAD__
/* daemon(3): the parent had a thread, so the child gets one when it first makes a call. */
static void test_thread_in_child(void **state)
{
	pid_t pid;

	assert_int_equal(dlm_ls_pthread_init(ls), 0);
	pid = fork_child();
	if (!pid) {
		struct dlm_lksb mine = {0};

		CHECK(dlm_ls_lock_wait(ls, LKM_NLMODE, &mine, 0, "x", 1, 0, NULL, NULL, NULL) == 0);
		CHECK(mine.sb_status == 0);
		CHECK(dlm_ls_pthread_init(ls) == -1 && errno == EEXIST);
		CHECK(dlm_close_lockspace(ls) == 0);
		_exit(0);
	}
	give_to(pid);
	fake_send(&fake);
	fake_completion(&fake, fake_next_lock(&fake)->lkid, 0, LKM_NLMODE, false);
	fake_send(&fake);
	assert_child(pid);
}

#endif

static pthread_barrier_t barrier;

static void *keep_calling(void *arg)
{
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < 20000; i++)
		dlm_ls_unlock(ls, 99, 0, &lksb, NULL); /* ENOENT, under the mutex */
	return NULL;
}

/* A fork in the middle of another thread's call. */
static void test_fork_while_calling(void **state)
{
	pthread_t thread;
	int i;

	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, keep_calling, NULL), 0);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 50; i++) {
		pid_t pid = fork_child();

		if (!pid) {
			CHECK(dlm_close_lockspace(ls) == 0);
			_exit(0);
		}
		assert_child(pid);
	}
	pthread_join(thread, NULL);
}
#endif

static void test_pid(void **state)
{
	pid_t pid;

	assert_int_equal(fork_pid(), getpid());
	pid = fork_child();
	if (!pid) {
		CHECK(fork_pid() == getpid());
		CHECK(fork_pid() == getpid());
		_exit(0);
	}
	assert_child(pid);
	assert_int_equal(fork_pid(), getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_child_takes_over),
		T(test_child_leaves_alone),
		T(test_child_is_refused),
		T(test_takeover_asks_again),
		cmocka_unit_test_setup_teardown(test_lease_of_child, setup, teardown_closed),
		T(test_lost_in_both),
		T(test_lost_in_former),
#ifndef LIBDLM_LT
#ifndef __SANITIZE_THREAD__ /* which cannot start a thread there */
		T(test_thread_in_child),
#endif
		T(test_fork_while_calling),
#endif
		T(test_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
