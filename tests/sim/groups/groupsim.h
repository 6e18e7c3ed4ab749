/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Clusters of dlm_controld's deciding parts, fence/ and group/ together, over a model of corosync
 * and with engines and fencers that take their time. Everything comes from the seed. Nodes are ids
 * from 1, lockspaces indices from 0.
 */
#include <stdbool.h>
#include <stdint.h>

#include "control/fence/fence.h"
#include "control/group/group.h"
#include "sim/cpg/cpgmodel.h"
#include "sim/random.h"

#define SIM_NODES_MAX      6u
#define SIM_LOCKSPACES_MAX 3u
#define SIM_PROBES_MAX     64u

/* A lockspace in the engine of a node. It acts on locks from START to its confirmed stop. */
struct sim_engine {
	bool is_made, is_active, is_recovered, has_recovered;
	uint32_t start, stop;              /* numbers; stop 0: none is under way */
	uint32_t members;                  /* bits, of the last start */
	uint32_t lives[SIM_NODES_MAX + 1]; /* of its members then */
	uint32_t seen[SIM_NODES_MAX + 1];  /* how often they had been seen to come */
};

/* What a program wants with it, and has been told. */
struct sim_program {
	bool wants, is_there, is_asking, is_releasing;
	uint32_t life;                    /* counts joins */
	uint32_t seen[SIM_NODES_MAX + 1]; /* how often others were seen to come */
};

struct sim_probe {
	uint32_t number, nodeid, lockspace;
	bool is_ended;
	bool is_kept; /* its conversation does not end: no START has to wait for that */
};

struct sim_agent {
	uint32_t victim; /* 0: none */
	bool is_down;    /* the victim has been switched off */
	bool is_human;   /* acks, instead of an agent that ends */
};

struct sim_node {
	bool is_on;    /* the machine */
	bool is_known; /* its daemon's end of corosync has been noticed */
	uint32_t boots;
	uint32_t wait_s;     /* before it is switched on, or its daemon started again */
	struct fence *fence; /* NULL: no daemon */
	struct group *group;
	bool is_agreed;
	struct sim_engine engines[SIM_LOCKSPACES_MAX];
	struct sim_program programs[SIM_LOCKSPACES_MAX];
	struct sim_probe probes[SIM_PROBES_MAX];
	uint32_t probe_count;
	struct sim_agent agent;
};

struct sim_counts {
	uint64_t starts, nacks, changes, kills, probes, fencings, deaths, partitions, joins, leaves,
		resets, unknowns;
};

struct sim {
	uint64_t seed;
	struct random random;
	struct cpgmodel *model;
	uint32_t node_count, lockspace_count;
	bool two_node, has_probe, is_quiet, is_verbose;
	uint64_t now; /* s */
	struct fence_options options;
	struct sim_node nodes[SIM_NODES_MAX + 1];
	struct sim_counts counts;
	uint64_t steps;
};

struct fence_now sim_now(const struct sim *sim, uint32_t node);
const char *sim_lockspace(uint32_t index);
/** sim_fail() - a rule is broken: says so and how to see it again, and ends */
__attribute__((format(printf, 2, 3), noreturn)) void sim_fail(
	const struct sim *sim, const char *format, ...);
__attribute__((format(printf, 3, 4))) void sim_say(
	const struct sim *sim, uint32_t node, const char *format, ...);

/* ---- a node's daemon: groupsim_daemon.c ---- */

void sim_daemon_start(struct sim *sim, uint32_t node);
/** sim_daemon_end() - it is gone; its engine goes on until sim_engine_end() */
void sim_daemon_end(struct sim *sim, uint32_t node);
void sim_daemon_event(struct sim *sim, uint32_t node, const struct cpgmodel_event *event);
/** sim_daemon_orders() - all that it has to do; to be called after each input */
void sim_daemon_orders(struct sim *sim, uint32_t node);
void sim_daemon_tick(struct sim *sim, uint32_t node);
/** sim_daemon_programs() - what they want and have not asked for is asked for */
void sim_daemon_programs(struct sim *sim, uint32_t node);

/* ---- its engine: groupsim_engine.c ---- */

/** sim_engine_order() - Return: false: not for the engine */
bool sim_engine_order(
	struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order);
/** sim_engine_step() - something that it owes is done. Return: false: it owes nothing that can be
 */
bool sim_engine_step(struct sim *sim, uint32_t node);
/** sim_engine_end() - it is gone */
void sim_engine_end(struct sim *sim, uint32_t node);

/* ---- what goes wrong, and who fences: groupsim_fault.c ---- */

void sim_fault_step(struct sim *sim);
/** sim_fault_second() - machines come back, daemons are started again */
void sim_fault_second(struct sim *sim);
/** sim_fault_noticed() - daemons whose corosync is gone end and are started again */
void sim_fault_noticed(struct sim *sim);
/** sim_fault_agents() - a fencer goes on. Return: false: none has anything to do */
bool sim_fault_agents(struct sim *sim);
void sim_fault_off(struct sim *sim, uint32_t node);
void sim_fault_heal(struct sim *sim);

/* ---- rules: groupsim_check.c ---- */

/** sim_check_send() - before a START or NACK goes out */
void sim_check_send(
	const struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order);
/** sim_check_start() - before the engine is told */
void sim_check_start(
	const struct sim *sim, uint32_t node, uint32_t lockspace, const struct group_order *order);
void sim_check_leave(const struct sim *sim, uint32_t node, uint32_t lockspace);
/** sim_check_settled() - every lockspace runs with all that want it. Return: NULL; else what is not
 */
const char *sim_check_settled(const struct sim *sim);
