/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/group.h"

#include "group_room.h"

static void test_life_of_one(void **state)
{
	joining();
	assert_int_equal(view().state, GROUP_JOINING);
	assert_true(view().is_joining && view().is_stopped);
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	confchg("1", "1", "");
	assert_orders("");
	assert_int_equal(view().next.wait, GROUP_WAIT_RINGID);
	ring(7);
	assert_orders("START 1 joining");
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	hear_ourselves();
	assert_orders("stateful, new, start 1 with 1, answer 0");
	assert_int_equal(view().state, GROUP_RECOVERING);
	recovered();
	assert_int_equal(view().state, GROUP_RUNNING);
	assert_false(view().is_joining || view().is_stopped);
	assert_true(view().is_udlm_only);
	assert_int_equal(view().started.seq, 1);
	assert_int_equal(view().started.combined_seq, 1);
	assert_int_equal(view().next.seq, 0);
	assert_false(group_is_waiting(group));

	assert_int_equal(group_offline(group, now, "a"), 0);
	assert_orders("stop 2");
	assert_int_equal(view().state, GROUP_STOPPING);
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	stopped();
	assert_orders("leave");
	assert_int_equal(view().state, GROUP_LEAVING);
	confchg("", "", "1l");
	assert_int_equal(group_count(group), 0);
	assert_orders("answer 0");
	assert_int_equal(group_offline(group, now, "a"), -ENOENT);
	assert_int_equal(confchg_of("a", "1", "1", ""), -ENOENT);
}

static void test_doors(void **state)
{
	struct group_view none;
	char name[32];

	assert_int_equal(group_online(group, now, "a", 0, &plain), 0);
	assert_int_equal(group_online(group, now, "a", 0, &plain), -EEXIST);
	assert_int_equal(group_offline(group, now, "b"), -ENOENT);
	assert_int_equal(group_looked(group, now, "b", NULL, 0), -ENOENT);
	assert_int_equal(group_ring(group, now, "a", 1, 7), -ENOENT);
	assert_int_equal(confchg_of("a", "1", "1", ""), -ENOENT);
	assert_int_equal(group_deliver(group, now, "a", 1, NULL, 0), -ENOENT);
	assert_int_equal(group_stopped(group, now, "a", 1), -ESTALE);
	assert_int_equal(group_recovered(group, now, "a", 0), -ESTALE);
	assert_int_equal(group_failed(group, now, "a", 0, -EIO), -ESTALE);
	assert_int_equal(group_stopped(group, now, "b", 1), -ENOENT);
	assert_int_equal(group_recovered(group, now, "b", 1), -ENOENT);
	assert_int_equal(group_failed(group, now, "b", 1, -EIO), -ENOENT);
	assert_int_equal(group_join_failed(group, now, "b", -EIO), -ENOENT);
	for (uint32_t i = 1; i < GROUP_LOCKSPACES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(group_online(group, now, name, 0, &plain), 0);
	}
	assert_int_equal(group_online(group, now, "more", 0, &plain), -ENOSPC);
	assert_int_equal(group_count(group), GROUP_LOCKSPACES_MAX);
	assert_true(group_view(group, 0, &none));
	assert_string_equal(none.name, "n1023");
	assert_true(group_view(group, 1023, &none));
	assert_string_equal(none.name, "a");
	assert_false(group_view(group, 1024, &none));
	assert_false(group_find(group, "more", &none));
}

static void test_join_fails(void **state)
{
	joining();
	assert_int_equal(group_join_failed(group, now, "a", -EPERM), 0);
	assert_orders("answer -1");
	assert_int_equal(group_count(group), 0);
	joining();
	confchg("1", "1", "");
	assert_int_equal(group_join_failed(group, now, "a", -EPERM), -ENOENT);
}

/* What may still be removed is waited for; what has state of its own and stays is not. */
static void test_members_that_are_not_clean(void **state)
{
	running();
	room_fence.clean[2] = 0;
	confchg("1 2", "2", "");
	assert_orders("stop 2");
	stopped();
	assert_orders("");
	assert_int_equal(view().next.wait, GROUP_WAIT_FENCING);
	room_fence.kept = 2;
	group_tick(group, now);
	assert_orders("START 2");
}

static void test_numbers(void **state)
{
	running();
	assert_int_equal(group_recovered(group, now, "a", 1), -ESTALE);
	confchg("1 2", "2", "");
	/* Not before it has been taken. */
	assert_int_equal(group_stopped(group, now, "a", 2), -ESTALE);
	assert_orders("stop 2");
	assert_int_equal(group_stopped(group, now, "a", 1), -ESTALE);
	assert_int_equal(group_recovered(group, now, "a", 2), -ESTALE);
	stopped();
	assert_int_equal(group_stopped(group, now, "a", 2), -ESTALE);
	assert_orders("START 2");
}

