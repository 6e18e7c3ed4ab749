/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_records_fill_a_packet(void **state)
{
	struct packet_store store = {0};
	struct packet *packet = packet_get(&store);
	uint32_t at = 0, count = 0;

	assert_non_null(packet);
	while (packet_room(packet) >= sizeof(struct client_answer)) {
		struct client_answer *answer =
			packet_append(packet, CLIENT_ANSWER, sizeof(*answer), 0, ++count);

		answer->result = -1;
	}
	assert_int_equal(count, CLIENT_PACKET_MAX / sizeof(struct client_answer));
	for (; at < packet->bytes; at += sizeof(struct client_answer))
		assert_int_equal(client_record_check(packet->data + at, packet->bytes - at), 0);
	packet_put(&store, packet);
	packet_store_done(&store);
}

static void test_records_are_zeroed(void **state)
{
	struct packet_store store = {0};
	struct packet *packet = packet_get(&store);
	struct client_ids *ids;

	ids = packet_append(packet, CLIENT_IDS, sizeof(*ids), 0, 0);
	ids->first = ids->count = 99;
	packet_put(&store, packet);
	assert_ptr_equal(packet_get(&store), packet);
	ids = packet_append(packet, CLIENT_IDS, sizeof(*ids), 3, 4);
	assert_int_equal(ids->first, 0);
	assert_int_equal(ids->head.flags, 3);
	assert_int_equal(ids->head.serial, 4);
	packet_put(&store, packet);
	packet_store_done(&store);
}

static void test_free_packets_are_kept_up_to_a_limit(void **state)
{
	struct packet_store store = {0};
	struct packet *packets[PACKET_KEEP + 4];
	unsigned int i;

	for (i = 0; i < PACKET_KEEP + 4; i++)
		packets[i] = packet_get(&store);
	assert_int_equal(store.used_count, PACKET_KEEP + 4);
	for (i = 0; i < PACKET_KEEP + 4; i++)
		packet_put(&store, packets[i]);
	packet_put(&store, NULL);
	assert_int_equal(store.used_count, 0);
	assert_int_equal(store.free_count, PACKET_KEEP);
	packet_store_done(&store);
	assert_int_equal(store.free_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_fill_a_packet),
		cmocka_unit_test(test_records_are_zeroed),
		cmocka_unit_test(test_free_packets_are_kept_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
