/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that wait: for their completion, or for an answer; with a receive thread and without. */
#include <errno.h>
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
static bool threaded;
static struct dlm_lksb lksb,
	other; /* written to by the receive thread, after a test has ended, too */
static pthread_mutex_t calls_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t calls_changed = PTHREAD_COND_INITIALIZER;
static char calls[64]; /* which callbacks ran, a letter each */

static void note(void *arg)
{
	pthread_mutex_lock(&calls_mutex);
	assert_true(strlen(calls) + 1 < sizeof(calls));
	calls[strlen(calls)] = *(const char *)arg;
	pthread_cond_broadcast(&calls_changed);
	pthread_mutex_unlock(&calls_mutex);
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
	memset(&lksb, 0, sizeof(lksb));
	memset(&other, 0, sizeof(other));
	threaded = false;
	return 0;
}

static int setup_thread(void **state)
{
	setup(state);
#ifndef LIBDLM_LT
	assert_int_equal(dlm_ls_pthread_init(ls), 0);
	assert_int_equal(dlm_ls_pthread_init(ls), -1);
	assert_int_equal(errno, EEXIST);
	threaded = true;
#endif
	return 0;
}

static int teardown(void **state)
{
	dlm_close_lockspace(ls);
	fake_stop(&fake);
	return 0;
}

/* A thread that makes one call. */
struct caller {
	pthread_t thread;
	int (*call)(struct caller *caller);
	struct dlm_lksb lksb;
	char lvb[DLM_LVB_LEN];
	uint32_t lkid, mode, flags;
	int result, error;
};

static void *caller_main(void *arg)
{
	struct caller *caller = arg;

	caller->result = caller->call(caller);
	caller->error = errno;
	return NULL;
}

static void caller_start(struct caller *caller, int (*call)(struct caller *caller))
{
	caller->call = call;
	assert_int_equal(pthread_create(&caller->thread, NULL, caller_main, caller), 0);
}

static int caller_end(struct caller *caller)
{
	pthread_join(caller->thread, NULL);
	errno = caller->error;
	return caller->result;
}

static int call_lock(struct caller *caller)
{
	return dlm_ls_lock_wait(
		ls, caller->mode, &caller->lksb, caller->flags, "name", 4, 0, "b", note, NULL);
}

static int call_unlock(struct caller *caller)
{
	return dlm_ls_unlock_wait(ls, caller->lkid, caller->flags, &caller->lksb);
}

static int call_unlock_async(struct caller *caller)
{
	return dlm_ls_unlock(ls, caller->lkid, caller->flags, &caller->lksb, "u");
}

static int call_deadlock(struct caller *caller)
{
	return dlm_ls_deadlock_cancel(ls, caller->lkid, caller->flags);
}

static int call_purge(struct caller *caller)
{
	return dlm_ls_purge(ls, 0, (int)caller->flags);
}

static int call_adopt(struct caller *caller)
{
	return dlm_ls_lockx(ls, caller->mode, &caller->lksb, caller->flags, "orphan", 6, 0,
		(void (*)(void *))1, (void *)1, (void (*)(void *))1, NULL, NULL);
}

static uint32_t next_id; /* of the lock that lock_async() makes */

static void lock_async(uint32_t mode, struct dlm_lksb *status)
{
	assert_int_equal(dlm_ls_lock(ls, mode, status, 0, "name", 4, 0, note, "a", note, NULL), 0);
	next_id = fake_next_lock(&fake)->lkid;
}

static void complete(uint32_t lkid, int status, int mode, bool ended)
{
	fake_completion(&fake, lkid, status, mode, ended);
	fake_send(&fake);
}

/* libdlm leaves it to lksb; libdlm_lt says it with errno. */
static void assert_outcome(struct caller *caller, int status)
{
	int result = caller_end(caller);

	assert_int_equal(caller->lksb.sb_status, status);
#ifdef LIBDLM_LT
	if (status && status != EUNLOCK) {
		assert_int_equal(result, -1);
		assert_int_equal(errno, status);
		return;
	}
#endif
	assert_int_equal(result, 0);
}

