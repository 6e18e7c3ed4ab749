/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock and unlock calls through the public functions, against a daemon that the test plays. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "fake.h"

static struct fake fake;
static dlm_lshandle_t ls;
static char calls[64]; /* which callbacks ran, a letter each */

static void note(void *arg)
{
	size_t used = strlen(calls);

	assert_true(used + 1 < sizeof(calls));
	calls[used] = *(const char *)arg;
}

static int setup(void **state)
{
	fake_start(&fake);
	ls = fake_open(&fake);
	assert_non_null(ls);
	memset(calls, 0, sizeof(calls));
	return 0;
}

static int teardown(void **state)
{
	dlm_close_lockspace(ls);
	fake_stop(&fake);
	return 0;
}

static void dispatch(void)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	assert_int_equal(poll(&fd, 1, FAKE_WAIT_MS), 1);
	assert_int_equal(dlm_dispatch(fd.fd), 0);
}

static void lock_new(struct dlm_lksb *lksb, uint32_t mode, uint32_t flags)
{
	assert_int_equal(
		dlm_ls_lock(ls, mode, lksb, flags, "name", 4, 0, note, "a", note, NULL), 0);
}

/* A lock that has been granted. */
static void lock_granted(struct dlm_lksb *lksb, uint32_t mode, uint32_t flags)
{
	lock_new(lksb, mode, flags);
	fake_next_lock(&fake);
	fake_completion(&fake, lksb->sb_lkid, 0, (int)mode, false);
	fake_send(&fake);
	dispatch();
	calls[0] = 0;
}

