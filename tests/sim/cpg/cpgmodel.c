/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/cpg/cpgmodel.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "sim/cpg/cpgmodel_parts.h"

struct cpgmodel *cpgmodel_new(uint32_t node_count, bool two_node, uint64_t seed)
{
	struct cpgmodel *model = cpgmodel_room(sizeof(*model));

	must(node_count <= CPGMODEL_NODES_MAX);
	model->node_count = node_count;
	model->two_node = two_node && node_count == 2;
	random_init(&model->random, seed);
	for (uint32_t i = 0; i < node_count; i++) {
		model->nodes[i].incarnation = 1;
		model->nodes[i].wishes_last = &model->nodes[i].wishes;
	}
	return model;
}

void cpgmodel_free(struct cpgmodel *model)
{
	for (uint32_t i = 0; i < model->node_count; i++) {
		cpgmodel_close(model, i);
		cpgmodel_unwish(model, i);
	}
	free(model);
}

static uint32_t group_of(struct cpgmodel *model, const char *name)
{
	uint32_t g = 0;

	while (g < model->group_count && strcmp(model->groups[g], name))
		g++;
	if (g == model->group_count) {
		must(g < CPGMODEL_GROUPS_MAX && strlen(name) < CPGMODEL_NAME_BYTES);
		memcpy(model->groups[g], name, strlen(name) + 1);
		model->group_count++;
	}
	return g;
}

static struct cpgmodel_wish *wish(
	struct cpgmodel *model, uint32_t node, enum cpgmodel_wish_type type)
{
	struct cpgmodel_node *n = &model->nodes[node - 1];
	struct cpgmodel_wish *made = cpgmodel_room(sizeof(*made));

	must(n->is_up);
	made->type = type;
	made->incarnation = n->incarnation;
	*n->wishes_last = made;
	n->wishes_last = &made->next;
	return made;
}

static struct cpgmodel_wish *unlink_first(struct cpgmodel_node *node)
{
	struct cpgmodel_wish *first = node->wishes;

	node->wishes = first->next;
	if (!node->wishes)
		node->wishes_last = &node->wishes;
	return first;
}

void cpgmodel_unwish(struct cpgmodel *model, uint32_t node)
{
	while (model->nodes[node].wishes)
		free(unlink_first(&model->nodes[node]));
}

void cpgmodel_start(struct cpgmodel *model, uint32_t node)
{
	must(model->nodes[node - 1].is_up && !model->nodes[node - 1].has_process);
	model->nodes[node - 1].has_process = true;
	cpgmodel_give_quorum(model, node - 1, 0);
}

void cpgmodel_die(struct cpgmodel *model, uint32_t node)
{
	if (!model->nodes[node - 1].has_process)
		return;
	wish(model, node, WISH_DEATH);
	cpgmodel_close(model, node - 1);
}

void cpgmodel_join(struct cpgmodel *model, uint32_t node, const char *group)
{
	uint32_t g = group_of(model, group);

	must(!model->nodes[node - 1].handles[g].is_open);
	model->nodes[node - 1].handles[g].is_open = true;
	wish(model, node, WISH_JOIN)->group = g;
}

void cpgmodel_leave(struct cpgmodel *model, uint32_t node, const char *group)
{
	wish(model, node, WISH_LEAVE)->group = group_of(model, group);
}

void cpgmodel_send(
	struct cpgmodel *model, uint32_t node, const char *group, const void *data, uint32_t bytes)
{
	struct cpgmodel_wish *made = wish(model, node, WISH_SEND);

	must(bytes <= sizeof(made->data));
	made->group = group_of(model, group);
	made->bytes = bytes;
	memcpy(made->data, data, bytes);
}

void cpgmodel_kill(struct cpgmodel *model, uint32_t node, uint32_t target)
{
	wish(model, node, WISH_KILL)->target = target;
}

uint32_t cpgmodel_members(const struct cpgmodel *model, uint32_t node, const char *group,
	uint32_t ret[CPGMODEL_NODES_MAX])
{
	uint32_t count = 0;

	for (uint32_t g = 0; g < model->group_count; g++) {
		uint32_t members = cpgmodel_members_of(model, model->nodes[node - 1].ring, g);

		for (uint32_t i = 0; !strcmp(model->groups[g], group) && i < model->node_count;
			i++) {
			if (members & 1u << i)
				ret[count++] = i + 1;
		}
	}
	return count;
}

static void order_send(struct cpgmodel *model, uint32_t node, const struct cpgmodel_wish *first)
{
	const struct cpgmodel_node *n = &model->nodes[node];
	uint32_t members = cpgmodel_members_of(model, n->ring, first->group);
	struct cpgmodel_event event = {.type = CPGMODEL_MESSAGE, .sender = node + 1};
	struct cpgmodel_packet *packet;

	if (n->joined[first->group] != first->incarnation)
		return;
	memcpy(event.group, model->groups[first->group], sizeof(event.group));
	memcpy(event.data, first->data, first->bytes);
	event.bytes = first->bytes;
	packet = cpgmodel_room(sizeof(*packet));
	packet->sender = node;
	packet->ring_seq = n->ring_seq;
	packet->serial = model->serial++;
	packet->references = 1;
	for (uint32_t i = 0; i < model->node_count; i++) {
		struct cpgmodel_node *to = &model->nodes[i];

		if (members & 1u << i && to->joined[first->group] == to->incarnation &&
			to->handles[first->group].is_open)
			cpgmodel_push(&to->handles[first->group].inbox, &event, packet);
	}
	if (!--packet->references)
		free(packet);
}

