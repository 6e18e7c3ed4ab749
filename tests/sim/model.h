/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the programs of a cluster know: the locks that they asked for, what they were told, which
 * modes they may rely on, which value blocks they wrote. It is kept without any look into an
 * engine, so that the checkers (check.h) can compare what engines do with what programs were
 * promised.
 *
 * A right lasts from the moment a program is told of it until it begins to give it up, or until its
 * node is really dead (fenced), which may be long after the other nodes removed it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "engine/engine.h"

struct cluster;

#define MODEL_LOCKS_MAX     65536
#define MODEL_RESOURCES_MAX 512
#define MODEL_LVB_BYTES     DLM_USER_LVB_BYTES

enum model_op {
	MODEL_IDLE = 0,
	MODEL_REQUEST,
	MODEL_CONVERT,
	MODEL_UNLOCK,
};

/*
 * The value block of a resource as the programs may see it. Each write has a serial number, 0 is
 * the block of zeros of a resource without one. The block is one of the writes low..high: `high`
 * the last one that was asked for, `low` the last one that is known to have been carried out.
 */
struct model_value {
	uint32_t low, high, next;
	uint32_t resets; /* times that the block was seen to be an older one, or none */
	bool loose;      /* a writer died: even an exclusive reader may see any of low..high */
	bool unknown;    /* anything may be seen until the next write */
	uint32_t doubts; /* locks on their way out that may be granted PW or EX before they go */
	uint32_t doubt_count; /* how many there have been */
	uint32_t gaps;        /* times that nobody surely had a lock */
	bool none_allowed;    /* for a moment nobody surely had a lock: the block may be gone */
	bool none_before;     /* the same before the last write, which may not be carried out yet */
	uint32_t writer;      /* node that asked for the last write */
	bool invalid_allowed; /* something happened that marks the block not valid */
	bool invalid_must;    /* it must be seen as not valid */
};

struct model_resource {
	uint32_t space;
	uint32_t number;
	uint8_t name[DLM_NAME_BYTES_MAX];
	uint8_t name_bytes;
	struct list rights;  /* struct model_lock by right_entry: those with rights */
	uint32_t sure_count; /* locks that surely exist at the master */
	struct model_value value;
};

struct model_lock {
	struct list right_entry;
	struct list node_entry; /* all locks of a node */
	uint32_t index;         /* in the model's table */
	uint32_t node, space;
	struct model_resource *resource;
	void *program; /* NULL: orphan */
	uint32_t pid;
	uint32_t lkid;
	bool wants_bast;

	enum model_op op; /* accepted, not completed */
	int op_mode;
	uint64_t op_since_us;
	uint32_t read_low;            /* value.low when the operation began */
	uint32_t recovery;            /* model.recoveries then */
	uint32_t read_resets;         /* value.resets then */
	bool read_none;               /* value.none_allowed then */
	bool read_unknown;            /* value.unknown or value.doubts then */
	uint32_t read_doubts;         /* value.doubt_count then */
	uint32_t read_gaps;           /* value.gaps then */
	bool cancel, deadlock_cancel; /* accepted since the operation began */
	bool force;                   /* force-unlock accepted */

	int granted;      /* what the program was last told, IV: nothing */
	uint32_t rights;  /* bit m: mode m may be what it holds now; 0: no right */
	uint32_t exflags; /* as the engine keeps them: of the last lock call, unlocks add theirs */
	bool sure;        /* counted in the resource's sure_count */
	bool told;        /* a BAST came since the last grant */
	bool jumped;   /* granted by NOORDER past others, who were not looked at (a kernel does not
			  either) */
	bool yield;    /* the program has decided to give way to a BAST */
	bool doubtful; /* an orphan whose mode is not known to anybody but the engine */
	bool has_buffer; /* a lock call had VALBLK: only then can an unlock write */
	bool doubt;      /* counted in the resource's doubts */
	bool answer_due; /* of a cancel that came too late: calls may get EBUSY until it is there */
	uint32_t buffer; /* serial of the program's value block */
	bool used;
};

