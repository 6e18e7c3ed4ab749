/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of a lockspace: who went, the directory array with weights, slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "engine/lockspace.h"
#include "engine/node.h"

struct fixture {
	struct engine *engine;
	struct engine_lockspace *ls;
};

static void fixture_begin(struct fixture *fixture, uint32_t nodeid)
{
	const struct engine_settings settings = {.nodeid = nodeid};
	uint32_t i;

	assert_int_equal(engine_new(&settings, &fixture->engine), 0);
	assert_int_equal(
		engine_lockspace_new(fixture->engine, "m", 77, 0, 32, false, &fixture->ls), 0);
	for (i = 1; i <= 9; i++)
		if (i != nodeid)
			assert_int_equal(engine_peer_add(fixture->engine, i), 0);
}

static void install(struct fixture *fixture, const struct engine_member *members, size_t count)
{
	assert_int_equal(member_check(fixture->ls, members, count), 0);
	assert_true(member_install(fixture->ls, members, count) >= 0);
}

static uint32_t directory_of(const struct fixture *fixture, const void *name, size_t bytes)
{
	return member_directory(fixture->ls, hash_name(name, bytes, 0));
}

/* Figures of other implementations: names, and the directory of {1: 1, 2: 2, 3: 1} and of two. */
static void test_directory(void **state)
{
	const struct engine_member weighted[] = {{3, 1, false}, {1, 1, false}, {2, 2, false}};
	const struct engine_member two[] = {{1, 1, false}, {2, 1, false}};
	const struct engine_member zero[] = {{1, 0, false}, {2, 0, false}};
	const struct engine_member one[] = {{1, 0, false}};
	const struct engine_member some_zero[] = {{1, 0, false}, {2, 1, false}};
	struct fixture fixture;

	(void)state;
	fixture_begin(&fixture, 1);
	install(&fixture, weighted, 3);
	assert_int_equal(directory_of(&fixture, "a", 1), 2);
	assert_int_equal(directory_of(&fixture, "ab", 2), 3);
	assert_int_equal(directory_of(&fixture, "abc", 3), 2);
	assert_int_equal(directory_of(&fixture, "abcd", 4), 1);
	assert_int_equal(directory_of(&fixture, "RES00000002", 11), 2);
	assert_int_equal(directory_of(&fixture, "       2              17", 24), 3);
	install(&fixture, two, 2);
	assert_int_equal(directory_of(&fixture, "a", 1), 1);
	assert_int_equal(directory_of(&fixture, "ab", 2), 2);
	assert_int_equal(directory_of(&fixture, "hello world!", 12), 2);
	install(&fixture, zero, 2);
	assert_int_equal(directory_of(&fixture, "ab", 2), 2);
	assert_int_equal(directory_of(&fixture, "a", 1), 1);
	install(&fixture, some_zero, 2);
	assert_int_equal(directory_of(&fixture, "a", 1), 2);
	install(&fixture, one, 1);
	assert_int_equal(directory_of(&fixture, "ab", 2), 1);
	engine_free(fixture.engine);
}

static void test_gone(void **state)
{
	const struct engine_member all[] = {{1, 1, false}, {2, 1, false}, {3, 1, false}};
	const struct engine_member without_three[] = {{1, 1, false}, {2, 1, false}};
	const struct engine_member two_again[] = {{1, 1, false}, {2, 1, true}};
	struct engine_peer_info info;
	struct fixture fixture;

	(void)state;
	fixture_begin(&fixture, 1);
	assert_int_equal(member_install(fixture.ls, all, 3), 0);
	assert_int_equal(engine_peer_info(fixture.engine, 3, &info), 0);
	assert_int_equal(info.users, 1);
	assert_int_equal(member_install(fixture.ls, without_three, 2), 1);
	assert_true(member_is_gone(fixture.ls, 3));
	assert_null(member_find(fixture.ls, 3));
	assert_int_equal(engine_peer_info(fixture.engine, 3, &info), 0);
	assert_int_equal(info.users, 0);
	/* An aborted recovery: what went stays gone, and more may go. */
	assert_int_equal(member_install(fixture.ls, two_again, 2), 2);
	assert_true(member_is_gone(fixture.ls, 2) && member_is_gone(fixture.ls, 3));
	assert_non_null(member_find(fixture.ls, 2));
	assert_int_equal(engine_peer_info(fixture.engine, 2, &info), 0);
	assert_int_equal(info.users, 1);
	assert_int_equal(member_install(fixture.ls, two_again, 2), 2);
	member_forget_gone(fixture.ls);
	assert_false(member_is_gone(fixture.ls, 3));
	assert_int_equal(member_install(fixture.ls, without_three, 2), 0);
	engine_free(fixture.engine);
}

static void test_slots(void **state)
{
	const struct engine_member all[] = {
		{1, 1, false}, {4, 1, false}, {5, 1, false}, {7, 1, false}};
	struct fixture fixture;
	struct member_table *table;

	(void)state;
	fixture_begin(&fixture, 1);
	table = &fixture.ls->members;
	install(&fixture, all, 4);
	member_find(fixture.ls, 5)->slot = 1;
	member_find(fixture.ls, 5)->generation = 41;
	member_find(fixture.ls, 7)->slot = 1; /* cannot be: the lower node keeps it */
	member_slots_assign(fixture.ls);
	assert_int_equal(table->generation, 42);
	assert_int_equal(table->our_slot, 2);
	assert_int_equal(table->slot_count, 4);
	assert_int_equal(table->slots[0].slot, 2);
	assert_int_equal(table->slots[1].slot, 3);
	assert_int_equal(table->slots[2].slot, 1);
	assert_int_equal(table->slots[3].slot, 4);
	member_slots_forget(fixture.ls);
	assert_int_equal(table->slot_count, 0);
	assert_int_equal(table->our_slot, 2);
	engine_free(fixture.engine);
}

static void test_check(void **state)
{
	struct engine_member many[] = {{1, 1, false}, {2, UINT32_MAX, false}};
	struct fixture fixture;

	(void)state;
	fixture_begin(&fixture, 1);
	assert_int_equal(member_check(fixture.ls, many, 2), -EINVAL);
	many[1].weight = 65535;
	assert_int_equal(member_check(fixture.ls, many, 2), 0);
	many[1].nodeid = 10;
	assert_int_equal(member_check(fixture.ls, many, 2), -ENOENT);
	engine_free(fixture.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
