/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of modes, against the text form of docs/protocol/wire.md, for all 36 pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/mode.h"

#define MODES 6

static const char *const GOES_WITH[MODES] = {
	/*	  NL CR CW PR PW EX */
	[DLM_MODE_NL] = "yyyyyy",
	[DLM_MODE_CR] = "yyyyy-",
	[DLM_MODE_CW] = "yyy---",
	[DLM_MODE_PR] = "yy-y--",
	[DLM_MODE_PW] = "yy----",
	[DLM_MODE_EX] = "y-----",
};

/* Rows: granted IV, NL, CR ...; columns: requested NL ... EX. R read, W written, . nothing. */
static const char *const VALUE[MODES + 1] = {
	"RRRRRR",
	"RRRRRR",
	".RRRRR",
	"..RRRR",
	"...RRR",
	"WWWWWR",
	"WWWWWW",
};

static const char *const QUECVT[MODES] = {
	"-yyyyy",
	"--yyyy",
	"---yyy",
	"--y-yy",
	"-----y",
	"------",
};

static void test_compatible(void **state)
{
	int one, other;

	(void)state;
	for (one = 0; one < MODES; one++) {
		assert_true(mode_compatible(one, DLM_MODE_IV));
		assert_true(mode_compatible(DLM_MODE_IV, one));
		for (other = 0; other < MODES; other++) {
			assert_int_equal(mode_compatible(one, other), GOES_WITH[one][other] == 'y');
			assert_int_equal(mode_compatible(one, other), mode_compatible(other, one));
		}
	}
	assert_true(mode_compatible(DLM_MODE_IV, DLM_MODE_IV));
}

static void test_value(void **state)
{
	static const char LETTER[] = {
		[MODE_VALUE_KEEP] = '.', [MODE_VALUE_READ] = 'R', [MODE_VALUE_WRITE] = 'W'};
	int granted, requested;

	(void)state;
	for (granted = DLM_MODE_IV; granted < MODES; granted++)
		for (requested = 0; requested < MODES; requested++)
			assert_int_equal(LETTER[mode_value(granted, requested)],
				VALUE[granted + 1][requested]);
}

static void test_quecvt(void **state)
{
	int granted, requested;

	(void)state;
	for (granted = 0; granted < MODES; granted++)
		for (requested = 0; requested < MODES; requested++)
			assert_int_equal(mode_quecvt_allowed(granted, requested),
				QUECVT[granted][requested] == 'y');
	assert_false(mode_quecvt_allowed(DLM_MODE_IV, DLM_MODE_EX));
	assert_false(mode_quecvt_allowed(DLM_MODE_NL, 6));
}

/* What goes down is granted without asking: it may never conflict with what went before. */
static void test_down(void **state)
{
	int granted, requested, other;

	(void)state;
	for (granted = 0; granted < MODES; granted++) {
		for (requested = 0; requested < MODES; requested++) {
			bool down = requested < granted &&
				    !(granted == DLM_MODE_PR && requested == DLM_MODE_CW);

			assert_int_equal(mode_goes_down(granted, requested), down);
			if (!down)
				continue;
			for (other = 0; other < MODES; other++)
				if (mode_compatible(granted, other))
					assert_true(mode_compatible(requested, other));
		}
	}
	assert_true(mode_is_middle_pair(DLM_MODE_PR, DLM_MODE_CW));
	assert_true(mode_is_middle_pair(DLM_MODE_CW, DLM_MODE_PR));
	assert_false(mode_is_middle_pair(DLM_MODE_PR, DLM_MODE_PR));
}

static void test_valid(void **state)
{
	(void)state;
	assert_false(mode_valid(DLM_MODE_IV));
	assert_true(mode_valid(DLM_MODE_NL));
	assert_true(mode_valid(DLM_MODE_EX));
	assert_false(mode_valid(6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compatible),
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_quecvt),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
