/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cluster.h"
#include "membership.h"
#include "net.h"
#include "stream.h"
#include "workload.h"

#define RUN_TICK_US        2000
#define RUN_QUIET_US       2000000   /* nothing happened for that long: rest */
#define RUN_CONVERGE_US    300000000 /* L2: then everything must have come to rest */
#define RUN_STALLED_US     600000000 /* programs get no operation done for that long */
#define RUN_FOLLOW_US      400000
#define RUN_FOLLOW_SOON_US 30000 /* about as long as a small recovery takes */
#define RUN_REPORT_EVENTS  200

enum run_phase {
	RUN_FORMING, /* the first members join */
	RUN_FAULTS,
	RUN_PAUSE,   /* rest in between: compare, go on */
	RUN_HEAL,    /* the last rest with locks held */
	RUN_DRAIN,   /* everybody gives up everything */
	RUN_PARTING, /* everybody leaves */
	RUN_OVER,
};

struct run {
	const struct run_options *options;
	struct knobs knobs;
	struct cluster cluster;
	struct membership membership;
	struct workload workload;
	enum run_phase phase;
	uint64_t phase_since_us;
	uint64_t last_activity, last_activity_us;
	uint64_t last_operations, last_operation_us;
	uint32_t events_left, event_at_left; /* planned; which third of the run is next */
	uint64_t next_event_at;              /* operations */
	uint64_t next_pause_at;
	uint32_t pauses_left;
	uint32_t spare; /* next node that was never started */
	bool follow;    /* another event belongs into the next recovery */
	uint32_t memory_faults_left;
	uint64_t changes, recovery_changes; /* before everybody parts */
	FILE *null;                         /* where dumps go that nobody wants to read */
};

/* For the signal handler only. */
static struct run *run_current;

static bool run_faulty_phase(const struct run *run)
{
	return run->phase == RUN_FAULTS;
}

static void run_enter(struct run *run, enum run_phase phase, const char *name)
{
	run->phase = phase;
	run->phase_since_us = run->cluster.clock.now_us;
	run->last_activity_us = run->cluster.clock.now_us;
	net_streams(run->cluster.net)->loses = run_faulty_phase(run);
	cluster_note(&run->cluster, TRACE_PHASE, 0, 0, 0, name);
}

/* ---- what the engines and the membership say ---- */

static void run_callbacks(void *context, void *client)
{
	struct run *run = context;

	workload_callbacks(&run->workload, client);
}

static void run_client_closed(void *context, void *client)
{
	struct run *run = context;

	workload_closed(&run->workload, client);
}

static void run_recovered(void *context, uint32_t node, uint32_t space, uint32_t number)
{
	struct run *run = context;

	membership_recovered(&run->membership, node, space, number);
	model_recovering(&run->workload.model, space);
}

static void run_probed(void *context, uint32_t node, const struct engine_probed *probed)
{
	struct run *run = context;

	membership_probed(&run->membership, node, probed);
}

static void run_kill_later(void *context, uint64_t node, uint64_t boot_count)
{
	struct run *run = context;

	if (run->cluster.nodes[node].boot_count == boot_count &&
		cluster_up(&run->cluster, (uint32_t)node))
		membership_kill(&run->membership, (uint32_t)node,
			random_between(&run->cluster.random, 1, 1000000));
}

static void run_fatal(void *context, uint32_t node, int error)
{
	struct run *run = context;

	if (!run->cluster.faulty)
		cluster_fail(&run->cluster, "fatal", "node %u gave up: %d", node, error);
	clock_at(&run->cluster.clock, run->cluster.clock.now_us, run_kill_later, run, node,
		run->cluster.nodes[node].boot_count);
}

static void run_failed(void *context, uint32_t node, uint32_t space, uint32_t number, int error)
{
	struct run *run = context;

	if (!run->cluster.faulty)
		cluster_fail(&run->cluster, "L2", "node %u: recovery %u of lockspace %u failed: %d",
			node, number, space, error);
	run_fatal(run, node, error);
}

