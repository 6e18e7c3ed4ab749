/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "knobs.h"

#include <string.h>

#include "random.h"

/* 0 in @zero_permille of cases, else between @low and @high on a scale where each doubling is alike
 */
static uint32_t knobs_scale(
	struct random *random, uint32_t zero_permille, uint32_t low, uint32_t high)
{
	uint32_t doublings = 0;

	if (random_chance(random, zero_permille))
		return 0;
	while (low << (doublings + 1) <= high)
		doublings++;
	low <<= random_below(random, doublings + 1);
	return random_between(random, low, 2 * low < high ? 2 * low : high);
}

static void knobs_draw_cluster(struct knobs *knobs, struct random *random)
{
	bool even = random_chance(random, 750);

	knobs->nodes = random_chance(random, 750) ? random_between(random, 2, 6)
						  : random_between(random, 7, KNOBS_NODES_MAX);
	knobs->initial_nodes = random_between(random, (knobs->nodes + 2) / 2, knobs->nodes);
	if (knobs->initial_nodes < 2)
		knobs->initial_nodes = 2;
	knobs->spaces = random_chance(random, 200) ? 2 : 1;
	knobs->nodir = random_chance(random, 150);
	knobs->speak_3_1 = random_chance(random, 120);
	knobs->same_start = random_chance(random, 500);
	for (uint32_t i = 1; i <= KNOBS_NODES_MAX; i++)
		knobs->weights[i] = even ? 1 : random_below(random, 4);
	knobs->slice_items = random_chance(random, 500) ? knobs_scale(random, 0, 1, 64) : 2048;
	knobs->toss_ms = knobs_scale(random, 0, 20, 10000);
	knobs->recover_timer_ms = knobs_scale(random, 0, 200, 5000);
	knobs->resend_ms = knobs_scale(random, 0, 500, 10000);
	knobs->memory_faults = random_chance(random, 80) ? random_between(random, 1, 3) : 0;
	knobs->check_every = random_between(random, 2000, 8000);
	knobs->pauses = random_below(random, 3);
}

static void knobs_draw_programs(struct knobs *knobs, struct random *random)
{
	static const uint32_t usual[KNOBS_ACTIONS] = {40, 30, 25, 4, 1, 2, 1, 1, 0, 0, 1};
	uint32_t per_node = 24 / knobs->nodes / knobs->spaces;

	knobs->operations = random_between(random, 5000, 17000);
	knobs->programs = random_between(random, 1, per_node > 1 ? per_node : 2);
	knobs->locks = knobs_scale(random, 0, 1, 8);
	knobs->hot = random_between(random, 1, 4);
	knobs->cold = knobs_scale(random, 100, 4, 400);
	knobs->hot_permille = knobs->cold ? random_between(random, 50, 950) : 1000;
	knobs->think_us = knobs_scale(random, 0, 100, 4000);
	for (uint32_t i = 0; i < KNOBS_ACTIONS; i++)
		knobs->actions[i] = usual[i] ? random_between(random, 0, 2 * usual[i])
					     : (uint32_t)random_chance(random, 150);
	knobs->actions[KNOBS_REQUEST] += 10;
	knobs->actions[KNOBS_UNLOCK] += 5;
	for (uint32_t i = 0; i < 6; i++)
		knobs->modes[i] = knobs_scale(random, 250, 1, 32);
	knobs->modes[random_below(random, 6)] += 4;
	for (uint32_t i = 0; i < 19; i++)
		knobs->flag_permille[i] = knobs_scale(random, 400, 20, 500);
	knobs->flag_permille[3] =
		random_chance(random, 150) ? 0 : random_between(random, 200, 1000);
	knobs->bast_permille = random_between(random, 300, 1000);
	knobs->no_bast_permille = knobs_scale(random, 500, 20, 300);
	knobs->slow_permille = knobs_scale(random, 400, 10, 500);
	knobs->give_up_us = knobs_scale(random, 0, 100000, 3000000);
}

static void knobs_draw_net(struct knobs *knobs, struct random *random)
{
	knobs->delay_us = knobs_scale(random, 0, 20, 3000);
	knobs->jitter_us = knobs_scale(random, 300, 10, 10000);
	knobs->connect_us = knobs_scale(random, 0, 100, 20000);
	knobs->split_permille = knobs_scale(random, 300, 20, 600);
	knobs->window_bytes = knobs_scale(random, 0, 4096, 262144);
	knobs->break_ms = knobs->speak_3_1 ? 0 : knobs_scale(random, 300, 10, 2000);
	/* faster than connections are made, nothing could come through */
	if (knobs->break_ms && knobs->break_ms < 10 + knobs->connect_us / 150)
		knobs->break_ms = 10 + knobs->connect_us / 150;
	knobs->clog_ms = knobs_scale(random, 500, 20, 2000);
	knobs->clog_us = knobs_scale(random, 0, 1000, 400000);
}