/* A change while the engine still recovers: its start is of the past. */
static void test_change_while_recovering(void **state)
{
	running();
	confchg("1 2", "2", "");
	drain();
	stopped();
	drain();
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
	assert_orders("start 3 with 1 2");
	confchg("1", "", "2l");
	assert_orders("stop 4");
	assert_int_equal(group_recovered(group, now, "a", 3), -ESTALE);
	assert_int_equal(group_failed(group, now, "a", 3, -EIO), -ESTALE);
	assert_int_equal(view().next.wait, GROUP_WAIT_STOP);
	assert_string_equal(view().text, "the lock engine has not stopped yet");
	stopped();
	assert_orders("START 3");
	hear_ourselves();
	assert_orders("start 5 with 1");
}

static void test_first_start_fails(void **state)
{
	joining();
	confchg("1", "1", "");
	ring(7);
	drain();
	hear_ourselves();
	assert_orders("stateful, new, start 1 with 1, answer 0");
	assert_int_equal(group_failed(group, now, "a", 1, -ENOMEM), 0);
	assert_orders("stop 2");
	assert_int_equal(group_offline(group, now, "a"), -EBUSY);
	stopped();
	assert_orders("leave");
	confchg("", "", "1l");
	assert_orders("answer -12");
}

static void test_later_start_fails(void **state)
{
	running();
	confchg("1", "", "9l");
	drain();
	stopped();
	drain();
	hear_ourselves();
	assert_orders("start 3 with 1");
	assert_int_equal(group_failed(group, now, "a", 3, -ENOMEM), -EIO);
	assert_orders("");
}

/* It is released while the members agree: who leaves says nothing more, and its engine stays still.
 */
static void test_release_in_a_change(void **state)
{
	running();
	confchg("1 2", "2", "");
	assert_orders("stop 2");
	assert_int_equal(group_offline(group, now, "a"), 0);
	assert_orders("");
	stopped();
	assert_orders("leave");
	group_tick(group, now);
	assert_orders("");
	assert_false(group_is_waiting(group));
	confchg("2", "", "1l");
	assert_orders("answer 0");

	running();
	confchg("1 2", "2", "");
	drain();
	stopped();
	assert_orders("START 2");
	assert_int_equal(group_offline(group, now, "a"), 0);
	assert_orders("leave");
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 1, .members = "1 2", .joined = 1});
	assert_orders("");
	assert_int_equal(view().started.member_count, 2);
	confchg("2", "", "1l");
	assert_orders("answer 0");
}

static void refused(
	struct say say, int cut, uint16_t version, uint32_t header_nodeid, const char *why)
{
	uint8_t data[CPG_MESSAGE_MAX];
	size_t bytes = say_encode(&say, data) - (size_t)cut;

	data[0] = (uint8_t)version;
	data[8] = (uint8_t)header_nodeid;
	notes[0] = '\0';
	assert_int_equal(group_deliver(group, now, "a", say.from, data, bytes), -EBADMSG);
	assert_non_null(strstr(notes, why));
}

static void test_odd_messages(void **state)
{
	struct say say = {.from = 1, .seq = 1, .members = "1", .joined = 1};
	uint8_t data[CPG_MESSAGE_MAX];

	joining();
	/* Before we are in, all is passed over. */
	assert_int_equal(group_deliver(group, now, "a", 2, "", 0), 0);
	confchg("1", "1", "");
	refused(say, 0, 2, 1, "of another version");
	refused(say, 0, 3, 2, "in the name of another node");
	refused(say, 1, 3, 1, "malformed");
	refused(say, 37, 3, 1, "too short");
	say.from = 2;
	refused(say, 0, 3, 2, "no member");
	say.from = 1;
	say_encode(&say, data);
	data[6] = 18;
	assert_int_equal(group_deliver(group, now, "a", 1, data, 76), -EBADMSG);
	data[6] = 10;
	assert_int_equal(group_deliver(group, now, "a", 1, data, 76), -EBADMSG);
	notes[0] = '\0';
	for (uint8_t type = CPG_PLOCK; type <= CPG_PLOCKS_DATA; type++) {
		data[6] = type;
		assert_int_equal(group_deliver(group, now, "a", 1, data, 76), 0);
	}
	assert_string_equal(notes, "");
	assert_int_equal(view().next.missing_count, 1);
}

static void test_too_many_members(void **state)
{
	uint8_t data[CPG_MESSAGE_MAX + 4] = {0};
	struct say say = {.from = 1, .seq = 1, .members = "1", .joined = 1};

	joining();
	confchg("1", "1", "");
	say_encode(&say, data);
	data[48] = data[56] = 129; /* id count, member count */
	assert_int_equal(group_deliver(group, now, "a", 1, data, 72 + 4 * 129), -EBADMSG);
	data[48] = 128;
	assert_int_equal(group_deliver(group, now, "a", 1, data, 72 + 4 * 129), -EBADMSG);
}

