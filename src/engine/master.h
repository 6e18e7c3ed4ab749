/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The four operations on a resource that we master, the same for our programs' locks and for other
 * nodes'. Each returns the result that its owner gets; a reply is sent by the caller, and then the
 * effects on others, in this order, since every node relies on it.
 * Source: docs/protocol/wire.md, "Operations on the master".
 */
struct lock;
struct resource;

/** master_request() - Return: 0 granted; -EINPROGRESS queued; -EAGAIN refused, on no queue */
int master_request(struct lock *lock);
void master_request_effects(struct lock *lock, int result);
/** master_convert() - the lock is granted and has rqmode set. Return: 0; -EINPROGRESS; -EAGAIN;
 * -EDEADLK */
int master_convert(struct lock *lock);
void master_convert_effects(struct lock *lock, int result);
/** master_unlock() - Return: -DLM_STATUS_EUNLOCK, on no queue */
int master_unlock(struct lock *lock);
/** master_cancel() - Return: 0 nothing to cancel; -DLM_STATUS_ECANCEL */
int master_cancel(struct lock *lock);
/** master_left_effects() - after unlock or a cancel that did something: others may be granted */
void master_left_effects(struct resource *resource);
