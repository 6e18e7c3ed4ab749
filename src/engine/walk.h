/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A walk over the resources in use, and over the locks of each, that can stop after any of them and
 * go on later. Recovery does its work on a million of them in slices with it.
 *
 * While it lasts, only its owner may take something away, and only what it stands on. What others
 * put in front of the list of resources, or at the end of a queue, is not seen.
 */
#include <stdbool.h>

#include "base/pure/list.h"

struct lock;
struct resource;

struct walk {
	struct list *at;    /* entry of the resource it stands on, or @end */
	struct list *end;   /* head of the list */
	struct list *lock;  /* next lock of the queue, NULL: its first */
	unsigned int queue; /* 0 granted, 1 converting, 2 waiting, 3 all were seen */
};

/** walk_begin() - from the entry @first (or @end itself) to the end of the list */
void walk_begin(struct walk *walk, struct list *first, struct list *end);
/** walk_resource() - where it stands; NULL: all were seen */
struct resource *walk_resource(const struct walk *walk);
/** walk_lock() - the next lock of the resource; NULL: all were seen. The caller may free it */
struct lock *walk_lock(struct walk *walk);
/** walk_again() - the locks of the same resource once more */
void walk_again(struct walk *walk);
/** walk_next() - go to the next resource; afterwards the caller may take away the one before */
void walk_next(struct walk *walk);
