/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One resource: a name, who masters it, and the queues of its locks as this node sees them. Also
 * the directory record: a resource without locks here, kept because its name hashes to us.
 *
 * "In use" (on ls->active) while it has a lock; else unused: on ls->unused, oldest first, kept for
 * toss_ms; or on ls->records where it is our directory's record of another master, which only that
 * master's REMOVE ends.
 * During recovery nothing moves to unused: recovery.c sweeps when it is over.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/hash.h"
#include "base/pure/list.h"

struct engine_lockspace;
struct lock;

#define RESOURCE_IN_USE 0x0001u /* on ls->active */
#define RESOURCE_MASTER_UNCERTAIN                                                                  \
	0x0002u /* revived with a remote master that may have dropped it */
#define RESOURCE_VALNOTVALID     0x0004u
#define RESOURCE_NEW_MASTER      0x0008u /* recovery: our locks must be sent to the new master */
#define RESOURCE_NEW_MASTER2     0x0010u /* recovery: its master changed (stays until finalised) */
#define RESOURCE_RECOVER_CONVERT 0x0020u
#define RESOURCE_RECOVER_GRANT   0x0040u
#define RESOURCE_LVB_INVALID     0x0080u /* recovery: a gone node held PW or EX with a value block */
#define RESOURCE_UNCONFIRMED                                                                       \
	0x0100u /* our directory's, but its master did not name it in recovery */
#define RESOURCE_VALUE_LOST                                                                        \
	0x0400u /* the last value that was written is not here: no memory, or recovery */
#define RESOURCE_TOLD 0x0200u /* directory record: its master was told so at unused_since */

struct resource {
	struct hash_node by_name;
	struct engine_lockspace *ls;
	struct list entry; /* ls->active, ls->unused or ls->records */
	struct list granted;
	struct list converting;
	struct list waiting;
	struct list lookup; /* locks of ours that wait until the master is known */
	uint8_t *lvb;       /* lvb_bytes; NULL: none. Only valid if we are master */
	uint32_t hash;
	uint32_t master_nodeid; /* 0: not known; ours: we are */
	uint32_t dir_nodeid;
	uint32_t first_lkid; /* the one lock that may ask who is master; 0: none */
	uint32_t lvbseq;
	uint32_t recover_count; /* LOCK replies awaited (recovery) */
	uint32_t pending_count; /* locks of ours on no queue: their LOOKUP or REQUEST has no reply
				   yet */
	uint32_t unused_since;  /* resource_clock() when it became unused, or see RESOURCE_TOLD */
	uint16_t flags;
	uint8_t name_bytes;
	uint8_t name[];
};

/** resource_find() - NULL: no record */
struct resource *resource_find(
	const struct engine_lockspace *ls, const void *name, uint32_t bytes, uint32_t hash);
/** resource_new() - unused, master unknown, directory node computed. Return: 0; -ENOMEM */
int resource_new(struct engine_lockspace *ls, const void *name, uint32_t bytes, uint32_t hash,
	struct resource **ret);
/** resource_free() - no locks may be left */
void resource_free(struct resource *resource);
/** resource_hold() - it gets a lock: in use from now on */
void resource_hold(struct resource *resource);
/** resource_put() - it may have lost its last lock: then it is unused, its value block is gone */
void resource_put(struct resource *resource);
/** resource_file() - put it on the list that its state asks for; called where IN_USE or the master
 * changes */
void resource_file(struct resource *resource);
/** resource_discard_unused() - drop unused ones and records, at most @budget. Return: true if more
 * are left */
bool resource_discard_unused(struct engine_lockspace *ls, uint32_t budget);
/** resource_clock() - the engine's time in steps of 16 ms, wrapping */
uint32_t resource_clock(const struct engine_lockspace *ls);
/** resource_age_ms() - time since unused_since */
uint64_t resource_age_ms(const struct resource *resource);
/** resource_is_master() - we are */
bool resource_is_master(const struct resource *resource);
/** resource_set_master() - @nodeid 0: forget */
void resource_set_master(struct resource *resource, uint32_t nodeid);
/** resource_has_locks() - on any queue, lookup included */
bool resource_has_locks(const struct resource *resource);
/** resource_lvb_make() - Return: 0; -ENOMEM */
int resource_lvb_make(struct resource *resource);
void resource_lvb_drop(struct resource *resource);
/** resource_hash() - the name hash that all nodes compute */
uint32_t resource_hash(const void *name, uint32_t bytes);
