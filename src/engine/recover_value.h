/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What becomes of a resource's value block in recovery: a new master takes it from the locks that
 * were sent to it, and where the holder that may have written it is gone, it is marked not valid.
 * The locks are shown one by one, so that the work can be done in slices.
 * Source: docs/protocol/wire.md, "Recovery", "Value blocks".
 */
#include <stdbool.h>

struct lock;
struct resource;

struct recover_value {
	struct lock *holder; /* the first above CR: nobody can have written since it was granted */
	struct lock *newest; /* else the one with the newest block, NULL: no lock has one */
	bool any;            /* there are locks */
};

void recover_value_begin(struct recover_value *value);
/** recover_value_see() - every lock of the queues, granted first, then converting, then waiting */
void recover_value_see(struct recover_value *value, struct lock *lock);
/** recover_value_settle() - all were seen. Out of memory the value is lost, and marked so */
void recover_value_settle(const struct recover_value *value, struct resource *resource);
