/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Value blocks: when a grant or unlock copies one, which way, and when it is marked not valid.
 * Source: docs/protocol/wire.md, "Value blocks".
 */
struct lock;
struct resource;

/** value_on_grant() - on the master, before grmode changes to rqmode */
void value_on_grant(struct lock *lock);
/**
 * value_on_unlock() - on the master, before the lock leaves its queue
 *
 * Neither fails: where there is no memory to store a block in, the value is marked not valid.
 */
void value_on_unlock(struct lock *lock);
