/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One lockspace of this node, and the table of all of them.
 *
 *	looking -> joining -> [change: conditions -> messages -> started]* -> leaving -> gone
 *
 * Beside that the engine runs, is being stopped or started: a change stops it at once, and no START
 * goes out before it has confirmed. What a lockspace has ordered lies in objects that are part of
 * it, so that an order never needs memory that may not be there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/hash.h"
#include "base/pure/list.h"
#include "control/group/change.h"
#include "control/group/group.h"
#include "control/group/history.h"
#include "control/group/orders.h"
#include "proto/cpg.h"

enum lockspace_engine {
	LOCKSPACE_ENGINE_NONE, /* has not been told of it */
	LOCKSPACE_ENGINE_STOPPED,
	LOCKSPACE_ENGINE_STARTING,
	LOCKSPACE_ENGINE_RUNNING,
	LOCKSPACE_ENGINE_STOPPING,
};

/* Of each at most one is on the queue at a time. */
enum lockspace_order {
	LOCKSPACE_ORDER_LOOK,
	LOCKSPACE_ORDER_JOIN,
	LOCKSPACE_ORDER_STATEFUL,
	LOCKSPACE_ORDER_NEW,
	LOCKSPACE_ORDER_START,
	LOCKSPACE_ORDER_ANSWER, /* it is there */
	LOCKSPACE_ORDER_STOP,
	LOCKSPACE_ORDER_LEAVE,
	LOCKSPACE_ORDER_END, /* ANSWER: it is gone, or will not be */
	LOCKSPACE_ORDER_COUNT,
};

struct lockspace {
	struct group *group;
	struct list on_group;     /* group->lockspaces, newest first; gone: group->gone */
	struct hash_node in_hash; /* group->names, unless it is gone */
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t global_id, flags, nodir;
	struct group_weight *weights; /* owned */
	uint32_t weight_count;

	bool is_looking;  /* JOIN has not been ordered */
	bool is_answered; /* the program that created it has been told that it is there */
	bool is_leaving;  /* released or refused: it stops, then it is left */
	bool is_again;    /* it is left only to be joined anew */
	bool has_left;    /* LEAVE has been ordered */
	bool is_gone;     /* freed when its orders have been taken */
	int32_t result;   /* of LOCKSPACE_ORDER_END */

	enum lockspace_engine engine;
	bool has_recovered; /* at least once */
	uint32_t number;    /* of the newest stop or start */

	bool ring_wait; /* a node has died, and the group's new ring is not known yet */
	uint64_t ring_seq;
	bool has_met;  /* others have come since the group's last ring */
	bool is_apart; /* and maybe from another part of the cluster, where they saw us come */
	uint32_t change_seq, started_count;
	struct list changes;    /* pending, newest first */
	struct change *started; /* owned; NULL: it is still joining */
	bool is_udlm_only;
	enum group_wait wait; /* of the newest change */
	struct history history;

	struct list
		probes; /* struct probe, on_lockspace: open ones, and those answered before JOIN */
	uint64_t look_time; /* when LOOK was ordered last, monotonic s */
	bool look_soon;     /* at the next tick */

	uint32_t queued_count; /* orders of its own on the queue */
	struct order orders[LOCKSPACE_ORDER_COUNT];
};

struct group {
	const struct alloc *alloc; /* borrowed */
	const struct fence *fence; /* borrowed */
	uint32_t nodeid;
	bool has_probe;
	struct group_options options;
	void (*note)(void *context, enum fence_level level, const char *name, const char *text);
	void *context;

	struct list lockspaces; /* struct lockspace, on_group */
	struct list gone;
	struct hash names;
	uint32_t count;
	struct list orders; /* struct order, in the order in which they are to be carried out */
	struct hash probes; /* by number: those whose conversation is not over */
	struct list open_probes; /* the same, for walking */
	uint32_t probe_number;   /* the last that was used */
	bool is_held_by_probes;  /* a start waits for the end of a probe of another lockspace */
	uint8_t data[CPG_MESSAGE_MAX]; /* of the order that was taken last */
};

/** lockspace_new() - looking, LOOK ordered. Return: 0; -ENOMEM */
int lockspace_new(struct group *group, struct fence_now now, const char *name, uint32_t flags,
	const struct group_placement *placement);
/** lockspace_free() - with all that it has ordered */
void lockspace_free(struct lockspace *ls);
/** lockspace_hash_of() - for group->names */
uint32_t lockspace_hash_of(const struct hash_node *node);
/** lockspace_find() - by name; NULL: none */
struct lockspace *lockspace_find(const struct group *group, const char *name);
/** lockspace_newest() - its newest pending change; NULL: none */
struct change *lockspace_newest(const struct lockspace *ls);
enum group_state lockspace_state(const struct lockspace *ls);
/** lockspace_is_waiting() - it has to be looked at each second */
bool lockspace_is_waiting(const struct lockspace *ls);
/** lockspace_order() - onto the queue */
void lockspace_order(struct lockspace *ls, enum lockspace_order which);
/** lockspace_note() - a line for the log */
__attribute__((format(printf, 3, 4))) void lockspace_note(
	const struct lockspace *ls, enum fence_level level, const char *format, ...);

/** lockspace_join() - nobody refuses us */
void lockspace_join(struct lockspace *ls);
/** lockspace_confchg() - Return: 0; -ENOMEM nothing has changed */
int lockspace_confchg(
	struct lockspace *ls, struct fence_now now, const struct fence_change *confchg);
/** lockspace_ring() - the group is in this ring */
void lockspace_ring(struct lockspace *ls, uint64_t seq);
/** lockspace_run() - every member has stopped for its started change: the engine starts */
void lockspace_run(struct lockspace *ls);
/** lockspace_stop() - the engine stops, if it does not already */
void lockspace_stop(struct lockspace *ls);
/** lockspace_stopped() - the engine has confirmed the newest stop */
void lockspace_stopped(struct lockspace *ls);
/** lockspace_leave() - stopped, then left; @result: of the last answer */
void lockspace_leave(struct lockspace *ls, int32_t result);
/** lockspace_tick() - a second has gone by */
void lockspace_tick(struct lockspace *ls, struct fence_now now);
/** lockspace_gone() - the last answer, and it is no more */
void lockspace_gone(struct lockspace *ls, int32_t result);
