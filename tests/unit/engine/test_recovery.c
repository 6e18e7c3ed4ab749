/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recovery of a lockspace, with two to five nodes wired together. */
#include "several.h"

#include <errno.h>

#define EUNLOCKED  (-DLM_STATUS_EUNLOCK)
#define ECANCELLED (-DLM_STATUS_ECANCEL)

static void test_alone(void **state)
{
	struct several several;
	struct engine_lockspace_info info;
	unsigned int type;

	(void)state;
	several_init(&several);
	several_boot(&several, 3);
	assert_false(engine_lockspace_running(several.node[3].ls));
	several_start(&several, 0);
	/* No time has to pass, and nothing is sent. */
	several_settle(&several);
	assert_true(several_running(&several));
	assert_true(engine_lockspace_running(several.node[3].ls));
	for (type = 0; type < 16; type++)
		assert_int_equal(several.node[3].rcom_sent[type], 0);
	engine_lockspace_info(several.node[3].ls, &info);
	assert_int_equal(info.status, 0xff);
	assert_int_equal(info.slot, 1);
	assert_int_equal(info.generation, 1);
	assert_string_equal(info.step, "");
	several_granted(&several, 3, "a", DLM_MODE_EX, 0);
	several_recover(&several, 0);
	engine_lockspace_info(several.node[3].ls, &info);
	assert_int_equal(info.generation, 2);
	assert_int_equal(info.recovery_count, 2);
	several_done(&several);
}

static void test_form_and_join(void **state)
{
	struct several several;
	struct engine_lockspace_info info;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	engine_lockspace_info(several.node[1].ls, &info);
	assert_int_equal(info.status, 0xff);
	assert_int_equal(info.slot, 1);
	engine_lockspace_info(several.node[3].ls, &info);
	assert_int_equal(info.status, 0x55);
	assert_int_equal(info.slot, 3);
	assert_int_equal(info.generation, 1);
	several_granted(&several, 2, "a", DLM_MODE_PR, 0);
	several_boot(&several, 4);
	several_recover(&several, 0);
	engine_lockspace_info(several.node[4].ls, &info);
	assert_int_equal(info.slot, 4);
	assert_int_equal(info.generation, 2);
	several_granted(&several, 4, "a", DLM_MODE_PR, 0);
	several_done(&several);
}

/* Slots stay with their nodes; the lowest free one goes to who comes. */
static void test_slots(void **state)
{
	struct several several;
	struct engine_lockspace_info info;

	(void)state;
	several_init(&several);
	several_boot(&several, 2);
	several_boot(&several, 3);
	several_boot(&several, 4);
	several_start(&several, 0);
	several_wait(&several, 3000);
	engine_lockspace_info(several.node[4].ls, &info);
	assert_int_equal(info.slot, 3);
	several_kill(&several, 3);
	several_recover(&several, 0);
	several_boot(&several, 1); /* the new low node has no slot yet */
	several_recover(&several, 0);
	engine_lockspace_info(several.node[1].ls, &info);
	assert_int_equal(info.slot, 2);
	engine_lockspace_info(several.node[2].ls, &info);
	assert_int_equal(info.slot, 1);
	engine_lockspace_info(several.node[4].ls, &info);
	assert_int_equal(info.slot, 3);
	assert_int_equal(info.generation, 3);
	several_done(&several);
}

/* A name whose directory node is @nodeid, out of many. */
static const char *name_in_directory(struct several *several, uint32_t nodeid)
{
	static char name[SEVERAL_NODES + 1][16];
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		snprintf(name[nodeid], sizeof(name[nodeid]), "name%u", i);
		if (member_directory(several->node[1].ls,
			    hash_name(name[nodeid], strlen(name[nodeid]), 0)) == nodeid)
			return name[nodeid];
	}
	fail();
	return NULL;
}

static uint32_t other_than(uint32_t one, uint32_t two)
{
	uint32_t nodeid = 1;

	while (nodeid == one || nodeid == two)
		nodeid++;
	return nodeid;
}

/*
 * The master dies; holders and waiters of two other nodes are there, and the directory is any of
 * the three nodes.
 */
