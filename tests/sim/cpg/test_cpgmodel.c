/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model keeps what it promises: virtual synchrony, whatever breaks. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cpg/cpgmodel.h"
#include "sim/random.h"

#define NODES 5u
#define GROUP "dlm:controld"

/* What a process has been given since it joined, as a text; messages are numbers. */
struct story {
	char *text;
	size_t used, room;
	uint32_t members; /* bits */
	bool is_joined;
};

struct world {
	struct cpgmodel *model;
	struct random random;
	struct story stories[NODES + 1];
	uint32_t said;
};

static void add(struct story *story, const char *word)
{
	size_t length = strlen(word);

	if (story->used + length + 1 > story->room) {
		story->room = (story->used + length + 1) * 2;
		story->text = realloc(story->text, story->room);
		assert_non_null(story->text);
	}
	memcpy(story->text + story->used, word, length + 1);
	story->used += length;
}

static uint32_t bits(const uint32_t *ids, uint32_t count)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < count; i++)
		all |= 1u << ids[i];
	return all;
}

static void forget(struct world *world, uint32_t node)
{
	free(world->stories[node].text);
	memset(&world->stories[node], 0, sizeof(world->stories[node]));
}

/* Who is taken out and in is so by the members that there were. */
static void confchg(struct world *world, uint32_t node, const struct cpgmodel_event *event)
{
	struct story *story = &world->stories[node];
	uint32_t members = bits(event->members, event->member_count);
	uint32_t joined = bits(event->joined, event->joined_count);
	uint32_t left = bits(event->left, event->left_count);
	char word[64];

	if (!story->is_joined) {
		assert_true(joined & 1u << node);
		story->members = members & ~joined;
		story->is_joined = true;
	}
	assert_int_equal(story->members & joined, 0);
	assert_int_equal(left & ~story->members, 0);
	assert_int_equal((story->members | joined) & ~left, members);
	story->members = members;
	snprintf(word, sizeof(word), " c%x", members);
	add(story, word);
}

static void given(struct world *world, uint32_t node, const struct cpgmodel_event *event)
{
	struct story *story = &world->stories[node];
	char word[64];

	switch (event->type) {
	case CPGMODEL_CONFCHG:
		confchg(world, node, event);
		break;
	case CPGMODEL_MESSAGE:
		assert_true(story->members & 1u << event->sender);
		snprintf(
			word, sizeof(word), " m%.*s", (int)event->bytes, (const char *)event->data);
		add(story, word);
		break;
	case CPGMODEL_RING:
	case CPGMODEL_QUORUM:
		break;
	}
}

static void say(struct world *world, uint32_t node)
{
	char word[32];
	int bytes = snprintf(word, sizeof(word), "%u", world->said++);

	if (world->stories[node].is_joined)
		cpgmodel_send(world->model, node, GROUP, word, (uint32_t)bytes);
}

static void start(struct world *world, uint32_t node)
{
	cpgmodel_start(world->model, node);
	cpgmodel_join(world->model, node, GROUP);
}

static void break_something(struct world *world)
{
	uint32_t node = random_between(&world->random, 1, NODES);
	uint8_t sides[NODES];

	switch (random_below(&world->random, 4)) {
	case 0:
		for (uint32_t i = 0; i < NODES; i++)
			sides[i] = (uint8_t)random_below(&world->random, 3);
		cpgmodel_partition(world->model, sides);
		return;
	case 1:
		memset(sides, 0, sizeof(sides));
		cpgmodel_partition(world->model, sides);
		return;
	case 2:
		cpgmodel_down(world->model, node);
		cpgmodel_up(world->model, node);
		break;
	default:
		cpgmodel_die(world->model, node);
		break;
	}
	forget(world, node);
	start(world, node);
}

static void go_on(struct world *world, uint32_t steps)
{
	struct cpgmodel_event event;
	uint32_t node;

	while (steps-- && cpgmodel_step(world->model, &node, &event)) {
		given(world, node, &event);
		if (random_chance(&world->random, 300))
			say(world, random_between(&world->random, 1, NODES));
	}
}

