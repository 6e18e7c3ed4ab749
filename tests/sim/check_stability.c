/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * S2: a granted lock stays granted until its owner gives it up. Each engine's own view of its
 * programs' locks is compared with what those programs were told. Locks with an operation in
 * progress, or with callbacks that the program has not taken, are in motion and left out.
 */
#include "check.h"
#include "cluster.h"
#include "workload.h"

struct check_stability_view {
	struct model *model;
	uint32_t node, space;
	uint32_t *seen; /* by lock index: engine's granted mode + 2 */
};

static void check_stability_see(void *context, const struct engine_lock_view *view)
{
	struct check_stability_view *see = context;
	struct model_lock *lock;

	if (view->owner_nodeid != see->node)
		return;
	lock = model_lock_find(see->model, see->node, see->space, view->lkid);
	if (lock)
		see->seen[lock->index] = (uint32_t)(view->granted_mode + 2);
}

static bool check_stability_at_rest(const struct model_lock *lock)
{
	return lock->op == MODEL_IDLE && !lock->doubtful && lock->granted >= 0 &&
	       (!lock->program || !workload_program_behind(lock->program));
}

static void check_stability_node(struct model *model, uint32_t node, uint32_t space, uint32_t *seen)
{
	const struct engine_lockspace *ls = model->cluster->nodes[node].spaces[space];
	struct check_stability_view see = {
		.model = model, .node = node, .space = space, .seen = seen};
	const struct model_lock *lock;

	if (!ls || list_empty(&model->nodes[node][space]))
		return;
	list_for_each (lock, &model->nodes[node][space], node_entry)
		seen[lock->index] = 0;
	engine_lockspace_each_lock(ls, check_stability_see, &see);
	list_for_each (lock, &model->nodes[node][space], node_entry) {
		if (!check_stability_at_rest(lock))
			continue;
		if (!seen[lock->index])
			cluster_fail(model->cluster, "S2",
				"node %u: lock %x on resource %u is %s for its program, and gone",
				node, lock->lkid, lock->resource->number,
				trace_mode_name(lock->granted));
		else if (seen[lock->index] != (uint32_t)(lock->granted + 2))
			cluster_fail(model->cluster, "S2",
				"node %u: lock %x on resource %u is %s for its program, %s for the "
				"engine",
				node, lock->lkid, lock->resource->number,
				trace_mode_name(lock->granted),
				trace_mode_name((int)seen[lock->index] - 2));
	}
}

/* Counts over a program's locks: what it holds for sure, and what it may hold in the midst of
 * operations. */
struct check_stability_held {
	uint32_t sure, perhaps;
};

static void check_stability_count(
	const struct model_lock *lock, bool counts, struct check_stability_held *held)
{
	if (!counts)
		return;
	if (lock->op == MODEL_IDLE && lock->granted > DLM_MODE_NL)
		held->sure++;
	if (lock->op != MODEL_IDLE || lock->granted > DLM_MODE_NL)
		held->perhaps++;
}

static void check_stability_counted(const struct workload_program *program,
	const struct check_stability_held *held, uint32_t counted, const char *what)
{
	bool behind = workload_program_behind(program) || program->purged;

	if (counted >= held->sure && (behind || counted <= held->perhaps))
		return;
	cluster_fail(program->workload->cluster, "lease",
		"node %u: program %u has %u to %u locks %s, its engine counts %u", program->node,
		program->pid, held->sure, held->perhaps, what, counted);
}

static void check_stability_program(const struct workload_program *program)
{
	struct check_stability_held all = {0}, persistent = {0};
	struct engine_client_info info;

	engine_client_info(program->client, &info);
	for (uint32_t i = 0; i < program->lock_count; i++) {
		const struct model_lock *lock = program->locks[i];

		check_stability_count(lock, true, &all);
		check_stability_count(lock, lock->exflags & DLM_LKF_PERSISTENT, &persistent);
	}
	check_stability_counted(program, &all, info.held_count, "above NL");
	check_stability_counted(
		program, &persistent, info.persistent_held_count, "PERSISTENT above NL");
	/* more: one that was cancelled and force-unlocked at once has ended, and waits for an
	 * answer */
	if (info.lock_count < program->lock_count)
		cluster_fail(program->workload->cluster, "lease",
			"node %u: program %u has %u locks, its engine counts %u", program->node,
			program->pid, program->lock_count, info.lock_count);
}

static void check_stability_programs(const struct workload *workload)
{
	for (uint32_t i = 0; i < workload->program_count; i++) {
		const struct workload_program *program = &workload->programs[i];

		if (program->used && program->client &&
			cluster_up(workload->cluster, program->node))
			check_stability_program(program);
	}
}

void check_stability(struct model *model, const struct workload *workload)
{
	static uint32_t seen[MODEL_LOCKS_MAX];

	for (uint32_t node = 1; node <= model->cluster->knobs->nodes; node++) {
		if (!cluster_up(model->cluster, node))
			continue;
		engine_check(model->cluster->nodes[node].engine);
		for (uint32_t space = 0; space < model->cluster->knobs->spaces; space++)
			check_stability_node(model, node, space, seen);
	}
	check_stability_programs(workload);
}