static void master_dies(uint32_t master, uint32_t directory, bool nodir)
{
	struct several several;
	const char *name;
	uint32_t holder = other_than(master, 0), waiter = other_than(master, holder);
	uint32_t held, waiting, first;

	several_init(&several);
	several.nodir = nodir;
	several_form(&several, 3);
	name = name_in_directory(&several, directory);
	first = several_granted(&several, master, name, DLM_MODE_PR, 0);
	(void)first;
	if (!nodir)
		assert_int_equal(several_view(&several, master, name).master_nodeid, master);
	held = several_granted(&several, holder, name, DLM_MODE_PR, 0);
	waiting = several_lock(&several, waiter, name, DLM_MODE_EX, 0);
	several_settle(&several);
	several_no_completion(&several, waiter);
	several_kill(&several, master);
	several_recover(&several, 0);
	several_no_completion(&several, waiter);
	assert_int_equal(several_view(&several, holder, name).master_nodeid,
		several_view(&several, waiter, name).master_nodeid);
	assert_int_equal(engine_unlock(several.node[holder].client, held, 0, NULL), 0);
	several_settle(&several);
	several_completes(&several, holder, held, EUNLOCKED, DLM_MODE_IV);
	several_completes(&several, waiter, waiting, 0, DLM_MODE_EX);
	several_done(&several);
}

static void test_master_dies(void **state)
{
	uint32_t master, directory;

	(void)state;
	for (master = 1; master <= 3; master++)
		for (directory = 1; directory <= 3; directory++) {
			master_dies(master, directory, false);
			if (directory == master)
				master_dies(master, directory, true);
		}
}

/* The holder dies, its lock goes, the value block that it may have written is not valid. */
static void test_holder_dies(void **state)
{
	struct several several;
	const uint8_t value[DLM_USER_LVB_BYTES] = "written once";
	uint32_t held, waiting;
	struct engine_callback told;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	(void)several_granted(&several, 1, "r", DLM_MODE_NL, DLM_LKF_VALBLK);
	held = several_granted(&several, 3, "r", DLM_MODE_EX, DLM_LKF_VALBLK);
	several_convert(&several, 3, held, DLM_MODE_PW, DLM_LKF_VALBLK, value);
	several_settle(&several);
	several_completes(&several, 3, held, 0, DLM_MODE_PW);
	waiting = several_lock(&several, 2, "r", DLM_MODE_PR, DLM_LKF_VALBLK);
	several_settle(&several);
	several_no_completion(&several, 2);
	several_kill(&several, 3);
	several_recover(&several, 0);
	told = several_completes(&several, 2, waiting, 0, DLM_MODE_PR);
	assert_true(told.sbflags & DLM_SBF_VALNOTVALID_BIT);
	several_done(&several);
}

/* The new master takes the block from a holder above CR; from NL and CR only with the mark. */
static void test_value_moves(void **state)
{
	const uint8_t value[DLM_USER_LVB_BYTES] = "written by node two";
	struct several several;
	uint32_t lkid, reader;
	struct engine_callback told;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	(void)several_granted(&several, 3, "r", DLM_MODE_NL, 0);
	lkid = several_granted(&several, 2, "r", DLM_MODE_EX, DLM_LKF_VALBLK);
	several_convert(&several, 2, lkid, DLM_MODE_PW, DLM_LKF_VALBLK, value);
	several_settle(&several);
	several_completes(&several, 2, lkid, 0, DLM_MODE_PW);
	several_kill(&several, 3);
	several_recover(&several, 0);
	reader = several_lock(&several, 1, "r", DLM_MODE_CR, DLM_LKF_VALBLK);
	several_settle(&several);
	told = several_completes(&several, 1, reader, 0, DLM_MODE_CR);
	assert_false(told.sbflags & DLM_SBF_VALNOTVALID_BIT);
	assert_non_null(told.lvb);
	assert_memory_equal(told.lvb, value, sizeof(value));

	several_convert(&several, 2, lkid, DLM_MODE_NL, DLM_LKF_VALBLK, value);
	several_settle(&several);
	several_completes(&several, 2, lkid, 0, DLM_MODE_NL);
	several_kill(&several, several_view(&several, 1, "r").master_nodeid);
	several_boot(&several, 3);
	several_recover(&several, 0);
	lkid = several_lock(&several, 3, "r", DLM_MODE_CR, DLM_LKF_VALBLK);
	several_settle(&several);
	told = several_completes(&several, 3, lkid, 0, DLM_MODE_CR);
	assert_true(told.sbflags & DLM_SBF_VALNOTVALID_BIT);
	several_done(&several);
}

