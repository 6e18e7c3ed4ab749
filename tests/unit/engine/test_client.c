/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs come and go: what becomes of their locks, of orphans, of counts and limits. */
#include "one.h"

#include <errno.h>

#define EUNLOCKED  (-DLM_STATUS_EUNLOCK)
#define ECANCELLED (-DLM_STATUS_ECANCEL)

static void close_client(struct one *one, unsigned int who)
{
	engine_client_close(one->client[who]);
	assert_true(one_settle(one) & 1u << ENGINE_OUT_CLIENT_CLOSED);
	one->client[who] = NULL;
	engine_check(one->engine);
}

static void test_close_unlocks(void **state)
{
	struct one one;
	uint32_t held, waiting;
	struct engine_callback told;
	const uint8_t value[DLM_USER_LVB_BYTES] = "first";

	(void)state;
	one_start(&one, NULL);
	held = one_granted(&one, 0, "r", DLM_MODE_EX, DLM_LKF_VALBLK);
	assert_int_equal(one_convert(&one, 0, held, DLM_MODE_PW, DLM_LKF_VALBLK, value), 0);
	one_completes(&one, 0, held, 0, DLM_MODE_PW);
	assert_int_equal(one_lock(&one, 1, "r", DLM_MODE_PR, DLM_LKF_VALBLK, &waiting), 0);
	one_quiet(&one, 1);
	one_blocks(&one, 0, held, DLM_MODE_PR);
	close_client(&one, 0);
	/* The holder of PW died: whoever reads the value is told not to trust it. */
	told = one_completes(&one, 1, waiting, 0, DLM_MODE_PR);
	assert_true(told.sbflags & DLM_SBF_VALNOTVALID_BIT);
	one_stop(&one);
}

static void test_close_of_waiting_and_converting(void **state)
{
	struct one one;
	uint32_t held, waiting, converting, last;

	(void)state;
	one_start(&one, NULL);
	held = one_granted(&one, 0, "r", DLM_MODE_PR, 0);
	converting = one_granted(&one, 1, "r", DLM_MODE_PR, 0);
	assert_int_equal(one_convert(&one, 1, converting, DLM_MODE_EX, 0, NULL), 0);
	assert_int_equal(one_lock(&one, 1, "r", DLM_MODE_EX, 0, &waiting), 0);
	assert_int_equal(one_lock(&one, 2, "r", DLM_MODE_PR, 0, &last), 0);
	one_blocks(&one, 0, held, DLM_MODE_EX);
	one_quiet(&one, 2);
	close_client(&one, 1);
	one_completes(&one, 2, last, 0, DLM_MODE_PR);
	one_quiet(&one, 0);
	one_stop(&one);
}

static void test_orphan_life(void **state)
{
	struct engine_lockspace_info info;
	struct one one;
	uint32_t lkid, adopted = 0;
	struct engine_lock_args args = {
		.flags = DLM_LKF_ORPHAN | DLM_LKF_PERSISTENT,
		.mode = DLM_MODE_PR,
		.name = "r",
		.name_bytes = 1,
		.pid = 200,
	};

	(void)state;
	one_start(&one, NULL);
	lkid = one_granted(&one, 0, "r", DLM_MODE_EX, DLM_LKF_PERSISTENT);
	assert_int_equal(engine_adopt(one.client[1], &args, &adopted), -ENOENT);
	close_client(&one, 0);
	engine_lockspace_info(one.ls, &info);
	assert_int_equal(info.orphan_count, 1);
	assert_int_equal(info.orphan_held_count, 1);

	assert_int_equal(engine_adopt(one.client[1], &args, &adopted), -EAGAIN);
	args.mode = DLM_MODE_EX;
	assert_int_equal(engine_adopt(one.client[1], &args, &adopted), 0);
	assert_int_equal(adopted, lkid);
	one_quiet(&one, 1);
	engine_lockspace_info(one.ls, &info);
	assert_int_equal(info.orphan_count, 0);
	assert_int_equal(info.orphan_held_count, 0);
	assert_int_equal(engine_unlock(one.client[1], adopted, 0, NULL), 0);
	one_completes(&one, 1, adopted, EUNLOCKED, DLM_MODE_IV);
	one_stop(&one);
}

