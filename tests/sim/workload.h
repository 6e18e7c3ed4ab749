/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The programs of a simulated cluster: they ask for locks at random, by the rules that libdlm makes
 * programs obey (one operation of a lock at a time, only cancel and force-unlock may overlap it),
 * give way when a BAST asks them to, and end at random. What they do and hear goes into the model.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cluster.h"
#include "membership.h"
#include "model.h"

#define WORKLOAD_PROGRAMS_MAX 4096
#define WORKLOAD_LOCKS_MAX    24

struct workload;

struct workload_program {
	struct workload *workload;
	uint32_t index;
	uint32_t node, space;
	uint32_t pid;
	struct engine_client *client; /* NULL: closed */
	bool used;                    /* client exists, or its end is awaited */
	bool closing;
	bool dead; /* its node ended; what it held, others must respect until the node is fenced */
	bool purged; /* it dropped all its locks once: they go as the engine gets to it */
	bool slow;   /* takes callbacks late */
	bool taking; /* a late taking is scheduled */
	bool scheduled;
	uint32_t next_id, last_id; /* of its block of lock ids */
	uint32_t lock_count;
	struct model_lock *locks[WORKLOAD_LOCKS_MAX];
	uint32_t doubt_count; /* of the closed program */
	struct model_resource *doubts[WORKLOAD_LOCKS_MAX];
};

struct workload {
	struct cluster *cluster;
	struct membership *membership;
	struct model model;
	struct workload_program programs[WORKLOAD_PROGRAMS_MAX];
	uint32_t program_count;
	uint32_t next_pid;
	bool paused;   /* programs call nothing */
	bool draining; /* programs give up what they have and ask for nothing new */
};

void workload_init(struct workload *workload, struct cluster *cluster,
	struct membership *membership, uint32_t resources);
void workload_done(struct workload *workload);

/** workload_start() - programs for a node that has just got the lockspace */
void workload_start(struct workload *workload, uint32_t node, uint32_t space);
/** workload_stop() - the programs of the node end, their locks with them */
void workload_stop(struct workload *workload, uint32_t node, uint32_t space);
/** workload_dead() - the node's process is gone; what its programs hold, they hold until
 * workload_gone() */
void workload_dead(struct workload *workload, uint32_t node);
void workload_gone(struct workload *workload, uint32_t node, uint32_t space);

/** workload_pause() - programs stop calling (they still take callbacks), or go on */
void workload_pause(struct workload *workload, bool pause);
/** workload_drain() - from now on programs only give up what they have, orphans are purged */
void workload_drain(struct workload *workload);
/** workload_purge() - a program of each node drops the orphans there */
void workload_purge(struct workload *workload);

/* From the cluster's hooks. */
void workload_callbacks(struct workload *workload, struct workload_program *program);
void workload_closed(struct workload *workload, struct workload_program *program);

/** workload_program_behind() - it has not taken all callbacks that wait for it */
bool workload_program_behind(const struct workload_program *program);

/* ---- inside the room ---- */

/** program_act() - one random call; program.c */
void program_act(struct workload_program *program);
/** program_release() - give the lock up, or ask for its cancellation */
void program_release(struct workload_program *program, struct model_lock *lock);
/** program_give_way() - a BAST for @mode came */
void program_give_way(struct workload_program *program, struct model_lock *lock, int mode);
void program_close(struct workload_program *program);
void program_purge_orphans(struct workload_program *program, uint32_t node);