struct model {
	struct cluster *cluster;  /* borrowed: clock, trace, failure */
	struct model_lock *locks; /* MODEL_LOCKS_MAX */
	uint32_t *free_locks;
	uint32_t free_count;
	struct model_resource resources[2][MODEL_RESOURCES_MAX];
	uint32_t resource_count;
	struct list nodes[17][2]; /* locks of each node and lockspace, by node_entry */
	bool purged[17][2];       /* another node sent a purge once: no orphan is safe from it */
	uint32_t recoveries[2];   /* of each lockspace: starts, and nodes that completed one */
	uint64_t operation_count, completion_count, bast_count;
	uint64_t read_count, invalid_count; /* value blocks read, of them marked not valid */
	uint64_t granted_count, refused_count, cancelled_count, deadlock_count;
};

void model_init(struct model *model, struct cluster *cluster, uint32_t resources);
void model_done(struct model *model);

/** model_resource_by_name() - NULL: not one of ours */
struct model_resource *model_resource_by_name(
	struct model *model, uint32_t space, const void *name, size_t bytes);
/** model_lock_find() - the lock @lkid of @node; NULL: none */
struct model_lock *model_lock_find(
	struct model *model, uint32_t node, uint32_t space, uint32_t lkid);

/** model_value_write() - the 32 bytes of write @serial to @resource; 0: zeros */
void model_value_write(
	const struct model_resource *resource, uint32_t serial, uint8_t ret[MODEL_LVB_BYTES]);
/** model_value_read() - Return: true and its serial; false: not a block of this resource */
bool model_value_read(const struct model_resource *resource, const uint8_t bytes[MODEL_LVB_BYTES],
	uint32_t *ret_serial);

/** model_lock_new() - a program is about to ask for a new lock; forget it with model_lock_free() */
struct model_lock *model_lock_new(struct model *model, uint32_t node, uint32_t space,
	struct model_resource *resource, void *program);
void model_lock_free(struct model *model, struct model_lock *lock);

/*
 * A call is about to be made by which the program gives up rights: they end before the engine can
 * act on it. A convert has its new mode as well. model_kept() undoes it where the engine refused
 * the call. Return: for model_kept()
 */
uint32_t model_converting(struct model_lock *lock, int mode, uint32_t flags);
uint32_t model_unlocking(struct model_lock *lock);
void model_kept(struct model_lock *lock, uint32_t rights);

/* The engine accepted a call. @lvb_serial: of the block given with it, if VALBLK is set. */
void model_requested(struct model *model, struct model_lock *lock, int mode, uint32_t flags);
void model_converted(struct model *model, struct model_lock *lock, int mode, uint32_t flags,
	uint32_t lvb_serial);
void model_unlocked(struct model *model, struct model_lock *lock, uint32_t flags, bool with_lvb,
	uint32_t lvb_serial);
/** model_cancelled() - a cancel was accepted with 0; an operation was in progress */
void model_cancelled(struct model *model, struct model_lock *lock, bool deadlock);

/** model_completed() - a program took a completion. Checks S1, S3, S4. Return: false: lock is gone
 */
bool model_completed(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback);
void model_told(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback);

/**
 * model_dropped() - the program lets go of a lock without a completion: its end, or purge
 * Return: its resource if the lock may still do something to the value block, else NULL: for
 * model_doubt_over()
 */
struct model_resource *model_dropped(struct model *model, struct model_lock *lock);
/** model_doubt_over() - what was dropped in the middle of an operation is gone for good */
void model_doubt_over(struct model_resource *resource);
/** model_orphaned() - the program ended, its PERSISTENT lock stays */
void model_orphaned(struct model *model, struct model_lock *lock);
/** model_orphan_doubted() - an orphan that another node was told to purge may go at any moment */
void model_orphan_doubted(struct model *model, struct model_lock *lock);
/** model_adopted() - @lock is an orphan that now belongs to @program */
void model_adopted(struct model *model, struct model_lock *lock, void *program, uint32_t pid,
	uint32_t flags, int mode);
/** model_node_gone() - the node is really dead, or left: rights of its programs are over */
void model_node_gone(struct model *model, uint32_t node, uint32_t space);
/** model_recovering() - a recovery of a lockspace begins, or a node has completed it */
void model_recovering(struct model *model, uint32_t space);
