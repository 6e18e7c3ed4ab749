/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A connected program: its locks, what it holds, its lock ids, and what becomes of its locks when
 * it goes (unlocked, or orphans that another program may adopt).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "engine/engine.h"

struct lock;

struct engine_client {
	struct list entry; /* ls->clients, or ls->closing */
	struct list
		dirty; /* engine->dirty_clients while it has callbacks that were not announced */
	struct engine_lockspace *ls;
	void *context;     /* the caller's */
	uint32_t number;   /* identifies it in lockid; never 0, never reused soon */
	struct list locks; /* lock->owner */
	struct lock *callback_first, *callback_last;
	uint32_t lock_count;
	uint32_t held_count;
	uint32_t persistent_held_count;
	uint32_t block_first[2]; /* id blocks, 0: none; [1] is the newer */
	uint32_t full_nodeid;    /* a peer with too much queued that it sent to, 0: none */
	bool closing;
};

/** client_dirty() - it has callbacks: say so with the next outputs */
void client_dirty(struct engine_client *client);
/** client_sent() - a message of this lock's owner was queued for @nodeid */
void client_sent(const struct lock *lock, uint32_t nodeid);
/** client_attach() - a new lock of this client */
void client_attach(struct engine_client *client, struct lock *lock);
/** client_account() - the lock's granted mode or owner changed: bring the counts up to date */
void client_account(struct lock *lock);
/**
 * client_settle() - after any operation: if the lock has ended, take it off its resource, and free
 * it when its callbacks were taken (or nobody listens). Lock and resource may be gone afterwards.
 */
void client_settle(struct lock *lock);
/** client_close_work() - go on closing clients. Return: true if more than @budget locks were left
 */
bool client_close_work(struct engine_lockspace *ls, uint32_t budget);
/** client_adopted() - this orphan belongs to @client now */
void client_adopted(struct engine_client *client, struct lock *lock);
/** client_purge_orphans() - drop the orphans of @pid, 0: all */
void client_purge_orphans(struct engine_lockspace *ls, uint32_t pid);
/** client_free_all() - the lockspace goes: free clients and detach their locks */
void client_free_all(struct engine_lockspace *ls);
