/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the program's path: which lengths are right, which names a lockspace may have. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/client.h"

#define ROUND8(x) (((x) + 7u) & ~7u)

/* The longest record, aligned as a packet is. */
union room {
	uint64_t align;
	uint8_t bytes[CLIENT_RECORD_MAX + 16];
	struct client_head head;
	struct client_lock lock;
};

static const struct {
	uint8_t type;
	uint8_t flags;
	size_t bytes;
} fixed[] = {
	{CLIENT_HELLO, 0, sizeof(struct client_hello)},
	{CLIENT_UNLOCK, 0, sizeof(struct client_unlock)},
	{CLIENT_UNLOCK, CLIENT_UNLOCK_HAS_LVB, sizeof(struct client_unlock) + DLM_USER_LVB_BYTES},
	{CLIENT_PURGE, 0, sizeof(struct client_purge)},
	{CLIENT_NEED_IDS, 0, sizeof(struct client_head)},
	{CLIENT_TAKEOVER, 0, sizeof(struct client_head)},
	{CLIENT_POKE, 0, sizeof(struct client_head)},
	{CLIENT_CREATE, 0, sizeof(struct client_create)},
	{CLIENT_RELEASE, 0, sizeof(struct client_release)},
	{CLIENT_WELCOME, 0, sizeof(struct client_welcome)},
	{CLIENT_BYE, 0, sizeof(struct client_bye)},
	{CLIENT_ANSWER, 0, sizeof(struct client_answer)},
	{CLIENT_COMPLETION, 0, sizeof(struct client_completion)},
	{CLIENT_COMPLETION, CLIENT_COMPLETION_HAS_LVB,
		sizeof(struct client_completion) + DLM_USER_LVB_BYTES},
	{CLIENT_BAST, 0, sizeof(struct client_bast)},
	{CLIENT_REFUSED, 0, sizeof(struct client_refused)},
	{CLIENT_IDS, 0, sizeof(struct client_ids)},
};

/* Every length but the right one is refused, and a record that is not all there is asked for again.
 */
static void test_fixed_lengths(void **state)
{
	union room room = {0};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		room.head.type = fixed[i].type;
		room.head.flags = fixed[i].flags;
		for (uint16_t bytes = 0; bytes < 512; bytes++) {
			int wanted = bytes == fixed[i].bytes ? 0 : -EBADMSG;

			room.head.bytes = bytes;
			assert_int_equal(client_record_check(&room, sizeof(room)), wanted);
			if (wanted == 0)
				assert_int_equal(client_record_check(&room, bytes - 1u), -EAGAIN);
		}
	}
}

static void test_lock_lengths(void **state)
{
	union room room = {0};

	for (unsigned with_lvb = 0; with_lvb < 2; with_lvb++)
		for (unsigned name = 0; name < 256; name++) {
			size_t right = sizeof(struct client_lock) + ROUND8(name) +
				       with_lvb * DLM_USER_LVB_BYTES;

			room.head.type = name % 2 ? CLIENT_LOCK : CLIENT_ADOPT;
			room.head.flags = with_lvb ? CLIENT_LOCK_HAS_LVB : 0;
			room.lock.name_bytes = (uint8_t)name;
			for (size_t bytes = 8; bytes <= 512; bytes += 8) {
				room.head.bytes = (uint16_t)bytes;
				assert_int_equal(client_record_check(&room, sizeof(room)),
					bytes == right ? 0 : -EBADMSG);
			}
			assert_ptr_equal(
				client_lock_name(&room.lock), room.bytes + sizeof(room.lock));
			if (with_lvb)
				assert_ptr_equal(client_lock_lvb(&room.lock),
					room.bytes + right - DLM_USER_LVB_BYTES);
			else
				assert_null(client_lock_lvb(&room.lock));
		}
}

static void test_heads(void **state)
{
	union room room = {.head = {.type = CLIENT_NEED_IDS, .bytes = sizeof(struct client_head)}};

	for (uint32_t there = 0; there < sizeof(struct client_head); there++)
		assert_int_equal(client_record_check(&room, there), -EAGAIN);
	room.head.bytes = CLIENT_RECORD_MAX + 8;
	assert_int_equal(client_record_check(&room, sizeof(room)), -EBADMSG);
	room.head.bytes = sizeof(struct client_head);
	for (unsigned type = 0; type < 256; type++) {
		bool known =
			type == CLIENT_NEED_IDS || type == CLIENT_TAKEOVER || type == CLIENT_POKE;

		room.head.type = (uint8_t)type;
		assert_int_equal(client_record_check(&room, sizeof(room)), known ? 0 : -EBADMSG);
	}
}

static void test_lockspace_names(void **state)
{
	char longest[DLM_NAME_BYTES_MAX + 2];

	memset(longest, 'n', sizeof(longest));
	longest[DLM_NAME_BYTES_MAX + 1] = '\0';
	assert_int_equal(client_lockspace_name_check(longest), -ENAMETOOLONG);
	longest[DLM_NAME_BYTES_MAX] = '\0';
	assert_int_equal(client_lockspace_name_check(longest), 0);
	assert_int_equal(client_lockspace_name_check("x"), 0);
	assert_int_equal(client_lockspace_name_check("a.b c"), 0);
	assert_int_equal(client_lockspace_name_check("\xc3\xa4"), 0);
	assert_int_equal(client_lockspace_name_check(""), -EINVAL);
	assert_int_equal(client_lockspace_name_check("."), -EINVAL);
	assert_int_equal(client_lockspace_name_check("../../x"), -EINVAL);
	assert_int_equal(client_lockspace_name_check("a/b"), -EINVAL);
	assert_int_equal(client_lockspace_name_check("a\nb"), -EINVAL);
	assert_int_equal(client_lockspace_name_check("a\x7f"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_lengths),
		cmocka_unit_test(test_lock_lengths),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_lockspace_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