/* A master that was sent no block at all does not pretend to have one that is valid. */
static void test_value_unknown(void **state)
{
	const uint8_t value[DLM_USER_LVB_BYTES] = "written by the old master";
	struct several several;
	uint32_t lkid;
	struct engine_callback told;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	lkid = several_granted(&several, 3, "r", DLM_MODE_EX, DLM_LKF_VALBLK);
	several_convert(&several, 3, lkid, DLM_MODE_NL, DLM_LKF_VALBLK, value);
	several_settle(&several);
	several_completes(&several, 3, lkid, 0, DLM_MODE_NL);
	(void)several_granted(&several, 2, "r", DLM_MODE_CR, 0);
	several_kill(&several, 3);
	several_recover(&several, 0);
	lkid = several_lock(&several, 1, "r", DLM_MODE_PR, DLM_LKF_VALBLK);
	several_settle(&several);
	told = several_completes(&several, 1, lkid, 0, DLM_MODE_PR);
	assert_true(told.sbflags & DLM_SBF_VALNOTVALID_BIT);
	several_done(&several);
}

/*
 * Stop every node in the middle of a certain step of node 2, with all of the traffic of that
 * moment, and start again: with the same members, and with one less.
 */
static void abort_in_step(enum recovery_step step, bool another_dies, bool nodir, uint32_t slice)
{
	struct several several;
	uint32_t held[40], waiting, i;
	char name[16];
	unsigned int turns = 0;

	several_init(&several);
	several.nodir = nodir;
	several.slice_items = slice;
	several_form(&several, 4);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		several_lock(&several, 4 - i % 2, name, DLM_MODE_NL, 0);
		several_settle(&several);
		held[i] = several_granted(&several, 1 + i % 2, name, DLM_MODE_PR, 0);
	}
	waiting = several_lock(&several, 2, "r0", DLM_MODE_EX, 0);
	several_settle(&several);
	several_no_completion(&several, 2);
	several_kill(&several, 4);
	several_stop(&several);
	several_start(&several, 0);
	while (several.node[2].ls->recovery.step != step && turns++ < 2000) {
		uint64_t deadline = engine_deadline(several.node[2].engine);

		if (several_turn(&several))
			continue;
		if (several_running(&several))
			break;
		several.now_ms++;
		(void)deadline;
		for (i = 1; i <= 3; i++)
			engine_tick(several.node[i].engine, several.now_ms);
	}
	several_stop(&several);
	if (another_dies)
		several_kill(&several, 3);
	several_settle(&several);
	several_recover(&several, 0);
	several_no_completion(&several, 2);
	assert_int_equal(engine_unlock(several.node[1].client, held[0], 0, NULL), 0);
	several_settle(&several);
	several_completes(&several, 1, held[0], EUNLOCKED, DLM_MODE_IV);
	several_completes(&several, 2, waiting, 0, DLM_MODE_EX);
	/* Everything is known where it must be: nobody else gets what is held. */
	for (i = 1; i < 40; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		uint32_t lkid =
			several_lock(&several, 2 - i % 2, name, DLM_MODE_EX, DLM_LKF_NOQUEUE);

		several_settle(&several);
		several_completes(&several, 2 - i % 2, lkid, -EAGAIN, DLM_MODE_IV);
	}
	several_done(&several);
}

static void test_abort_everywhere(void **state)
{
	enum recovery_step step;

	(void)state;
	for (step = RECOVERY_CLEAR_UNUSED; step <= RECOVERY_LATE_REQUESTS; step++) {
		abort_in_step(step, false, false, 3);
		abort_in_step(step, true, false, 3);
		abort_in_step(step, false, true, 3);
		abort_in_step(step, true, true, 1000);
	}
}

/* A node that came again between two starts: its locks are gone, it is a member. */
static void test_rejoined(void **state)
{
	struct several several;
	uint32_t waiting;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	(void)several_granted(&several, 3, "r", DLM_MODE_EX, 0);
	waiting = several_lock(&several, 1, "r", DLM_MODE_EX, 0);
	several_settle(&several);
	several_no_completion(&several, 1);
	several_kill(&several, 3);
	several_boot(&several, 3);
	several_recover(&several, 1u << 3);
	several_completes(&several, 1, waiting, 0, DLM_MODE_EX);
	assert_int_not_equal(several_view(&several, 1, "r").master_nodeid, 3);
	several_done(&several);
}

