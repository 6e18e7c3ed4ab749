/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one program does next. */
#include <errno.h>

#include "check.h"
#include "workload.h"

#define PROGRAM_IDS_EARLY_PERMILLE 1 /* takes a new block of lock ids before it must */

static struct random *program_random(const struct workload_program *program)
{
	return &program->workload->cluster->random;
}

static const struct knobs *program_knobs(const struct workload_program *program)
{
	return program->workload->cluster->knobs;
}

static void program_note(const struct workload_program *program, const struct model_lock *lock,
	const char *call, int mode, uint32_t flags, uint32_t serial, int result)
{
	struct cluster *cluster = program->workload->cluster;
	struct trace_event event = {
		.at_us = cluster->clock.now_us,
		.kind = TRACE_CALL,
		.node = (uint8_t)program->node,
		.space = (char)('a' + program->space),
		.mode = (int8_t)mode,
		.nodeid = serial,
		.lkid = lock->lkid,
		.code = flags,
		.result = result,
		.name_bytes = 4,
	};

	trace_add(&cluster->trace, &event, lock->resource->name, call);
}

static void program_unexpected(const struct workload_program *program,
	const struct model_lock *lock, const char *call, int result)
{
	/* its end is told, and the program did not hear it yet */
	if (result == -ENOENT && lock->op != MODEL_IDLE && program->taking)
		return;
	if (result == -EBUSY && lock->answer_due)
		return;
	if (result == -ENOMEM && program->workload->cluster->faulty)
		return;
	cluster_fail(program->workload->cluster, "call",
		"node %u: %s of lock %x (operation %d, %s) returned %d", program->node, call,
		lock->lkid, lock->op, trace_mode_name(lock->granted), result);
}

/* ---- which flags ---- */

static bool program_flag(const struct workload_program *program, uint32_t bit)
{
	return random_chance(
		program_random(program), program_knobs(program)->flag_permille[__builtin_ctz(bit)]);
}

static uint32_t program_flags_of(const struct workload_program *program, uint32_t allowed)
{
	uint32_t flags = 0;

	for (uint32_t bit = 1; bit < 1u << 19; bit <<= 1)
		if ((allowed & bit) && program_flag(program, bit))
			flags |= bit;
	return flags;
}

#define PROGRAM_FLAGS                                                                              \
	(DLM_LKF_NOQUEUE | DLM_LKF_VALBLK | DLM_LKF_PERSISTENT | DLM_LKF_NODLCKWT |                \
		DLM_LKF_NODLCKBLK | DLM_LKF_NOQUEUEBAST | DLM_LKF_HEADQUE | DLM_LKF_NOORDER |      \
		DLM_LKF_ALTPR | DLM_LKF_ALTCW)

static uint32_t program_request_flags(const struct workload_program *program, int mode)
{
	uint32_t flags = program_flags_of(program, PROGRAM_FLAGS | DLM_LKF_IVVALBLK);

	if (mode == DLM_MODE_NL && !(flags & DLM_LKF_NOQUEUE) &&
		program_flag(program, DLM_LKF_EXPEDITE))
		flags |= DLM_LKF_EXPEDITE;
	return flags;
}

static bool program_may_queue_behind(int granted, int mode)
{
	if (granted == DLM_MODE_PR && mode == DLM_MODE_CW)
		return true;
	return mode > granted;
}

static uint32_t program_convert_flags(const struct workload_program *program, int granted, int mode)
{
	uint32_t flags = program_flags_of(program, PROGRAM_FLAGS | DLM_LKF_IVVALBLK);

	if (!(flags & DLM_LKF_NOQUEUE))
		flags |= program_flags_of(program, DLM_LKF_CONVDEADLK);
	if (program_may_queue_behind(granted, mode))
		flags |= program_flags_of(program, DLM_LKF_QUECVT);
	return flags | DLM_LKF_CONVERT;
}

static int program_mode(const struct workload_program *program)
{
	return (int)random_weighted(program_random(program), program_knobs(program)->modes, 6);
}

/* ---- requests ---- */

static struct model_resource *program_resource(const struct workload_program *program)
{
	const struct knobs *knobs = program_knobs(program);
	struct random *random = program_random(program);
	uint32_t number = random_below(random, knobs->hot);

