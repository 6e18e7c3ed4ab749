/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between dlm_controlds: bytes recorded between the reference's, and hostile ones. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cpg.h"

/* Blanks are for the eye. Return: bytes; the rest of @ret is 0. */
static size_t unhex(const char *hex, uint8_t *ret, size_t room)
{
	size_t count = 0;
	unsigned int digit = 0, half = 0;

	memset(ret, 0, room);
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		digit = digit << 4 | (unsigned int)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
		if (++half % 2)
			continue;
		assert_true(count < room);
		ret[count++] = (uint8_t)digit;
		digit = 0;
	}
	return count;
}

/* A copy in a block of its own size, so that a sanitizer sees what is read beyond it. */
static void *exact(const uint8_t *data, size_t bytes)
{
	void *copy = malloc(bytes ? bytes : 1);

	assert_non_null(copy);
	memcpy(copy, data, bytes);
	return copy;
}

static const struct {
	const char *hex;
	struct cpg_header header;
	struct cpg_protocol protocol;
} protocols[] = {
	/* not known yet, agreed, with state */
	{"0000000000000100010000000000000000000000000000000000000000000000 0000000000000000"
	 "0300010001000000 0100010001000000 0000000000000000 0000000000000000",
		{.type = CPG_PROTOCOL, .nodeid = 1}, {{3, 1, 1, 0}, {1, 1, 1, 0}, {0}, {0}}},
	{"0000000000000100010000000000000000000000000000000000000000000000 0000000000000000"
	 "0300010001000000 0100010001000000 0300010001000000 0100010001000000",
		{.type = CPG_PROTOCOL, .nodeid = 1},
		{{3, 1, 1, 0}, {1, 1, 1, 0}, {3, 1, 1, 0}, {1, 1, 1, 0}}},
	{"0000000000000100020000000000000000000000000000000000000000000000 0000000000000000"
	 "0300010001000000 0100010001000000 0300010001000100 0100010001000000",
		{.type = CPG_PROTOCOL, .nodeid = 2},
		{{3, 1, 1, 0}, {1, 1, 1, 0}, {3, 1, 1, CPG_VERSION_STATEFUL}, {1, 1, 1, 0}}},
};

static void test_protocol(void **state)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		uint8_t wanted[CPG_MESSAGE_MAX], made[CPG_MESSAGE_MAX];
		struct cpg_header header;
		struct cpg_protocol protocol;

		assert_int_equal(unhex(protocols[i].hex, wanted, sizeof(wanted)), 72);
		memset(made, 0xa5, sizeof(made));
		assert_int_equal(
			cpg_protocol_encode(&protocols[i].header, &protocols[i].protocol, made),
			CPG_PROTOCOL_BYTES);
		assert_memory_equal(made, wanted, CPG_PROTOCOL_BYTES);
		assert_int_equal(made[CPG_PROTOCOL_BYTES], 0xa5);
		assert_int_equal(cpg_header_decode(wanted, CPG_PROTOCOL_BYTES, &header), 0);
		assert_memory_equal(&header, &protocols[i].header, sizeof(header));
		assert_int_equal(cpg_protocol_decode(wanted, CPG_PROTOCOL_BYTES, &protocol), 0);
		assert_memory_equal(&protocol, &protocols[i].protocol, sizeof(protocol));
	}
}

static const struct {
	const char *hex; /* the rest of 1064 bytes is 0 */
	struct cpg_header header;
	struct cpg_fence fence;
} fences[] = {
	{"0000000000000f00010000000000000000000000000000000000000000000000 0000000000000000"
	 "00000000 06000000 02000000 00000000 0000000000000000",
		{.type = CPG_FENCE_CLEAR, .nodeid = 1},
		{.flags = CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU, .nodeid = 2}},
	{"0000000000000f00010000000000000000000000000000000000000000000000 0000000000000000"
	 "00000000 01000000 01000000 c3ffffff 0000000000000000",
		{.type = CPG_FENCE_CLEAR, .nodeid = 1},
		{.flags = CPG_FENCE_FIPU, .nodeid = 1, .result = -ENODATA}},
	{"0000000000000e00010000000000000000000000000000000000000000000000 0000000000000000"
	 "00000000 00000000 03000000 00000000 daf3046b00000000",
		{.type = CPG_FENCE_RESULT, .nodeid = 1},
		{.nodeid = 3, .fence_walltime = 0x6b04f3da}},
	{"0000000000000e00010000000000000000000000000000000000000000000000 0000000000000000"
	 "00000000 00000000 02000000 83ffffff 0000000000000000",
		{.type = CPG_FENCE_RESULT, .nodeid = 1}, {.nodeid = 2, .result = -ECANCELED}},
};