static void test_lock_and_unlock(void **state)
{
	struct dlm_lksb lksb = {0};
	const struct client_lock *lock;
	const struct client_unlock *unlock;

	lock_new(&lksb, LKM_EXMODE, LKF_NOQUEUE);
	assert_int_equal(lksb.sb_lkid, FAKE_FIRST_ID);
	assert_int_equal(lksb.sb_status, EINPROG);
	lock = fake_next_lock(&fake);
	assert_int_equal(lock->lkid, FAKE_FIRST_ID);
	assert_int_equal(lock->mode, LKM_EXMODE);
	assert_int_equal(lock->flags, LKF_NOQUEUE);
	assert_int_equal(lock->name_bytes, 4);
	assert_memory_equal(client_lock_name(lock), "name\0\0\0", 8);
	assert_int_equal(lock->head.flags, CLIENT_LOCK_WANTS_BAST);
	assert_int_equal(lock->head.serial, 0);
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_EXMODE, false);
	fake_send(&fake);
	assert_int_equal(lksb.sb_status, EINPROG);
	dispatch();
	assert_string_equal(calls, "a");
	assert_int_equal(lksb.sb_status, 0);

	assert_int_equal(dlm_ls_unlock(ls, lksb.sb_lkid, 0, &lksb, "u"), 0);
	assert_int_equal(lksb.sb_status, EINPROG);
	unlock = fake_next_unlock(&fake);
	assert_int_equal(unlock->lkid, FAKE_FIRST_ID);
	assert_int_equal(unlock->head.flags, 0);
	fake_completion(&fake, lksb.sb_lkid, -EUNLOCK, DLM_MODE_IV, true);
	fake_send(&fake);
	dispatch();
	assert_string_equal(calls, "au");
	assert_int_equal(lksb.sb_status, EUNLOCK);

	assert_int_equal(dlm_ls_unlock(ls, lksb.sb_lkid, 0, &lksb, "u"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(lksb.sb_status, EUNLOCK);
	lock_new(&lksb, LKM_NLMODE, 0);
	assert_int_equal(lksb.sb_lkid, FAKE_FIRST_ID + 1);
}

static void test_arguments(void **state)
{
	char long_name[65] = {0};
	struct dlm_lksb lksb = {0};
	static const struct {
		uint32_t mode, flags;
		int error;
	} cases[] = {
		{6, 0, EINVAL},
		{(uint32_t)-1, 0, EINVAL},
		{LKM_PRMODE, LKF_CANCEL, EINVAL},
		{LKM_PRMODE, LKF_QUECVT, EINVAL},
		{LKM_PRMODE, LKF_CONVDEADLK, EINVAL},
		{LKM_PRMODE, LKF_EXPEDITE, EINVAL},
		{LKM_NLMODE, LKF_EXPEDITE | LKF_NOQUEUE, EINVAL},
		{LKM_NLMODE, LKF_VALBLK, EINVAL},  /* without a block */
		{LKM_NLMODE, LKF_CONVERT, ENOENT}, /* looked up before anything else */
		{9, LKF_CONVERT, ENOENT},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(dlm_ls_lock(ls, cases[i].mode, &lksb, cases[i].flags, "n", 1, 0,
					 note, "a", NULL, NULL),
			-1);
		assert_int_equal(errno, cases[i].error);
	}
	assert_int_equal(dlm_ls_lock(ls, 0, &lksb, 0, long_name, 65, 0, note, "a", NULL, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dlm_ls_lock(ls, 0, &lksb, 0, "n", 1, 0, note, "a", NULL, calls), -1);
	assert_int_equal(errno, ENOSYS);
	assert_int_equal(dlm_ls_lock(ls, 0, &lksb, 0, "n", 1, 0, NULL, "a", NULL, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dlm_ls_lock(ls, 0, NULL, 0, "n", 1, 0, note, "a", NULL, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dlm_ls_unlock(ls, 0, 0, &lksb, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dlm_ls_unlock(ls, 5, 0, &lksb, NULL), -1);
	assert_int_equal(errno, ENOENT);
	assert_true(fake_silent(&fake));
	assert_int_equal(lksb.sb_lkid, 0);
	assert_int_equal(dlm_ls_lock(ls, 0, &lksb, 0, long_name, 64, 0, note, "a", NULL, NULL), 0);
	assert_int_equal(fake_next_lock(&fake)->name_bytes, 64);
}

static void test_null_handle(void **state)
{
	struct dlm_lksb lksb = {0};

	assert_int_equal(dlm_ls_lock(NULL, 0, &lksb, 0, "n", 1, 0, note, "a", NULL, NULL), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_lock_wait(NULL, 0, &lksb, 0, "n", 1, 0, NULL, NULL, NULL), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_unlock(NULL, 1, 0, &lksb, NULL), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_unlock_wait(NULL, 1, 0, &lksb), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_deadlock_cancel(NULL, 1, 0), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_purge(NULL, 0, 0), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_close_lockspace(NULL), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_ls_get_fd(NULL), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(dlm_dispatch(0), -1);
	assert_int_equal(errno, EBADF);
}

static void test_busy(void **state)
{
	struct dlm_lksb lksb = {0};

	lock_new(&lksb, LKM_PRMODE, 0);
	fake_next_lock(&fake);
	assert_int_equal(dlm_ls_unlock(ls, lksb.sb_lkid, LKF_PERSISTENT, &lksb, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		-1);
	assert_int_equal(errno, EBUSY);
	assert_true(fake_silent(&fake));
}

/* What has arrived counts, though it has not been dispatched; and it is dispatched later, by
 * itself. */
static void test_busy_takes_in(void **state)
{
	struct dlm_lksb lksb = {0};
	uint32_t serial;

	fake.keep_pokes = true;
	lock_new(&lksb, LKM_PRMODE, 0);
	fake_next_lock(&fake);
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_PRMODE, false);
	fake_send(&fake);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		0);
	assert_string_equal(calls, "");
	assert_int_equal(fake_next_lock(&fake)->flags, LKF_CONVERT);
	serial = fake_next(&fake, CLIENT_POKE)->serial;
	assert_int_not_equal(serial, 0);
	fake_answer(&fake, serial, 0, 0);
	fake_send(&fake);
	dispatch();
	assert_string_equal(calls, "a");
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_EXMODE, false);
	fake_send(&fake);
	dispatch();
	assert_string_equal(calls, "ac");
}

static void test_convert(void **state)
{
	char lvb[DLM_LVB_LEN] = "written";
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};
	const struct client_lock *lock;

	lock_granted(&lksb, LKM_EXMODE, LKF_VALBLK);
	assert_int_equal(dlm_ls_lock(ls, LKM_NLMODE, &lksb, LKF_CONVERT | LKF_QUECVT, NULL, 0, 0,
				 note, "c", NULL, NULL),
		-1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dlm_ls_lock(ls, LKM_PRMODE, &lksb, LKF_CONVERT | LKF_VALBLK, "ignored", 70,
				 0, note, "c", NULL, NULL),
		0);
	lock = fake_next_lock(&fake);
	assert_int_equal(lock->name_bytes, 0);
	assert_int_equal(lock->head.flags, CLIENT_LOCK_HAS_LVB);
	assert_memory_equal(client_lock_lvb(lock), lvb, DLM_LVB_LEN);
	fake_completion_lvb(&fake, lksb.sb_lkid, LKM_PRMODE, DLM_SBF_VALNOTVALID, "read");
	fake_send(&fake);
	dispatch();
	assert_string_equal(lvb, "read");
	assert_int_equal(lksb.sb_flags, DLM_SBF_VALNOTVALID);
	assert_string_equal(calls, "c");
}

/* Only a call with VALBLK lets a block be written to the program. */
static void test_lvb_not_asked_for(void **state)
{
	char lvb[DLM_LVB_LEN] = "mine";
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};

	lock_new(&lksb, LKM_PRMODE, 0);
	assert_int_equal(fake_next_lock(&fake)->head.flags, CLIENT_LOCK_WANTS_BAST);
	fake_completion_lvb(&fake, lksb.sb_lkid, LKM_PRMODE, 0, "other");
	fake_send(&fake);
	dispatch();
	assert_string_equal(lvb, "mine");
}

static void test_unlock_sends_block(void **state)
{
	char lvb[DLM_LVB_LEN] = "last words";
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};
	const struct client_unlock *unlock;

	lock_granted(&lksb, LKM_EXMODE, LKF_VALBLK);
	assert_int_equal(dlm_ls_unlock(ls, lksb.sb_lkid, LKF_VALBLK, &lksb, NULL), 0);
	unlock = fake_next_unlock(&fake);
	assert_int_equal(unlock->head.flags, CLIENT_UNLOCK_HAS_LVB);
	assert_memory_equal(unlock + 1, lvb, DLM_LVB_LEN);
}

static void test_blocking(void **state)
{
	struct dlm_lksb lksb = {0};

	lock_granted(&lksb, LKM_EXMODE, 0);
	fake_bast(&fake, lksb.sb_lkid, LKM_NLMODE); /* compatible: stale */
	fake_bast(&fake, lksb.sb_lkid, LKM_PRMODE);
	fake_bast(&fake, 4711, LKM_PRMODE); /* of nobody */
	fake_send(&fake);
	dispatch();
	assert_string_equal(calls, "a");
	assert_int_equal(lksb.sb_status, 0);
}

/* lvmlockd's pointers must not be called. */
static void test_pointers_that_are_none(void **state)
{
	struct dlm_lksb lksb = {0};
	void (*none)(void *) = (void (*)(void *))1;

	assert_int_equal(dlm_ls_lockx(ls, LKM_EXMODE, &lksb, LKF_PERSISTENT, "n", 1, 0, none,
				 (void *)1, none, NULL, NULL),
		0);
	fake_next_lock(&fake);
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_EXMODE, false);
	fake_bast(&fake, lksb.sb_lkid, LKM_EXMODE);
	fake_send(&fake);
	dispatch();
	assert_int_equal(lksb.sb_status, 0);
}