	if (!random_chance(random, knobs->hot_permille))
		number = knobs->hot + random_below(random, knobs->cold);
	return &program->workload->model.resources[program->space][number];
}

static uint32_t program_id(struct workload_program *program)
{
	bool early = random_chance(program_random(program), PROGRAM_IDS_EARLY_PERMILLE);
	uint32_t first;

	if (program->next_id == program->last_id || early) {
		int r = engine_client_ids(program->client, &first);

		if (r < 0) {
			if (r != -ENOSPC && !(r == -ENOMEM && program->workload->cluster->faulty))
				cluster_fail(program->workload->cluster, "ids",
					"node %u: engine_client_ids: %d", program->node, r);
			return program->next_id == program->last_id ? 0 : program->next_id++;
		}
		program->next_id = first;
		program->last_id = first + ENGINE_ID_BLOCK;
	}
	return program->next_id++;
}

static struct engine_lock_args program_args(struct workload_program *program,
	const struct model_lock *lock, int mode, uint32_t flags, const uint8_t *lvb)
{
	return (struct engine_lock_args){
		.lkid = lock->lkid,
		.flags = flags,
		.mode = mode,
		.name = lock->resource->name,
		.name_bytes = lock->resource->name_bytes,
		.lvb = flags & DLM_LKF_VALBLK ? lvb : NULL,
		.pid = program->pid,
		.xid = program->pid,
		.wants_bast = lock->wants_bast,
	};
}

static void program_request(struct workload_program *program)
{
	struct model *model = &program->workload->model;
	int mode = program_mode(program);
	uint32_t flags = program_request_flags(program, mode), lkid;
	uint8_t lvb[MODEL_LVB_BYTES] = {0};
	struct engine_lock_args args;
	struct model_lock *lock;
	int r;

	if (program->lock_count >= program_knobs(program)->locks)
		return;
	lkid = program_id(program);
	if (!lkid)
		return;
	lock = model_lock_new(
		model, program->node, program->space, program_resource(program), program);
	lock->lkid = lkid;
	lock->pid = program->pid;
	lock->wants_bast =
		!random_chance(program_random(program), program_knobs(program)->no_bast_permille);
	args = program_args(program, lock, mode, flags, lvb);
	r = engine_lock(program->client, &args);
	program_note(program, lock, "request", mode, flags, 0, r);
	if (r < 0) {
		program_unexpected(program, lock, "request", r);
		model_lock_free(model, lock);
		return;
	}
	model_requested(model, lock, mode, flags);
	program->locks[program->lock_count++] = lock;
}

/* ---- operations on locks that it has ---- */

/* A new write for what the lock holds exclusively, else what the program saw last. */
static uint32_t program_block(const struct model_lock *lock, bool writes, uint8_t *ret_lvb)
{
	uint32_t serial = writes ? lock->resource->value.next : lock->buffer;

	model_value_write(lock->resource, serial, ret_lvb);
	return serial;
}

static void program_convert_to(struct workload_program *program, struct model_lock *lock, int mode)
{
	uint32_t flags = program_convert_flags(program, lock->granted, mode), serial;
	bool writes = check_value_writes(lock->granted, mode) && (flags & DLM_LKF_VALBLK);
	uint8_t lvb[MODEL_LVB_BYTES];
	struct engine_lock_args args;
	uint32_t rights;
	int r;

	serial = program_block(lock, writes, lvb);
	args = program_args(program, lock, mode, flags, lvb);
	rights = model_converting(lock, mode, flags);
	r = engine_lock(program->client, &args);
	program_note(program, lock, "convert", mode, flags, serial, r);
	if (r < 0) {
		model_kept(lock, rights);
		program_unexpected(program, lock, "convert", r);
	} else {
		model_converted(&program->workload->model, lock, mode, flags, serial);
	}
}

static void program_convert(struct workload_program *program, struct model_lock *lock)
{
	if (lock->op == MODEL_IDLE)
		program_convert_to(program, lock, program_mode(program));
}

