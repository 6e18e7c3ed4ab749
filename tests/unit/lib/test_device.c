/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's device protocol, with the test as the kernel: what is written is compared byte by
 * byte with the offsets of docs/protocol/wire.md, what is read is put together the same way.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "lib/device.h"
#include "lib/handle.h"

#define RESULTS 8

static struct handle *handle;
static dlm_lshandle_t ls;
static int event_fd;
static uint8_t written[256];
static size_t written_bytes;
static ssize_t write_answer; /* negative: errno */
static uint8_t results[RESULTS][104];
static size_t result_bytes[RESULTS];
static int result_first, result_count;
static pthread_mutex_t results_mutex = PTHREAD_MUTEX_INITIALIZER;
static char calls[64];

static ssize_t fake_write(int fd, const void *data, size_t bytes)
{
	assert_int_equal(fd, event_fd);
	assert_true(bytes <= sizeof(written));
	memcpy(written, data, bytes);
	__atomic_store_n(&written_bytes, bytes, __ATOMIC_RELEASE);
	if (write_answer >= 0)
		return write_answer;
	errno = (int)-write_answer;
	return -1;
}

static ssize_t take_result(int fd, void *data)
{
	eventfd_t count;

	if (result_first == result_count) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(data, results[result_first], result_bytes[result_first]);
	if (result_first + 1 == result_count)
		eventfd_read(fd, &count);
	return (ssize_t)result_bytes[result_first++];
}

static ssize_t fake_read(int fd, void *data, size_t bytes)
{
	ssize_t result;

	assert_true(bytes >= 104);
	pthread_mutex_lock(&results_mutex);
	result = take_result(fd, data);
	pthread_mutex_unlock(&results_mutex);
	return result;
}

static const struct device_io fake_io = {fake_write, fake_read};

static void note(void *arg)
{
	calls[strlen(calls)] = *(const char *)arg;
}

static int setup(void **state)
{
	static const uint32_t version[3] = {6, 0, 2};

	alarm(60);
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(device_attach(event_fd, version, &fake_io, &handle), 0);
	ls = handle;
	memset(calls, 0, sizeof(calls));
	result_first = result_count = 0;
	write_answer = 0;
	written_bytes = 0;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(dlm_close_lockspace(ls), 0);
	return 0;
}

static uint32_t get32(size_t at)
{
	uint32_t value;

	memcpy(&value, written + at, sizeof(value));
	return value;
}

static uint64_t get64(size_t at)
{
	uint64_t value;

	memcpy(&value, written + at, sizeof(value));
	return value;
}

static void put32(uint8_t *result, size_t at, uint32_t value)
{
	memcpy(result + at, &value, sizeof(value));
}

static void add_result(uint32_t lkid, int status, uint8_t flags, uint8_t bast_mode, const char *lvb)
{
	uint8_t *result = results[result_count];

	pthread_mutex_lock(&results_mutex);
	memset(result, 0, sizeof(results[0]));
	result_bytes[result_count] = lvb ? 104 : 72;
	put32(result, 0, 6);
	put32(result, 8, 2);
	put32(result, 12, (uint32_t)result_bytes[result_count]);
	put32(result, 40, (uint32_t)status);
	put32(result, 44, lkid);
	result[48] = flags;
	result[64] = bast_mode;
	if (lvb) {
		put32(result, 68, 72);
		memcpy(result + 72, lvb, strlen(lvb));
	}
	result_count++;
	eventfd_write(event_fd, 1);
	pthread_mutex_unlock(&results_mutex);
}

static void assert_header(uint8_t command)
{
	assert_int_equal(get32(0), 6);
	assert_int_equal(get32(4), 0);
	assert_int_equal(get32(8), 2);
	assert_int_equal(written[12], command);
	assert_int_equal(written[13], 1);
}