static void run_traced(void *context, uint32_t node, const struct engine_trace *event)
{
	struct run *run = context;

	if (event->kind == ENGINE_TRACE_SEND) {
		run->cluster.message_count++;
	} else if (event->kind == ENGINE_TRACE_GRANT) {
		uint32_t space = run->cluster.nodes[node].spaces[0] == event->lockspace ? 0 : 1;

		check_exclusion_master(&run->workload.model, node, event, space);
	}
}

static void run_joined(void *context, uint32_t node, uint32_t space)
{
	struct run *run = context;

	workload_start(&run->workload, node, space);
}

static void run_leaving(void *context, uint32_t node, uint32_t space)
{
	struct run *run = context;

	workload_stop(&run->workload, node, space);
}

static void run_dead(void *context, uint32_t node)
{
	struct run *run = context;

	workload_dead(&run->workload, node);
}

static void run_gone(void *context, uint32_t node, uint32_t space)
{
	struct run *run = context;

	workload_gone(&run->workload, node, space);
}

/* ---- faults ---- */

static uint32_t run_pick(struct run *run, uint32_t nodes)
{
	uint32_t at = random_below(&run->cluster.random, (uint32_t)__builtin_popcount(nodes));

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if ((nodes & 1u << i) && at-- == 0)
			return i;
	return 0;
}

static void run_spare(struct run *run)
{
	struct membership *membership = &run->membership;

	membership_boot_and_join(membership, run->spare++);
}

static void run_event(struct run *run)
{
	struct random *random = &run->cluster.random;
	uint32_t healthy = membership_healthy(&run->membership);
	uint32_t space = random_below(random, run->knobs.spaces);
	uint32_t leavers = run->membership.groups[space].members & healthy &
			   ~run->membership.groups[space].leaving;
	uint32_t later_us = random_between(random, 1, 2000000);

	switch ((enum knobs_event)random_weighted(random, run->knobs.event_weights, KNOBS_EVENTS)) {
	case KNOBS_SPARE:
		if (run->spare <= run->knobs.nodes) {
			run_spare(run);
			return;
		}
		break;
	case KNOBS_LEAVE:
		if (__builtin_popcount(leavers) > 1) {
			membership_leave(&run->membership, run_pick(run, leavers), space, later_us);
			return;
		}
		break;
	case KNOBS_ISOLATE:
		if (__builtin_popcount(healthy) > 1) {
			membership_isolate(&run->membership, run_pick(run, healthy), later_us);
			return;
		}
		break;
	case KNOBS_KILL:
	case KNOBS_EVENTS:
		break;
	}
	if (__builtin_popcount(healthy) > 1)
		membership_kill(&run->membership, run_pick(run, healthy), later_us);
}

static void run_follow(void *context, uint64_t unused, uint64_t unused_too)
{
	struct run *run = context;

	if (run_faulty_phase(run))
		run_event(run);
}

static void run_started(void *context, uint32_t space)
{
	struct run *run = context;
	struct random *random = &run->cluster.random;
	uint32_t within_us = RUN_FOLLOW_US;

	model_recovering(&run->workload.model, space);
	if (!run->follow || !run_faulty_phase(run))
		return;
	run->follow = random_chance(random, 300);
	if (random_chance(random, 600))
		within_us = RUN_FOLLOW_SOON_US;
	clock_at(&run->cluster.clock,
		run->cluster.clock.now_us +
			random_below(random, run->knobs.delivery_us + within_us),
		run_follow, run, 0, 0);
}

static void run_break(void *context, uint64_t unused, uint64_t unused_too)
{
	struct run *run = context;

	if (run_faulty_phase(run))
		net_break_random(run->cluster.net);
	clock_at(&run->cluster.clock,
		run->cluster.clock.now_us +
			random_below(&run->cluster.random, 2000 * run->knobs.break_ms),
		run_break, run, 0, 0);
}