static void order_change(struct cpgmodel *model, uint32_t node, uint32_t group, bool is_join,
	enum fence_reason reason)
{
	uint32_t ring = model->nodes[node].ring, bit = 1u << node;
	uint32_t members = cpgmodel_members_of(model, ring, group);

	if (!is_join)
		members &= ~bit;
	model->change_serial = model->serial++;
	for (uint32_t i = 0; i < model->node_count; i++) {
		if (ring & 1u << i)
			cpgmodel_give_change(model, i, group, members, is_join ? bit : 0,
				is_join ? 0 : bit, reason);
	}
}

static void order_join(struct cpgmodel *model, uint32_t node, const struct cpgmodel_wish *first)
{
	bool is_early = random_chance(&model->random, 300);

	model->nodes[node].joined[first->group] = first->incarnation;
	if (is_early)
		cpgmodel_give_ring(model, node, first->group);
	order_change(model, node, first->group, true, FENCE_REASON_NONE);
	if (!is_early)
		cpgmodel_give_ring(model, node, first->group);
}

static void order_gone(struct cpgmodel *model, uint32_t node, const struct cpgmodel_wish *first,
	uint32_t group, enum fence_reason reason)
{
	if (model->nodes[node].joined[group] != first->incarnation)
		return;
	order_change(model, node, group, false, reason);
	model->nodes[node].joined[group] = 0;
	if (reason == FENCE_REASON_LEAVE && model->nodes[node].incarnation == first->incarnation)
		model->nodes[node].handles[group].is_open = false;
}

void cpgmodel_order_of(struct cpgmodel *model, uint32_t node)
{
	struct cpgmodel_wish *first = unlink_first(&model->nodes[node]);

	switch (first->type) {
	case WISH_SEND:
		order_send(model, node, first);
		break;
	case WISH_JOIN:
		order_join(model, node, first);
		break;
	case WISH_LEAVE:
		order_gone(model, node, first, first->group, FENCE_REASON_LEAVE);
		break;
	case WISH_DEATH:
		for (uint32_t g = 0; g < model->group_count; g++)
			order_gone(model, node, first, g, FENCE_REASON_PROCDOWN);
		break;
	case WISH_KILL:
		if (cpgmodel_are_together(model, node + 1, first->target))
			cpgmodel_down(model, first->target);
		break;
	}
	free(first);
}

/* One of the nodes for which @has is true. Return: false: none */
static bool pick(
	struct cpgmodel *model, bool (*has)(const struct cpgmodel *, uint32_t), uint32_t *ret)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < model->node_count; i++) {
		if (has(model, i) && !random_below(&model->random, ++seen))
			*ret = i;
	}
	return seen;
}

static bool has_wish(const struct cpgmodel *model, uint32_t node)
{
	return model->nodes[node].wishes;
}

static bool has_event(const struct cpgmodel *model, uint32_t node)
{
	if (model->nodes[node].quorum.first)
		return true;
	for (uint32_t g = 0; g < model->group_count; g++) {
		if (model->nodes[node].handles[g].inbox.first)
			return true;
	}
	return false;
}

bool cpgmodel_order(struct cpgmodel *model)
{
	uint32_t node = 0;

	if (!pick(model, has_wish, &node))
		return false;
	cpgmodel_order_of(model, node);
	return true;
}

static void take_first(struct cpgmodel_queue *queue, uint32_t node, struct cpgmodel_event *ret)
{
	*ret = queue->first->event;
	if (queue->first->packet)
		queue->first->packet->taken |= 1u << (node - 1);
	cpgmodel_drop_first(queue);
}

bool cpgmodel_take_of(
	struct cpgmodel *model, uint32_t node, const char *group, struct cpgmodel_event *ret)
{
	struct cpgmodel_queue *queue =
		&model->nodes[node - 1].handles[group_of(model, group)].inbox;

	if (!queue->first)
		return false;
	take_first(queue, node, ret);
	return true;
}

bool cpgmodel_take(struct cpgmodel *model, uint32_t node, struct cpgmodel_event *ret)
{
	struct cpgmodel_node *n = &model->nodes[node - 1];
	struct cpgmodel_queue *queue = n->quorum.first ? &n->quorum : NULL;
	uint32_t seen = queue ? 1 : 0;

	for (uint32_t g = 0; g < model->group_count; g++) {
		if (n->handles[g].inbox.first && !random_below(&model->random, ++seen))
			queue = &n->handles[g].inbox;
	}
	if (!queue)
		return false;
	take_first(queue, node, ret);
	return true;
}

bool cpgmodel_step(struct cpgmodel *model, uint32_t *ret_node, struct cpgmodel_event *ret)
{
	uint32_t node = 0;

	while (random_chance(&model->random, 400) && cpgmodel_order(model))
		;
	while (!pick(model, has_event, &node)) {
		if (!cpgmodel_order(model))
			return false;
	}
	*ret_node = node + 1;
	return cpgmodel_take(model, node + 1, ret);
}
