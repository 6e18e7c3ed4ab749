/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules, looked at from what each daemon was given and what truly became of the nodes:
 * - members that saw a node go together agree that it has to be fenced, and by whom
 * - never do two of them fence one node at a time
 * - nobody who is quorate thinks that fencing is over while a daemon that it lost still lives
 * - nor a newcomer among members who all know better
 * - two that both have state and have lost each other never take each other for clean
 */
#include "sim/control/fenceworld.h"

#include <errno.h>
#include <string.h>

static bool is_clean(const struct fenceworld *world, uint32_t node, uint32_t other)
{
	struct fence_node_view view;

	return world->nodes[node].fence &&
	       fence_node_find(world->nodes[node].fence, other, &view) && view.is_member &&
	       view.protocol.daemon_max.major;
}

static bool needs(
	const struct fenceworld *world, uint32_t node, uint32_t victim, struct fence_node_view *ret)
{
	return fence_node_find(world->nodes[node].fence, victim, ret) && ret->need_fencing;
}

/* Both have been clean to each other since before either lost @victim, whom both knew. */
static bool saw_together(const struct fenceworld *world, uint32_t a, uint32_t b, uint32_t victim)
{
	const struct fencepast *pa = world->nodes[a].past, *pb = world->nodes[b].past;

	return pa[victim].lost_step && pb[victim].lost_step &&
	       pa[victim].lost_serial == pb[victim].lost_serial && pa[b].clean_step &&
	       pb[a].clean_step && pa[b].clean_step < pa[victim].lost_step &&
	       pb[a].clean_step < pb[victim].lost_step;
}

static void lost(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event,
	uint32_t other, enum fence_reason reason)
{
	struct fencepast *past = &world->nodes[node].past[other];

	if (past->clean_step && reason != FENCE_REASON_LEAVE) {
		past->lost_step = world->step;
		past->lost_serial = event->serial;
		past->lost_incarnation = past->incarnation;
	}
	past->clean_step = 0;
	world->nodes[node].found &= ~(1u << other);
}

/* @joined has come, or we have and meet all. */
static void met(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event,
	uint32_t joined)
{
	struct fencenode *n = &world->nodes[node];

	n->past[joined].is_told = n->is_stateful;
	n->past[joined].is_sure = false;
	for (uint32_t i = 0; joined == node && i < event->member_count; i++) {
		n->past[event->members[i]].is_told = n->is_stateful;
		n->past[event->members[i]].is_sure = false;
		n->found |= 1u << event->members[i];
		n->found_first = n->found;
	}
}

void fencecheck_before(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event)
{
	if (event->type != CPGMODEL_CONFCHG)
		return;
	for (uint32_t i = 0; i < event->left_count; i++)
		lost(world, node, event, event->left[i], event->reasons[i]);
	for (uint32_t i = 0; i < event->joined_count; i++)
		met(world, node, event, event->joined[i]);
}

/* A RESULT that says that it is done, about a node that this one has lost. */
static void result_given(struct fenceworld *world, uint32_t node, const struct cpg_fence *fence)
{
	struct fencepast *past;

	if (fence->nodeid > world->node_count || (fence->result && fence->result != -ECANCELED))
		return;
	past = &world->nodes[node].past[fence->nodeid];
	past->lost_step = 0;
}

/* The first word of its own since others came is what they have heard of it. */
static void came_round(struct fenceworld *world, uint32_t node, bool has_state)
{
	for (uint32_t other = 1; other <= world->node_count; other++) {
		struct fencepast *past = &world->nodes[node].past[other];

		past->is_told = past->is_told && (past->is_sure || has_state);
		past->is_sure = true;
	}
}

static void see_clean(struct fenceworld *world, uint32_t node, uint32_t other)
{
	struct fencepast *past = &world->nodes[node].past[other];

	if (!is_clean(world, node, other) || past->clean_step)
		return;
	past->clean_step = world->step;
	past->incarnation = world->nodes[other].incarnation;
	past->lost_step = 0;
}