static void program_unlock(struct workload_program *program, struct model_lock *lock, bool force)
{
	bool with_lvb = !force && random_chance(program_random(program), 700);
	uint32_t flags = force ? DLM_LKF_FORCEUNLOCK : 0, serial = 0;
	uint8_t lvb[MODEL_LVB_BYTES];
	uint32_t rights;
	int r;

	if (lock->op != MODEL_IDLE && !force && !random_chance(program_random(program), 100))
		return;
	if (with_lvb) {
		flags |= DLM_LKF_VALBLK;
		serial = program_block(lock, lock->granted >= DLM_MODE_PW, lvb);
	} else if (!force && program_flag(program, DLM_LKF_IVVALBLK)) {
		flags |= DLM_LKF_IVVALBLK;
	}
	rights = model_unlocking(lock);
	r = engine_unlock(program->client, lock->lkid, flags, with_lvb ? lvb : NULL);
	program_note(program, lock, force ? "force-unlock" : "unlock", -1, flags, serial, r);
	if (r == 0)
		model_unlocked(&program->workload->model, lock, flags, with_lvb, serial);
	else
		model_kept(lock, rights);
	if (r != 0 && !(lock->op != MODEL_IDLE && (r == -EINVAL || r == -EBUSY)))
		program_unexpected(program, lock, "unlock", r);
}

static void program_cancel(struct workload_program *program, struct model_lock *lock, bool deadlock)
{
	bool again = lock->cancel || lock->force || lock->op == MODEL_UNLOCK;
	int r;

	if (again && !random_chance(program_random(program), 100))
		return;
	if (deadlock)
		r = engine_deadlock_cancel(program->client, lock->lkid);
	else
		r = engine_unlock(program->client, lock->lkid, DLM_LKF_CANCEL, NULL);
	program_note(program, lock, deadlock ? "deadlock-cancel" : "cancel", -1, 0, 0, r);
	if (r == 0 && lock->op != MODEL_IDLE)
		model_cancelled(&program->workload->model, lock, deadlock);
	else if (r < 0 && !(r == -EINVAL || r == -EBUSY))
		program_unexpected(program, lock, "cancel", r);
}

void program_release(struct workload_program *program, struct model_lock *lock)
{
	if (lock->force || lock->op == MODEL_UNLOCK)
		return;
	if (lock->op == MODEL_IDLE)
		program_unlock(program, lock, false);
	else if (!lock->cancel)
		program_cancel(program, lock, false);
}

void program_give_way(struct workload_program *program, struct model_lock *lock, int mode)
{
	(void)mode;
	if (!random_chance(program_random(program), program_knobs(program)->bast_permille))
		return;
	lock->yield = true;
}

/* ---- the life of a program ---- */

void program_close(struct workload_program *program)
{
	struct model *model = &program->workload->model;

	if (!program->client)
		return;
	cluster_note(
		program->workload->cluster, TRACE_CALL, program->node, 0, program->pid, "close");
	for (uint32_t i = 0; i < program->lock_count; i++) {
		struct model_resource *doubt = NULL;

		if (program->locks[i]->exflags & DLM_LKF_PERSISTENT)
			model_orphaned(model, program->locks[i]);
		else
			doubt = model_dropped(model, program->locks[i]);
		if (doubt)
			program->doubts[program->doubt_count++] = doubt;
	}
	program->lock_count = 0;
	program->closing = true;
	cluster_enter(program->workload->cluster, program->node);
	engine_client_close(program->client);
	program->client = NULL;
	cluster_leave(program->workload->cluster, program->node);
}

/* The locks of a program that ends become orphans one by one. */
static bool program_some_close(const struct workload_program *program)
{
	const struct workload *workload = program->workload;

	for (uint32_t i = 0; i < workload->program_count; i++) {
		const struct workload_program *other = &workload->programs[i];

		if (other->used && other->closing && other->node == program->node &&
			other->space == program->space)
			return true;
	}
	return false;
}