static void quiet(struct world *world)
{
	struct cpgmodel_event event;
	uint32_t node;

	while (cpgmodel_step(world->model, &node, &event))
		given(world, node, &event);
}

/* From the last change on that two have in common, they have been given the same. */
static void same_end(const char *a, const char *b)
{
	const char *change_a = strrchr(a, 'c'), *change_b = strrchr(b, 'c');

	assert_non_null(change_a);
	assert_non_null(change_b);
	assert_string_equal(change_a, change_b);
}

static void run(uint64_t seed)
{
	struct world world = {.model = cpgmodel_new(NODES, false, seed)};

	random_init(&world.random, seed ^ 0x5eed);
	for (uint32_t i = 1; i <= NODES; i++) {
		cpgmodel_up(world.model, i);
		start(&world, i);
	}
	for (uint32_t round = 0; round < 30; round++) {
		go_on(&world, random_below(&world.random, 40));
		break_something(&world);
		if (random_chance(&world.random, 500))
			continue;
		quiet(&world);
		for (uint32_t a = 1; a <= NODES; a++) {
			for (uint32_t b = 1; b < a; b++) {
				if (cpgmodel_are_together(world.model, a, b))
					same_end(world.stories[a].text, world.stories[b].text);
			}
		}
	}
	for (uint32_t i = 1; i <= NODES; i++)
		forget(&world, i);
	cpgmodel_free(world.model);
}

static void test_synchrony(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++)
		run(seed);
}

/* Those who go from one ring to the next together are given the same before it, message by message.
 */
static void test_lost_tail(void **state)
{
	static const uint8_t apart[] = {0, 0, 1};
	uint32_t lost = 0, kept = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct cpgmodel *model = cpgmodel_new(3, false, seed);
		uint32_t seen[4] = {0}, node;
		struct cpgmodel_event event;

		for (uint32_t i = 1; i <= 3; i++) {
			cpgmodel_up(model, i);
			cpgmodel_start(model, i);
			cpgmodel_join(model, i, GROUP);
		}
		while (cpgmodel_step(model, &node, &event))
			;
		for (uint32_t i = 0; i < 4; i++)
			cpgmodel_send(model, 3, GROUP, "x", 1);
		while (cpgmodel_order(model))
			;
		cpgmodel_partition(model, apart);
		while (cpgmodel_step(model, &node, &event))
			seen[node] += event.type == CPGMODEL_MESSAGE;
		assert_int_equal(seen[1], seen[2]);
		assert_int_equal(seen[3], 4); /* the sender always gets its own */
		lost += seen[1] < 4;
		kept += seen[1] == 4;
		cpgmodel_free(model);
	}
	assert_true(lost > 5 && kept > 5);
}

static void test_quorum(void **state)
{
	static const uint8_t apart[] = {0, 1};
	struct cpgmodel *model = cpgmodel_new(2, true, 1);

	cpgmodel_up(model, 1);
	assert_false(cpgmodel_is_quorate(model, 1));
	cpgmodel_up(model, 2);
	assert_true(cpgmodel_is_quorate(model, 1));
	cpgmodel_partition(model, apart);
	assert_true(cpgmodel_is_quorate(model, 1) && cpgmodel_is_quorate(model, 2));
	cpgmodel_free(model);

	model = cpgmodel_new(2, false, 1);
	cpgmodel_up(model, 1);
	cpgmodel_up(model, 2);
	assert_true(cpgmodel_is_quorate(model, 2));
	cpgmodel_partition(model, apart);
	assert_false(cpgmodel_is_quorate(model, 1) || cpgmodel_is_quorate(model, 2));
	cpgmodel_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_synchrony),
		cmocka_unit_test(test_lost_tail),
		cmocka_unit_test(test_quorum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
