/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The lock engine in dlm_lockd: how calls become records and records become completions.
 *
 * A new lock gets its id here, from blocks that the daemon gave, and every call is judged by our
 * own table as the kernel would judge it, so that a call does not wait. Calls whose outcome only
 * the engine knows carry a serial number and wait for its answer: a cancel or force-unlock of
 * something in progress, an adoption, a purge.
 */
#include <libdlm.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/connection.h"
#include "lib/ids.h"
#include "lib/ops.h"

struct handle;
struct delivery;
struct lock;

/* On the stack of a call that waits for the daemon's answer. */
struct answer {
	struct answer *next;
	uint32_t serial;
	bool done;
	int result; /* only valid if done */
	/* What the answer means for the table, done when it is taken in: what follows it counts on
	 * that. */
	void (*apply)(struct handle *handle, struct answer *answer, uint32_t value);
	const void *call;
	uint32_t lkid;
	struct lock *lock; /* not in the table yet */
	struct delivery *reserved;
};

struct user {
	struct connection *connection;
	struct ids ids;
	uint32_t serial_last;
	struct answer *answers;
	bool poked;       /* an answer is under way that will make the descriptor readable */
	bool taking_over; /* the daemon has not answered yet that the connection is ours */
	bool disowned;    /* another process uses the connection: no way back */
};

/** user_open() - connect to a lockspace of dlm_lockd. Return: as connection_open() */
int user_open(const char *name, struct handle **ret);

/* Between user.c and its rooms userlink.c (sending and receiving) and usercall.c (calls). */

int userlink_receive(struct handle *handle);
int userlink_flush(struct handle *handle);
void userlink_flush_old(struct handle *handle);
int userlink_check(struct handle *handle);
void userlink_poke(struct handle *handle);
/** userlink_take_records() - what is left in the packet that was received. 0; -ENOTCONN */
int userlink_take_records(struct handle *handle);
/** userlink_append() - a zeroed record, sent before if there was no room. Return: 0; -ENOTCONN */
int userlink_append(
	struct handle *handle, enum client_record_type type, uint32_t bytes, void **ret);
/** userlink_post() - the last record appended may leave: at once, or with its fellows */
int userlink_post(struct handle *handle);
/** userlink_ask() - append is done, with @answer->serial in it; wait. Return: answer's, or
 * -ENOTCONN, -EPERM */
int userlink_ask(struct handle *handle, struct answer *answer);
/** userlink_serial() - the next serial number */
uint32_t userlink_serial(struct user *user);
/** userlink_wait_ids() - until an id is there. Return: 0; -ENOTCONN; -EPERM */
int userlink_wait_ids(struct handle *handle);
/** userlink_takeover() - the first call after fork */
int userlink_takeover(struct handle *handle);

int usercall_lock(struct handle *handle, const struct lock_call *call);
int usercall_unlock(struct handle *handle, const struct unlock_call *call);
int usercall_purge(struct handle *handle, int nodeid, int pid);