static void test_fence(void **state)
{
	for (size_t i = 0; i < sizeof(fences) / sizeof(fences[0]); i++) {
		uint8_t wanted[CPG_MESSAGE_MAX], made[CPG_MESSAGE_MAX];
		struct cpg_header header;
		struct cpg_fence fence;

		unhex(fences[i].hex, wanted, sizeof(wanted));
		memset(made, 0xa5, sizeof(made));
		assert_int_equal(cpg_fence_encode(&fences[i].header, &fences[i].fence, made),
			CPG_FENCE_BYTES);
		assert_memory_equal(made, wanted, CPG_FENCE_BYTES);
		assert_int_equal(cpg_header_decode(wanted, CPG_FENCE_BYTES, &header), 0);
		assert_memory_equal(&header, &fences[i].header, sizeof(header));
		assert_int_equal(cpg_fence_decode(wanted, CPG_FENCE_BYTES, &fence), 0);
		assert_int_equal(fence.version, 0);
		assert_int_equal(fence.flags, fences[i].fence.flags);
		assert_int_equal(fence.nodeid, fences[i].fence.nodeid);
		assert_int_equal(fence.result, fences[i].fence.result);
		assert_int_equal(fence.fence_walltime, fences[i].fence.fence_walltime);
	}
}

static const struct {
	const char *hex;
	struct cpg_header header;
	struct cpg_start start;
} starts[] = {
	{"0300010001000200010000000000000001efade50100000001000000000000000000000000000000"
	 "20000000 04000000 01000000 00000000 01000000 01000000 00000000 00000000 01000000",
		{{3, 1, 1}, CPG_START, 1, 0, 0xe5adef01, CPG_FLAG_JOINING, 1, 0},
		{0, 1, 1, 0, 0, {1}}},
	{"0300010001000200010000000000000001efade50200000002000000000000000000000000000000"
	 "20000000 04000000 02000000 01000000 02000000 01000000 00000000 00000000"
	 "01000000 02000000",
		{{3, 1, 1}, CPG_START, 1, 0, 0xe5adef01, CPG_FLAG_HAVEPLOCK, 2, 0},
		{1, 2, 1, 0, 0, {1, 2}}},
	/* a nack after a merge, and the end of posix locks */
	{"0300010001000200010000000000000001efade50600000004000000000000000000000000000000"
	 "20000000 04000000 02000000 03000000 02000000 00000000 01000000 01000000"
	 "01000000 02000000",
		{{3, 1, 1}, CPG_START, 1, 0, 0xe5adef01, CPG_FLAG_HAVEPLOCK | CPG_FLAG_NACK, 4, 0},
		{3, 2, 0, 1, 1, {1, 2}}},
	{"0300010001000800010000000000000001efade50200000003000000030000000000000000000000"
	 "20000000 04000000 03000000 02000000 03000000 01000000 00000000 00000000"
	 "01000000 02000000 03000000",
		{{3, 1, 1}, CPG_PLOCKS_DONE, 1, 0, 0xe5adef01, CPG_FLAG_HAVEPLOCK, 3, 3},
		{2, 3, 1, 0, 0, {1, 2, 3}}},
};

static void start_same(const struct cpg_start *a, const struct cpg_start *b)
{
	assert_memory_equal(a, b, offsetof(struct cpg_start, members));
	assert_memory_equal(a->members, b->members, a->member_count * sizeof(a->members[0]));
}

static void test_start(void **state)
{
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint8_t wanted[CPG_MESSAGE_MAX], made[CPG_MESSAGE_MAX];
		size_t bytes = unhex(starts[i].hex, wanted, sizeof(wanted));
		struct cpg_header header;
		struct cpg_start start;

		memset(made, 0xa5, sizeof(made));
		assert_int_equal(
			cpg_start_encode(&starts[i].header, &starts[i].start, made), bytes);
		assert_memory_equal(made, wanted, bytes);
		assert_int_equal(made[bytes], 0xa5);
		assert_int_equal(cpg_header_decode(wanted, bytes, &header), 0);
		assert_memory_equal(&header, &starts[i].header, sizeof(header));
		assert_int_equal(cpg_start_decode(wanted, bytes, &start), 0);
		start_same(&start, &starts[i].start);
	}
}

