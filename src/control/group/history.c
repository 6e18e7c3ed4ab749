/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/group/history.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"

int history_reserve(struct history *history, const struct alloc *alloc, uint32_t more)
{
	uint32_t room = history->count + more;
	struct history_node *list;

	if (room <= history->room)
		return 0;
	room += room / 2;
	list = alloc_get(alloc, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (history->count)
		memcpy(list, history->list, history->count * sizeof(*list));
	alloc_put(alloc, history->list, history->room * sizeof(*list));
	history->list = list;
	history->room = room;
	return 0;
}

void history_done(struct history *history, const struct alloc *alloc)
{
	for (uint32_t i = 0; i < history->count; i++)
		alloc_put(alloc, history->list[i].nacks,
			history->list[i].nack_room * sizeof(*history->list[i].nacks));
	alloc_put(alloc, history->list, history->room * sizeof(*history->list));
	*history = (struct history){0};
}

struct history_node *history_find(const struct history *history, uint32_t nodeid)
{
	for (uint32_t i = 0; i < history->count; i++) {
		if (history->list[i].nodeid == nodeid)
			return &history->list[i];
	}
	return NULL;
}

void history_joined(struct history *history, uint32_t nodeid, uint32_t seq)
{
	struct history_node *node = history_find(history, nodeid);

	if (!node) {
		must(history->count < history->room);
		node = &history->list[history->count++];
		*node = (struct history_node){.nodeid = nodeid};
	}
	node->is_member = true;
	node->added_seq = seq;
	node->last_start = 0; /* it may count anew */
	node->nack_count = 0;
}

int history_nack(struct history_node *node, const struct alloc *alloc, uint32_t number)
{
	uint32_t room = node->nack_room ? 2 * node->nack_room : 4;
	uint32_t *nacks = node->nacks;

	if (node->nack_count == node->nack_room) {
		nacks = alloc_get(alloc, room * sizeof(*nacks));
		if (!nacks)
			return -ENOMEM;
		if (node->nack_count)
			memcpy(nacks, node->nacks, node->nack_count * sizeof(*nacks));
		alloc_put(alloc, node->nacks, node->nack_room * sizeof(*nacks));
		node->nacks = nacks;
		node->nack_room = room;
	}
	nacks[node->nack_count++] = number;
	return 0;
}

bool history_is_failure(enum fence_reason reason)
{
	return reason == FENCE_REASON_NODEDOWN || reason == FENCE_REASON_PROCDOWN;
}

void history_left(struct history *history, struct fence_now now, uint32_t nodeid, uint32_t seq,
	enum fence_reason reason, bool fences)
{
	struct history_node *node = history_find(history, nodeid);

	if (!node)
		return;
	node->is_member = false;
	node->removed_seq = seq;
	if (!history_is_failure(reason)) {
		node->has_started = false;
		return;
	}
	if (fences && node->has_started)
		node->need_fencing = true;
	node->fail_reason = reason;
	node->fail_walltime = now.wall;
	node->fail_monotime = now.mono;
}
