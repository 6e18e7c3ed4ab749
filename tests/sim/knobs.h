/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What one seed stresses. All numbers are drawn from the seed, many of them often zero, so that
 * each seed is a world of its own: one without faults and with one hot resource, one with a
 * connection break every few milliseconds, one whose programs do nothing but convert.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define KNOBS_NODES_MAX 16

/* What a program may do next; weights below. */
enum knobs_action {
	KNOBS_REQUEST,
	KNOBS_CONVERT,
	KNOBS_UNLOCK,
	KNOBS_CANCEL,
	KNOBS_DEADLOCK_CANCEL,
	KNOBS_FORCE_UNLOCK,
	KNOBS_CLOSE,
	KNOBS_ADOPT,
	KNOBS_PURGE_ORPHANS,
	KNOBS_PURGE_OWN,
	KNOBS_WRONG, /* a call that must be refused */
	KNOBS_ACTIONS,
};

enum knobs_event {
	KNOBS_KILL,    /* process and programs end, others notice later */
	KNOBS_ISOLATE, /* the node lives on, unheard, until it is fenced */
	KNOBS_LEAVE,   /* leaves one lockspace in order and joins again */
	KNOBS_SPARE,   /* a node that was never a member joins */
	KNOBS_EVENTS,
};

struct knobs {
	uint64_t seed;
	uint32_t operations; /* accepted calls of programs before faults stop */

	uint32_t nodes;         /* 2..KNOBS_NODES_MAX */
	uint32_t initial_nodes; /* at least 2; the others are spares */
	uint32_t spaces;        /* lockspaces, 1..2 */
	bool nodir;
	bool speak_3_1;                        /* no resends: then no connection breaks either */
	bool same_start;                       /* the first members all join in one change */
	uint32_t weights[KNOBS_NODES_MAX + 1]; /* in the directory, by node id */

	uint32_t programs;     /* of each node and lockspace */
	uint32_t locks;        /* of each program at a time */
	uint32_t hot, cold;    /* resources */
	uint32_t hot_permille; /* of requests go to hot resources */
	uint32_t think_us;     /* mean time between two calls of one program */
	uint32_t actions[KNOBS_ACTIONS];
	uint32_t modes[6];          /* weight of each mode */
	uint32_t flag_permille[19]; /* of each DLM_LKF_ bit, where it is legal */
	uint32_t bast_permille;     /* a BAST makes the program give way */
	uint32_t no_bast_permille;  /* locks whose program wants no BASTs */
	uint32_t slow_permille;     /* callbacks that are taken late */
	uint32_t give_up_us;        /* a request that waited that long is cancelled */

	uint32_t delay_us, jitter_us; /* of a message */
	uint32_t connect_us;
	uint32_t split_permille;  /* sends that arrive in two pieces */
	uint32_t window_bytes;    /* of one direction of a connection */
	uint32_t break_ms;        /* mean time between breaks of connections, 0: none */
	uint32_t clog_ms;         /* mean time between silences of one direction, 0: none */
	uint32_t clog_us;         /* how long at most */
	uint32_t sparse_nodes;    /* bit i: node i acknowledges as kernel 6.12 does, see stream.h */
	uint32_t gap_permille;    /* of new connections begin with a gap, as a kernel's do */
	uint32_t lost_millionths; /* of sequenced frames get lost, and no connection breaks */

	uint32_t events; /* membership events planned */
	uint32_t event_weights[KNOBS_EVENTS];
	uint32_t follow_permille;     /* an event is followed by another during its recovery */
	uint32_t delivery_us;         /* membership news reach nodes within */
	uint32_t notice_us, fence_us; /* death is noticed and fencing is over within */
	uint32_t probe_end_permille;  /* probes that are given up, and asked again */
	uint32_t probe_odd_permille;  /* joins that also ask for a lockspace that nobody has */

	uint32_t slice_items, toss_ms, recover_timer_ms, resend_ms;
	uint32_t memory_faults; /* allocations that fail, each once */
	uint32_t check_every; /* events between two checks of everything that may be checked at any
				 time */
	uint32_t pauses;      /* times that all is stopped and compared before the end */
};

void knobs_draw(struct knobs *knobs, uint64_t seed);
void knobs_print(const struct knobs *knobs, FILE *file);