static void test_lock_unlock(void **state)
{
	struct caller caller = {.mode = LKM_EXMODE, .flags = LKF_VALBLK};

	caller.lksb.sb_lvbptr = caller.lvb;
	caller_start(&caller, call_lock);
	caller.lkid = fake_next_lock(&fake)->lkid;
	fake_completion_lvb(&fake, caller.lkid, LKM_EXMODE, DLM_SBF_VALNOTVALID, "block");
	fake_send(&fake);
	assert_outcome(&caller, 0);
	assert_int_equal(caller.lksb.sb_lkid, caller.lkid);
	assert_int_equal(caller.lksb.sb_flags, DLM_SBF_VALNOTVALID);
	assert_string_equal(caller.lvb, "block");
	caller.flags = 0;
	caller_start(&caller, call_unlock);
	fake_next_unlock(&fake);
	complete(caller.lkid, -EUNLOCK, DLM_MODE_IV, true);
	assert_outcome(&caller, EUNLOCK);
}

static void test_not_granted(void **state)
{
	struct caller caller = {.mode = LKM_EXMODE, .flags = LKF_NOQUEUE};

	caller_start(&caller, call_lock);
	complete(fake_next_lock(&fake)->lkid, -EAGAIN, DLM_MODE_IV, true);
	assert_outcome(&caller, EAGAIN);
	caller_start(&caller, call_lock);
	fake_refused(&fake, CLIENT_LOCK, fake_next_lock(&fake)->lkid, -EDQUOT);
	fake_send(&fake);
	assert_outcome(&caller, EDQUOT);
	caller.flags = LKF_CANCEL;
	assert_int_equal(call_lock(&caller), -1);
	assert_int_equal(errno, EINVAL);
	caller.lkid = 77;
	assert_int_equal(call_unlock(&caller), -1);
	assert_int_equal(errno, ENOENT);
}

/* Callbacks of others run meanwhile, in this call or in the thread. */
static void test_others_delivered(void **state)
{
	struct caller caller = {.mode = LKM_EXMODE};
	uint32_t lkid, async_lkid;

	lock_async(LKM_PRMODE, &lksb);
	async_lkid = next_id;
	caller_start(&caller, call_lock);
	lkid = fake_next_lock(&fake)->lkid;
	complete(async_lkid, 0, LKM_PRMODE, false);
	fake_bast(&fake, async_lkid, LKM_EXMODE);
	complete(lkid, 0, LKM_EXMODE, false);
	assert_outcome(&caller, 0);
	wait_calls("aa");
}

static void test_lkf_wait(void **state)
{
	struct caller caller = {.mode = LKM_EXMODE, .flags = LKF_WAIT};

	caller_start(&caller, call_lock);
	complete(fake_next_lock(&fake)->lkid, 0, LKM_EXMODE, false);
	assert_outcome(&caller, 0);
}

/* The lock's owner waits; somebody cancels: both are told by the one completion. */
static void test_cancel_of_waiting_call(void **state)
{
	struct caller owner = {.mode = LKM_EXMODE}, canceller = {.flags = LKF_CANCEL};
	const struct client_unlock *unlock;

	caller_start(&owner, call_lock);
	canceller.lkid = fake_next_lock(&fake)->lkid;
	caller_start(&canceller, call_unlock);
	unlock = fake_next_unlock(&fake);
	assert_int_equal(unlock->flags, LKF_CANCEL);
	fake_answer(&fake, unlock->head.serial, 0, 0);
	fake_completion(&fake, canceller.lkid, -ECANCEL, DLM_MODE_IV, true);
	fake_send(&fake);
	assert_outcome(&canceller, ECANCEL);
	assert_outcome(&owner, ECANCEL);
}