static void protocol_given(struct fenceworld *world, uint32_t node, uint32_t sender,
	const struct cpg_protocol *protocol)
{
	struct fencepast *past = &world->nodes[node].past[sender];
	struct fence_node_view view;

	if (node != sender && !past->clean_step && past->is_told &&
		protocol->daemon_run.flags & CPG_VERSION_STATEFUL) {
		world->merges++;
		if (is_clean(world, node, sender))
			fenceworld_fault(world, "node %u takes %u for clean, and both have state",
				node, sender);
		if (fence_node_find(world->nodes[node].fence, sender, &view) && !view.is_merge)
			fenceworld_fault(
				world, "node %u does not see that %u has state", node, sender);
	}
	if (node == sender)
		came_round(world, node, protocol->daemon_run.flags & CPG_VERSION_STATEFUL);
	for (uint32_t other = 1; other <= world->node_count; other++)
		see_clean(world, node, other);
}

static void message_given(
	struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event)
{
	struct cpg_protocol protocol;
	struct cpg_header header;
	struct cpg_fence fence;

	cpg_header_decode(event->data, event->bytes, &header);
	if (header.type == CPG_PROTOCOL &&
		!cpg_protocol_decode(event->data, event->bytes, &protocol))
		protocol_given(world, node, event->sender, &protocol);
	if (header.type == CPG_FENCE_RESULT && !cpg_fence_decode(event->data, event->bytes, &fence))
		result_given(world, node, &fence);
	if (header.type == CPG_FENCE_CLEAR &&
		!(world->nodes[node].found_first & 1u << event->sender))
		world->nodes[node].is_misled = true;
}

/* Whoever it has lost is fenced, acknowledged or clean again, or it knows that fencing is not over.
 */
static void check_outstanding(struct fenceworld *world, uint32_t node)
{
	const struct fencenode *n = &world->nodes[node];

	if (!fence_is_quorate(n->fence) || fence_is_outstanding(n->fence))
		return;
	world->checks++;
	for (uint32_t other = 1; other <= world->node_count; other++) {
		const struct fencepast *past = &n->past[other];

		if (!past->lost_step)
			continue;
		fenceworld_fault(world,
			"node %u thinks that fencing is over and has lost %u, which %s", node,
			other,
			world->nodes[other].fence &&
					world->nodes[other].incarnation == past->lost_incarnation
				? "lives"
				: "is dead, but nobody has said so");
	}
}

void fencecheck_after(struct fenceworld *world, uint32_t node, const struct cpgmodel_event *event)
{
	if (event->type == CPGMODEL_MESSAGE)
		message_given(world, node, event);
	check_outstanding(world, node);
}

void fencecheck_agent(struct fenceworld *world, uint32_t node, uint32_t victim)
{
	struct fence_node_view view;

	if (!needs(world, node, victim, &view))
		fenceworld_fault(world, "node %u fences %u for nothing", node, victim);
	if (is_clean(world, node, victim))
		fenceworld_fault(world, "node %u fences %u, a clean member", node, victim);
	if (world->nodes[node].agents[victim].start_time == world->now.mono)
		fenceworld_fault(
			world, "node %u tries twice in a second to fence %u", node, victim);
	world->nodes[node].agents[victim].start_time = world->now.mono;
	for (uint32_t other = 1; other <= world->node_count; other++) {
		if (other != node && world->nodes[other].agents[victim].is_running &&
			saw_together(world, node, other, victim) &&
			cpgmodel_are_together(world->model, node, other))
			fenceworld_fault(
				world, "nodes %u and %u fence %u at a time", node, other, victim);
	}
}

void fencecheck_agent_ended(struct fenceworld *world, uint32_t node, uint32_t victim)
{
	if (is_clean(world, node, victim))
		fenceworld_fault(world, "node %u has fenced %u, a clean member", node, victim);
}

static void check_agreed(struct fenceworld *world, uint32_t a, uint32_t b, uint32_t victim)
{
	struct fence_node_view va, vb;
	bool na = needs(world, a, victim, &va), nb = needs(world, b, victim, &vb);

	if (!saw_together(world, a, b, victim))
		return;
	world->checks++;
	if (na != nb)
		fenceworld_fault(world, "node %u has to be fenced, says %u, and %u does not",
			victim, na ? a : b, na ? b : a);
	else if (na && va.actor != vb.actor)
		fenceworld_fault(world,
			"node %u is to be fenced by %u, says %u, and by %u, says %u", victim,
			va.actor, a, vb.actor, b);
}

/* All whom @node takes for clean have lost @victim before it began: it must not think it is over.
 */