static void test_purge(void **state)
{
	struct engine_lockspace_info info;
	struct one one;
	uint32_t waiting;

	(void)state;
	one_start(&one, NULL);
	one_granted(&one, 0, "a", DLM_MODE_EX, DLM_LKF_PERSISTENT);
	one_granted(&one, 0, "b", DLM_MODE_EX, DLM_LKF_PERSISTENT);
	close_client(&one, 0);
	assert_int_equal(one_lock(&one, 1, "a", DLM_MODE_PR, 0, &waiting), 0);
	assert_int_equal(engine_purge(one.client[1], 0, 99, 101), 0); /* nobody's pid */
	one_quiet(&one, 1);
	assert_int_equal(engine_purge(one.client[1], 1, 100, 101), 0);
	one_completes(&one, 1, waiting, 0, DLM_MODE_PR);
	engine_lockspace_info(one.ls, &info);
	assert_int_equal(info.orphan_count, 0);
	assert_int_equal(engine_purge(one.client[1], 7, 0, 101), -ENOBUFS);
	/* One's own: gone without callbacks. */
	assert_int_equal(engine_purge(one.client[1], 0, 101, 101), 0);
	one_quiet(&one, 1);
	one_granted(&one, 2, "a", DLM_MODE_EX, 0);
	one_stop(&one);
}

static void test_counts(void **state)
{
	struct engine_client_info info;
	struct one one;
	uint32_t held, persistent, null, waiting;

	(void)state;
	one_start(&one, NULL);
	null = one_granted(&one, 0, "n", DLM_MODE_NL, 0);
	persistent = one_granted(&one, 0, "p", DLM_MODE_PR, DLM_LKF_PERSISTENT);
	held = one_granted(&one, 0, "h", DLM_MODE_EX, 0);
	assert_int_equal(one_lock(&one, 1, "h", DLM_MODE_EX, 0, &waiting), 0);
	engine_client_info(one.client[0], &info);
	assert_int_equal(info.lock_count, 3);
	assert_int_equal(info.held_count, 2);
	assert_int_equal(info.persistent_held_count, 1);
	assert_int_equal(info.callback_count, 1);
	engine_client_info(one.client[1], &info);
	assert_int_equal(info.held_count, 0);
	assert_int_equal(info.waiting_count, 1);
	one_blocks(&one, 0, held, DLM_MODE_EX);
	assert_int_equal(one_convert(&one, 0, held, DLM_MODE_NL, 0, NULL), 0);
	assert_int_equal(one_convert(&one, 0, persistent, DLM_MODE_CR, 0, NULL), 0);
	assert_int_equal(engine_unlock(one.client[0], null, 0, NULL), 0);
	engine_client_info(one.client[0], &info);
	assert_int_equal(info.held_count, 1);
	assert_int_equal(info.persistent_held_count, 0); /* the conversion said no PERSISTENT */
	engine_client_info(one.client[1], &info);
	assert_int_equal(info.held_count, 1); /* before the completion is taken */
	one_stop(&one);
}

static void test_limit_and_ids(void **state)
{
	const struct engine_settings settings = {.client_locks_max = 2};
	struct one one;
	uint32_t lkid, first, other = 0;
	struct engine_lock_args args = {
		.mode = DLM_MODE_NL, .name = "r", .name_bytes = 1, .lkid = 5};

	(void)state;
	one_start(&one, &settings);
	assert_int_equal(engine_lock(one.client[0], &args), -EINVAL); /* not of its blocks */
	args.lkid = one.next_id[1];
	assert_int_equal(engine_lock(one.client[0], &args), -EINVAL); /* another's */
	first = one_granted(&one, 0, "a", DLM_MODE_NL, 0);
	args.lkid = first;
	assert_int_equal(engine_lock(one.client[0], &args), -EEXIST);
	one_granted(&one, 0, "b", DLM_MODE_NL, 0);
	assert_int_equal(one_lock(&one, 0, "c", DLM_MODE_NL, 0, &lkid), -EDQUOT);
	one_granted(&one, 1, "c", DLM_MODE_NL, 0);
	assert_int_equal(engine_unlock(one.client[1], first, 0, NULL), -ENOENT); /* not its own */
	assert_int_equal(one_convert(&one, 1, first, DLM_MODE_EX, 0, NULL), -ENOENT);
	/* The third block takes the first away. */
	assert_int_equal(engine_client_ids(one.client[2], &other), 0);
	assert_int_equal(engine_client_ids(one.client[2], &other), 0);
	assert_int_equal(one_lock(&one, 2, "d", DLM_MODE_NL, 0, &lkid), -EINVAL);
	one.next_id[2] = other;
	one_granted(&one, 2, "d", DLM_MODE_NL, 0);
	one_stop(&one);
}

/* Nothing a program does may need more than what was kept for it, or be half done for want of
 * memory. */