static void test_config_mismatch(void **state)
{
	struct several several;
	struct engine_lockspace_info info;

	(void)state;
	several_init(&several);
	several_boot(&several, 1);
	several.lvb_bytes = 64;
	several_boot(&several, 2);
	several_start(&several, 0);
	several_wait(&several, 3000);
	assert_int_equal(several.node[1].failed, 1);
	assert_int_equal(several.node[1].error, -EPROTO);
	assert_int_equal(several.node[2].error, -EPROTO);
	engine_lockspace_info(several.node[1].ls, &info);
	assert_false(info.running);
	assert_string_equal(info.step, "failed");
	assert_int_equal(info.wait_nodeid, 2);
	several_stop(&several);
	several_kill(&several, 2);
	several_start(&several, 0);
	several_settle(&several);
	assert_true(several_running(&several));
	several_done(&several);
}

/* The lockspace comes late on one node: it is asked until it has it. */
static void test_not_ready(void **state)
{
	struct several several;
	struct engine_lockspace_info info;
	const struct engine_member both[] = {
		{.nodeid = 1, .weight = 1}, {.nodeid = 2, .weight = 1}};

	(void)state;
	several_init(&several);
	several_boot(&several, 1);
	several_boot(&several, 2);
	engine_lockspace_free(several.node[2].ls);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, both, 2, 1), 0);
	several_wait(&several, 500);
	engine_lockspace_info(several.node[1].ls, &info);
	assert_false(info.running);
	assert_int_equal(info.wait_nodeid, 2);
	assert_string_equal(info.step, "wait nodes");
	assert_int_equal(info.status, RECOVERY_STATUS_NODES);
	assert_int_equal(
		engine_lockspace_new(several.node[2].engine, "test", lockspace_global_id("test"), 0,
			several.lvb_bytes, false, &several.node[2].ls),
		0);
	several_wait(&several, 500);
	assert_false(engine_lockspace_running(several.node[1].ls));
	assert_int_equal(engine_lockspace_start(several.node[2].ls, both, 2, 1), 0);
	several_wait(&several, 3000);
	assert_true(engine_lockspace_running(several.node[1].ls));
	assert_true(engine_lockspace_running(several.node[2].ls));
	several_done(&several);
}

/* A STATUS or its answer that is lost is asked for again. */
static void test_lost_status(void **state)
{
	struct several several;

	(void)state;
	several_init(&several);
	several_boot(&several, 1);
	several_boot(&several, 2);
	several.node[2].held[1] = true;
	several_start(&several, 0);
	several_wait(&several, 12000);
	assert_int_equal(several.node[1].rcom_sent[WIRE_RCOM_STATUS], 3);
	several.node[2].held[1] = false;
	several_wait(&several, 12000);
	assert_true(several_running(&several));
	several_done(&several);
}

/* With a new connection a question is asked anew at once: it may have died with the old one. */
static void test_asks_after_reconnect(void **state)
{
	struct several several;

	(void)state;
	several_init(&several);
	several_boot(&several, 1);
	several_boot(&several, 2);
	several.node[2].held[1] = true;
	several_start(&several, 0);
	several_wait(&several, 10);
	several.node[2].held[1] = false;
	engine_peer_disconnected(several.node[2].engine, 1);
	engine_peer_disconnected(several.node[1].engine, 2);
	engine_peer_connected(several.node[2].engine, 1);
	engine_peer_connected(several.node[1].engine, 2);
	several_wait(&several, 1000);
	assert_true(several_running(&several));
	several_done(&several);
}

static void test_start_refuses(void **state)
{
	struct several several;
	const struct engine_member not_us = {.nodeid = 2, .weight = 1};
	const struct engine_member unknown[] = {{.nodeid = 1, .weight = 1}, {.nodeid = 9}};
	const struct engine_member twice[] = {{.nodeid = 1}, {.nodeid = 2}, {.nodeid = 2}};
	const struct engine_member nobody[] = {{.nodeid = 1}, {.nodeid = 0}};

	(void)state;
	several_init(&several);
	several_boot(&several, 1);
	several_boot(&several, 2);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, &not_us, 1, 1), -EINVAL);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, &not_us, 0, 1), -EINVAL);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, unknown, 2, 1), -ENOENT);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, twice, 3, 1), -EINVAL);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, nobody, 2, 1), -EINVAL);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, twice, 2, 1), 0);
	assert_int_equal(engine_lockspace_start(several.node[1].ls, twice, 2, 1), -EBUSY);
	several_done(&several);
}

