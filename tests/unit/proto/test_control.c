/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between dlm_controld and dlm_lockd: which lengths and strings are right. */
#include "cmocka_all.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "proto/control.h"

union room {
	uint64_t align;
	uint8_t bytes[4096];
	struct control_head head;
	struct control_ls ls;
};

static const struct {
	uint32_t type;
	uint32_t bytes;
	uint32_t text_at, text_room; /* of a string that must end; 0: none */
} fixed[] = {
	{CONTROL_SETTINGS, sizeof(struct control_settings),
		offsetof(struct control_settings, cluster_name), 64},
	{CONTROL_PEER_ADD, sizeof(struct control_peer), 0, 0},
	{CONTROL_PEER_REMOVE, sizeof(struct control_peer), 0, 0},
	{CONTROL_LS_NEW, sizeof(struct control_ls_new), offsetof(struct control_ls_new, name), 72},
	{CONTROL_READY, sizeof(struct control_ready), offsetof(struct control_ready, text), 128},
	{CONTROL_ONLINE, sizeof(struct control_event), offsetof(struct control_event, name), 72},
	{CONTROL_OFFLINE, sizeof(struct control_event), offsetof(struct control_event, name), 72},
	{CONTROL_PROBE, sizeof(struct control_probe), offsetof(struct control_probe, name), 72},
	{CONTROL_PROBE_END, sizeof(struct control_probe), offsetof(struct control_probe, name), 72},
	{CONTROL_PROBED, sizeof(struct control_probed), offsetof(struct control_probed, name), 72},
	{CONTROL_FATAL, sizeof(struct control_fatal), offsetof(struct control_fatal, text), 240},
};

static int check(union room *room, uint32_t type, uint32_t bytes)
{
	room->head.type = type;
	room->head.bytes = bytes;
	return control_check(room, bytes);
}

static void test_fixed(void **state)
{
	union room room = {0};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		for (uint32_t bytes = sizeof(room.head); bytes <= 1024; bytes++)
			assert_int_equal(check(&room, fixed[i].type, bytes),
				bytes == fixed[i].bytes ? 0 : -EBADMSG);
		if (!fixed[i].text_room)
			continue;
		memset(room.bytes + fixed[i].text_at, 'x', fixed[i].text_room);
		assert_int_equal(check(&room, fixed[i].type, fixed[i].bytes), -EBADMSG);
		memset(&room, 0, sizeof(room));
	}
}

/* What follows a control_ls is as much as its count says, to the byte. */
static void counted(uint32_t type, uint32_t item_bytes)
{
	static const uint32_t counts[] = {0, 1, 2, 50, UINT32_MAX, 0x10000000};
	union room room = {0};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t right = sizeof(room.ls) + (uint64_t)counts[i] * item_bytes;

		room.ls.count = counts[i];
		for (uint32_t bytes = sizeof(room.head); bytes <= 1024; bytes++)
			assert_int_equal(check(&room, type, bytes), bytes == right ? 0 : -EBADMSG);
	}
	room.ls.count = 0;
	memset(room.ls.name, 'x', sizeof(room.ls.name));
	assert_int_equal(check(&room, type, sizeof(room.ls)), -EBADMSG);
}

static void test_counted(void **state)
{
	static const uint32_t types[] = {CONTROL_LS_STOP, CONTROL_EVENT_DONE, CONTROL_PING,
		CONTROL_STATUS, CONTROL_DUMP, CONTROL_STOPPED, CONTROL_RECOVERED, CONTROL_FAILED,
		CONTROL_PONG, CONTROL_STATUS_IS, CONTROL_DUMP_IS};

	counted(CONTROL_LS_START, sizeof(struct control_member));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		counted(types[i], 1);
}

static void test_heads(void **state)
{
	union room room = {0};

	for (uint32_t bytes = 0; bytes < sizeof(room.head); bytes++)
		assert_int_equal(control_check(&room, bytes), -EBADMSG);
	assert_int_equal(check(&room, 0, sizeof(room.ls)), -EBADMSG);
	assert_int_equal(check(&room, 63, sizeof(room.ls)), -EBADMSG);
	assert_int_equal(check(&room, UINT32_MAX, sizeof(room.ls)), -EBADMSG);
	room.head.type = CONTROL_PING;
	room.head.bytes = sizeof(room.ls) - 1;
	assert_int_equal(control_check(&room, sizeof(room.ls)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
