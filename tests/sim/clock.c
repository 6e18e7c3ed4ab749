/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <stdlib.h>

static bool clock_before(const struct clock_event *a, const struct clock_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void clock_up(struct clock *clock, size_t at)
{
	struct clock_event event = clock->heap[at];

	while (at && clock_before(&event, &clock->heap[(at - 1) / 2])) {
		clock->heap[at] = clock->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	clock->heap[at] = event;
}

static void clock_down(struct clock *clock, size_t at)
{
	struct clock_event event = clock->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= clock->count)
			break;
		if (child + 1 < clock->count &&
			clock_before(&clock->heap[child + 1], &clock->heap[child]))
			child++;
		if (!clock_before(&clock->heap[child], &event))
			break;
		clock->heap[at] = clock->heap[child];
		at = child;
	}
	clock->heap[at] = event;
}

void clock_done(struct clock *clock)
{
	free(clock->heap);
	clock->heap = NULL;
	clock->count = clock->room = 0;
}

void clock_at(struct clock *clock, uint64_t at_us,
	void (*run)(void *context, uint64_t first, uint64_t second), void *context, uint64_t first,
	uint64_t second)
{
	if (clock->count == clock->room) {
		clock->room = clock->room ? 2 * clock->room : 256;
		clock->heap = realloc(clock->heap, clock->room * sizeof(*clock->heap));
		if (!clock->heap)
			abort();
	}
	clock->heap[clock->count] = (struct clock_event){
		.at_us = at_us > clock->now_us ? at_us : clock->now_us,
		.order = clock->next_order++,
		.run = run,
		.context = context,
		.first = first,
		.second = second,
	};
	clock_up(clock, clock->count++);
}

bool clock_step(struct clock *clock)
{
	struct clock_event event;

	if (!clock->count)
		return false;
	event = clock->heap[0];
	clock->heap[0] = clock->heap[--clock->count];
	if (clock->count)
		clock_down(clock, 0);
	clock->now_us = event.at_us;
	clock->run_count++;
	event.run(event.context, event.first, event.second);
	return true;
}

uint64_t clock_next_us(const struct clock *clock)
{
	return clock->count ? clock->heap[0].at_us : UINT64_MAX;
}