/* Nothing is to be cancelled: the call returns, no completion follows. */
static void test_cancel_idle(void **state)
{
	struct caller caller = {.flags = LKF_CANCEL, .lksb.sb_status = 55};

	lock_async(LKM_PRMODE, &lksb);
	complete(next_id, 0, LKM_PRMODE, false);
	caller.lkid = next_id;
	assert_int_equal(call_unlock(&caller), 0);
	assert_int_equal(call_unlock_async(&caller), 0);
	assert_int_equal(call_deadlock(&caller), 0);
	assert_int_equal(caller.lksb.sb_status, 55);
}

/* The completion of an async request that is cancelled by a call that waits goes to both. */
static void test_cancel_of_async(void **state)
{
	struct caller caller = {.flags = LKF_CANCEL};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 0, 0);
	fake_completion(&fake, next_id, -ECANCEL, DLM_MODE_IV, true);
	fake_send(&fake);
	assert_outcome(&caller, ECANCEL);
	wait_calls("a");
	assert_int_equal(lksb.sb_status, ECANCEL);
}

/* It was granted before the cancel came: the completion is the request's, the cancel found nothing.
 */
static void test_cancel_too_late(void **state)
{
	struct caller caller = {.flags = LKF_CANCEL, .lksb.sb_status = 55};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock_async);
	fake_completion(&fake, next_id, 0, LKM_PRMODE, false);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 1, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_int_equal(caller.lksb.sb_status, 55);
}

static void test_cancel_twice(void **state)
{
	struct caller caller = {.flags = LKF_CANCEL, .mode = LKM_PRMODE};

	lock_async(LKM_PRMODE, &lksb);
	complete(next_id, 0, LKM_PRMODE, false);
	caller.lkid = next_id;
	assert_int_equal(call_unlock(&caller), 0);
	lksb.sb_lkid = next_id;
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		0);
	fake_next_lock(&fake);
	caller_start(&caller, call_unlock);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 0, 0);
	fake_completion(&fake, next_id, -ECANCEL, LKM_PRMODE, false);
	fake_send(&fake);
	assert_outcome(&caller, ECANCEL);
	assert_int_equal(call_unlock(&caller), -1);
	assert_int_equal(errno, EINVAL);
}

static void test_answer_is_error(void **state)
{
	struct caller caller = {.flags = LKF_FORCEUNLOCK, .lksb.sb_status = 55};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, -EINVAL, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(caller.lksb.sb_status, 55);
	assert_int_equal(lksb.sb_status, EINPROG);
}

static void test_forceunlock_async(void **state)
{
	struct caller caller = {.flags = LKF_FORCEUNLOCK};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock_async);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 0, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_int_equal(caller.lksb.sb_status, EINPROG);
	caller.flags = 0;
	assert_int_equal(call_unlock_async(&caller), -1);
	assert_int_equal(errno, EBUSY);
	complete(next_id, -EUNLOCK, DLM_MODE_IV, true);
	if (!threaded)
		assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	wait_calls("u");
	assert_int_equal(caller.lksb.sb_status, EUNLOCK);
}

/* Whether a lock that waits is on a queue, or an answer is due, is the engine's to say. */
static void test_unlock_of_waiting(void **state)
{
	struct caller caller = {.flags = 0};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock_async);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, -EBUSY, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), -1);
	assert_int_equal(errno, EBUSY);
	caller_start(&caller, call_unlock_async);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 0, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	complete(next_id, -EUNLOCK, DLM_MODE_IV, true);
	if (!threaded)
		assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	wait_calls("u");
	assert_int_equal(caller.lksb.sb_status, EUNLOCK);
}

/* The request completed while the answer was on its way; the unlock itself has a completion all the
 * same. */
