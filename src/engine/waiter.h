/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Operations of this node's programs that wait for another node's reply, and what becomes of them
 * when a cancel or force-unlock overlaps them or when that node goes.
 * Source: docs/protocol/wire.md, "Overlaps" and "Recovery".
 */
#include <stdbool.h>
#include <stdint.h>

struct engine_lockspace;
struct lock;

/** waiter_add() - a message of @type (enum wire_msg_type) for this lock was sent */
void waiter_add(struct lock *lock, uint8_t type);
/**
 * waiter_reply() - a reply of @type arrived with @result (or is faked)
 * Return: 0 handle it; -ESRCH it answers nothing that is awaited: ignore it
 */
int waiter_reply(struct lock *lock, uint8_t type, int result);
void waiter_clear(struct lock *lock);
/**
 * waiter_granted() - a queued lock of ours is granted: a cancel that was to be sent again after a
 * recovery has come too late
 */
void waiter_granted(struct lock *lock);
/**
 * waiter_recover_pre() - before masters are recovered: mark what must be done again, fake what can
 * be answered here. Call once for each recovery that reaches this step.
 */
void waiter_recover_pre(struct engine_lockspace *ls);
/** waiter_recover_post() - locking runs again: redo the marked. Return: true if more than @budget
 * were left */
bool waiter_recover_post(struct engine_lockspace *ls, uint32_t budget);
