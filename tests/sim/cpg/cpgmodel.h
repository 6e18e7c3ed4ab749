/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A model of corosync for simulations of dlm_controld: a few nodes, the quorum's word on the
 * cluster, and groups with virtual synchrony. In one ring there is one order of all messages and
 * all comings and goings of processes; nodes that go together from one ring to the next have been
 * given the same before the change. Each node takes events at its own pace: those of one group in
 * their order, but groups and the quorum's word not in any order among each other, as each has a
 * descriptor of its own.
 *
 * What is sent waits in its sender's queue until cpgmodel_order() gives it its place. When a ring
 * breaks, what has a place already may be missing at the end, on sides that do not have its sender,
 * if none of them has taken it; what still waits gets its place in the sender's next ring.
 * Everything comes from the seed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/fence/fence.h"
#include "proto/cpg.h"

#define CPGMODEL_NODES_MAX  16u /* ids 1 to this */
#define CPGMODEL_GROUPS_MAX 40u
#define CPGMODEL_NAME_BYTES 80u

struct cpgmodel;

enum cpgmodel_type {
	CPGMODEL_QUORUM,
	CPGMODEL_CONFCHG,
	CPGMODEL_RING,
	CPGMODEL_MESSAGE,
};

struct cpgmodel_event {
	enum cpgmodel_type type;
	uint64_t serial; /* CONFCHG: the same for all to whom the same has happened */
	char group[CPGMODEL_NAME_BYTES]; /* "": QUORUM */
	uint32_t member_count, joined_count, left_count;
	uint32_t members[CPGMODEL_NODES_MAX];
	uint32_t joined[CPGMODEL_NODES_MAX]; /* QUORUM: those that left and came again */
	uint32_t left[CPGMODEL_NODES_MAX];
	enum fence_reason reasons[CPGMODEL_NODES_MAX];
	bool is_quorate;
	uint32_t ring_nodeid; /* RING */
	uint64_t ring_seq;    /* RING, QUORUM */
	uint32_t sender;      /* MESSAGE */
	uint32_t bytes;
	uint8_t data[CPG_MESSAGE_MAX];
};

/** cpgmodel_new() - all nodes down. @two_node: with two nodes, as corosync means it: one alone
 * keeps quorum once both have been seen */
struct cpgmodel *cpgmodel_new(uint32_t node_count, bool two_node, uint64_t seed);
void cpgmodel_free(struct cpgmodel *model);

/* ---- machines ---- */

/** cpgmodel_up() - its corosync starts */
void cpgmodel_up(struct cpgmodel *model, uint32_t node);
/** cpgmodel_down() - its corosync is gone at once, and with it whatever was joined there */
void cpgmodel_down(struct cpgmodel *model, uint32_t node);
/** cpgmodel_bounce() - gone and back before the others made a ring without it */
void cpgmodel_bounce(struct cpgmodel *model, uint32_t node);
/** cpgmodel_partition() - who reaches whom. @sides: node_count of them, of nodes 1, 2, ...: equal
 * numbers are together */
void cpgmodel_partition(struct cpgmodel *model, const uint8_t *sides);
/** cpgmodel_is_up() - a kill may have taken it down */
bool cpgmodel_is_up(const struct cpgmodel *model, uint32_t node);
/** cpgmodel_are_together() - both up, and in one ring */
bool cpgmodel_are_together(const struct cpgmodel *model, uint32_t a, uint32_t b);
/** cpgmodel_is_quorate() - its ring, now */
bool cpgmodel_is_quorate(const struct cpgmodel *model, uint32_t node);

/* ---- the process on a node, one a node ---- */

/** cpgmodel_start() - it connects; the quorum's word is its first event */
void cpgmodel_start(struct cpgmodel *model, uint32_t node);
/** cpgmodel_die() - it is gone; the others get PROCDOWN in all groups where it was */
void cpgmodel_die(struct cpgmodel *model, uint32_t node);
void cpgmodel_join(struct cpgmodel *model, uint32_t node, const char *group);
void cpgmodel_leave(struct cpgmodel *model, uint32_t node, const char *group);
/** cpgmodel_send() - @bytes at most CPG_MESSAGE_MAX */
void cpgmodel_send(
	struct cpgmodel *model, uint32_t node, const char *group, const void *data, uint32_t bytes);
/** cpgmodel_kill() - corosync of @target is told to end: when its turn comes in the order, if both
 * are together then */
void cpgmodel_kill(struct cpgmodel *model, uint32_t node, uint32_t target);
/** cpgmodel_members() - who is in a group, as seen from @node's ring now. Return: count */
uint32_t cpgmodel_members(const struct cpgmodel *model, uint32_t node, const char *group,
	uint32_t ret[CPGMODEL_NODES_MAX]);

/* ---- what goes on ---- */

/** cpgmodel_order() - one thing that waits at some node gets its place. Return: false: nothing
 * waits */
bool cpgmodel_order(struct cpgmodel *model);
/** cpgmodel_take() - an event of @node, of any of its descriptors. Return: false: there is none */
bool cpgmodel_take(struct cpgmodel *model, uint32_t node, struct cpgmodel_event *ret);
/** cpgmodel_take_of() - the next event of one group. Return: false: there is none */
bool cpgmodel_take_of(
	struct cpgmodel *model, uint32_t node, const char *group, struct cpgmodel_event *ret);
/** cpgmodel_step() - order things for a while, then an event of some node. Return: false: nothing
 * is under way any more */
bool cpgmodel_step(struct cpgmodel *model, uint32_t *ret_node, struct cpgmodel_event *ret);

/* The event as the decision machines want it; valid as long as @event. */
struct fence_change cpgmodel_change(const struct cpgmodel_event *event);
struct fence_quorum cpgmodel_quorum(const struct cpgmodel_event *event);