static void test_lock(void **state)
{
	char lvb[DLM_LVB_LEN] = "block";
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};
	uint64_t xid = 0x1122334455667788;

	if (sizeof(void *) != 8)
		skip();
	write_answer = 42;
	assert_int_equal(dlm_ls_lockx(ls, LKM_PRMODE, &lksb, LKF_VALBLK | LKF_NOQUEUE, "resource",
				 8, 0, note, "a", note, &xid, NULL),
		0);
	assert_header(1);
	assert_int_equal(written_bytes, 128);
	assert_int_equal(written[16], LKM_PRMODE);
	assert_int_equal(written[17], 8);
	assert_int_equal(get32(20), LKF_VALBLK | LKF_NOQUEUE);
	assert_int_equal(get32(24), 0);
	assert_true(get64(32) == xid);
	assert_true(get64(56) && get64(72) && get64(80)); /* castaddr, bastaddr, lksb */
	assert_memory_equal(written + 88, lvb, sizeof(lvb));
	assert_memory_equal(written + 120, "resource", 8);
	assert_int_equal(lksb.sb_lkid, 42);
	assert_int_equal(lksb.sb_status, EINPROG);

	add_result(42, 0, DLM_SBF_VALNOTVALID, 0, "read");
	add_result(42, 0, 0, LKM_EXMODE, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "aa");
	assert_int_equal(lksb.sb_status, 0);
	assert_int_equal(lksb.sb_flags, DLM_SBF_VALNOTVALID);
	assert_string_equal(lvb, "read");

	write_answer = 0;
	memcpy(lvb, "last", 5);
	assert_int_equal(dlm_ls_unlock(ls, 42, LKF_VALBLK, &lksb, "u"), 0);
	assert_header(2);
	assert_int_equal(written_bytes, 120);
	assert_int_equal(get32(20), LKF_VALBLK);
	assert_int_equal(get32(24), 42);
	assert_int_equal(get64(56), 0); /* the kernel keeps the lock's own */
	assert_memory_equal(written + 88, lvb, sizeof(lvb));
	add_result(42, -EUNLOCK, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "aau");
	assert_int_equal(lksb.sb_status, EUNLOCK);
	assert_int_equal(dlm_ls_unlock(ls, 42, 0, &lksb, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

static void lock_granted(struct dlm_lksb *lksb, uint32_t lkid, uint32_t mode)
{
	write_answer = lkid;
	assert_int_equal(dlm_ls_lock(ls, mode, lksb, 0, "n", 1, 0, note, "a", NULL, NULL), 0);
	add_result(lkid, 0, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	write_answer = 0;
	calls[0] = 0;
}

static void test_convert(void **state)
{
	struct dlm_lksb lksb = {0};

	lock_granted(&lksb, 7, LKM_NLMODE);
	assert_int_equal(dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, "ignored", 7, 0, note, "c",
				 NULL, NULL),
		0);
	assert_int_equal(written_bytes, 120);
	assert_int_equal(written[17], 0);
	assert_int_equal(get32(24), 7);
	assert_int_equal(get64(72), 0); /* no bastaddr */
	add_result(7, -EDEADLK, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "c");
	assert_int_equal(lksb.sb_status, EDEADLK);
	/* A failed conversion leaves the lock; and the kernel's errors are the call's. */
	write_answer = -EBUSY;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		-1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(lksb.sb_status, EDEADLK);
	lksb.sb_lkid = 8;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		-1);
	assert_int_equal(errno, ENOENT);
}

/* The kernel goes by what it has queued, not by what we have read. */
static void test_convert_before_read(void **state)
{
	struct dlm_lksb lksb = {0};

	write_answer = 7;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, 0, "n", 1, 0, note, "a", NULL, NULL), 0);
	add_result(7, 0, 0, 0, NULL);
	write_answer = 0;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		0);
	add_result(7, 0, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "ac");
}

static void test_request_fails(void **state)
{
	struct dlm_lksb lksb = {0};

	write_answer = -ENOMEM;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, 0, "n", 1, 0, note, "a", NULL, NULL), -1);
	assert_int_equal(errno, ENOMEM);
	write_answer = 9;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, LKF_NOQUEUE, "n", 1, 0, note, "a", NULL, NULL),
		0);
	add_result(9, -EAGAIN, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_int_equal(lksb.sb_status, EAGAIN);
	assert_int_equal(dlm_ls_unlock(ls, 9, 0, &lksb, NULL), -1); /* it has ended */
	assert_int_equal(errno, ENOENT);
}