/*
 * Node 3 was told that node 2 is the new master and sent it its lock before node 2 had the
 * directory's answer itself; then all is stopped. Node 2 must still know that it is.
 */
static void test_master_learns_from_lock(void **state)
{
	struct several several;
	const char *name;
	uint32_t lkid;

	(void)state;
	several_init(&several);
	several_form(&several, 4);
	name = name_in_directory(&several, 4);
	(void)several_granted(&several, 4, name, DLM_MODE_NL, 0);
	(void)several_granted(&several, 2, name, DLM_MODE_PR, 0);
	(void)several_granted(&several, 3, name, DLM_MODE_PR, 0);
	several_kill(&several, 4);
	several_stop(&several);
	several_start(&several, 0);
	/* The directory of the name is 1 or 2 or 3 now; only the case of 1 is of interest. */
	if (member_directory(several.node[1].ls, hash_name(name, strlen(name), 0)) == 1) {
		while (several.node[2].rcom_sent[WIRE_RCOM_LOOKUP] == 0) {
			if (!several_turn(&several))
				several_wait(&several, 1);
			several.node[1].held[2] =
				several.node[2].ls->recovery.step == RECOVERY_MASTERS;
		}
		several_wait(&several, 100);
		several.node[1].held[2] = false;
	}
	several_recover(&several, 0);
	assert_int_equal(several_view(&several, 2, name).master_nodeid,
		several_view(&several, 3, name).master_nodeid);
	lkid = several_lock(&several, 1, name, DLM_MODE_EX, DLM_LKF_NOQUEUE);
	several_settle(&several);
	several_completes(&several, 1, lkid, -EAGAIN, DLM_MODE_IV);
	several_done(&several);
}

/* More names than one block holds, and more than the window of LOOKUPs and LOCKs. */
static void test_many(void **state)
{
	enum {
		COUNT = 9000
	};
	struct several several;
	struct engine_lockspace_info info;
	char name[48];
	uint32_t i, at;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	for (i = 0; i < COUNT; i++) {
		if (i % ENGINE_ID_BLOCK == 0 && i)
			for (at = 1; at <= 3; at++)
				assert_int_equal(engine_client_ids(several.node[at].client,
							 &several.node[at].next_id),
					0);
		snprintf(name, sizeof(name), "a rather long name of a resource %u", i);
		(void)several_granted(&several, 3, name, DLM_MODE_CR, 0);
		if (i % 3 == 0)
			(void)several_granted(&several, 1 + i % 2, name, DLM_MODE_CR, 0);
	}
	several_boot(&several, 4);
	several_recover(&several, 0);
	several_kill(&several, 3);
	several_recover(&several, 0);
	engine_lockspace_info(several.node[1].ls, &info);
	assert_true(info.lock_count >= COUNT / 6);
	several_boot(&several, 5);
	several_kill(&several, 4);
	several_recover(&several, 0);
	for (i = 0; i < 300; i += 3) {
		snprintf(name, sizeof(name), "a rather long name of a resource %u", i);
		at = several_lock(&several, 5, name, DLM_MODE_EX, DLM_LKF_NOQUEUE);
		several_settle(&several);
		several_completes(&several, 5, at, -EAGAIN, DLM_MODE_IV);
	}
	several_done(&several);
}

/* One resource with very many locks, and slices far smaller than that. */
static void test_many_on_one(void **state)
{
	enum {
		COUNT = 3000
	};
	struct several several;
	uint32_t i, lkid;

	(void)state;
	several_init(&several);
	several.slice_items = 1;
	several_form(&several, 4);
	(void)several_granted(&several, 4, "r", DLM_MODE_NL, 0);
	for (i = 0; i < COUNT; i++)
		(void)several_granted(&several, 1 + i % 3, "r", DLM_MODE_CR, DLM_LKF_VALBLK);
	several_kill(&several, 4);
	several_recover(&several, 0);
	several_kill(&several, 3);
	several_recover(&several, 0);
	lkid = several_lock(&several, 1, "r", DLM_MODE_PR, DLM_LKF_NOQUEUE);
	several_settle(&several);
	several_completes(&several, 1, lkid, 0, DLM_MODE_PR);
	lkid = several_lock(&several, 2, "r", DLM_MODE_EX, DLM_LKF_NOQUEUE);
	several_settle(&several);
	several_completes(&several, 2, lkid, -EAGAIN, DLM_MODE_IV);
	several_done(&several);
}