static void run_clog(void *context, uint64_t unused, uint64_t unused_too)
{
	struct run *run = context;
	struct random *random = &run->cluster.random;
	uint32_t node = random_between(random, 1, run->knobs.nodes);
	uint32_t peer = random_between(random, 1, run->knobs.nodes);

	if (run_faulty_phase(run) && node != peer)
		net_clog(run->cluster.net, node, peer,
			run->cluster.clock.now_us + random_below(random, run->knobs.clog_us));
	clock_at(&run->cluster.clock,
		run->cluster.clock.now_us + random_below(random, 2000 * run->knobs.clog_ms),
		run_clog, run, 0, 0);
}

static void run_memory_fault(struct run *run)
{
	struct random *random = &run->cluster.random;
	uint32_t node = random_between(random, 1, run->knobs.nodes);

	if (!run->memory_faults_left || !cluster_up(&run->cluster, node) ||
		!random_chance(random, 5))
		return;
	run->memory_faults_left--;
	run->cluster.nodes[node].memory.fail_after = random_between(random, 1, 300);
}

/* ---- rest ---- */

/* A frame that got lost is repeated by a timer, and until then nothing happens. */
static bool run_has_lost(struct run *run)
{
	struct cluster *cluster = &run->cluster;
	struct engine_peer_info info;

	if (!net_streams(cluster->net)->lost)
		return false;
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		for (uint32_t peer = 1; cluster_up(cluster, i) && peer <= CLUSTER_NODES_MAX; peer++)
			if (engine_peer_info(cluster->nodes[i].engine, peer, &info) == 0 &&
				info.unacked_count)
				return true;
	return false;
}

static bool run_quiet(struct run *run)
{
	uint64_t now_us = run->cluster.clock.now_us;

	if (run->cluster.activity != run->last_activity || net_in_flight(run->cluster.net) ||
		!membership_settled(&run->membership) || run_has_lost(run)) {
		run->last_activity = run->cluster.activity;
		run->last_activity_us = now_us;
		if (now_us - run->phase_since_us > RUN_CONVERGE_US)
			cluster_fail(&run->cluster, "L2", "no rest %u s after the faults stopped",
				RUN_CONVERGE_US / 1000000);
	}
	return now_us - run->last_activity_us >= RUN_QUIET_US;
}

static void run_compare(struct run *run)
{
	check_stability(&run->workload.model, &run->workload);
	check_master(&run->workload.model, &run->membership);
	check_grant(&run->workload.model, &run->membership);
	cluster_dump(&run->cluster, run->null);
	cluster_note(&run->cluster, TRACE_PHASE, 0, 0, 0, "compared");
}

static void run_calm(struct run *run)
{
	workload_pause(&run->workload, true);
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		run->cluster.nodes[i].memory.fail_after = 0;
}

/* ---- phases ---- */

static void run_form(struct run *run)
{
	uint32_t nodes = (2u << run->knobs.initial_nodes) - 2;

	if (run->cluster.clock.now_us <= run->knobs.delivery_us)
		return;
	for (uint32_t space = 0; space < run->knobs.spaces; space++) {
		if (run->knobs.same_start) {
			membership_join_all(&run->membership, nodes, space);
			continue;
		}
		for (uint32_t i = 1; i <= run->knobs.initial_nodes; i++)
			membership_join(&run->membership, i, space);
	}
	run_enter(run, RUN_FAULTS, "faults");
}

static void run_plan_event(struct run *run)
{
	run->events_left--;
	run->next_event_at += run->knobs.operations / (run->knobs.events + 1);
	run->follow = random_chance(&run->cluster.random, run->knobs.follow_permille);
	run_event(run);
}

static void run_stalled(struct run *run)
{
	uint64_t operations = run->workload.model.operation_count;
	uint64_t now_us = run->cluster.clock.now_us;

	if (operations != run->last_operations) {
		run->last_operations = operations;
		run->last_operation_us = now_us;
	} else if (now_us - run->last_operation_us > RUN_STALLED_US) {
		cluster_fail(&run->cluster, "L2", "no program got anything done for %u s",
			RUN_STALLED_US / 1000000);
	}
}