static void test_start_most_members(void **state)
{
	struct cpg_header header = {.type = CPG_START, .nodeid = 1};
	struct cpg_start start = {.member_count = CPG_MEMBERS_MAX}, again;
	uint8_t made[CPG_MESSAGE_MAX];
	size_t bytes;

	for (uint32_t i = 0; i < CPG_MEMBERS_MAX; i++)
		start.members[i] = 1000 + i;
	bytes = cpg_start_encode(&header, &start, made);
	assert_int_equal(bytes, CPG_START_BYTES + 4 * CPG_MEMBERS_MAX);
	assert_int_equal(cpg_start_decode(made, bytes, &again), 0);
	start_same(&again, &start);
	/* one more than corosync allows, said truly */
	made[CPG_HEADER_BYTES + 8]++;
	made[CPG_HEADER_BYTES + 16]++;
	assert_int_equal(cpg_start_decode(made, bytes + 4, &again), -EMSGSIZE);
	assert_int_equal(cpg_start_decode(made, bytes, &again), -EBADMSG);
}

/* Every length below the whole is refused, and one byte more is taken. */
static void test_truncated(void **state)
{
	uint8_t data[CPG_MESSAGE_MAX];
	struct cpg_header header;
	struct cpg_protocol protocol;
	struct cpg_fence fence;
	struct cpg_start start;
	size_t start_bytes;

	for (size_t bytes = 0; bytes <= CPG_FENCE_BYTES + 1; bytes++) {
		void *copy;

		start_bytes = unhex(starts[1].hex, data, sizeof(data));
		copy = exact(data, bytes);
		assert_int_equal(cpg_header_decode(copy, bytes, &header),
			bytes < CPG_HEADER_BYTES ? -EBADMSG : 0);
		assert_int_equal(
			cpg_start_decode(copy, bytes, &start), bytes < start_bytes ? -EBADMSG : 0);
		assert_int_equal(cpg_protocol_decode(copy, bytes, &protocol),
			bytes < CPG_PROTOCOL_BYTES ? -EBADMSG : 0);
		assert_int_equal(cpg_fence_decode(copy, bytes, &fence),
			bytes < CPG_FENCE_BYTES ? -EBADMSG : 0);
		free(copy);
	}
}

/* What a START says of its own lengths. */
static void test_start_hostile(void **state)
{
	static const struct {
		uint32_t at;
		uint32_t value;
	} lies[] = {
		{0, 0},
		{0, 28},
		{0, UINT32_MAX},
		{4, 0},
		{4, 8},
		{4, UINT32_MAX},
		{8, 0},
		{8, 1},
		{8, 3},
		{8, UINT32_MAX},
		{16, 0},
		{16, 1},
		{16, 3},
		{16, 0x40000000},
		{16, UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t data[CPG_MESSAGE_MAX];
		size_t bytes = unhex(starts[1].hex, data, sizeof(data));
		struct cpg_start start;
		void *copy;

		for (int b = 0; b < 4; b++)
			data[CPG_HEADER_BYTES + lies[i].at + b] = (uint8_t)(lies[i].value >> 8 * b);
		copy = exact(data, bytes);
		assert_int_equal(cpg_start_decode(copy, bytes, &start), -EBADMSG);
		free(copy);
	}
}

/* Both counts lie alike, so that only the length of the message is against them. */
static void test_start_counts(void **state)
{
	for (uint32_t count = 0; count < 200; count++) {
		uint8_t data[CPG_MESSAGE_MAX];
		size_t bytes = unhex(starts[1].hex, data, sizeof(data));
		struct cpg_start start;
		void *copy;

		data[CPG_HEADER_BYTES + 8] = (uint8_t)count;
		data[CPG_HEADER_BYTES + 16] = (uint8_t)count;
		copy = exact(data, bytes);
		assert_int_equal(cpg_start_decode(copy, bytes, &start), count > 2 ? -EBADMSG : 0);
		if (count <= 2)
			assert_int_equal(start.member_count, count);
		free(copy);
	}
}

static void test_words(void **state)
{
	assert_string_equal(cpg_type_word(CPG_PROTOCOL), "protocol");
	assert_string_equal(cpg_type_word(CPG_RUN_REPLY), "run_reply");
	assert_string_equal(cpg_type_word(0), "unknown");
	assert_string_equal(cpg_type_word(10), "unknown");
	assert_string_equal(cpg_type_word(18), "unknown");
	assert_string_equal(cpg_type_word(UINT16_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_start_most_members),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_start_hostile),
		cmocka_unit_test(test_start_counts),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
