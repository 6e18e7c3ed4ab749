/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "check.h"

#define WORKLOAD_WAIT_US 5000 /* a program looks again whether the lockspace runs */

void workload_init(struct workload *workload, struct cluster *cluster,
	struct membership *membership, uint32_t resources)
{
	memset(workload, 0, sizeof(*workload));
	workload->cluster = cluster;
	workload->membership = membership;
	workload->next_pid = 1000;
	model_init(&workload->model, cluster, resources);
}

void workload_done(struct workload *workload)
{
	model_done(&workload->model);
}

/* ---- when programs act ---- */

static void workload_wake(void *context, uint64_t index, uint64_t pid);

static void workload_schedule(struct workload_program *program, uint32_t delay_us)
{
	struct workload *workload = program->workload;

	if (program->scheduled)
		return;
	program->scheduled = true;
	clock_at(&workload->cluster->clock, workload->cluster->clock.now_us + delay_us,
		workload_wake, workload, program->index, program->pid);
}

static uint32_t workload_think(struct workload *workload)
{
	uint32_t mean_us = workload->cluster->knobs->think_us;

	return random_below(&workload->cluster->random, 2 * mean_us) + 1;
}

static bool workload_serves(const struct workload_program *program)
{
	const struct cluster_node *node = &program->workload->cluster->nodes[program->node];

	return program->client && node->engine && !node->dying && node->spaces[program->space] &&
	       engine_lockspace_running(node->spaces[program->space]);
}

static void workload_drain_one(struct workload_program *program)
{
	struct cluster *cluster = program->workload->cluster;

	if (!program->lock_count)
		return;
	cluster_enter(cluster, program->node);
	program_release(
		program, program->locks[random_below(&cluster->random, program->lock_count)]);
	cluster_leave(cluster, program->node);
}

static void workload_wake(void *context, uint64_t index, uint64_t pid)
{
	struct workload *workload = context;
	struct workload_program *program = &workload->programs[index];

	if (!program->used || program->pid != pid)
		return;
	program->scheduled = false;
	if (!program->client || workload->paused)
		return;
	if (!workload_serves(program)) {
		workload_schedule(program, WORKLOAD_WAIT_US);
		return;
	}
	if (workload->draining)
		workload_drain_one(program);
	else
		program_act(program);
	if (program->client && (!workload->draining || program->lock_count))
		workload_schedule(program, workload_think(workload));
}

/* ---- programs come and go ---- */

static struct workload_program *workload_slot(struct workload *workload)
{
	for (uint32_t i = 0; i < workload->program_count; i++)
		if (!workload->programs[i].used)
			return &workload->programs[i];
	if (workload->program_count == WORKLOAD_PROGRAMS_MAX)
		abort();
	return &workload->programs[workload->program_count++];
}

static bool workload_program_new(struct workload *workload, uint32_t node, uint32_t space)
{
	struct workload_program *program = workload_slot(workload);
	struct random *random = &workload->cluster->random;
	int r;

	memset(program, 0, sizeof(*program));
	program->workload = workload;
	program->index = (uint32_t)(program - workload->programs);
	program->node = node;
	program->space = space;
	program->pid = workload->next_pid++;
	program->slow = random_chance(random, workload->cluster->knobs->slow_permille);
	cluster_enter(workload->cluster, node);
	r = engine_client_new(
		workload->cluster->nodes[node].spaces[space], program, &program->client);
	if (r < 0) {
		program->client = NULL;
		if (!workload->cluster->faulty)
			cluster_fail(workload->cluster, "client", "engine_client_new: %d", r);
		return false;
	}
	program->used = true;
	cluster_leave(workload->cluster, node);
	workload_schedule(program, workload_think(workload));
	return true;
}

static struct workload_program *workload_any(
	struct workload *workload, uint32_t node, uint32_t space)
{
	for (uint32_t i = 0; i < workload->program_count; i++) {
		struct workload_program *program = &workload->programs[i];

		if (program->node == node && program->space == space && program->client)
			return program;
	}
	return NULL;
}

void workload_start(struct workload *workload, uint32_t node, uint32_t space)
{
	for (uint32_t i = 0; i < workload->cluster->knobs->programs; i++)
		workload_program_new(workload, node, space);
}

void workload_stop(struct workload *workload, uint32_t node, uint32_t space)
{
	for (uint32_t i = 0; i < workload->program_count; i++) {
		struct workload_program *program = &workload->programs[i];

		if (program->used && program->node == node && program->space == space)
			program_close(program);
	}
}

void workload_dead(struct workload *workload, uint32_t node)
{
	for (uint32_t i = 0; i < workload->program_count; i++) {
		struct workload_program *program = &workload->programs[i];

		if (!program->used || program->dead || program->node != node)
			continue;
		for (uint32_t j = 0; j < program->lock_count; j++)
			program->locks[j]->program = NULL;
		program->lock_count = 0;
		program->client = NULL;
		program->dead = true;
	}
}

void workload_gone(struct workload *workload, uint32_t node, uint32_t space)
{
	for (uint32_t i = 0; i < workload->program_count; i++) {
		struct workload_program *program = &workload->programs[i];

		if (!program->used || program->node != node || program->space != space)
			continue;
		for (uint32_t j = 0; j < program->doubt_count; j++)
			model_doubt_over(program->doubts[j]);
		program->client = NULL;
		program->used = false;
	}
	model_node_gone(&workload->model, node, space);
}