static void run_faults(struct run *run)
{
	uint64_t operations = run->workload.model.operation_count;

	run_stalled(run);
	run_memory_fault(run);
	if (run->events_left && operations >= run->next_event_at)
		run_plan_event(run);
	if (run->pauses_left && operations >= run->next_pause_at && !run->follow) {
		run->pauses_left--;
		run->next_pause_at += run->knobs.operations / (run->knobs.pauses + 1);
		run_calm(run);
		run_enter(run, RUN_PAUSE, "pause");
	} else if (!run->events_left && operations >= run->knobs.operations) {
		run_calm(run);
		run_enter(run, RUN_HEAL, "heal");
	}
}

static void run_pause(struct run *run)
{
	if (!run_quiet(run))
		return;
	run_compare(run);
	workload_pause(&run->workload, false);
	run_enter(run, RUN_FAULTS, "faults");
}

static void run_heal(struct run *run)
{
	if (!run_quiet(run))
		return;
	run_compare(run);
	run->cluster.faulty = false;
	run_enter(run, RUN_DRAIN, "drain");
	workload_drain(&run->workload);
	workload_purge(&run->workload);
}

static void run_check_empty(struct run *run)
{
	struct engine_lockspace_info info;

	check_completion_end(&run->workload.model);
	for (uint32_t node = 1; node <= run->knobs.nodes; node++) {
		for (uint32_t space = 0; space < run->knobs.spaces; space++) {
			const struct engine_lockspace *ls = run->cluster.nodes[node].spaces[space];

			if (!ls || !cluster_up(&run->cluster, node))
				continue;
			engine_lockspace_info(ls, &info);
			if (info.lock_count || info.orphan_count)
				cluster_fail(&run->cluster, "end",
					"node %u keeps %zu locks (%u orphans) that nobody has",
					node, info.lock_count, info.orphan_count);
		}
	}
}

static void run_drain(struct run *run)
{
	if (!run_quiet(run))
		return;
	run_check_empty(run);
	run->changes = run->membership.change_count;
	run->recovery_changes = run->membership.recovery_change_count;
	run_enter(run, RUN_PARTING, "parting");
	for (uint32_t node = 1; node <= run->knobs.nodes; node++)
		for (uint32_t space = 0; space < run->knobs.spaces; space++)
			membership_leave(&run->membership, node, space, 0);
}

static void run_check_parted(struct run *run)
{
	struct engine_peer_info info;

	for (uint32_t node = 1; node <= run->knobs.nodes; node++) {
		if (!cluster_up(&run->cluster, node))
			continue;
		for (uint32_t peer = 1; peer <= run->knobs.nodes; peer++)
			if (engine_peer_info(run->cluster.nodes[node].engine, peer, &info) == 0 &&
				(!info.is_closed || info.unacked_count))
				cluster_fail(&run->cluster, "FIN",
					"node %u: link to %u is %s with %u frames unacknowledged "
					"after all have left",
					node, peer, info.state, info.unacked_count);
	}
}

static void run_part(struct run *run)
{
	if (!run_quiet(run))
		return;
	run_check_parted(run);
	for (uint32_t node = 1; node <= run->knobs.nodes; node++)
		cluster_end(&run->cluster, node);
	run_enter(run, RUN_OVER, "over");
}

static void run_tick(void *context, uint64_t unused, uint64_t unused_too)
{
	struct run *run = context;

	switch (run->phase) {
	case RUN_FORMING:
		run_form(run);
		break;
	case RUN_FAULTS:
		run_faults(run);
		break;
	case RUN_PAUSE:
		run_pause(run);
		break;
	case RUN_HEAL:
		run_heal(run);
		break;
	case RUN_DRAIN:
		run_drain(run);
		break;
	case RUN_PARTING:
		run_part(run);
		break;
	case RUN_OVER:
		return;
	}
	clock_at(&run->cluster.clock, run->cluster.clock.now_us + RUN_TICK_US, run_tick, run, 0, 0);
}

