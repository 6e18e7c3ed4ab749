/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The library's own table of the locks of one handle: what each was asked for last, what it holds,
 * and who wants to hear of it. The lock engine knows the same from its side; this table is what
 * lets a call be refused, or accepted with an id, without asking it.
 *
 * Guarded by the handle's mutex, as everything below it.
 */
#include <libdlm.h>
#include <stdbool.h>

#include "base/pure/hash.h"
#include "base/pure/pool.h"

struct delivery;
struct waitcall;

enum lock_op {
	LOCK_IDLE,    /* completed: holds `mode` */
	LOCK_REQUEST, /* new */
	LOCK_CONVERT,
	LOCK_UNLOCK, /* force-unlock of any of the above, too */
};

struct lock {
	struct hash_node node;
	uint32_t lkid;
	int8_t mode;         /* granted when it last completed; DLM_MODE_IV: not yet */
	uint8_t mode_wanted; /* only valid in LOCK_REQUEST and LOCK_CONVERT */
	uint8_t op;          /* enum lock_op: what has not completed yet */
	bool told;           /* it ends with a delivery, beside or instead of waiting calls */
	bool cancelled;      /* what the last lock call began was cancelled */
	bool value_block;    /* the last lock call had VALBLK */
	void (*ast)(void *arg);
	void *ast_arg;
	void (*bast)(void *arg);
	void *bast_arg;
	struct dlm_lksb *lksb;     /* for deliveries; NULL: the calls so far waited */
	struct waitcall *waiters;  /* calls that wait for the completion */
	struct delivery *reserved; /* for the completion; NULL unless told */
};

struct table {
	struct hash locks;
	struct pool pool;
};

/** table_init() - Return: 0; -ENOMEM */
int table_init(struct table *table);
/** table_done() - forget all locks; their reserved deliveries are the caller's business */
void table_done(struct table *table);
/** table_add() - an idle lock without a mode; @lkid is not in the table. NULL: no memory */
struct lock *table_add(struct table *table, uint32_t lkid);
/* A lock that is not in the table yet, for when adding must not fail. */
struct lock *table_spare(struct table *table);
void table_spare_drop(struct table *table, struct lock *spare);
/** table_add_spare() - as table_add(), with memory from table_spare(). Return: @spare */
struct lock *table_add_spare(struct table *table, struct lock *spare, uint32_t lkid);
struct lock *table_find(const struct table *table, uint32_t lkid);
void table_remove(struct table *table, struct lock *lock);
/** table_each() - call @visit for every lock; it may remove the lock that it gets, and no other */
void table_each(
	struct table *table, void (*visit)(void *context, struct lock *lock), void *context);
