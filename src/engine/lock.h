/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One lock. The same struct serves three roles:
 *	local copy	owner and master are this node
 *	process copy	the owner is a program here, the master another node (lock->nodeid)
 *	master copy	we are master, the owner is another node (LOCK_MASTER_COPY, nodeid = the
 *owner)
 *
 * This room makes and frees locks, finds them by id and moves them between the queues of their
 * resource. What may be granted is decided in queue.c.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/dlmconst.h"
#include "base/pure/hash.h"
#include "base/pure/list.h"

struct engine_client;
struct engine_lockspace;
struct resource;

enum lock_status {
	LOCK_NONE = 0,
	LOCK_WAITING = 1,
	LOCK_GRANTED = 2,
	LOCK_CONVERTING = 3,
};

/* lock->flags: ours alone, never on the wire */
#define LOCK_MASTER_COPY        0x0001u /* the owner is another node */
#define LOCK_RESEND             0x0002u /* recovery: the operation in flight must be done again */
#define LOCK_OVERLAP_UNLOCK     0x0004u /* force-unlock asked for while an operation is in flight */
#define LOCK_OVERLAP_CANCEL     0x0008u
#define LOCK_DEADLOCK_CANCEL    0x0010u /* the cancel in progress completes with -EDEADLK */
#define LOCK_ENDED              0x0020u /* on no queue; only callbacks that were not taken keep it */
#define LOCK_WANTS_BAST         0x0040u
#define LOCK_SILENT             0x0080u /* the program is gone: no callbacks */
#define LOCK_HAS_LVB            0x0100u /* extra->lvb is a value block */
#define LOCK_CALLBACK_LISTED    0x0200u /* on its client's list of locks with callbacks */
#define LOCK_COUNTED            0x0400u /* counted in its client's held_count (or the orphans') */
#define LOCK_COUNTED_PERSISTENT 0x0800u
#define LOCK_LOOKUP_WAIT        0x1000u /* on resource->lookup: waits for another lock's lookup */
#define LOCK_PENDING            0x2000u /* counted in resource->pending_count: on no queue yet */
#define LOCK_ABANDONED          0x4000u /* its closed client has given it up; a reply is awaited */
#define LOCK_VALUE_FRESH        0x8000u /* its value block was the resource's when it was granted */

/* Rarely needed parts, allocated with the first VALBLK or transaction id. */
struct lock_extra {
	uint64_t xid;
	uint8_t lvb[]; /* lvb_bytes of the lockspace */
};

struct lock {
	struct hash_node by_id;
	struct resource *resource;
	struct list queue;  /* resource->granted, converting, waiting or lookup; or unlinked */
	struct list waiter; /* ls->waiters while an operation of ours has no reply */
	struct list owner;  /* client->locks, or ls->orphans; master copies: unlinked */
	struct lock *callback_next;   /* next on the client's list of callbacks */
	struct engine_client *client; /* NULL: orphan, or master copy */
	struct lock_extra *extra;     /* NULL: none */
	uint32_t lkid;                /* ours */
	uint32_t remid;               /* the other node's id for it; 0: none known */
	uint32_t nodeid;  /* the other node: master or owner; 0: local copy, or master not known */
	uint32_t pid;     /* of the last caller */
	uint32_t exflags; /* DLM_LKF_* of the latest operation */
	uint32_t lvbseq;
	uint32_t since_s;       /* when the operation in progress (or the last one) began */
	uint16_t flags;         /* LOCK_* */
	uint16_t recover_stamp; /* low bits of the recovery number that made this master copy */
	uint8_t shared;         /* WIRE_FLAG_USER, WIRE_FLAG_ORPHAN: both sides have them */
	uint8_t sbflags;        /* DLM_SBF_* */
	int8_t grmode, rqmode;  /* enum dlm_mode; IV: none */
	int8_t highbast;        /* highest mode that the owner was told to be blocking */
	uint8_t status;         /* enum lock_status */
	uint8_t wait_type;      /* enum wire_msg_type whose reply is awaited, 0: none */
	uint8_t wait_count;     /* replies awaited: 2 while an overlap was sent after a convert */
	uint8_t late_cancels; /* replies to cancels that a won conversion has settled: pass over */
	uint8_t asts;         /* WIRE_ASTS_* that the owner asked for */
	/* callbacks not taken yet; see callback.h */
	uint8_t cast_count; /* 0..2 */
	uint8_t cast_code[2];
	uint8_t cast_sbflags[2];
	int8_t cast_mode[2];
	int8_t bast_mode;      /* IV: none */
	uint8_t bast_after;    /* it comes after so many of the completions */
	int8_t cast_mode_last; /* mode of the last completion that was taken; NL at first */
};

static_assert(sizeof(struct lock) <= 144, "a lock costs memory a million times");

/**
 * lock_new() - a lock that is on no queue, modes IV, status none
 * @lkid: 0: take one of our own ids (master copies)
 * Return: 0; -ENOMEM; -EEXIST the id is in use
 */
int lock_new(
	struct engine_lockspace *ls, struct resource *resource, uint32_t lkid, struct lock **ret);
/** lock_free() - off every queue and list already; the resource is put by the caller */
void lock_free(struct engine_lockspace *ls, struct lock *lock);
/** lock_find() - by our id; NULL: none */
struct lock *lock_find(const struct engine_lockspace *ls, uint32_t lkid);
/** lock_find_remote() - on @resource, the master copy of (owner node, its id); NULL: none */
struct lock *lock_find_remote(const struct resource *resource, uint32_t nodeid, uint32_t remid);
/** lock_lvb() - its value block, NULL: it has none */
uint8_t *lock_lvb(const struct lock *lock);
/** lock_lvb_make() - give it a (zeroed) value block if it has none. Return: 0; -ENOMEM */
int lock_lvb_make(struct engine_lockspace *ls, struct lock *lock);
/** lock_set_xid() - Return: 0; -ENOMEM */
int lock_set_xid(struct engine_lockspace *ls, struct lock *lock, uint64_t xid);
/** lock_is_master_side() - local or master copy: its queues here decide */
bool lock_is_master_side(const struct lock *lock);

/** lock_enqueue() - put on the queue of @status by its insert rule (HEADQUE, newest grant first) */
void lock_enqueue(struct lock *lock, enum lock_status status);
/** lock_enqueue_tail() - the same, always at the end: rebuild in recovery */
void lock_enqueue_tail(struct lock *lock, enum lock_status status);
/** lock_dequeue() - off its queue; status none */
void lock_dequeue(struct lock *lock);
/** lock_requeue() - from one queue to another */
void lock_requeue(struct lock *lock, enum lock_status status);