/* ---- one seed ---- */

static void run_init(struct run *run, const struct run_options *options)
{
	run->options = options;
	knobs_draw(&run->knobs, options->seed);
	cluster_init(&run->cluster, &run->knobs, options->print);
	run->cluster.fill = options->fill;
	run->cluster.faulty = run->knobs.memory_faults;
	run->cluster.hooks = (struct cluster_hooks){
		.callbacks = run_callbacks,
		.client_closed = run_client_closed,
		.recovered = run_recovered,
		.failed = run_failed,
		.probed = run_probed,
		.fatal = run_fatal,
		.traced = run_traced,
		.context = run,
	};
	membership_init(&run->membership, &run->cluster);
	run->membership.hooks = (struct membership_hooks){
		.joined = run_joined,
		.leaving = run_leaving,
		.dead = run_dead,
		.gone = run_gone,
		.started = run_started,
		.context = run,
	};
	workload_init(
		&run->workload, &run->cluster, &run->membership, run->knobs.hot + run->knobs.cold);
	run->events_left = run->knobs.events;
	run->next_event_at = run->knobs.operations / (run->knobs.events + 1);
	run->pauses_left = run->knobs.pauses;
	run->next_pause_at = run->knobs.operations / (run->knobs.pauses + 1);
	run->memory_faults_left = run->knobs.memory_faults;
	run->spare = run->knobs.initial_nodes + 1;
}

static void run_begin(struct run *run)
{
	for (uint32_t i = 1; i <= run->knobs.initial_nodes; i++)
		membership_boot(&run->membership, i);
	run_enter(run, RUN_FORMING, "forming");
	clock_at(&run->cluster.clock, RUN_TICK_US, run_tick, run, 0, 0);
	if (run->knobs.break_ms)
		run_break(run, 0, 0);
	if (run->knobs.clog_ms)
		run_clog(run, 0, 0);
}

static void run_loop(struct run *run)
{
	uint32_t until_check = run->knobs.check_every;

	while (run->phase != RUN_OVER && !cluster_failed(&run->cluster) &&
		clock_step(&run->cluster.clock)) {
		if (--until_check)
			continue;
		until_check = run->knobs.check_every;
		check_stability(&run->workload.model, &run->workload);
	}
}

static void run_totals_of(const struct run *run, struct run_totals *ret)
{
	const struct model *model = &run->workload.model;
	const struct stream_world *streams = net_streams(run->cluster.net);

	*ret = (struct run_totals){
		.seeds = 1,
		.operations = model->operation_count,
		.completions = model->completion_count,
		.basts = model->bast_count,
		.changes = run->changes,
		.recovery_changes = run->recovery_changes,
		.recoveries = run->membership.recovered_count,
		.messages = run->cluster.message_count,
		.probes = run->membership.prober.probed_count,
		.breaks = net_break_count(run->cluster.net),
		.held_acks = streams->held_acks,
		.gaps = streams->gaps,
		.lost = streams->lost,
		.refused = run->cluster.refused_count,
		.granted = model->granted_count,
		.no_queue = model->refused_count,
		.cancelled = model->cancelled_count,
		.deadlocks = model->deadlock_count,
		.reads = model->read_count,
		.invalid_reads = model->invalid_count,
		.events = run->cluster.clock.run_count,
		.simulated_ms = run->cluster.clock.now_us / 1000,
		.hash = run->cluster.trace.hash,
		.failed = cluster_failed(&run->cluster),
	};
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		ret->memory_faults += run->cluster.nodes[i].memory.failed_count;
}

static void run_report(const struct run *run, FILE *file)
{
	fprintf(file, "FAILED seed %llu at %.3f ms: %s\n", (unsigned long long)run->knobs.seed,
		(double)run->cluster.clock.now_us / 1000, run->cluster.failure);
	fprintf(file, "repeat with: %s --seed %llu --trace\n", run->options->program,
		(unsigned long long)run->knobs.seed);
	knobs_print(&run->knobs, file);
	fprintf(file, "the last events:\n");
	trace_print(&run->cluster.trace, file, RUN_REPORT_EVENTS);
	membership_print(&run->membership, file);
}

