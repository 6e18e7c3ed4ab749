/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that wait for a process to take them. */
#include <stdlib.h>
#include <string.h>

#include "sim/cpg/cpgmodel_parts.h"

void *cpgmodel_room(size_t bytes)
{
	void *room = calloc(1, bytes);

	if (!room)
		abort();
	return room;
}

void cpgmodel_push(struct cpgmodel_queue *queue, const struct cpgmodel_event *event,
	struct cpgmodel_packet *packet)
{
	struct cpgmodel_entry *entry = cpgmodel_room(sizeof(*entry));

	entry->event = *event;
	entry->packet = packet;
	if (packet)
		packet->references++;
	if (!queue->first)
		queue->last = &queue->first;
	*queue->last = entry;
	queue->last = &entry->next;
}

void cpgmodel_drop_first(struct cpgmodel_queue *queue)
{
	struct cpgmodel_entry *entry = queue->first;

	queue->first = entry->next;
	if (entry->packet && !--entry->packet->references)
		free(entry->packet);
	free(entry);
}

void cpgmodel_empty(struct cpgmodel_queue *queue)
{
	while (queue->first)
		cpgmodel_drop_first(queue);
}

static uint32_t fill(uint32_t *to, uint32_t bits)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CPGMODEL_NODES_MAX; i++) {
		if (bits & 1u << i)
			to[count++] = i + 1;
	}
	return count;
}

/* The process that the order has in the group is the one that runs. */
static bool is_there(const struct cpgmodel_node *node, uint32_t group)
{
	return node->has_process && node->joined[group] == node->incarnation &&
	       node->handles[group].is_open;
}

void cpgmodel_give_change(struct cpgmodel *model, uint32_t node, uint32_t group, uint32_t members,
	uint32_t joined, uint32_t left, enum fence_reason reason)
{
	struct cpgmodel_event event = {.type = CPGMODEL_CONFCHG, .serial = model->change_serial};

	if (!is_there(&model->nodes[node], group))
		return;
	memcpy(event.group, model->groups[group], sizeof(event.group));
	event.member_count = fill(event.members, members);
	event.joined_count = fill(event.joined, joined);
	event.left_count = fill(event.left, left);
	for (uint32_t i = 0; i < event.left_count; i++)
		event.reasons[i] = reason;
	cpgmodel_push(&model->nodes[node].handles[group].inbox, &event, NULL);
}

void cpgmodel_give_ring(struct cpgmodel *model, uint32_t node, uint32_t group)
{
	struct cpgmodel_event event = {.type = CPGMODEL_RING};
	uint32_t members[CPGMODEL_NODES_MAX];

	if (!is_there(&model->nodes[node], group))
		return;
	memcpy(event.group, model->groups[group], sizeof(event.group));
	fill(members, model->nodes[node].ring);
	event.ring_nodeid = members[0];
	event.ring_seq = model->nodes[node].ring_seq;
	cpgmodel_push(&model->nodes[node].handles[group].inbox, &event, NULL);
}

void cpgmodel_give_quorum(struct cpgmodel *model, uint32_t node, uint32_t rejoined)
{
	struct cpgmodel_event event = {.type = CPGMODEL_QUORUM};

	if (!model->nodes[node].has_process)
		return;
	event.is_quorate = cpgmodel_is_quorate(model, node + 1);
	event.ring_seq = model->nodes[node].ring_seq;
	event.member_count = fill(event.members, model->nodes[node].ring);
	event.joined_count = fill(event.joined, rejoined);
	cpgmodel_push(&model->nodes[node].quorum, &event, NULL);
}

void cpgmodel_close(struct cpgmodel *model, uint32_t node)
{
	struct cpgmodel_node *n = &model->nodes[node];

	n->has_process = false;
	n->incarnation++;
	cpgmodel_empty(&n->quorum);
	for (uint32_t g = 0; g < model->group_count; g++) {
		cpgmodel_empty(&n->handles[g].inbox);
		n->handles[g].is_open = false;
	}
}

struct fence_change cpgmodel_change(const struct cpgmodel_event *event)
{
	return (struct fence_change){event->members, event->member_count, event->joined,
		event->joined_count, event->left, event->reasons, event->left_count};
}

struct fence_quorum cpgmodel_quorum(const struct cpgmodel_event *event)
{
	return (struct fence_quorum){event->is_quorate, event->ring_seq, event->members,
		event->member_count, event->joined, event->joined_count};
}
