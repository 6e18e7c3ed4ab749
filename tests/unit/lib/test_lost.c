/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of the daemon: who is told what, in which order, and when the lease is let go. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "fake.h"

static struct fake fake;
static dlm_lshandle_t ls;
static struct dlm_lksb lksb[2];
static pthread_mutex_t calls_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t calls_changed = PTHREAD_COND_INITIALIZER;
static char calls[64];
static bool held_in_callback;

static void note(void *arg)
{
	pthread_mutex_lock(&calls_mutex);
	calls[strlen(calls)] = *(const char *)arg;
	pthread_cond_broadcast(&calls_changed);
	pthread_mutex_unlock(&calls_mutex);
}

static void lost(void *arg)
{
	held_in_callback = fake_lease_held(&fake);
	note(arg);
}

static void wait_calls(const char *wanted)
{
	pthread_mutex_lock(&calls_mutex);
	while (strcmp(calls, wanted))
		pthread_cond_wait(&calls_changed, &calls_mutex);
	pthread_mutex_unlock(&calls_mutex);
}

static int setup(void **state)
{
	alarm(60);
	fake_start(&fake);
	ls = fake_open(&fake);
	assert_non_null(ls);
	memset(calls, 0, sizeof(calls));
	memset(lksb, 0, sizeof(lksb));
	return 0;
}

static int teardown(void **state)
{
	if (ls)
		dlm_close_lockspace(ls);
	fake_stop(&fake);
	return 0;
}

/* One lock that is held, one that waits. */
static void make_locks(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(dlm_ls_lock(ls, LKM_EXMODE, &lksb[i], 0, "name", 4, 0, note, "a",
					 note, NULL),
			0);
		fake_next_lock(&fake);
	}
	fake_completion(&fake, lksb[0].sb_lkid, 0, LKM_EXMODE, false);
	fake_send(&fake);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "a");
}

static void assert_enotconn(int result)
{
	assert_int_equal(result, -1);
	assert_int_equal(errno, ENOTCONN);
}

static void assert_all_fail(void)
{
	struct dlm_lksb other = {.sb_status = 5};
	uint32_t lkid = lksb[0].sb_lkid ? lksb[0].sb_lkid : 1;

	assert_enotconn(
		dlm_ls_lock(ls, LKM_EXMODE, &other, 0, "name", 4, 0, note, "x", note, NULL));
	assert_enotconn(
		dlm_ls_lock_wait(ls, LKM_EXMODE, &other, 0, "name", 4, 0, NULL, NULL, NULL));
	assert_enotconn(dlm_ls_unlock(ls, lkid, 0, &other, NULL));
	assert_enotconn(dlm_ls_unlock_wait(ls, lkid, 0, &other));
	assert_enotconn(dlm_ls_deadlock_cancel(ls, lkid, 0));
	assert_enotconn(dlm_ls_purge(ls, 0, 0));
	assert_enotconn(dlm_ls_set_lost_callback(ls, lost, "l"));
	assert_enotconn(dlm_dispatch(dlm_ls_get_fd(ls)));
	assert_int_equal(other.sb_status, 5);
}

static void test_dispatching_program(void **state)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, "l"), 0);
	make_locks();
	assert_true(fake_lease_held(&fake));
	fake_hangup(&fake);
	assert_int_equal(poll(&fd, 1, FAKE_WAIT_MS), 1);
	assert_int_equal(fd.revents, POLLIN | POLLHUP);
	assert_enotconn(dlm_dispatch(fd.fd));
	assert_string_equal(calls, "aal"); /* first what waited, then the loss */
	assert_int_equal(lksb[0].sb_status, 0);
	assert_int_equal(lksb[1].sb_status, ENOTCONN);
	assert_true(held_in_callback);
	assert_false(fake_lease_held(&fake));
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(fd.revents, POLLIN | POLLHUP);
	assert_all_fail();
	assert_string_equal(calls, "aal");
}

static void test_without_callback(void **state)
{
	make_locks();
	fake_hangup(&fake);
	assert_enotconn(dlm_dispatch(dlm_ls_get_fd(ls)));
	assert_true(fake_lease_held(&fake));
	assert_all_fail();
	assert_true(fake_lease_held(&fake));
	dlm_close_lockspace(ls);
	ls = NULL;
	assert_false(fake_lease_held(&fake));
}

