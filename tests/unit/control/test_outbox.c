/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders that wait, and what happens where there is no memory for them. */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "fence_stage.h"

/* Nobody takes orders for a while. */
static void test_many(void **state)
{
	struct stage stage;
	struct fence_order order;
	uint32_t count = 0;

	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2", true);
	for (uint32_t i = 0; i < 100; i++)
		fence_ack(stage.fence, stage.now, 1000 + i);
	while (fence_order_take(stage.fence, &order)) {
		struct cpg_fence body;

		assert_int_equal(order.type, FENCE_ORDER_SEND);
		assert_int_equal(cpg_fence_decode(order.data, order.bytes, &body), 0);
		assert_int_equal(body.nodeid, 1000 + count++);
	}
	assert_int_equal(count, 100);
	stage_close(&stage);
}

static void test_new_without_memory(void **state)
{
	static const uint32_t configured[] = {1, 2, 3};
	struct faulty_alloc memory;
	struct fence *fence = NULL;
	struct fence_settings settings = {.nodeid = 1,
		.configured = configured,
		.configured_count = 3,
		.options = stage_options()};

	for (uint64_t more = 0; !fence; more++) {
		int rv;

		faulty_alloc_init(&memory);
		settings.alloc = &memory.alloc;
		faulty_alloc_fail(&memory, more);
		rv = fence_new(&settings, &fence);
		assert_int_equal(rv, fence ? 0 : -ENOMEM);
		assert_true(fence || !memory.used_count);
	}
	fence_free(fence);
	assert_int_equal(memory.used_count, 0);
	fence_free(NULL);
}

/* Whatever cannot be had: either all has been said, or the daemon is told that it cannot go on. */
static void story(struct fence *fence, bool *ret_failed, bool *ret_told)
{
	static const uint32_t members[] = {1, 2, 3};
	struct fence_change join = {
		.members = members, .member_count = 3, .joined = members, .joined_count = 3};
	struct fence_quorum quorum = {true, 10, members, 3, NULL, 0};
	struct fence_now now = {1000, 5000};
	struct fence_order order;

	*ret_failed = fence_quorum(fence, now, &quorum) || fence_confchg(fence, now, &join);
	for (uint32_t i = 0; i < 40; i++)
		fence_confchg(fence, now, &join);
	*ret_failed = *ret_failed || fence_confchg(fence, now, &join);
	*ret_told = false;
	while (fence_order_take(fence, &order)) {
		assert_false(*ret_told); /* the last word */
		*ret_told = order.type == FENCE_ORDER_REFUSED;
		assert_true(!*ret_told || strstr(order.text, "no memory"));
	}
}

static void test_without_memory(void **state)
{
	bool failed = true, told;

	for (uint64_t more = 0; failed; more++) {
		struct fence_settings settings = {.nodeid = 1, .options = stage_options()};
		struct faulty_alloc memory;
		struct fence *fence;

		faulty_alloc_init(&memory);
		settings.alloc = &memory.alloc;
		assert_int_equal(fence_new(&settings, &fence), 0);
		faulty_alloc_fail(&memory, more);
		story(fence, &failed, &told);
		assert_true(failed || !told);
		assert_true(more < 50);
		fence_free(fence);
		assert_int_equal(memory.used_count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_new_without_memory),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