void workload_closed(struct workload *workload, struct workload_program *program)
{
	uint32_t node = program->node, space = program->space;

	if (!program->used || !program->closing) {
		cluster_fail(workload->cluster, "close", "node %u: program %u closed unasked", node,
			program->pid);
		return;
	}
	program->used = false;
	for (uint32_t i = 0; i < program->doubt_count; i++)
		model_doubt_over(program->doubts[i]);
	if (workload->draining || !membership_member(workload->membership, node, space) ||
		(workload->membership->groups[space].leaving & 1u << node))
		return;
	workload_program_new(workload, node, space);
}

/* ---- callbacks ---- */

static void workload_remove_lock(struct workload_program *program, struct model_lock *lock)
{
	for (uint32_t i = 0; i < program->lock_count; i++) {
		if (program->locks[i] != lock)
			continue;
		program->locks[i] = program->locks[--program->lock_count];
		return;
	}
}

static void workload_note(struct workload_program *program, const struct engine_callback *callback)
{
	struct cluster *cluster = program->workload->cluster;
	struct trace_event event = {
		.at_us = cluster->clock.now_us,
		.kind = callback->is_bast ? TRACE_BAST : TRACE_COMPLETE,
		.node = (uint8_t)program->node,
		.space = (char)('a' + program->space),
		.mode = (int8_t)callback->mode,
		.nodeid = callback->lvb ? get_le32(callback->lvb) : 0, /* serial of the block */
		.lkid = callback->lkid,
		.code = callback->sbflags,
		.result = callback->status,
	};

	trace_add(&cluster->trace, &event, NULL, callback->ended ? "ended" : NULL);
}

static struct model_lock *workload_find(struct workload_program *program, uint32_t lkid)
{
	for (uint32_t i = 0; i < program->lock_count; i++)
		if (program->locks[i]->lkid == lkid)
			return program->locks[i];
	return NULL;
}

static void workload_take_one(
	struct workload_program *program, const struct engine_callback *callback)
{
	struct workload *workload = program->workload;
	struct model_lock *lock = workload_find(program, callback->lkid);

	workload_note(program, callback);
	if (!lock) {
		cluster_fail(workload->cluster, "S4",
			"node %u: callback (bast %d status %d) for lock %x, which program %u does "
			"not have",
			program->node, callback->is_bast, callback->status, callback->lkid,
			program->pid);
		return;
	}
	if (callback->is_bast) {
		model_told(&workload->model, lock, callback);
		program_give_way(program, lock, callback->mode);
		return;
	}
	if (callback->ended)
		workload_remove_lock(program, lock);
	model_completed(&workload->model, lock, callback);
}

static void workload_take(struct workload_program *program)
{
	struct cluster *cluster = program->workload->cluster;
	struct engine_callback callback;

	while (!cluster_failed(cluster) && program->client &&
		engine_client_take(program->client, &callback))
		workload_take_one(program, &callback);
}

static void workload_take_late(void *context, uint64_t index, uint64_t pid)
{
	struct workload *workload = context;
	struct workload_program *program = &workload->programs[index];

	if (!program->used || program->pid != pid)
		return;
	program->taking = false;
	if (!program->client || workload->cluster->nodes[program->node].dying)
		return;
	workload->cluster->activity++;
	cluster_enter(workload->cluster, program->node);
	workload_take(program);
	cluster_leave(workload->cluster, program->node);
}

void workload_callbacks(struct workload *workload, struct workload_program *program)
{
	struct cluster *cluster = workload->cluster;

	if (!program->client || program->taking)
		return;
	if (!program->slow) {
		workload_take(program);
		return;
	}
	program->taking = true;
	clock_at(&cluster->clock,
		cluster->clock.now_us +
			random_below(&cluster->random, 20 * cluster->knobs->think_us + 1),
		workload_take_late, workload, program->index, program->pid);
}

bool workload_program_behind(const struct workload_program *program)
{
	return program->taking;
}

/* ---- phases ---- */

void workload_pause(struct workload *workload, bool pause)
{
	workload->paused = pause;
	for (uint32_t i = 0; i < workload->program_count && !pause; i++)
		if (workload->programs[i].used && workload->programs[i].client)
			workload_schedule(&workload->programs[i], workload_think(workload));
}

void workload_drain(struct workload *workload)
{
	workload->draining = true;
	workload_pause(workload, false);
}

static void workload_purge_node(struct workload *workload, uint32_t node, uint32_t space)
{
	struct workload_program *program = workload_any(workload, node, space);

	if (!program && workload_program_new(workload, node, space))
		program = workload_any(workload, node, space);
	if (!program || !workload_serves(program))
		return;
	cluster_enter(workload->cluster, node);
	program_purge_orphans(program, 0);
	cluster_leave(workload->cluster, node);
}

void workload_purge(struct workload *workload)
{
	for (uint32_t node = 1; node <= CLUSTER_NODES_MAX; node++)
		for (uint32_t space = 0; space < CLUSTER_SPACES_MAX; space++)
			if (cluster_up(workload->cluster, node) &&
				workload->cluster->nodes[node].spaces[space])
				workload_purge_node(workload, node, space);
}
