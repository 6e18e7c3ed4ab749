/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every mode and every pair of flags, against the rules said another way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pure/dlmconst.h"
#include "lib/check.h"
#include "lib/mode.h"
#include "lib/ops.h"

static void ast(void *arg)
{
}

static bool wrong(uint32_t mode, uint32_t flags)
{
	bool convert = flags & DLM_LKF_CONVERT, noqueue = flags & DLM_LKF_NOQUEUE;

	if (flags & DLM_LKF_CANCEL)
		return true;
	if (flags & DLM_LKF_QUECVT && !convert)
		return true;
	if (flags & DLM_LKF_CONVDEADLK && (!convert || noqueue))
		return true;
	if (flags & DLM_LKF_EXPEDITE)
		return convert || noqueue || flags & DLM_LKF_QUECVT || mode != DLM_MODE_NL;
	return mode > DLM_MODE_EX;
}

static void test_lock_flags(void **state)
{
	char lvb[DLM_LVB_LEN];
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};
	struct lock_call call = {.lksb = &lksb, .ast = ast, .name = "n", .name_bytes = 1};
	uint32_t one, other, mode;

	for (mode = 0; mode <= 6; mode++)
		for (one = 1; one <= DLM_LKF_TIMEOUT; one <<= 1)
			for (other = 1; other <= DLM_LKF_TIMEOUT; other <<= 1) {
				call.mode = mode;
				call.flags = one | other;
				assert_int_equal(
					check_lock(&call), wrong(mode, call.flags) ? -EINVAL : 0);
				call.flags |= DLM_LKF_CONVERT;
				assert_int_equal(
					check_lock(&call), wrong(mode, call.flags) ? -EINVAL : 0);
			}
}

static void test_lock_rest(void **state)
{
	struct dlm_lksb lksb = {0};
	struct lock_call call = {.lksb = &lksb, .ast = ast, .name = "n", .name_bytes = 64};

	assert_int_equal(check_lock(&call), 0);
	call.name_bytes = 65;
	assert_int_equal(check_lock(&call), -EINVAL);
	call.flags = DLM_LKF_CONVERT;
	assert_int_equal(check_lock(&call), 0);
	call.flags = DLM_LKF_VALBLK;
	call.name_bytes = 1;
	assert_int_equal(check_lock(&call), -EINVAL);
	call.flags = 0;
	call.ast = NULL;
	assert_int_equal(check_lock(&call), -EINVAL);
	call.wait = (void *)1;
	assert_int_equal(check_lock(&call), 0);
	call.name = NULL;
	assert_int_equal(check_lock(&call), -EINVAL);
	call.name_bytes = 0;
	assert_int_equal(check_lock(&call), 0);
	call.lksb = NULL;
	assert_int_equal(check_lock(&call), -EINVAL);
}

static void test_unlock_flags(void **state)
{
	const uint32_t legal =
		DLM_LKF_CANCEL | DLM_LKF_VALBLK | DLM_LKF_IVVALBLK | DLM_LKF_FORCEUNLOCK;
	struct unlock_call call = {0};
	uint32_t flag;

	for (flag = 1; flag; flag <<= 1) {
		call.flags = flag;
		assert_int_equal(check_unlock(&call), flag & legal ? 0 : -EINVAL);
	}
	call.flags = DLM_LKF_CANCEL | DLM_LKF_FORCEUNLOCK;
	assert_int_equal(check_unlock(&call), -EINVAL);
	call.flags = legal & ~DLM_LKF_CANCEL;
	assert_int_equal(check_unlock(&call), 0);
}

/* The tables as people read them: a row for each mode, n means no. */
static void test_modes(void **state)
{
	static const char *const compatible[] = {
		"yyyyyy", "yyyyyn", "yyynnn", "yynynn", "yynnnn", "ynnnnn"};
	static const char *const quecvt[] = {
		"nyyyyy", "nnyyyy", "nnnyyy", "nnynyy", "nnnnny", "nnnnnn"};
	int one, other;

	for (one = 0; one < 6; one++) {
		for (other = 0; other < 6; other++) {
			assert_int_equal(
				mode_compatible(one, other), compatible[one][other] == 'y');
			assert_int_equal(mode_quecvt_legal(one, other), quecvt[one][other] == 'y');
		}
		assert_true(mode_compatible(DLM_MODE_IV, one));
		assert_true(mode_compatible(one, DLM_MODE_IV));
		assert_false(mode_quecvt_legal(DLM_MODE_IV, one));
		assert_false(mode_quecvt_legal(one, 6));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_flags),
		cmocka_unit_test(test_lock_rest),
		cmocka_unit_test(test_unlock_flags),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