/* Drawn last, so that what was drawn before it came stays as it was. */
static void knobs_draw_streams(struct knobs *knobs, struct random *random)
{
	if (knobs->speak_3_1)
		return;
	if (random_chance(random, 400))
		knobs->sparse_nodes =
			random_chance(random, 300) ? UINT32_MAX : random_below(random, 1u << 17);
	knobs->gap_permille = knobs_scale(random, 500, 50, 1000);
	knobs->lost_millionths = knobs_scale(random, 600, 200, 10000);
}

static void knobs_draw_events(struct knobs *knobs, struct random *random)
{
	knobs->events = random_chance(random, 60) ? 0 : random_between(random, 2, 8);
	for (uint32_t i = 0; i < KNOBS_EVENTS; i++)
		knobs->event_weights[i] = random_between(random, 0, 10);
	knobs->event_weights[KNOBS_KILL] += 2;
	knobs->follow_permille = random_between(random, 200, 900);
	/* a storm: hardly a recovery ends undisturbed */
	if (random_chance(random, 100)) {
		knobs->events = random_between(random, 10, 24);
		knobs->follow_permille = 950;
	}
	knobs->delivery_us = knobs_scale(random, 0, 500, 200000);
	knobs->notice_us = knobs_scale(random, 0, 1000, 1000000);
	knobs->fence_us = knobs_scale(random, 0, 1000, 2000000);
	knobs->probe_end_permille = knobs_scale(random, 500, 50, 500);
	knobs->probe_odd_permille = knobs_scale(random, 500, 50, 500);
}

void knobs_draw(struct knobs *knobs, uint64_t seed)
{
	struct random random;

	memset(knobs, 0, sizeof(*knobs));
	knobs->seed = seed;
	random_init(&random, seed ^ 0x6b6e6f6273u);
	knobs_draw_cluster(knobs, &random);
	knobs_draw_programs(knobs, &random);
	knobs_draw_net(knobs, &random);
	knobs_draw_events(knobs, &random);
	knobs_draw_streams(knobs, &random);
}

static void knobs_print_list(const char *title, const uint32_t *list, uint32_t count, FILE *file)
{
	fprintf(file, "  %s", title);
	for (uint32_t i = 0; i < count; i++)
		fprintf(file, " %u", list[i]);
	fprintf(file, "\n");
}

void knobs_print(const struct knobs *k, FILE *file)
{
	fprintf(file, "seed %llu: %u operations\n", (unsigned long long)k->seed, k->operations);
	fprintf(file,
		"  nodes %u initial %u spaces %u nodir %d 3.1 %d same_start %d memory_faults %u\n",
		k->nodes, k->initial_nodes, k->spaces, k->nodir, k->speak_3_1, k->same_start,
		k->memory_faults);
	fprintf(file,
		"  programs %u locks %u hot %u cold %u hot_permille %u think_us %u give_up_us %u\n",
		k->programs, k->locks, k->hot, k->cold, k->hot_permille, k->think_us,
		k->give_up_us);
	fprintf(file, "  bast_permille %u no_bast_permille %u slow_permille %u\n", k->bast_permille,
		k->no_bast_permille, k->slow_permille);
	fprintf(file,
		"  delay_us %u jitter_us %u connect_us %u split %u window %u break_ms %u clog_ms "
		"%u "
		"clog_us %u\n",
		k->delay_us, k->jitter_us, k->connect_us, k->split_permille, k->window_bytes,
		k->break_ms, k->clog_ms, k->clog_us);
	fprintf(file, "  sparse_nodes %x gap_permille %u lost_millionths %u\n", k->sparse_nodes,
		k->gap_permille, k->lost_millionths);
	fprintf(file,
		"  events %u follow %u delivery_us %u notice_us %u fence_us %u probe_end %u "
		"probe_odd %u\n",
		k->events, k->follow_permille, k->delivery_us, k->notice_us, k->fence_us,
		k->probe_end_permille, k->probe_odd_permille);
	fprintf(file, "  slice_items %u toss_ms %u recover_timer_ms %u resend_ms %u pauses %u\n",
		k->slice_items, k->toss_ms, k->recover_timer_ms, k->resend_ms, k->pauses);
	knobs_print_list("actions", k->actions, KNOBS_ACTIONS, file);
	knobs_print_list("modes", k->modes, 6, file);
	knobs_print_list("flag_permille", k->flag_permille, 19, file);
	knobs_print_list("event_weights", k->event_weights, KNOBS_EVENTS, file);
	knobs_print_list("weights", k->weights + 1, k->nodes, file);
}
