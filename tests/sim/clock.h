/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The one clock of a simulated cluster: what is to happen, ordered by time and, at one moment, by
 * the order of scheduling. Nothing else makes time pass.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is scheduled carries numbers besides its context, never a pointer to what may be gone by
 * then. */
struct clock_event {
	uint64_t at_us;
	uint64_t order;
	void (*run)(void *context, uint64_t first, uint64_t second);
	void *context;
	uint64_t first, second;
};

struct clock {
	uint64_t now_us;
	uint64_t next_order;
	uint64_t run_count;
	struct clock_event *heap;
	size_t count, room;
};

void clock_done(struct clock *clock);
/** clock_at() - run @run at @at_us, or now if that is past; ends the process without memory */
void clock_at(struct clock *clock, uint64_t at_us,
	void (*run)(void *context, uint64_t first, uint64_t second), void *context, uint64_t first,
	uint64_t second);
/** clock_step() - run the next event. Return: false: nothing is scheduled */
bool clock_step(struct clock *clock);
/** clock_next_us() - when the next event is; UINT64_MAX: none */
uint64_t clock_next_us(const struct clock *clock);
