/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: groupsim [--seeds N] [--from SEED] [--verbose]
 * Each seed is a cluster: faults for a while, then none, and in the end every lockspace runs with
 * all that want it. Prints a line a seed where something is wrong, and the sums.
 */
#include "sim/groups/groupsim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"

#define QUIET_STEPS_MAX 200000u

struct fence_now sim_now(const struct sim *sim, uint32_t node)
{
	/* Each machine has been up for another while. */
	return (struct fence_now){.mono = sim->now + 1000 * node, .wall = 1700000000 + sim->now};
}

const char *sim_lockspace(uint32_t index)
{
	static const char *const names[SIM_LOCKSPACES_MAX] = {"ls0", "ls1", "ls2"};

	return names[index];
}

void sim_fail(const struct sim *sim, const char *format, ...)
{
	va_list args;

	printf("seed %llu, step %llu: ", (unsigned long long)sim->seed,
		(unsigned long long)sim->steps);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nto see it: groupsim --from %llu --seeds 1 --verbose\n",
		(unsigned long long)sim->seed);
	exit(1);
}

void sim_say(const struct sim *sim, uint32_t node, const char *format, ...)
{
	va_list args;

	if (!sim->is_verbose)
		return;
	printf("%4llu %6llu node %u ", (unsigned long long)sim->now, (unsigned long long)sim->steps,
		node);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* ---- a run ---- */

static void begin(struct sim *sim, uint64_t seed)
{
	struct random *random = &sim->random;

	sim->seed = seed;
	random_init(random, seed);
	sim->now = 100;
	sim->node_count = random_between(random, 2, SIM_NODES_MAX);
	sim->lockspace_count = random_between(random, 1, SIM_LOCKSPACES_MAX);
	sim->two_node = sim->node_count == 2 && random_chance(random, 600);
	sim->has_probe = random_chance(random, 700);
	sim->options = (struct fence_options){.enable_fencing = true,
		.enable_concurrent = random_chance(random, 300),
		.enable_startup = random_chance(random, 600),
		.repeat_failed = true,
		.enable_quorum = true,
		.post_join_delay = random_below(random, 4)};
	sim->model = cpgmodel_new(sim->node_count, sim->two_node, random_next(random));
	for (uint32_t m = 1; m <= sim->node_count; m++) {
		sim->nodes[m].wait_s = random_below(random, 5);
		for (uint32_t l = 0; l < sim->lockspace_count; l++)
			sim->nodes[m].programs[l].wants = random_chance(random, 800);
	}
}

/* What is said or given before the second ends is seen in it. */
static void second(struct sim *sim)
{
	struct cpgmodel_event event;

	while (cpgmodel_order(sim->model))
		;
	sim_fault_noticed(sim);
	for (uint32_t m = 1; m <= sim->node_count; m++) {
		while (sim->nodes[m].fence && cpgmodel_is_up(sim->model, m) &&
			cpgmodel_take(sim->model, m, &event))
			sim_daemon_event(sim, m, &event);
	}
	sim->now++;
	sim_fault_second(sim);
	for (uint32_t m = 1; m <= sim->node_count; m++)
		sim_daemon_tick(sim, m);
}

static void program_step(struct sim *sim)
{
	uint32_t node = random_between(&sim->random, 1, sim->node_count);
	struct sim_program *program =
		&sim->nodes[node].programs[random_below(&sim->random, sim->lockspace_count)];

	if (!sim->is_quiet && random_chance(&sim->random, 200))
		program->wants = !program->wants;
	sim_daemon_programs(sim, node);
}

static void step(struct sim *sim)
{
	static const uint32_t weights[] = {600, 200, 60, 40, 20};
	struct cpgmodel_event event;
	uint32_t node = random_between(&sim->random, 1, sim->node_count);

	sim->steps++;
	switch (random_weighted(&sim->random, weights, 5)) {
	case 0:
		if (cpgmodel_step(sim->model, &node, &event))
			sim_daemon_event(sim, node, &event);
		break;
	case 1:
		(void)sim_engine_step(sim, node);
		break;
	case 2:
		second(sim);
		break;
	case 3:
		program_step(sim);
		break;
	default:
		(void)sim_fault_agents(sim);
		break;
	}
	sim_fault_noticed(sim);
}

/* A member that has been started in another half of the cluster. */
static bool has_disallowed(const struct sim *sim, uint32_t node)
{
	struct group_node_view view;

	for (uint32_t l = 0; l < sim->lockspace_count; l++) {
		for (uint32_t i = 0; group_node_view(
			     sim->nodes[node].group, sim_lockspace(l), GROUP_NODES_NEXT, i, &view);
			i++) {
			if (view.is_disallowed)
				return true;
		}
	}
	return false;
}

static bool is_stuck(const struct sim *sim, uint32_t node)
{
	struct fence_node_view view;

	if (!sim->nodes[node].fence)
		return false;
	for (uint32_t i = 0; fence_node_view(sim->nodes[node].fence, i, &view); i++) {
		if (view.is_merge)
			return true;
	}
	return fence_is_outstanding(sim->nodes[node].fence) || has_disallowed(sim, node);
}

/*
 * What an administrator does who sees fencing, a merge or a lockspace wait for ever, as the
 * reference's rules have it in some cases (both halves have state and neither may go on): everybody
 * starts anew.
 */
static void reset_all(struct sim *sim)
{
	bool is_reset = false;

	for (uint32_t m = 1; m <= sim->node_count; m++)
		is_reset |= is_stuck(sim, m);
	for (uint32_t m = 1; is_reset && m <= sim->node_count; m++)
		sim_fault_off(sim, m);
	sim->counts.resets += is_reset;
}

static void run_faults(struct sim *sim)
{
	uint32_t steps = random_between(&sim->random, 500, 6000);
	uint32_t fault_permille = random_below(&sim->random, 12);

	for (uint32_t i = 0; i < steps; i++) {
		step(sim);
		if (random_chance(&sim->random, fault_permille))
			sim_fault_step(sim);
	}
}

static void show_fence(const struct sim *sim)
{
	struct fence_node_view node;
	struct fence_view view;

	for (uint32_t m = 1; m <= sim->node_count; m++) {
		if (!sim->nodes[m].fence)
			continue;
		fence_view(sim->nodes[m].fence, &view);
		printf("node %u: fipu %d startup %u ring %llu/%llu quorate %d waits \"%s\" merge "
		       "wait %d;",
			m, view.is_fipu, view.startup_count,
			(unsigned long long)view.daemon_ring_seq,
			(unsigned long long)view.cluster_ring_seq, view.is_quorate, view.wait,
			view.stateful_merge_wait);
		for (uint32_t i = 0; fence_node_view(sim->nodes[m].fence, i, &node); i++)
			printf(" %u%s%s%s", node.nodeid, node.is_member ? "" : " out",
				node.need_fencing ? " needs fencing" : "",
				node.is_merge ? " merge" : "");
		printf("\n");
	}
}

static void run_quiet(struct sim *sim)
{
	const char *text;

	sim->is_quiet = true;
	sim_fault_heal(sim);
	for (uint32_t i = 0; i < QUIET_STEPS_MAX; i++) {
		step(sim);
		if (i % 500)
			continue;
		text = sim_check_settled(sim);
		if (!text)
			return;
		if (i && i % 20000 == 0)
			reset_all(sim);
	}
	show_fence(sim);
	sim_fail(sim, "it does not end: %s", sim_check_settled(sim));
}

static void run_seed(uint64_t seed, bool is_verbose, struct sim_counts *sums)
{
	struct sim sim = {.is_verbose = is_verbose};
	const uint64_t *one = (const uint64_t *)&sim.counts;
	uint64_t *sum = (uint64_t *)sums;

	begin(&sim, seed);
	run_faults(&sim);
	run_quiet(&sim);
	for (uint32_t m = 1; m <= sim.node_count; m++)
		sim_daemon_end(&sim, m);
	cpgmodel_free(sim.model);
	for (size_t i = 0; i < sizeof(sim.counts) / sizeof(*one); i++)
		sum[i] += one[i];
}

int main(int argc, char **argv)
{
	uint64_t from = 1, seeds = 100;
	struct sim_counts sums = {0};
	bool is_verbose = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			is_verbose = true;
		else if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--from") && i + 1 < argc)
			from = strtoull(argv[++i], NULL, 10);
	}
	for (uint64_t seed = from; seed < from + seeds; seed++)
		run_seed(seed, is_verbose, &sums);
	printf("%llu seeds: %llu changes seen, %llu starts, %llu NACKs, %llu joins, %llu leaves, "
	       "%llu probes, %llu deaths, %llu partitions, %llu kills, %llu fencings, "
	       "%llu resets, %llu not known to the starter\n",
		(unsigned long long)seeds, (unsigned long long)sums.changes,
		(unsigned long long)sums.starts, (unsigned long long)sums.nacks,
		(unsigned long long)sums.joins, (unsigned long long)sums.leaves,
		(unsigned long long)sums.probes, (unsigned long long)sums.deaths,
		(unsigned long long)sums.partitions, (unsigned long long)sums.kills,
		(unsigned long long)sums.fencings, (unsigned long long)sums.resets,
		(unsigned long long)sums.unknowns);
	return 0;
}