bool run_seed(const struct run_options *options, struct run_totals *ret)
{
	struct run *run = calloc(1, sizeof(*run));
	bool ok;

	if (!run)
		abort();
	run->null = fopen("/dev/null", "w");
	if (!run->null)
		abort();
	run_init(run, options);
	run_current = run;
	run_begin(run);
	run_loop(run);
	ok = !cluster_failed(&run->cluster);
	run_totals_of(run, ret);
	if (!ok) {
		run_report(run, options->report);
		if (!options->quiet)
			cluster_dump(&run->cluster, options->report);
	}
	run_current = NULL;
	fclose(run->null);
	cluster_done(&run->cluster);
	workload_done(&run->workload);
	free(run);
	return ok;
}

void run_report_abort(const char *why)
{
	struct run *run = run_current;

	if (!run)
		return;
	run_current = NULL;
	snprintf(run->cluster.failure, sizeof(run->cluster.failure), "%s", why);
	run_report(run, run->options->report);
	fflush(run->options->report);
	if (!run->options->quiet)
		cluster_dump(&run->cluster, run->options->report);
	fflush(run->options->report);
}

/* ---- totals ---- */

void run_add(struct run_totals *totals, const struct run_totals *more)
{
	totals->seeds += more->seeds;
	totals->operations += more->operations;
	totals->completions += more->completions;
	totals->basts += more->basts;
	totals->changes += more->changes;
	totals->recovery_changes += more->recovery_changes;
	totals->recoveries += more->recoveries;
	totals->messages += more->messages;
	totals->probes += more->probes;
	totals->breaks += more->breaks;
	totals->held_acks += more->held_acks;
	totals->gaps += more->gaps;
	totals->lost += more->lost;
	totals->refused += more->refused;
	totals->granted += more->granted;
	totals->no_queue += more->no_queue;
	totals->cancelled += more->cancelled;
	totals->deadlocks += more->deadlocks;
	totals->reads += more->reads;
	totals->invalid_reads += more->invalid_reads;
	totals->memory_faults += more->memory_faults;
	totals->events += more->events;
	totals->simulated_ms += more->simulated_ms;
	totals->hash += more->hash;
	totals->failed |= more->failed;
}

void run_print_totals(const struct run_totals *t, FILE *file)
{
	fprintf(file,
		"%llu seeds, %llu client operations (%llu granted, %llu not queued, %llu "
		"cancelled, "
		"%llu deadlocks), %llu blocking ASTs, %llu value blocks read (%llu not valid)\n",
		(unsigned long long)t->seeds, (unsigned long long)t->operations,
		(unsigned long long)t->granted, (unsigned long long)t->no_queue,
		(unsigned long long)t->cancelled, (unsigned long long)t->deadlocks,
		(unsigned long long)t->basts, (unsigned long long)t->reads,
		(unsigned long long)t->invalid_reads);
	fprintf(file,
		"%llu membership changes, %llu of them during a recovery, %llu recoveries "
		"completed, "
		"%llu probes, %llu messages, %llu refused, %llu connection breaks, %llu failed "
		"allocations\n",
		(unsigned long long)t->changes, (unsigned long long)t->recovery_changes,
		(unsigned long long)t->recoveries, (unsigned long long)t->probes,
		(unsigned long long)t->messages, (unsigned long long)t->refused,
		(unsigned long long)t->breaks, (unsigned long long)t->memory_faults);
	fprintf(file,
		"%llu acknowledgements held back, %llu streams opened with a gap, %llu frames "
		"lost\n",
		(unsigned long long)t->held_acks, (unsigned long long)t->gaps,
		(unsigned long long)t->lost);
	fprintf(file, "%llu events in %llu s of simulated time\n", (unsigned long long)t->events,
		(unsigned long long)t->simulated_ms / 1000);
}