static void check_newcomer(struct fenceworld *world, uint32_t node, uint32_t victim)
{
	const struct fencenode *n = &world->nodes[node];
	uint32_t know = 0;

	/* One that is gone since may have told it what it did not know itself. */
	if (!fence_is_quorate(n->fence) || fence_is_outstanding(n->fence) ||
		n->found != n->found_first || n->is_misled)
		return;
	for (uint32_t other = 1; other <= world->node_count; other++) {
		const struct fencenode *o = &world->nodes[other];

		if (other == node || !n->past[other].clean_step)
			continue;
		if (!(n->found & 1u << other) || !o->fence || !o->past[victim].lost_step ||
			o->past[victim].lost_step > n->start_step)
			return;
		know++;
	}
	if (know)
		fenceworld_fault(world,
			"node %u came later and thinks that fencing is over, while %u is lost to "
			"all",
			node, victim);
}

void fencecheck_quiet(struct fenceworld *world)
{
	for (uint32_t a = 1; a <= world->node_count; a++) {
		struct fence_view view;

		if (!world->nodes[a].fence)
			continue;
		fence_view(world->nodes[a].fence, &view);
		world->merge_waits += view.stateful_merge_wait;
		for (uint32_t victim = 1; victim <= world->node_count; victim++) {
			check_newcomer(world, a, victim);
			for (uint32_t b = 1; b < a; b++) {
				if (world->nodes[b].fence &&
					cpgmodel_are_together(world->model, a, b))
					check_agreed(world, a, b, victim);
			}
		}
	}
}

/* One that saw it go together with the one who has to fence it waits for that one, and in vain. */
static void check_patience(struct fenceworld *world, uint32_t node, uint32_t victim)
{
	struct fence_node_view view;

	if (!needs(world, node, victim, &view) || !view.actor || !world->nodes[view.actor].fence ||
		!fence_is_quorate(world->nodes[node].fence))
		return;
	if (world->nodes[view.actor].start_step > world->nodes[node].past[victim].lost_step &&
		world->nodes[node].past[victim].lost_step)
		fenceworld_fault(world, "node %u waits for %u to fence %u, and it came later", node,
			view.actor, victim);
	if (view.actor == node || saw_together(world, node, view.actor, victim))
		fenceworld_fault(world, "node %u waits for %u to fence %u, and nothing happens",
			node, view.actor, victim);
}

static bool waits_for_merge(struct fenceworld *world, uint32_t node)
{
	struct fence_view view;

	fence_view(world->nodes[node].fence, &view);
	return !strcmp(view.wait, "stateful merge");
}

void fencecheck_patience(struct fenceworld *world)
{
	for (uint32_t a = 1; a <= world->node_count; a++) {
		if (world->nodes[a].fence && waits_for_merge(world, a))
			return;
	}
	for (uint32_t a = 1; a <= world->node_count; a++) {
		for (uint32_t victim = 1; world->nodes[a].fence && victim <= world->node_count;
			victim++)
			check_patience(world, a, victim);
	}
}

static bool is_parted(const struct fence *fence)
{
	struct fence_node_view node;
	struct fence_view view;

	fence_view(fence, &view);
	for (uint32_t i = 0; fence_node_view(fence, i, &node); i++) {
		if (node.is_kept)
			return true;
	}
	return view.stateful_merge_wait;
}

/* Nobody waits for what will not come, unless halves have met that an administrator has to part. */
void fencecheck_end(struct fenceworld *world)
{
	struct fence_view view;

	for (uint32_t a = 1; a <= world->node_count; a++) {
		if (world->nodes[a].fence && is_parted(world->nodes[a].fence))
			return;
	}
	for (uint32_t a = 1; a <= world->node_count; a++) {
		if (!world->nodes[a].fence) {
			fenceworld_fault(world, "node %u does not come up", a);
			continue;
		}
		fence_view(world->nodes[a].fence, &view);
		if (!view.is_quorate || fence_is_outstanding(world->nodes[a].fence))
			fenceworld_fault(world, "node %u waits in the end: %s%s%s%s", a,
				view.is_quorate ? "" : "quorum ", view.is_fipu ? "fipu " : "",
				view.startup_count ? "startup " : "", view.wait);
		for (uint32_t b = 1; b <= world->node_count; b++) {
			if (!is_clean(world, a, b))
				fenceworld_fault(
					world, "node %u is not clean to %u in the end", b, a);
		}
	}
}