static void program_adopt(struct workload_program *program)
{
	struct model *model = &program->workload->model;
	struct model_lock *lock, *orphan = NULL;
	struct engine_lock_args args;
	uint32_t lkid;
	int r;

	list_for_each (lock, &model->nodes[program->node][program->space], node_entry)
		if (!lock->program && (!orphan || random_chance(program_random(program), 300)))
			orphan = lock;
	if (!orphan || program->lock_count >= WORKLOAD_LOCKS_MAX)
		return;
	args = program_args(program, orphan, orphan->granted < 0 ? 0 : orphan->granted,
		DLM_LKF_ORPHAN | DLM_LKF_PERSISTENT, NULL);
	r = engine_adopt(program->client, &args, &lkid);
	program_note(program, orphan, "adopt", args.mode, args.flags, 0, r);
	if (r == -EAGAIN)
		return; /* it may still be busy with the cancel that the end of its program sent */
	if (r == -ENOENT) {
		if (!orphan->doubtful && orphan->granted >= 0 && !program_some_close(program))
			program_unexpected(program, orphan, "adopt", r);
		return;
	}
	if (r < 0) {
		program_unexpected(program, orphan, "adopt", r);
		return;
	}
	lock = model_lock_find(model, program->node, program->space, lkid);
	if (!lock || lock->program || lock->resource != orphan->resource) {
		cluster_fail(program->workload->cluster, "orphan",
			"node %u: adoption gave lock %x, which is no orphan of resource %u",
			program->node, lkid, orphan->resource->number);
		return;
	}
	model_adopted(model, lock, program, program->pid, args.flags, args.mode);
	lock->wants_bast = true;
	program->locks[program->lock_count++] = lock;
}

static void program_forget_orphans(struct model *model, uint32_t node, uint32_t space)
{
	struct model_lock *lock, *next;

	list_for_each_safe (lock, next, &model->nodes[node][space], node_entry)
		if (!lock->program)
			(void)model_dropped(model, lock);
}

/* Another node is told to purge: when it does so nobody knows. */
static void program_doubt_orphans(struct model *model, uint32_t node, uint32_t space)
{
	struct model_lock *lock;

	model->purged[node][space] = true;
	list_for_each (lock, &model->nodes[node][space], node_entry)
		if (!lock->program)
			model_orphan_doubted(model, lock);
}

void program_purge_orphans(struct workload_program *program, uint32_t node)
{
	struct cluster *cluster = program->workload->cluster;
	uint32_t where = node ? node : program->node;
	int r;

	if (where == program->node)
		program_forget_orphans(&program->workload->model, where, program->space);
	else
		program_doubt_orphans(&program->workload->model, where, program->space);
	r = engine_purge(program->client, node, 0, program->pid);
	cluster_note(cluster, TRACE_CALL, program->node, where, (uint32_t)r, "purge orphans");
	if (r < 0 && r != -ENOBUFS && !(r == -ENOMEM && cluster->faulty))
		cluster_fail(cluster, "call", "node %u: purge on %u: %d", program->node, node, r);
}

static void program_purge_own(struct workload_program *program)
{
	struct cluster *cluster = program->workload->cluster;
	int r;

	for (uint32_t i = 0; i < program->lock_count; i++)
		(void)model_dropped(&program->workload->model, program->locks[i]);
	program->lock_count = 0;
	program->purged = true;
	r = engine_purge(program->client, 0, program->pid, program->pid);
	cluster_note(cluster, TRACE_CALL, program->node, program->node, (uint32_t)r, "purge own");
	if (r < 0)
		cluster_fail(cluster, "call", "node %u: purge own: %d", program->node, r);
}

/* Calls that must be refused and change nothing. */
static void program_wrong(struct workload_program *program, struct model_lock *lock)
{
	uint8_t lvb[MODEL_LVB_BYTES] = {0};
	struct engine_lock_args args = program_args(program, lock, DLM_MODE_EX, 0, lvb);
	int r, expected;

	switch (random_below(program_random(program), 4)) {
	case 0:
		args.flags = DLM_LKF_CONVERT | DLM_LKF_NOQUEUE | DLM_LKF_CONVDEADLK;
		expected = -EINVAL;
		r = engine_lock(program->client, &args);
		break;
	case 1:
		args.flags = DLM_LKF_CONVERT;
		args.lkid = DLM_LOCKID_MAX;
		expected = -ENOENT;
		r = engine_lock(program->client, &args);
		break;
	case 2:
		expected = -EEXIST;
		r = engine_lock(program->client, &args);
		break;
	default:
		expected = -EINVAL;
		r = engine_unlock(program->client, lock->lkid, DLM_LKF_NOQUEUE, NULL);
		break;
	}
	program_note(program, lock, "wrong", -1, (uint32_t)-expected, 0, r);
	if (r != expected && !(expected == -EEXIST && r == -EINVAL))
		program_unexpected(program, lock, "wrong call", r);
}

