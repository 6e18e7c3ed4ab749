/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a lock engine does for a handle. There are two: dlm_lockd over a socket (user.c), and the
 * kernel over its devices (device.c). All are called with the handle's mutex held.
 */
#include <libdlm.h>
#include <stdbool.h>

struct handle;
struct waitcall;

/* A call of the lock functions, checked as far as that needs no lock. Borrowed until it returns. */
struct lock_call {
	uint32_t mode;
	uint32_t flags; /* LKF_*, without LKF_WAIT */
	const void *name;
	uint32_t name_bytes;
	uint64_t xid;
	struct dlm_lksb *lksb;
	void (*ast)(void *arg); /* NULL in a call that waits */
	void *ast_arg;
	void (*bast)(void *arg); /* NULL: does not want to know */
	void *bast_arg;
	struct waitcall *wait; /* NULL: nobody waits, ast is called */
};

struct unlock_call {
	uint32_t lkid;
	uint32_t flags;
	bool deadlock;         /* a cancel, completing with EDEADLK */
	struct dlm_lksb *lksb; /* NULL only with deadlock */
	void *ast_arg;         /* NULL: as it was */
	struct waitcall *wait;
};

/* Answers of lock and unlock that are not errors. */
#define OPS_COMPLETES 0 /* a completion follows */
#define OPS_DONE      1 /* it is done, no completion follows */

struct engine_ops {
	int (*lock)(struct handle *handle, const struct lock_call *call);
	int (*unlock)(struct handle *handle, const struct unlock_call *call);
	int (*purge)(struct handle *handle, int nodeid, int pid);
	/* Take in one packet without waiting. 1: did; 0: there is none; -ENOTCONN; -EPERM */
	int (*receive)(struct handle *handle);
	/* Send what has been gathered. 0; -ENOTCONN */
	int (*flush)(struct handle *handle);
	/* The same, if waiting for more would delay it noticeably. */
	void (*flush_old)(struct handle *handle);
	/* Whether this process may use it still. 0; -EPERM */
	int (*check)(struct handle *handle);
	/* The first call in a forked process. 0; -EPERM; -ENOTCONN; -ENOMEM */
	int (*takeover)(struct handle *handle);
	/* In a forked process, before anything else. */
	void (*forked)(struct handle *handle);
	/* Something was taken in that nobody is about to deliver: make the descriptor readable. */
	void (*poke)(struct handle *handle);
	/* The program has acknowledged the loss of its right. */
	void (*lost_done)(struct handle *handle);
	int (*set_inherit)(struct handle *handle, bool inherit);
	/* Close descriptors and free; also after a failed opening. */
	void (*close)(struct handle *handle);
};