/* An id that the kernel gives anew while its last completion waits to be read. */
static void test_id_again(void **state)
{
	struct dlm_lksb lksb = {0}, other = {0};

	lock_granted(&lksb, 7, LKM_NLMODE);
	assert_int_equal(dlm_ls_unlock(ls, 7, 0, &lksb, "u"), 0);
	add_result(7, -EUNLOCK, 0, 0, NULL);
	write_answer = 7;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &other, 0, "n", 1, 0, note, "a", NULL, NULL), 0);
	add_result(7, 0, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "ua");
	assert_int_equal(lksb.sb_status, EUNLOCK);
	assert_int_equal(other.sb_status, 0);
}

static void test_cancel(void **state)
{
	struct dlm_lksb lksb = {0}, cancel = {0};

	lock_granted(&lksb, 7, LKM_NLMODE);
	assert_int_equal(dlm_ls_unlock(ls, 7, LKF_CANCEL, &cancel, "x"), 0);
	assert_int_equal(cancel.sb_status, 0); /* nothing follows */
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		0);
	assert_int_equal(dlm_ls_deadlock_cancel(ls, 7, 0), 0);
	assert_header(7);
	assert_int_equal(get32(24), 7);
	add_result(7, -EDEADLK, 0, 0, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "c");
	assert_int_equal(lksb.sb_status, EDEADLK);
}

static void test_adopt(void **state)
{
	struct dlm_lksb lksb = {.sb_status = 5};
	void (*none)(void *) = (void (*)(void *))1;

	write_answer = -EAGAIN;
	assert_int_equal(dlm_ls_lockx(ls, LKM_EXMODE, &lksb, LKF_PERSISTENT | LKF_ORPHAN, "n", 1, 0,
				 none, (void *)1, none, NULL, NULL),
		-1);
	assert_int_equal(errno, EAGAIN);
	write_answer = 31;
	assert_int_equal(dlm_ls_lockx(ls, LKM_EXMODE, &lksb, LKF_PERSISTENT | LKF_ORPHAN, "n", 1, 0,
				 none, (void *)1, none, NULL, NULL),
		0);
	assert_int_equal(lksb.sb_lkid, 31);
	assert_int_equal(lksb.sb_status, 0);
	add_result(31, 0, 0, LKM_EXMODE, NULL);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
}

static void test_purge(void **state)
{
	struct dlm_lksb lksb = {0};

	lock_granted(&lksb, 7, LKM_NLMODE);
	assert_int_equal(dlm_ls_purge(ls, 3, 99), 0);
	assert_header(6);
	assert_int_equal(get32(16), 3);
	assert_int_equal(get32(20), 99);
	assert_int_equal(dlm_ls_purge(ls, 0, getpid()), 0);
	assert_int_equal(dlm_ls_unlock(ls, 7, 0, &lksb, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

static void *answer_later(void *arg)
{
	while (!__atomic_load_n(&written_bytes, __ATOMIC_ACQUIRE))
		sched_yield();
	add_result(7, 0, 0, 0, NULL);
	return NULL;
}

static void test_wait(void **state)
{
	struct dlm_lksb lksb = {0};
	pthread_t thread;

	write_answer = 7;
	pthread_create(&thread, NULL, answer_later, NULL);
	assert_int_equal(
		dlm_ls_lock_wait(ls, LKM_EXMODE, &lksb, 0, "n", 1, 0, NULL, NULL, NULL), 0);
	assert_int_equal(lksb.sb_status, 0);
	pthread_join(thread, NULL);
}

static void test_short_results(void **state)
{
	struct dlm_lksb lksb = {0};

	write_answer = 7;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, 0, "n", 1, 0, note, "a", NULL, NULL), 0);
	add_result(7, 0, 0, 0, NULL);
	put32(results[0], 68, 72); /* a value block beyond its end */
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_int_equal(lksb.sb_status, 0);
	add_result(99, 0, 0, 0, NULL); /* of nobody */
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_lock),
		T(test_convert),
		T(test_convert_before_read),
		T(test_request_fails),
		T(test_id_again),
		T(test_cancel),
		T(test_adopt),
		T(test_purge),
		T(test_wait),
		T(test_short_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
