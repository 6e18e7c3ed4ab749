/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A few nodes with a fence machine each, over the model of corosync. Machines are switched off and
 * boot, daemons die, leave and come back, the network breaks and heals, agents work, fail or cannot
 * be started, administrators acknowledge what is off. After each event the rules are looked at
 * (fencecheck.c). Everything comes from the seed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "control/fence/fence.h"
#include "sim/cpg/cpgmodel.h"
#include "sim/random.h"

#define FENCEWORLD_NODES_MAX 6u

/* What one daemon has lived through with another node, told by nobody but the events themselves. */
struct fencepast {
	bool is_told;         /* that we had state when both became members */
	bool is_sure;         /* of that: our word has come round since */
	uint64_t clean_step;  /* when it became a clean member; 0: it is none */
	uint32_t incarnation; /* of the other's daemon then */
	uint64_t lost_step; /* when it failed, after it was clean; 0: it has not, or is done with */
	uint64_t lost_serial;
	uint32_t lost_incarnation;
};

struct fenceagent {
	bool is_running;
	uint64_t start_time; /* mono s, of the last attempt; 0: none */
	uint64_t end_time;
};

struct fencenode {
	struct fence *fence; /* NULL: no daemon runs */
	uint32_t incarnation;
	uint64_t start_step;
	bool is_leaving, is_stateful;
	bool is_misled;       /* one that it did not find here has told it that fencing is over */
	uint32_t found_first; /* a bit for each member that was there when it came */
	uint32_t found;       /* of them, those that have not been away since */
	uint64_t boot_time;   /* mono s: when it starts, if it is off or its daemon is gone */
	struct fenceagent agents[FENCEWORLD_NODES_MAX + 1]; /* by victim */
	struct fencepast past[FENCEWORLD_NODES_MAX + 1];    /* by node */
};

struct fenceworld {
	uint64_t seed, step;
	struct random random;
	struct cpgmodel *model;
	uint32_t node_count;
	bool is_two_node, is_told;
	struct fence_options options;
	uint32_t agent_fail, agent_start_fail; /* of 1000 */
	struct fence_now now;
	struct fencenode nodes[FENCEWORLD_NODES_MAX + 1];
	/* what has been seen, so that a run that sees nothing is noticed */
	uint64_t fenced, acked, killed, merges, merge_waits, deserted, restarted, checks;
	char fault[512]; /* the first rule that was broken; "" */
};

void fenceworld_init(struct fenceworld *world, uint64_t seed, bool is_told);
void fenceworld_done(struct fenceworld *world);
/** fenceworld_run() - some minutes with faults, then calm until nothing happens any more. Return:
 * whether all rules held; else world->fault says which did not */
bool fenceworld_run(struct fenceworld *world);
/** fenceworld_say() - a line of the story, if it is to be told */
void fenceworld_say(struct fenceworld *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void fenceworld_fault(struct fenceworld *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* fencedaemon.c: the daemons */

void fencedaemon_start(struct fenceworld *world, uint32_t id);
/** fencedaemon_end() - it is gone, however that came; nothing if none runs */
void fencedaemon_end(struct fenceworld *world, uint32_t id);
/** fencedaemon_off() - its whole machine is off */
void fencedaemon_off(struct fenceworld *world, uint32_t id);
/** fencedaemon_obey() - carry out what its machine orders */
void fencedaemon_obey(struct fenceworld *world, uint32_t id);
/** fencedaemon_go() - one event of some node. Return: false: nothing is under way */
bool fencedaemon_go(struct fenceworld *world);

/* fencecheck.c: the rules */

/** fencecheck_before() - @node is about to be given @event */
void fencecheck_before(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event);
/** fencecheck_after() - it has been given it */
void fencecheck_after(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event);
/** fencecheck_agent() - @node begins to fence @victim */
void fencecheck_agent(struct fenceworld *world, uint32_t node, uint32_t victim);
/** fencecheck_agent_ended() - it has done it, and the victim is off */
void fencecheck_agent_ended(struct fenceworld *world, uint32_t node, uint32_t victim);
/** fencecheck_quiet() - nothing is under way: what is said in common is known in common */
void fencecheck_quiet(struct fenceworld *world);
/** fencecheck_patience() - agents have worked for long enough */
void fencecheck_patience(struct fenceworld *world);
/** fencecheck_end() - faults have ceased for long enough */
void fencecheck_end(struct fenceworld *world);