/* Operations in flight when their master dies are done again, and each is answered once. */
static void test_waiters(void **state)
{
	struct several several;
	uint32_t request, convert, unlock, cancel;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	(void)several_granted(&several, 3, "r", DLM_MODE_NL, 0);
	(void)several_granted(&several, 3, "s", DLM_MODE_CR, 0);
	convert = several_granted(&several, 1, "r", DLM_MODE_CR, 0);
	unlock = several_granted(&several, 2, "r", DLM_MODE_CR, 0);
	several.node[1].held[3] = true;
	several.node[2].held[3] = true;
	request = several_lock(&several, 1, "r", DLM_MODE_PR, 0);
	several_convert(&several, 1, convert, DLM_MODE_PR, 0, NULL);
	cancel = several_lock(&several, 2, "s", DLM_MODE_PR, 0);
	assert_int_equal(engine_unlock(several.node[2].client, unlock, 0, NULL), 0);
	assert_int_equal(engine_unlock(several.node[2].client, cancel, DLM_LKF_CANCEL, NULL), 0);
	several_settle(&several);
	several_no_completion(&several, 1);
	several_no_completion(&several, 2);
	several_kill(&several, 3);
	several.node[1].held[3] = false;
	several.node[2].held[3] = false;
	several_recover(&several, 0);
	several_completes(&several, 2, unlock, EUNLOCKED, DLM_MODE_IV);
	several_completes(&several, 2, cancel, ECANCELLED, DLM_MODE_IV);
	several_no_completion(&several, 2);
	several_completes(&several, 1, request, 0, DLM_MODE_PR);
	several_completes(&several, 1, convert, 0, DLM_MODE_PR);
	several_no_completion(&several, 1);
	several_done(&several);
}

/* A node that cannot store another's lock ends: it must not say that it has it. */
static void test_no_memory_for_lock(void **state)
{
	struct several several;
	unsigned int turns = 0;

	(void)state;
	several_init(&several);
	several_form(&several, 3);
	(void)several_granted(&several, 3, "r", DLM_MODE_NL, 0);
	(void)several_granted(&several, 1, "r", DLM_MODE_CR, DLM_LKF_VALBLK);
	(void)several_granted(&several, 2, "r", DLM_MODE_CR, DLM_LKF_VALBLK);
	several_kill(&several, 3);
	several_stop(&several);
	several_start(&several, 0);
	while (several.node[1].ls->recovery.step != RECOVERY_LOCKS &&
		several.node[2].ls->recovery.step != RECOVERY_LOCKS && turns++ < 10000)
		if (!several_turn(&several)) {
			several.now_ms++;
			engine_tick(several.node[1].engine, several.now_ms);
			engine_tick(several.node[2].engine, several.now_ms);
		}
	several.node[1].no_memory = true;
	several.node[2].no_memory = true;
	several_wait(&several, 3000);
	assert_true(several.node[1].fatal != several.node[2].fatal);
	several.node[1].no_memory = false;
	several.node[2].no_memory = false;
	several_done(&several);
}

/* dlm_tool ls shows steps, and scripts look in its text for "name" and for "wait fencing". */
static void test_words_of_steps(void **state)
{
	for (int step = RECOVERY_IDLE; step <= RECOVERY_LATE_REQUESTS; step++) {
		assert_null(strstr(recovery_step_name(step), "name"));
		assert_null(strstr(recovery_step_name(step), "fencing"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_form_and_join),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_master_dies),
		cmocka_unit_test(test_holder_dies),
		cmocka_unit_test(test_value_moves),
		cmocka_unit_test(test_value_unknown),
		cmocka_unit_test(test_abort_everywhere),
		cmocka_unit_test(test_rejoined),
		cmocka_unit_test(test_config_mismatch),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_lost_status),
		cmocka_unit_test(test_asks_after_reconnect),
		cmocka_unit_test(test_start_refuses),
		cmocka_unit_test(test_master_learns_from_lock),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_many_on_one),
		cmocka_unit_test(test_waiters),
		cmocka_unit_test(test_no_memory_for_lock),
		cmocka_unit_test(test_words_of_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