static int script(struct one *one)
{
	const uint8_t value[DLM_USER_LVB_BYTES] = "v";
	struct engine_callback callback;
	uint32_t lkid, other;
	int error;

	error = one_lock(one, 0, "some resource name", DLM_MODE_PR, DLM_LKF_VALBLK, &lkid);
	if (error)
		return error;
	one_completes(one, 0, lkid, 0, DLM_MODE_PR);
	error = one_convert(one, 0, lkid, DLM_MODE_EX, DLM_LKF_VALBLK, value);
	if (error)
		return error;
	one_completes(one, 0, lkid, 0, DLM_MODE_EX);
	error = one_lock(one, 1, "some resource name", DLM_MODE_EX, DLM_LKF_VALBLK, &other);
	if (error)
		return error;
	assert_int_equal(engine_unlock(one->client[0], lkid, DLM_LKF_VALBLK, value), 0);
	while (engine_client_take(one->client[0], &callback))
		;
	callback = one_completes(one, 1, other, 0, DLM_MODE_EX);
	if (!(callback.sbflags & DLM_SBF_VALNOTVALID_BIT)) {
		assert_non_null(callback.lvb);
		assert_memory_equal(callback.lvb, value, sizeof(value));
	}
	return 0;
}

static void test_without_memory(void **state)
{
	uint64_t n;
	int error;

	(void)state;
	for (n = 1;; n++) {
		struct one one;

		one_start(&one, NULL);
		one.fail_at = one.alloc_count + n;
		error = script(&one);
		engine_check(one.engine);
		if (error)
			assert_int_equal(error, -ENOMEM);
		if (one.alloc_count < one.fail_at) {
			one_stop(&one);
			break;
		}
		one.fail_at = 0;
		engine_client_close(one.client[0]);
		one_settle(&one);
		one_stop(&one);
	}
	assert_int_equal(error, 0);
	assert_true(n > 4); /* it did meet allocations on the way */
}

/* Callbacks that nobody takes: bounded, in order, and the end of a lock is never lost. */
static void test_unread(void **state)
{
	struct engine_callback callback;
	struct one one;
	uint32_t lkid, blocked;

	(void)state;
	one_start(&one, NULL);
	assert_int_equal(one_lock(&one, 0, "r", DLM_MODE_EX, 0, &lkid), 0);
	assert_int_equal(one_lock(&one, 1, "r", DLM_MODE_CW, 0, &blocked), 0);
	assert_int_equal(one_convert(&one, 0, lkid, DLM_MODE_PW, 0, NULL), -EBUSY);
	assert_int_equal(one_lock(&one, 2, "r", DLM_MODE_PR, 0, &blocked), 0);
	assert_int_equal(engine_unlock(one.client[0], lkid, 0, NULL), 0);
	assert_int_equal(engine_unlock(one.client[0], lkid, 0, NULL), -ENOENT);
	one_completes(&one, 0, lkid, 0, DLM_MODE_EX);
	/* PR and CW were blocked: told once, as PW, which is as much as both. */
	one_blocks(&one, 0, lkid, DLM_MODE_PW);
	callback = one_completes(&one, 0, lkid, EUNLOCKED, DLM_MODE_IV);
	assert_true(callback.ended);
	one_quiet(&one, 0);
	one_stop(&one);
}

static void test_cancel(void **state)
{
	struct one one;
	uint32_t held, waiting, converting;

	(void)state;
	one_start(&one, NULL);
	held = one_granted(&one, 0, "r", DLM_MODE_PR, 0);
	assert_int_equal(engine_unlock(one.client[0], held, DLM_LKF_CANCEL, NULL), 1);
	assert_int_equal(engine_unlock(one.client[0], held, DLM_LKF_CANCEL, NULL), 1);
	one_quiet(&one, 0);
	assert_int_equal(one_lock(&one, 1, "r", DLM_MODE_EX, 0, &waiting), 0);
	assert_int_equal(engine_unlock(one.client[1], waiting, DLM_LKF_CANCEL, NULL), 0);
	assert_true(one_completes(&one, 1, waiting, ECANCELLED, DLM_MODE_IV).ended);
	converting = one_granted(&one, 1, "r", DLM_MODE_PR, 0);
	one_blocks(&one, 0, held, DLM_MODE_EX);
	assert_int_equal(one_convert(&one, 1, converting, DLM_MODE_EX, 0, NULL), 0);
	assert_int_equal(engine_unlock(one.client[1], converting,
				 DLM_LKF_CANCEL | DLM_LKF_FORCEUNLOCK, NULL),
		-EINVAL);
	assert_int_equal(engine_deadlock_cancel(one.client[1], converting), 0);
	assert_false(one_completes(&one, 1, converting, -EDEADLK, DLM_MODE_PR).ended);
	assert_int_equal(engine_unlock(one.client[1], converting, DLM_LKF_CANCEL, NULL), -EINVAL);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_unlocks),
		cmocka_unit_test(test_close_of_waiting_and_converting),
		cmocka_unit_test(test_orphan_life),
		cmocka_unit_test(test_purge),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_limit_and_ids),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
