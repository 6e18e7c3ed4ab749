/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Arguments of lock and unlock calls, as far as they can be judged without the lock. */
struct lock_call;
struct unlock_call;

/**
 * check_lock() - Return: 0; -EINVAL
 * Source: docs/protocol/wire.md, "API flags".
 */
int check_lock(const struct lock_call *call);
/** check_unlock() - Return: 0; -EINVAL */
int check_unlock(const struct unlock_call *call);
