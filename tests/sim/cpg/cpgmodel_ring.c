/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings: they break, and others are made. */
#include <string.h>

#include "sim/cpg/cpgmodel_parts.h"

uint32_t cpgmodel_members_of(const struct cpgmodel *model, uint32_t ring, uint32_t group)
{
	uint32_t members = 0;

	for (uint32_t i = 0; i < model->node_count; i++) {
		if (ring & 1u << i && model->nodes[i].joined[group])
			members |= 1u << i;
	}
	return members;
}

bool cpgmodel_is_up(const struct cpgmodel *model, uint32_t node)
{
	return model->nodes[node - 1].is_up;
}

bool cpgmodel_are_together(const struct cpgmodel *model, uint32_t a, uint32_t b)
{
	return model->nodes[a - 1].ring & 1u << (b - 1);
}

bool cpgmodel_is_quorate(const struct cpgmodel *model, uint32_t node)
{
	const struct cpgmodel_node *n = &model->nodes[node - 1];

	if (model->two_node)
		return n->is_up && n->has_seen_all;
	return 2 * (uint32_t)__builtin_popcount(n->ring) > model->node_count;
}

/* The nodes that @node reaches now. */
static uint32_t reach(const struct cpgmodel *model, uint32_t node)
{
	uint32_t ring = 0;

	for (uint32_t i = 0; i < model->node_count; i++) {
		if (model->nodes[i].is_up && model->nodes[i].side == model->nodes[node].side)
			ring |= 1u << i;
	}
	return model->nodes[node].is_up ? ring : 0;
}

/* Whether @side may have missed it: its sender is elsewhere, and nobody of @side has it for sure.
 */
static bool may_lose(
	const struct cpgmodel_packet *packet, uint64_t ring_seq, uint64_t cut, uint32_t side)
{
	return packet && packet->ring_seq == ring_seq && packet->serial >= cut &&
	       !(side & 1u << packet->sender) && !(side & packet->taken);
}

static void lose_from(struct cpgmodel_queue *queue, uint64_t ring_seq, uint64_t cut, uint32_t side)
{
	struct cpgmodel_queue kept = {0};

	for (; queue->first; cpgmodel_drop_first(queue)) {
		if (!may_lose(queue->first->packet, ring_seq, cut, side))
			cpgmodel_push(&kept, &queue->first->event, queue->first->packet);
	}
	*queue = kept;
}

/* The nodes of @side leave the ring that they are in together. */
static void lose_tail(struct cpgmodel *model, uint32_t side)
{
	uint64_t cut = model->serial - random_below(&model->random, 6);
	uint64_t ring_seq = model->nodes[__builtin_ctz(side)].ring_seq;

	for (uint32_t i = 0; i < model->node_count; i++) {
		for (uint32_t g = 0; side & 1u << i && g < model->group_count; g++)
			lose_from(&model->nodes[i].handles[g].inbox, ring_seq, cut, side);
	}
}

/* What one node hears of going from its ring to @ring. */
static void tell(struct cpgmodel *model, uint32_t node, const uint32_t *before, uint32_t old,
	uint32_t ring, uint32_t bounced)
{
	for (uint32_t g = 0; g < model->group_count; g++) {
		uint32_t was = before[g] & old;
		uint32_t left = was & (~ring | bounced), kept = was & ~left;
		uint32_t now = cpgmodel_members_of(model, ring, g), joined = now & ~kept;

		if (left)
			cpgmodel_give_change(model, node, g, kept, 0, left, FENCE_REASON_NODEDOWN);
		if (joined)
			cpgmodel_give_change(model, node, g, now, joined, 0, FENCE_REASON_NONE);
		cpgmodel_give_ring(model, node, g);
	}
	cpgmodel_give_quorum(model, node, bounced & ring & old);
}

static void leave_all(struct cpgmodel *model, uint32_t nodes)
{
	for (uint32_t i = 0; i < model->node_count; i++) {
		if (nodes & 1u << i)
			memset(model->nodes[i].joined, 0, sizeof(model->nodes[i].joined));
	}
}

static uint64_t seq_of(const struct cpgmodel *model, const uint64_t *seqs, uint32_t ring)
{
	for (uint32_t i = 0; i < model->node_count; i++) {
		if (seqs[i] && model->nodes[i].ring == ring)
			return seqs[i];
	}
	return 0;
}

void cpgmodel_reform(struct cpgmodel *model, uint32_t bounced)
{
	uint32_t before[CPGMODEL_GROUPS_MAX], old[CPGMODEL_NODES_MAX], away = bounced;
	uint64_t seqs[CPGMODEL_NODES_MAX] = {0}, old_seqs[CPGMODEL_NODES_MAX];

	for (uint32_t g = 0; g < model->group_count; g++)
		before[g] = cpgmodel_members_of(model, UINT32_MAX, g);
	for (uint32_t i = 0; i < model->node_count; i++) {
		uint32_t stay = model->nodes[i].ring & reach(model, i) & ~bounced;

		old[i] = model->nodes[i].ring;
		old_seqs[i] = model->nodes[i].ring_seq;
		if (old[i] && stay && stay != old[i] && stay & 1u << i && !(stay & ((1u << i) - 1)))
			lose_tail(model, stay);
		if (!model->nodes[i].is_up)
			away |= 1u << i;
	}
	leave_all(model, away);
	for (uint32_t i = 0; i < model->node_count; i++) {
		struct cpgmodel_node *node = &model->nodes[i];
		uint32_t ring = reach(model, i);

		node->ring = ring;
		if (!ring || (ring == old[i] && !(ring & bounced)))
			continue;
		seqs[i] = seq_of(model, seqs, ring);
		if (!seqs[i])
			seqs[i] = model->ring_seq += 4;
		node->ring_seq = seqs[i];
		if ((uint32_t)__builtin_popcount(ring) == model->node_count)
			node->has_seen_all = true;
	}
	for (uint32_t i = 0; i < model->node_count; i++) {
		model->change_serial = UINT64_MAX - (old_seqs[i] << 32 | seqs[i]);
		if (seqs[i])
			tell(model, i, before, bounced & 1u << i ? 0 : old[i], model->nodes[i].ring,
				bounced);
	}
}

void cpgmodel_up(struct cpgmodel *model, uint32_t node)
{
	if (model->nodes[node - 1].is_up)
		return;
	model->nodes[node - 1].is_up = true;
	cpgmodel_reform(model, 0);
}

static void forget(struct cpgmodel *model, uint32_t node)
{
	struct cpgmodel_node *n = &model->nodes[node];

	/* Some of what it has said may still have got its place. */
	while (n->wishes && random_chance(&model->random, 500)) {
		if (n->wishes->type == WISH_KILL)
			break;
		cpgmodel_order_of(model, node);
	}
	cpgmodel_close(model, node);
	cpgmodel_unwish(model, node);
	n->has_seen_all = false;
}

void cpgmodel_down(struct cpgmodel *model, uint32_t node)
{
	if (!model->nodes[node - 1].is_up)
		return;
	forget(model, node - 1);
	model->nodes[node - 1].is_up = false;
	cpgmodel_reform(model, 0);
}

void cpgmodel_bounce(struct cpgmodel *model, uint32_t node)
{
	if (!model->nodes[node - 1].is_up)
		return;
	forget(model, node - 1);
	cpgmodel_reform(model, 1u << (node - 1));
}

void cpgmodel_partition(struct cpgmodel *model, const uint8_t *sides)
{
	for (uint32_t i = 0; i < model->node_count; i++)
		model->nodes[i].side = sides[i];
	cpgmodel_reform(model, 0);
}