static void test_forceunlock_after_grant(void **state)
{
	struct caller caller = {.flags = LKF_FORCEUNLOCK};

	lock_async(LKM_PRMODE, &lksb);
	caller.lkid = next_id;
	caller_start(&caller, call_unlock_async);
	fake_completion(&fake, next_id, 0, LKM_PRMODE, false);
	fake_answer(&fake, fake_next_unlock(&fake)->head.serial, 0, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_EXMODE, &lksb, LKF_CONVERT, NULL, 0, 0, note, "c", NULL, NULL),
		-1);
	assert_int_equal(errno, EBUSY);
	complete(next_id, -EUNLOCK, DLM_MODE_IV, true);
	if (!threaded)
		assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	wait_calls("au");
	assert_int_equal(caller.lksb.sb_status, EUNLOCK);
}

/* Two threads could deliver: one does, and the other leaves it the rest, in order. */
static pthread_barrier_t in_callback, may_return;

static void stays(void *arg)
{
	pthread_barrier_wait(&in_callback);
	pthread_barrier_wait(&may_return);
	note("s");
}

static int call_dispatch(struct caller *caller)
{
	return dlm_dispatch(dlm_ls_get_fd(ls));
}

static void test_one_delivers(void **state)
{
	struct caller first = {0}, waits = {.mode = LKM_NLMODE};

	pthread_barrier_init(&in_callback, NULL, 2);
	pthread_barrier_init(&may_return, NULL, 2);
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, 0, "name", 4, 0, stays, NULL, NULL, NULL), 0);
	complete(fake_next_lock(&fake)->lkid, 0, LKM_PRMODE, false);
	if (!threaded)
		caller_start(&first, call_dispatch);
	pthread_barrier_wait(&in_callback);
	lock_async(LKM_PRMODE, &other);
	complete(next_id, 0, LKM_PRMODE, false);
	caller_start(&waits, call_lock);
	complete(fake_next_lock(&fake)->lkid, 0, LKM_NLMODE, false);
	assert_outcome(&waits, 0); /* does not need the callbacks */
	if (!threaded)
		assert_int_equal(dlm_dispatch(dlm_ls_get_fd(ls)), 0);
	assert_string_equal(calls, "");
	pthread_barrier_wait(&may_return);
	wait_calls("sa");
	if (!threaded)
		assert_int_equal(caller_end(&first), 0);
	pthread_barrier_destroy(&in_callback);
	pthread_barrier_destroy(&may_return);
}

static void test_deadlock_cancel(void **state)
{
	struct caller caller = {0}, owner = {.mode = LKM_EXMODE};
	const struct client_unlock *unlock;

	caller_start(&owner, call_lock);
	caller.lkid = fake_next_lock(&fake)->lkid;
	caller_start(&caller, call_deadlock);
	unlock = fake_next_unlock(&fake);
	assert_int_equal(unlock->head.flags, CLIENT_UNLOCK_DEADLOCK);
	fake_answer(&fake, unlock->head.serial, 0, 0);
	fake_completion(&fake, caller.lkid, -EDEADLK, DLM_MODE_IV, true);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_outcome(&owner, EDEADLK);
}

