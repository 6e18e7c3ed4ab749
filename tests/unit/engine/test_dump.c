/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps come in pieces; where a piece ends must not be seen. */
#include "one.h"

#include <stdio.h>

#define TEXT_BYTES  65536u
#define PIECE_FIRST 2049u /* just more than the longest line may be */

static size_t dump(const struct one *one, enum engine_dump_kind kind, size_t piece, char *ret)
{
	struct engine_dump_cursor cursor = {0};
	size_t used = 0, bytes;

	while ((bytes = engine_dump(one->ls, kind, &cursor, ret + used, piece)))
		used += bytes;
	ret[used] = '\0';
	return used;
}

/* A few resources, with locks on all queues, and one that is unused. */
static void populate(struct one *one)
{
	struct engine_callback callback;
	uint32_t lkid, waiting;
	char name[16];

	for (unsigned int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "resource%u", i);
		lkid = one_granted(one, 0, name, DLM_MODE_PR, DLM_LKF_VALBLK);
		assert_int_equal(one_lock(one, 1, name, DLM_MODE_PR, 0, &waiting), 0);
		assert_int_equal(one_lock(one, 2, name, DLM_MODE_EX, 0, &waiting), 0);
		assert_int_equal(one_convert(one, 0, lkid, DLM_MODE_EX, 0, NULL), 0);
		for (unsigned int who = 0; who < 3; who++)
			while (engine_client_take(one->client[who], &callback))
				;
	}
	lkid = one_granted(one, 3, "unused", DLM_MODE_EX, 0);
	assert_int_equal(engine_unlock(one->client[3], lkid, 0, NULL), 0);
}

static void test_pieces(void **state)
{
	static char whole[TEXT_BYTES], pieces[2 * TEXT_BYTES];
	struct one one;

	(void)state;
	one_start(&one, NULL);
	populate(&one);
	for (int kind = ENGINE_DUMP_ALL; kind <= ENGINE_DUMP_WAITERS; kind++) {
		size_t bytes = dump(&one, (enum engine_dump_kind)kind, TEXT_BYTES, whole);

		assert_true(kind == ENGINE_DUMP_WAITERS || bytes > 50);
		for (size_t piece = PIECE_FIRST; piece < PIECE_FIRST + 300; piece++) {
			dump(&one, (enum engine_dump_kind)kind, piece, pieces);
			assert_string_equal(pieces, whole);
		}
	}
	for (unsigned int i = 0; i < ONE_CLIENTS; i++)
		engine_client_close(one.client[i]);
	one_settle(&one);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
