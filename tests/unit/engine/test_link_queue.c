/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link's pages, against a plain list of what should be in them: frames put, taken, acknowledged,
 * dropped and taken again, in any order.
 */
#include "engine/link_queue.h"

#include <string.h>

#include "base/pure/bytes.h"
#include "cmocka_all.h"
#include "faulty_alloc.h"

#define FRAMES_MAX 4096u

/* A frame as the model knows it. */
struct expected {
	uint32_t id; /* sequence number, or the number of a bare frame */
	uint16_t bytes;
	bool numbered, droppable;
	bool wanted, taken; /* taken: since the last rewind */
};

struct world {
	struct faulty_alloc faulty;
	struct link link;
	struct expected frames[FRAMES_MAX];
	uint32_t count, bare_id, random;
};

static void world_init(struct world *world, uint32_t seed)
{
	static const struct link_owner OWNER;

	memset(world, 0, sizeof(*world));
	faulty_alloc_init(&world->faulty);
	world->random = seed;
	link_init(
		&world->link, &world->faulty.alloc, &OWNER, NULL, 1, 2, WIRE_VERSION_3_2, 1000, 0);
}

static uint32_t draw(struct world *world, uint32_t below)
{
	world->random = world->random * 1664525u + 1013904223u;
	return (world->random >> 8) % below;
}

static void put(struct world *world, bool numbered, bool droppable, uint16_t bytes)
{
	struct expected *frame = &world->frames[world->count++];
	uint8_t *at = link_queue_room(&world->link, bytes, false);

	assert_non_null(at);
	memset(at, 0xcc, bytes);
	frame->id = numbered ? world->link.seq_send++ : world->bare_id++;
	frame->bytes = bytes;
	frame->numbered = numbered;
	frame->droppable = !numbered && droppable;
	frame->wanted = true;
	put_le32(at + 4, frame->id);
	put_le16(at + 12, bytes);
	at[14] = numbered ? WIRE_CMD_OPTS : droppable ? WIRE_CMD_RCOM : WIRE_CMD_MSG;
	if (droppable)
		put_le32(at + WIRE_HEADER_BYTES, WIRE_RCOM_STATUS_REPLY);
	link_queue_put(&world->link, bytes);
}

static struct expected *next_untaken(struct world *world)
{
	uint32_t i;

	for (i = 0; i < world->count; i++)
		if (world->frames[i].wanted && !world->frames[i].taken)
			return &world->frames[i];
	return NULL;
}

static void take(struct world *world, size_t room)
{
	static uint8_t bytes[65536];
	size_t size = link_queue_take(&world->link, bytes, room), at = 0;
	struct expected *frame;

	assert_true(size <= room);
	while (at < size) {
		frame = next_untaken(world);
		assert_non_null(frame);
		assert_int_equal(get_le16(bytes + at + 12), frame->bytes);
		assert_int_equal(get_le32(bytes + at + 4), frame->id);
		assert_int_equal(bytes[at + 14] == WIRE_CMD_OPTS, frame->numbered);
		at += frame->bytes;
		frame->taken = true;
		frame->wanted = frame->numbered;
	}
	frame = next_untaken(world);
	assert_true(!frame || frame->bytes > room - size);
}

static void rewind_all(struct world *world)
{
	uint32_t i;

	link_queue_rewind(&world->link);
	for (i = 0; i < world->count; i++)
		world->frames[i].taken = false;
}

static void acknowledge(struct world *world, uint32_t next)
{
	uint32_t i;

	world->link.seq_acked = next;
	link_queue_trim(&world->link);
	for (i = 0; i < world->count; i++)
		if (world->frames[i].numbered && world->frames[i].id < next)
			world->frames[i].wanted = false;
}

static void bound(struct world *world, uint32_t count_max)
{
	uint32_t i, count = 0;

	link_queue_bound(&world->link, count_max);
	for (i = world->count; i-- > 0;)
		if (world->frames[i].wanted && world->frames[i].droppable && ++count > count_max)
			world->frames[i].wanted = false;
}

static void step(struct world *world)
{
	uint32_t span = world->link.seq_taken - world->link.seq_acked;

	switch (draw(world, 10)) {
	case 0:
	case 1:
	case 2:
	case 3:
		put(world, draw(world, 3) > 0, draw(world, 2), (uint16_t)(40 + draw(world, 1000)));
		return;
	case 4:
		put(world, true, false, LINK_PAGE_BYTES);
		return;
	case 5:
	case 6:
		take(world, draw(world, 10000));
		return;
	case 7:
		acknowledge(world, world->link.seq_acked + (span ? draw(world, span + 1) : 0));
		return;
	case 8:
		if (!draw(world, 4))
			rewind_all(world);
		return;
	case 9:
		if (!draw(world, 4))
			bound(world, draw(world, 4));
		return;
	}
}

static void test_against_model(void **state)
{
	static struct world world;
	uint32_t seed;

	for (seed = 0; seed < 40; seed++) {
		world_init(&world, seed);
		while (world.count < 400) {
			step(&world);
			link_queue_check(&world.link);
		}
		rewind_all(&world);
		take(&world, 65536);
		while (link_queue_take(&world.link, (uint8_t[LINK_PAGE_BYTES]){0}, LINK_PAGE_BYTES))
			;
		acknowledge(&world, world.link.seq_send);
		link_queue_check(&world.link);
		assert_int_equal(world.link.live_count, 0);
		assert_true(world.link.page_count <= 1);
		link_queue_flush(&world.link);
		assert_int_equal(world.faulty.used_bytes, 0);
	}
}

/* Traffic that is acknowledged as it goes does not touch the allocator. */
static void test_one_page_suffices(void **state)
{
	static struct world world;
	uint32_t i;

	world_init(&world, 1);
	for (i = 0; i < FRAMES_MAX; i++) {
		put(&world, true, false, 112);
		world.frames[0].taken = world.frames[0].wanted = false;
		world.count = 0;
		assert_int_equal(link_queue_take(&world.link, (uint8_t[112]){0}, 112), 112);
		world.link.seq_acked = world.link.seq_send;
		link_queue_trim(&world.link);
	}
	assert_int_equal(world.faulty.get_count, 1);
	link_queue_flush(&world.link);
}

/* Pages in the middle go as soon as nothing in them is wanted, although an older frame is. */
static void test_middle_pages_go(void **state)
{
	static struct world world;
	uint32_t i;

	world_init(&world, 1);
	put(&world, true, false, 112);
	take(&world, 4096);
	for (i = 0; i < 1000; i++) {
		put(&world, false, true, 512);
		bound(&world, 1);
		link_queue_check(&world.link);
	}
	assert_true(world.link.page_count <= 3);
	assert_int_equal(world.link.live_count, 2);
	link_queue_flush(&world.link);
	assert_int_equal(world.faulty.used_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_one_page_suffices),
		cmocka_unit_test(test_middle_pages_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