static void test_adopt(void **state)
{
	struct caller caller = {.mode = LKM_EXMODE, .flags = LKF_PERSISTENT | LKF_ORPHAN};
	const struct client_lock *lock;

	caller.lksb.sb_status = 55;
	caller_start(&caller, call_adopt);
	lock = (const void *)fake_next(&fake, CLIENT_ADOPT);
	assert_memory_equal(client_lock_name(lock), "orphan", 6);
	fake_answer(&fake, lock->head.serial, -ENOENT, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(caller.lksb.sb_status, 55);

	caller_start(&caller, call_adopt);
	lock = (const void *)fake_next(&fake, CLIENT_ADOPT);
	fake_answer(&fake, lock->head.serial, 0, 31);
	fake_bast(&fake, 31, LKM_EXMODE);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_int_equal(caller.lksb.sb_lkid, 31);
	assert_int_equal(caller.lksb.sb_status, 0);
	caller.lkid = 31;
	caller.flags = 0;
	caller_start(&caller, call_unlock);
	fake_next_unlock(&fake);
	complete(31, -EUNLOCK, DLM_MODE_IV, true);
	assert_outcome(&caller, EUNLOCK);
}

static void test_purge(void **state)
{
	struct caller caller = {.flags = (uint32_t)getpid()}, owner = {.mode = LKM_PRMODE};
	const struct client_purge *purge;

	lock_async(LKM_PRMODE, &lksb);
	caller_start(&owner, call_lock);
	fake_next_lock(&fake);
	caller_start(&caller, call_purge);
	purge = (const void *)fake_next(&fake, CLIENT_PURGE);
	assert_int_equal(purge->pid, getpid());
	fake_answer(&fake, purge->head.serial, 0, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), 0);
	assert_outcome(&owner, EUNLOCK);
	caller.lkid = lksb.sb_lkid;
	caller.flags = 0;
	assert_int_equal(call_unlock(&caller), -1);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(calls, "");
	caller.flags = 0;
	caller_start(&caller, call_purge);
	purge = (const void *)fake_next(&fake, CLIENT_PURGE);
	fake_answer(&fake, purge->head.serial, -EAGAIN, 0);
	fake_send(&fake);
	assert_int_equal(caller_end(&caller), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A callback may wait; what comes meanwhile is delivered inside it. */
static struct caller inner;

static void waits(void *arg)
{
	inner.mode = LKM_NLMODE;
	inner.result = call_lock(&inner);
	note("w");
}

static void test_wait_in_callback(void **state)
{
	struct caller outer = {.mode = LKM_EXMODE};
	uint32_t lkid;

	memset(&inner, 0, sizeof(inner));
	assert_int_equal(
		dlm_ls_lock(ls, LKM_PRMODE, &lksb, 0, "name", 4, 0, waits, NULL, NULL, NULL), 0);
	fake_next_lock(&fake);
	lock_async(LKM_PRMODE, &other);
	caller_start(&outer, call_lock);
	lkid = fake_next_lock(&fake)->lkid;
	complete(lksb.sb_lkid, 0, LKM_PRMODE, false);
	inner.lkid = fake_next_lock(&fake)->lkid;
	complete(other.sb_lkid, 0, LKM_PRMODE, false);
	complete(inner.lkid, 0, LKM_NLMODE, false);
	wait_calls("aw");
	complete(lkid, 0, LKM_EXMODE, false);
	assert_outcome(&outer, 0);
	assert_int_equal(inner.result, 0);
}

/* Many threads wait on one handle. */
#define THREADS 8

static void test_many_threads(void **state)
{
	struct caller callers[THREADS];
	uint32_t lkids[THREADS];
	int i;

	memset(callers, 0, sizeof(callers));
	for (i = 0; i < THREADS; i++)
		caller_start(&callers[i], call_lock);
	for (i = 0; i < THREADS; i++)
		lkids[i] = fake_next_lock(&fake)->lkid;
	for (i = THREADS; i-- > 0;)
		complete(lkids[i], 0, LKM_NLMODE, false);
	for (i = 0; i < THREADS; i++)
		assert_outcome(&callers[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name)                                                                                    \
	cmocka_unit_test_setup_teardown(name, setup, teardown),                                    \
		cmocka_unit_test_setup_teardown(name, setup_thread, teardown)
		T(test_lock_unlock),
		T(test_not_granted),
		T(test_others_delivered),
		T(test_lkf_wait),
		T(test_cancel_of_waiting_call),
		T(test_cancel_idle),
		T(test_cancel_of_async),
		T(test_cancel_too_late),
		T(test_cancel_twice),
		T(test_answer_is_error),
		T(test_forceunlock_async),
		T(test_forceunlock_after_grant),
		T(test_one_delivers),
		T(test_unlock_of_waiting),
		T(test_deadlock_cancel),
		T(test_adopt),
		T(test_purge),
		T(test_wait_in_callback),
		T(test_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