/* ---- choosing ---- */

static struct model_lock *program_pick(const struct workload_program *program)
{
	uint64_t now_us = program->workload->cluster->clock.now_us;

	for (uint32_t i = 0; i < program->lock_count; i++) {
		struct model_lock *lock = program->locks[i];

		if (lock->yield && lock->op == MODEL_IDLE)
			return lock;
		if (lock->op != MODEL_IDLE && !lock->cancel && !lock->force &&
			now_us - lock->op_since_us > program_knobs(program)->give_up_us)
			return lock;
	}
	return program->locks[random_below(program_random(program), program->lock_count)];
}

/* A lock whose time has come: asked to give way, or waited for too long. Return: it was one */
static bool program_urgent(struct workload_program *program, struct model_lock *lock)
{
	uint64_t now_us = program->workload->cluster->clock.now_us;

	if (lock->yield && lock->op == MODEL_IDLE) {
		lock->yield = false;
		if (random_chance(program_random(program), 300))
			program_convert_to(program, lock, DLM_MODE_NL);
		else
			program_unlock(program, lock, false);
		return true;
	}
	if (lock->op != MODEL_IDLE && lock->op != MODEL_UNLOCK && !lock->cancel && !lock->force &&
		now_us - lock->op_since_us > program_knobs(program)->give_up_us) {
		if (random_chance(program_random(program), 200))
			program_unlock(program, lock, true);
		else
			program_cancel(program, lock, random_chance(program_random(program), 200));
		return true;
	}
	return false;
}

static void program_with_lock(
	struct workload_program *program, struct model_lock *lock, enum knobs_action action)
{
	switch (action) {
	case KNOBS_CONVERT:
		program_convert(program, lock);
		break;
	case KNOBS_UNLOCK:
		program_unlock(program, lock, false);
		break;
	case KNOBS_CANCEL:
	case KNOBS_DEADLOCK_CANCEL:
		program_cancel(program, lock, action == KNOBS_DEADLOCK_CANCEL);
		break;
	case KNOBS_FORCE_UNLOCK:
		program_unlock(program, lock, true);
		break;
	case KNOBS_WRONG:
		program_wrong(program, lock);
		break;
	case KNOBS_REQUEST:
	case KNOBS_CLOSE:
	case KNOBS_ADOPT:
	case KNOBS_PURGE_ORPHANS:
	case KNOBS_PURGE_OWN:
	case KNOBS_ACTIONS:
		break;
	}
}

/* Ends of a program are rare, whatever the other weights are. */
static bool program_rarely(struct workload_program *program)
{
	return random_chance(program_random(program), 100);
}

static void program_choose(struct workload_program *program, enum knobs_action action)
{
	switch (action) {
	case KNOBS_REQUEST:
		program_request(program);
		return;
	case KNOBS_CLOSE:
		if (program_rarely(program))
			program_close(program);
		return;
	case KNOBS_ADOPT:
		program_adopt(program);
		return;
	case KNOBS_PURGE_ORPHANS:
		if (program_rarely(program))
			program_purge_orphans(program, random_between(program_random(program), 0,
							       program_knobs(program)->nodes));
		return;
	case KNOBS_PURGE_OWN:
		if (program_rarely(program))
			program_purge_own(program);
		return;
	case KNOBS_CONVERT:
	case KNOBS_UNLOCK:
	case KNOBS_CANCEL:
	case KNOBS_DEADLOCK_CANCEL:
	case KNOBS_FORCE_UNLOCK:
	case KNOBS_WRONG:
	case KNOBS_ACTIONS:
		break;
	}
	if (program->lock_count)
		program_with_lock(program, program_pick(program), action);
}

void program_act(struct workload_program *program)
{
	struct cluster *cluster = program->workload->cluster;
	uint32_t action = random_weighted(
		program_random(program), program_knobs(program)->actions, KNOBS_ACTIONS);

	cluster_enter(cluster, program->node);
	if (!program->lock_count || !program_urgent(program, program_pick(program)))
		program_choose(program, (enum knobs_action)action);
	cluster_leave(cluster, program->node);
}
