/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/walk.h"

#include "engine/lock.h"
#include "engine/resource.h"

#define QUEUES 3u

static struct list *queue_at(struct resource *resource, unsigned int queue)
{
	if (queue == 0)
		return &resource->granted;
	return queue == 1 ? &resource->converting : &resource->waiting;
}

static void enter(struct walk *walk, struct list *at)
{
	walk->at = at;
	walk->lock = NULL;
	walk->queue = 0;
}

void walk_begin(struct walk *walk, struct list *first, struct list *end)
{
	walk->end = end;
	enter(walk, first);
}

struct resource *walk_resource(const struct walk *walk)
{
	return walk->at == walk->end ? NULL : list_entry(walk->at, struct resource, entry);
}

struct lock *walk_lock(struct walk *walk)
{
	struct resource *resource = walk_resource(walk);

	for (; walk->queue < QUEUES; walk->queue++, walk->lock = NULL) {
		struct list *head = queue_at(resource, walk->queue);
		struct list *next = walk->lock ? walk->lock : head->next;

		if (next != head) {
			walk->lock = next->next;
			return list_entry(next, struct lock, queue);
		}
	}
	return NULL;
}

void walk_again(struct walk *walk)
{
	enter(walk, walk->at);
}

void walk_next(struct walk *walk)
{
	enter(walk, walk->at->next);
}