/* A request finds the loss: it fails, and the rest is told by the next dispatch. */
static void test_found_by_request(void **state)
{
	struct dlm_lksb other = {0};

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, "l"), 0);
	make_locks();
	fake_hangup(&fake);
	assert_enotconn(
		dlm_ls_lock(ls, LKM_EXMODE, &other, 0, "name", 4, 0, note, "x", note, NULL));
	assert_string_equal(calls, "a");
	assert_true(fake_lease_held(&fake));
	assert_enotconn(dlm_dispatch(dlm_ls_get_fd(ls)));
	assert_string_equal(calls, "aal");
	assert_false(fake_lease_held(&fake));
}

/* A program that only makes calls that wait hears of it by them. */
static void *hangup_when_asked(void *arg)
{
	fake_next_lock(&fake);
	fake_hangup(&fake);
	return NULL;
}

static void wait_and_lose(void)
{
	struct dlm_lksb other = {0};
	pthread_t thread;

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, "l"), 0);
	assert_int_equal(pthread_create(&thread, NULL, hangup_when_asked, NULL), 0);
	assert_enotconn(
		dlm_ls_lock_wait(ls, LKM_EXMODE, &other, 0, "name", 4, 0, NULL, NULL, NULL));
	assert_int_equal(other.sb_status, ENOTCONN);
	pthread_join(thread, NULL);
	wait_calls("l");
}

static void test_waiting_call(void **state)
{
	wait_and_lose();
	assert_false(fake_lease_held(&fake));
	assert_all_fail();
}

/* The loss was seen by a call that runs no callbacks; the next one that waits runs them. */
static void test_waiting_call_later(void **state)
{
	struct dlm_lksb other = {0};

	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, "l"), 0);
	fake_hangup(&fake);
	assert_enotconn(
		dlm_ls_lock(ls, LKM_EXMODE, &other, 0, "name", 4, 0, note, "x", note, NULL));
	assert_enotconn(dlm_ls_unlock_wait(ls, 1, 0, &other));
	assert_enotconn(
		dlm_ls_lock_wait(ls, LKM_EXMODE, &other, 0, "name", 4, 0, NULL, NULL, NULL));
	assert_string_equal(calls, "l");
	assert_false(fake_lease_held(&fake));
}

static void close_in_callback(void *arg)
{
	assert_int_equal(dlm_close_lockspace(ls), 0);
	assert_false(fake_lease_held(&fake));
	ls = NULL;
	note(arg);
}

static void test_close_in_callback(void **state)
{
	assert_int_equal(dlm_ls_set_lost_callback(ls, close_in_callback, "l"), 0);
	make_locks();
	fake_hangup(&fake);
	assert_enotconn(dlm_dispatch(dlm_ls_get_fd(ls)));
	assert_string_equal(calls, "aal");
}

#ifndef LIBDLM_LT
static void test_thread(void **state)
{
	assert_int_equal(dlm_ls_set_lost_callback(ls, lost, "l"), 0);
	make_locks();
	assert_int_equal(dlm_ls_pthread_init(ls), 0);
	fake_hangup(&fake);
	wait_calls("aal");
	while (fake_lease_held(&fake)) /* it is let go when the callback has returned */
		sched_yield();
	assert_all_fail();
}

static void test_thread_waiting_call(void **state)
{
	assert_int_equal(dlm_ls_pthread_init(ls), 0);
	wait_and_lose();
}

static void test_close_in_thread(void **state)
{
	assert_int_equal(dlm_ls_set_lost_callback(ls, close_in_callback, "l"), 0);
	make_locks();
	assert_int_equal(dlm_ls_pthread_init(ls), 0);
	fake_hangup(&fake);
	wait_calls("aal");
}
#endif

static int count_inheritable(void)
{
	int count = 0;
	int fd;

	for (fd = 3; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) == 0;
	return count;
}

static void test_lease_and_exec(void **state)
{
	int fd = dlm_ls_get_fd(ls);
	int before = count_inheritable();

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(dlm_ls_set_inherit(ls, 1), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(count_inheritable(), before + 2); /* the connection and its lease */
	assert_int_equal(dlm_ls_set_inherit(ls, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(count_inheritable(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_dispatching_program),
		T(test_without_callback),
		T(test_found_by_request),
		T(test_waiting_call),
		T(test_waiting_call_later),
		T(test_close_in_callback),
#ifndef LIBDLM_LT
		T(test_thread),
		T(test_thread_waiting_call),
		T(test_close_in_thread),
#endif
		T(test_lease_and_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
