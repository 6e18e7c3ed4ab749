/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The programs of a row that run on one node, each with a handle and one lock, in this process.
 * Where the others run elsewhere, what it does reaches them, and comes back, in a few messages; the
 * round trips of a fence, a lock whose master is the other node, then say that all has arrived.
 */
#include <libdlm.h>
#include <stdbool.h>
#include <stdint.h>

#include "table.h"

#define PLACE_SEEN_MAX 16
#define PLACE_WHY_SIZE 160

struct place;

/* What a program saw in one step, in order. */
struct seen {
	char what[TABLE_WORD_BYTES]; /* "ok+alt", "bast", "EAGAIN" ... */
	char value[DLM_LVB_LEN];     /* of its value block then */
};

struct report {
	unsigned counts[TABLE_ACTORS];
	struct seen seen[TABLE_ACTORS][PLACE_SEEN_MAX];
};

/** place_new() - on a lockspace that exists. @settle_ms: waited for late callbacks after each step.
 * Return: NULL, said on stderr */
struct place *place_new(const char *lockspace, int settle_ms);
void place_free(struct place *place);
/** place_why() - the sentence about what went wrong last */
const char *place_why(const struct place *place);

/** place_hold() - have an NL lock on @name from now on: this node is its master, if it is the first
 * to ask. Return: false, see place_why(); so below */
bool place_hold(struct place *place, const char *name);
/** place_fence() - the same, on the other node's: after each step it is asked about it */
bool place_fence(struct place *place, const char *name);
/** place_let_go() - end both: a lockspace in which the other node has a lock cannot be released */
bool place_let_go(struct place *place);

/** place_row() - begin a row on resource @name, with the programs in @actors (bit 0: A), and end
 * what is left of the row before */
void place_row(struct place *place, const char *name, uint32_t actors);
/** place_own() - become the master of the row's resource: lock it, as the first, and unlock it */
bool place_own(struct place *place);
/** place_do() - a step of one of these programs; returns when all that follows from it has reached
 * the nodes' engines. @ret_error: errno of the call, 0: it succeeded */
bool place_do(struct place *place, const struct step *step, int *ret_error);
/** place_report() - wait for what the step names, then make sure that nothing else is on its way
 * from the engine to these programs, and take what they saw since the last report */
bool place_report(struct place *place, const struct step *step, struct report *ret);