/* Without memory nothing changes, whatever allocation fails. */
static void test_no_memory(void **state)
{
	static const struct group_weight weights[] = {{.nodeid = 1, .weight = 2}};
	struct group_placement placement = {.weights = weights, .weight_count = 1};
	int rv, failed = 0;

	for (uint64_t more = 0;; more++) {
		faulty_alloc_fail(&faulty, more);
		rv = group_online(group, now, "a", 0, &placement);
		faulty_alloc_heal(&faulty);
		if (!rv)
			break;
		assert_int_equal(rv, -ENOMEM);
		assert_int_equal(group_count(group), 0);
		failed++;
	}
	assert_true(failed >= 2);
	assert_orders("look");
	assert_int_equal(group_looked(group, now, "a", NULL, 0), 0);
	assert_orders("join");
	for (failed = 0;; failed++) {
		faulty_alloc_fail(&faulty, (uint64_t)failed);
		rv = confchg_of("a", "1 2", "1", "");
		faulty_alloc_heal(&faulty);
		if (!rv)
			break;
		assert_int_equal(rv, -ENOMEM);
		assert_orders("");
		assert_int_equal(view().next.seq, 0);
	}
	assert_true(failed >= 2);
	faulty_alloc_fail(&faulty, 0);
	ring(7);
	assert_orders("START 1 joining");
	hear_ourselves();
	hear((struct say){.from = 2, .seq = 3, .started_count = 2, .members = "1 2", .joined = 1});
	assert_orders("stateful, new, start 1 with 1 2, answer 0");
	assert_int_equal(started[0].weight, 2);
	assert_int_equal(started[1].weight, 0);
}

static uint32_t many[CPG_MEMBERS_MAX];

static void many_begin(const char *name)
{
	struct fence_change change = {.members = many,
		.member_count = CPG_MEMBERS_MAX,
		.joined = many,
		.joined_count = 1};
	struct group_order order;

	assert_int_equal(group_online(group, now, name, 0, &plain), 0);
	assert_true(group_order_take(group, &order));
	assert_int_equal(group_looked(group, now, name, many, CPG_MEMBERS_MAX), 0);
	assert_true(group_order_take(group, &order));
	assert_int_equal(group_confchg(group, now, name, &change), 0);
	assert_int_equal(group_ring(group, now, name, 1, 7), 0);
	assert_true(group_order_take(group, &order));
	assert_int_equal(order.type, GROUP_ORDER_SEND);
	memcpy(sent[0], order.data, order.bytes);
	sent_bytes[0] = order.bytes;
	assert_false(group_order_take(group, &order));
}

/* As many lockspaces as there may be, with as many members. */
static void test_many(void **state)
{
	struct group_order order;
	char name[32];

	for (uint32_t i = 0; i < CPG_MEMBERS_MAX; i++)
		many[i] = i + 1;
	for (uint32_t i = 0; i < GROUP_LOCKSPACES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		many_begin(name);
		for (uint32_t n = 1; n <= CPG_MEMBERS_MAX; n++) {
			assert_false(group_order_take(group, &order));
			sent[0][8] = (uint8_t)n;
			assert_int_equal(
				group_deliver(group, now, name, n, sent[0], sent_bytes[0]), 0);
		}
		while (group_order_take(group, &order)) {
			if (order.type == GROUP_ORDER_START)
				assert_int_equal(order.member_count, CPG_MEMBERS_MAX);
		}
		assert_int_equal(order.type, GROUP_ORDER_ANSWER);
	}
	assert_int_equal(group_count(group), GROUP_LOCKSPACES_MAX);
}

static void test_global_id(void **state)
{
	assert_int_equal(group_global_id("testls"), 0xe5adef01);
	assert_int_equal(group_global_id("foo"), 0x6ce2339d);
	assert_int_equal(group_global_id("lvm_global"), 0x12aabd2d);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_life_of_one),
		ROOM_TEST(test_doors),
		ROOM_TEST(test_join_fails),
		ROOM_TEST(test_members_that_are_not_clean),
		ROOM_TEST(test_numbers),
		ROOM_TEST(test_change_while_recovering),
		ROOM_TEST(test_first_start_fails),
		ROOM_TEST(test_later_start_fails),
		ROOM_TEST(test_release_in_a_change),
		ROOM_TEST(test_odd_messages),
		ROOM_TEST(test_too_many_members),
		ROOM_TEST(test_no_memory),
		ROOM_TEST(test_many),
		cmocka_unit_test(test_global_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
