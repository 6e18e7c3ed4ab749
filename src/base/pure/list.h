/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Intrusive doubly linked lists. The list head is a link of its own, and an unlinked link points
 * to itself, so that removing twice is harmless and membership can be asked.
 */
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/** list_linked() - whether this entry is on some list; only for entries that were list_init'ed */
static inline bool list_linked(const struct list *entry)
{
	return entry->next != entry;
}

static inline void list_insert(struct list *entry, struct list *before, struct list *after)
{
	entry->prev = before;
	entry->next = after;
	before->next = entry;
	after->prev = entry;
}

static inline void list_add_tail(struct list *list, struct list *entry)
{
	list_insert(entry, list->prev, list);
}

static inline void list_add_head(struct list *list, struct list *entry)
{
	list_insert(entry, list, list->next);
}

/** list_add_before() - put @entry in front of @position, which is on a list */
static inline void list_add_before(struct list *position, struct list *entry)
{
	list_insert(entry, position->prev, position);
}

static inline void list_remove(struct list *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	list_init(entry);
}

/** list_take_all() - move every entry of @from to the end of @to, keeping the order */
static inline void list_take_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#define list_first(list, type, member)                                                             \
	(list_empty(list) ? NULL : list_entry((list)->next, type, member))
#define list_last(list, type, member)                                                              \
	(list_empty(list) ? NULL : list_entry((list)->prev, type, member))

#define list_for_each(pos, list, member)                                                           \
	for (pos = list_entry((list)->next, __typeof__(*pos), member); &pos->member != (list);     \
		pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* Allows the removal of pos, and of nothing else, in the body. */
#define list_for_each_safe(pos, tmp, list, member)                                                 \
	for (pos = list_entry((list)->next, __typeof__(*pos), member),                             \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                          \
		&pos->member != (list);                                                            \
		pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
