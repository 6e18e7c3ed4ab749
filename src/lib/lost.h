/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The end of a connection while the program may still act on its locks. Everything in progress
 * completes with ENOTCONN, later calls fail with it, and the lost callback is called last, once.
 *
 * The lease, which tells dlm_controld that the program may still act, is closed when the callback
 * has returned. Without a callback the program has not said that it stopped: then the lease
 * stays until the lockspace is closed.
 */
#include <stdbool.h>

struct handle;

struct lost {
	bool happened;
	bool told; /* nothing is left to tell */
	void (*callback)(void *arg);
	void *arg;
};

/** lost_enter() - the connection has ended; once is enough, more is harmless */
void lost_enter(struct handle *handle);
/** lost_pending() - whether the callback is to be called when all else has been delivered */
bool lost_pending(const struct lost *lost);
/** lost_tell() - call it; the mutex is held at the call and at the return, not between */
void lost_tell(struct handle *handle);