static void test_refused(void **state)
{
	struct dlm_lksb lksb = {0}, other = {0};

	lock_new(&lksb, LKM_PRMODE, 0);
	lock_granted(&other, LKM_PRMODE, 0);
	assert_int_equal(dlm_ls_unlock(ls, other.sb_lkid, 0, &other, "u"), 0);
	fake_refused(&fake, CLIENT_LOCK, lksb.sb_lkid, -ENOMEM);
	fake_refused(&fake, CLIENT_UNLOCK, other.sb_lkid, -EAGAIN);
	fake_send(&fake);
	dispatch();
	assert_string_equal(calls, "au");
	assert_int_equal(lksb.sb_status, ENOMEM);
	assert_int_equal(other.sb_status, EAGAIN);
	assert_int_equal(dlm_ls_unlock(ls, lksb.sb_lkid, 0, &lksb, NULL), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(dlm_ls_unlock(ls, other.sb_lkid, 0, &other, NULL), 0);
}

static void test_xid(void **state)
{
	struct dlm_lksb lksb = {0};
	uint64_t xid = 0x123456789abcdef0;

	assert_int_equal(dlm_ls_lockx(ls, 0, &lksb, 0, "n", 1, 0, note, "a", NULL, &xid, &xid), 0);
	assert_true(fake_next_lock(&fake)->xid == xid);
}

static void test_ids(void **state)
{
	struct dlm_lksb lksb[2 * FAKE_BLOCK + 1];
	const struct client_head *need = NULL;
	int i;

	memset(lksb, 0, sizeof(lksb));
	for (i = 0; i < 2 * FAKE_BLOCK; i++) {
		lock_new(&lksb[i], LKM_NLMODE, 0);
		assert_int_equal(lksb[i].sb_lkid, FAKE_FIRST_ID + i);
		if (i == 2 * FAKE_BLOCK - FAKE_BLOCK / 2)
			need = fake_next(&fake, CLIENT_NEED_IDS);
		fake_next_lock(&fake);
	}
	assert_non_null(need);
	fake_refused(&fake, CLIENT_NEED_IDS, 0, -ENOSPC);
	fake_send(&fake);
	/* Known to be refused only when it is waited for. */
	assert_int_equal(dlm_ls_lock(ls, 0, &lksb[i], 0, "n", 1, 0, note, "a", NULL, NULL), -1);
	assert_int_equal(errno, ENOSPC);
	fake_ids(&fake, 500, 64);
	fake_send(&fake);
	lock_new(&lksb[i], LKM_NLMODE, 0);
	assert_int_equal(lksb[i].sb_lkid, 500);
}

/* Requests of callbacks leave in one packet; those of other calls at once. */
static struct dlm_lksb many[16];

static void again(void *arg)
{
	struct dlm_lksb *lksb = arg;

	assert_int_equal(dlm_ls_unlock(ls, lksb->sb_lkid, 0, lksb, NULL), 0);
}

static void test_batching(void **state)
{
	uint32_t before;
	int i;

	memset(many, 0, sizeof(many));
	for (i = 0; i < 16; i++) {
		assert_int_equal(dlm_ls_lock(ls, LKM_PRMODE, &many[i], 0, "n", 1, 0, again,
					 &many[i], NULL, NULL),
			0);
		fake_next_lock(&fake);
		fake_completion(&fake, many[i].sb_lkid, 0, LKM_PRMODE, false);
	}
	assert_int_equal(fake.packet_count, 17); /* with HELLO */
	fake_send(&fake);
	before = fake.packet_count;
	dispatch();
	for (i = 0; i < 16; i++)
		assert_int_equal(fake_next_unlock(&fake)->lkid, many[i].sb_lkid);
	assert_int_equal(fake.packet_count, before + 1);
}

static void slow(void *arg)
{
	struct dlm_lksb *lksb = arg;

	again(arg);
	if (lksb == &many[0])
		poll(NULL, 0, 30);
}

/* One that takes its time does not hold back what others asked for. */
static void test_slow_callback(void **state)
{
	uint32_t before;
	int i;

	memset(many, 0, sizeof(many));
	for (i = 0; i < 4; i++) {
		assert_int_equal(dlm_ls_lock(ls, LKM_PRMODE, &many[i], 0, "n", 1, 0, slow, &many[i],
					 NULL, NULL),
			0);
		fake_next_lock(&fake);
		fake_completion(&fake, many[i].sb_lkid, 0, LKM_PRMODE, false);
	}
	fake_send(&fake);
	before = fake.packet_count;
	dispatch();
	for (i = 0; i < 4; i++)
		assert_int_equal(fake_next_unlock(&fake)->lkid, many[i].sb_lkid);
	assert_int_equal(fake.packet_count, before + 4);
}

/* Garbage from the daemon ends the connection, and nothing else. */
static void test_garbage(void **state)
{
	struct dlm_lksb lksb = {0};

	lock_new(&lksb, LKM_PRMODE, 0);
	fake_completion(&fake, lksb.sb_lkid, 0, LKM_PRMODE, false);
	fake.out[0] = 12; /* its length */
	fake_send(&fake);
	assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_string_equal(calls, "a");
	assert_int_equal(lksb.sb_status, ENOTCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_lock_and_unlock),
		T(test_arguments),
		T(test_null_handle),
		T(test_busy),
		T(test_busy_takes_in),
		T(test_convert),
		T(test_lvb_not_asked_for),
		T(test_unlock_sends_block),
		T(test_blocking),
		T(test_pointers_that_are_none),
		T(test_refused),
		T(test_xid),
		T(test_ids),
		T(test_batching),
		T(test_slow_callback),
		T(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
