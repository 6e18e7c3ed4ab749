/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole clusters of fence machines, driven by seeds.
 *
 * usage: fencesim [--seeds N] [--first N] [--tell]
 * Exit status: 0 all rules held; 1 a seed broke one: it is named, and told from its beginning again
 * by --first SEED --seeds 1 --tell.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/control/fenceworld.h"

struct totals {
	uint64_t fenced, acked, killed, merges, merge_waits, deserted, restarted, checks, steps;
	uint32_t broken;
};

static void add(struct totals *totals, const struct fenceworld *world)
{
	totals->fenced += world->fenced;
	totals->acked += world->acked;
	totals->killed += world->killed;
	totals->merges += world->merges;
	totals->merge_waits += world->merge_waits;
	totals->deserted += world->deserted;
	totals->restarted += world->restarted;
	totals->checks += world->checks;
	totals->steps += world->step;
}

static void run(struct totals *totals, uint64_t seed, bool is_told)
{
	static struct fenceworld world;

	fenceworld_init(&world, seed, is_told);
	if (!fenceworld_run(&world)) {
		totals->broken++;
		printf("seed %" PRIu64 " (%u nodes%s): %s\n", seed, world.node_count,
			world.is_two_node ? ", two_node" : "", world.fault);
	}
	add(totals, &world);
	fenceworld_done(&world);
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 100;
	struct totals totals = {0};
	bool is_told = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--tell"))
			is_told = true;
		else if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
			count = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--first") && i + 1 < argc)
			first = strtoull(argv[++i], NULL, 10);
		else
			return fprintf(stderr,
				       "usage: fencesim [--seeds N] [--first N] [--tell]\n"),
			       2;
	}
	for (uint64_t seed = first; seed < first + count; seed++)
		run(&totals, seed, is_told);
	printf("%" PRIu64 " seeds, %" PRIu64 " events, %" PRIu64 " checks: %" PRIu64
	       " fenced, %" PRIu64 " acknowledged, %" PRIu64 " killed, %" PRIu64
	       " merges of state, %" PRIu64 " merge waits, %" PRIu64 " deserted, %" PRIu64
	       " restarted; %u broken\n",
		count, totals.steps, totals.checks, totals.fenced, totals.acked, totals.killed,
		totals.merges, totals.merge_waits, totals.deserted, totals.restarted,
		totals.broken);
	return totals.broken || (count >= 50 && (!totals.fenced || !totals.merges));
}
