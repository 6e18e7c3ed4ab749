/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocator interface, and integers in wire order. */
#include "base/pure/alloc.h"

#include <string.h>

#include "base/pure/bytes.h"
#include "cmocka_all.h"
#include "faulty_alloc.h"

static void test_system(void **state)
{
	const struct alloc *alloc = alloc_system();
	uint8_t *memory = alloc_get(alloc, 100);

	assert_non_null(memory);
	memset(memory, 1, 100);
	alloc_put(alloc, memory, 100);
	alloc_put(alloc, NULL, 100);
}

static void test_zeroed(void **state)
{
	struct faulty_alloc faulty;
	uint8_t *memory;
	size_t i;

	faulty_alloc_init(&faulty);
	memory = alloc_zeroed(&faulty.alloc, 77);
	for (i = 0; i < 77; i++)
		assert_int_equal(memory[i], 0);
	assert_int_equal(faulty.used_bytes, 77);
	alloc_put(&faulty.alloc, memory, 77);
	assert_int_equal(faulty.used_bytes, 0);
	faulty_alloc_fail(&faulty, 0);
	assert_null(alloc_zeroed(&faulty.alloc, 77));
}

static void test_bytes(void **state)
{
	uint8_t bytes[9];

	memset(bytes, 0xee, sizeof(bytes));
	put_le16(bytes + 1, 0x1234);
	assert_memory_equal(bytes, "\xee\x34\x12\xee", 4);
	assert_int_equal(get_le16(bytes + 1), 0x1234);
	put_be16(bytes + 1, 0xfedc);
	assert_memory_equal(bytes, "\xee\xfe\xdc\xee", 4);
	assert_int_equal(get_be16(bytes + 1), 0xfedc);
	put_le32(bytes + 1, 0x89abcdefu);
	assert_memory_equal(bytes, "\xee\xef\xcd\xab\x89\xee", 6);
	assert_int_equal(get_le32(bytes + 1), 0x89abcdefu);
	put_le64(bytes + 1, 0x1122334455667788u);
	assert_memory_equal(bytes, "\xee\x88\x77\x66\x55\x44\x33\x22\x11", 9);
	assert_true(get_le64(bytes + 1) == 0x1122334455667788u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
