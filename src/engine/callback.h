/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Completions and blocking ASTs on their way to programs. They are kept in the lock itself until
 * the client takes them, so that a client that does not read costs nothing more: at most two
 * completions and one blocking AST a lock. Blocking ASTs for several modes that were not taken
 * become one, for a mode that blocks at least what each of them blocked. Source:
 * docs/protocol/wire.md, "Blocking ASTs".
 */
#include <stdbool.h>

struct engine_client;
struct engine_lockspace;
struct lock;

/**
 * callback_completion() - an operation of this lock ended with @status (negative, or 0)
 *
 * Marks the lock LOCK_ENDED where the status says so and nothing is granted: it must be on no
 * queue then. For master copies nothing happens: their owner is told by message.
 */
void callback_completion(struct lock *lock, int status);
/** callback_blocking() - the lock is in the way of a request for @mode */
void callback_blocking(struct lock *lock, int mode);
/** callback_drop() - forget what was not taken */
void callback_drop(struct lock *lock);
/** callback_room() - whether @count more completions can be kept */
bool callback_room(const struct lock *lock, unsigned int count);
