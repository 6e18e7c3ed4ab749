/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What has arrived for the program and has not been told to it yet, in order, and the one place
 * where the program's functions are called.
 */
#include <libdlm.h>
#include <stdbool.h>

#include "base/pure/pool.h"

struct handle;

struct delivery {
	struct delivery *next;
	void (*call)(void *arg);
	void *arg;
	uint32_t lkid;
	bool blocking; /* a blocking AST: what follows is only valid without it, but for mode */
	uint8_t mode;  /* only valid with blocking: that is blocked */
	uint8_t sbflags;
	bool has_lvb;
	int status; /* as the program sees it: positive */
	struct dlm_lksb *lksb;
	uint8_t lvb[DLM_LVB_LEN];
};

struct dispatch {
	struct delivery *head, **tail;
	uint32_t count; /* of what waits here */
	struct pool pool;
	uint32_t depth; /* callbacks that are being run, one inside the other; all in one thread */
	uint32_t hasty; /* so many callbacks more whose requests leave at once */
};

void dispatch_init(struct dispatch *dispatch);
/** dispatch_done() - drop what has not been delivered */
void dispatch_done(struct dispatch *dispatch);
/** dispatch_new() - a delivery, zeroed; NULL: no memory */
struct delivery *dispatch_new(struct dispatch *dispatch);
/** dispatch_drop() - give one back that was not added; NULL is allowed */
void dispatch_drop(struct dispatch *dispatch, struct delivery *delivery);
/** dispatch_add() - to be delivered after all others; taken */
void dispatch_add(struct dispatch *dispatch, struct delivery *delivery);
/** dispatch_pending() - whether something is left to tell */
bool dispatch_pending(const struct handle *handle);

/**
 * dispatch_run() - call the program's functions for everything that is there, then send
 *
 * One thread at a time does that, so that callbacks of a lock keep their order: nothing happens
 * where another thread is at it, see dispatch_elsewhere(). The mutex is held at the call and at the
 * return, not between. Functions that the program calls
 * may use the handle, and close it: look at handle->closed afterwards.
 */
void dispatch_run(struct handle *handle);
/** dispatch_elsewhere() - whether another thread is at it, and will go on until all is told */
bool dispatch_elsewhere(const struct handle *handle);
/** dispatch_inside() - whether this thread is in a callback that dispatch_run() called */
bool dispatch_inside(const struct handle *handle);
