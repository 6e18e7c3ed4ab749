/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The grant rules: what may be granted on a resource that we master, in which order, and who is
 * told that he is in the way. Source: docs/protocol/wire.md, "Grant rules" and "Blocking ASTs".
 */
#include <stdbool.h>

#include "engine/engine.h"

struct lock;
struct resource;

/** queue_can_grant() - decide for @lock as it arrives (not queued, or converting); may set ALTMODE
 * or DEMOTED Return: 1 grant it (in lock->rqmode, which ALT flags may have changed); 0 not now;
 * -EDEADLK
 */
int queue_can_grant(struct lock *lock);
/** queue_grant() - put it on the grant queue in its requested mode (value block first: value.h) */
void queue_grant(struct lock *lock);
/** queue_rescan() - after a lock went or was demoted: grant what can be granted now, tell blockers
 * @recovering: the grant pass at the end of a recovery, with its relaxed rule for conversions
 */
void queue_rescan(struct resource *resource, bool recovering);
/** queue_bast_blockers() - tell the granted locks that are in the way of @lock; with @converting
 * also those on the convert queue */
void queue_bast_blockers(struct lock *lock, bool converting);
/** queue_rescan_converts() - only the convert queue: a conversion was just demoted */
void queue_rescan_converts(struct resource *resource);
/** queue_trace() - tell the observer about a lock of a resource that we master */
void queue_trace(const struct lock *lock, enum engine_trace_kind kind, int mode);
