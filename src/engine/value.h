/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Value blocks: when a grant or unlock copies one, which way, and when it is marked not valid.
 * Source: docs/protocol/wire.md, "Value blocks".
 */
#include <stdbool.h>
#include <stdint.h>

struct lock;
struct resource;

/** value_on_grant() - on the master, before grmode changes to rqmode */
void value_on_grant(struct lock *lock);
/**
 * value_seen() - on the owner's node, before grmode changes to rqmode: is the lock's block now the
 * resource's?
 * @given: there is a block of the resource
 *
 * Above CR nobody else can write, so what was fresh at the grant stays so. A new master takes the
 * value from a lock above CR that says VALBLK: one whose block is not fresh (its program was told
 * that it is not valid, or gave bytes of its own) must not be taken for one, and must not write it
 * by a plain unlock.
 */
void value_seen(struct lock *lock, bool given);
/** value_replaced() - the program gave other bytes with a call: they are not the resource's yet */
void value_replaced(struct lock *lock, const uint8_t *lvb);
/**
 * value_on_unlock() - on the master, before the lock leaves its queue
 *
 * Neither fails: where there is no memory to store a block in, the value is marked not valid.
 */
void value_on_unlock(struct lock *lock);
