/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * S4: every accepted operation is ended by exactly one completion, its own or that of the cancel or
 * force-unlock that overtook it.
 */
#include <errno.h>

#include "check.h"
#include "cluster.h"

static void check_completion_wrong(struct model *model, const struct model_lock *lock,
	const struct engine_callback *callback, const char *why)
{
	cluster_fail(model->cluster, "S4",
		"lock %x of node %u on resource %u: completion %d mode %s ended %d while "
		"operation %d of mode %s (flags %x cancel %d force %d) has %s: %s",
		lock->lkid, lock->node, lock->resource->number, callback->status,
		trace_mode_name(callback->mode), callback->ended, lock->op,
		trace_mode_name(lock->op_mode), lock->exflags, lock->cancel, lock->force,
		trace_mode_name(lock->granted), why);
}

static bool check_completion_mode_asked(const struct model_lock *lock, int mode, uint8_t sbflags)
{
	if (!(sbflags & DLM_SBF_ALTMODE_BIT))
		return mode == lock->op_mode;
	return (mode == DLM_MODE_PR && (lock->exflags & DLM_LKF_ALTPR)) ||
	       (mode == DLM_MODE_CW && (lock->exflags & DLM_LKF_ALTCW));
}

/* What a conversion that came to nothing leaves: what was granted, NL by demotion, or PR for CW. */
static bool check_completion_mode_kept(
	const struct model_lock *lock, const struct engine_callback *callback)
{
	if (lock->op == MODEL_REQUEST)
		return callback->mode == DLM_MODE_IV;
	if (callback->mode == lock->granted)
		return true;
	if (callback->mode == DLM_MODE_NL && (callback->sbflags & DLM_SBF_DEMOTED_BIT))
		return lock->exflags & DLM_LKF_CONVDEADLK;
	return (lock->granted == DLM_MODE_PR || lock->granted == DLM_MODE_CW) &&
	       (lock->op_mode == DLM_MODE_PR || lock->op_mode == DLM_MODE_CW) &&
	       callback->mode == lock->op_mode;
}

static const char *check_completion_granted(
	const struct model_lock *lock, const struct engine_callback *callback)
{
	if (lock->op != MODEL_REQUEST && lock->op != MODEL_CONVERT)
		return "nothing was asked for";
	if (callback->ended)
		return "a grant does not end a lock";
	if (!check_completion_mode_asked(lock, callback->mode, callback->sbflags))
		return "another mode than asked for";
	if ((callback->sbflags & DLM_SBF_DEMOTED_BIT) && !(lock->exflags & DLM_LKF_CONVDEADLK))
		return "demoted without having allowed it";
	return NULL;
}

static const char *check_completion_failed(
	const struct model_lock *lock, const struct engine_callback *callback, bool allowed)
{
	if (lock->op != MODEL_REQUEST && lock->op != MODEL_CONVERT)
		return "nothing was asked for";
	if (!allowed)
		return "no reason for this status";
	if (callback->ended != (lock->op == MODEL_REQUEST))
		return "ended wrongly";
	if (!check_completion_mode_kept(lock, callback))
		return "wrong mode kept";
	return NULL;
}

static const char *check_completion_unlocked(
	const struct model_lock *lock, const struct engine_callback *callback)
{
	if (lock->op != MODEL_UNLOCK && !lock->force)
		return "nobody unlocked it";
	if (!callback->ended || callback->mode != DLM_MODE_IV)
		return "an unlock ends a lock";
	return NULL;
}

void check_completion(
	struct model *model, const struct model_lock *lock, const struct engine_callback *callback)
{
	const char *why = "no such status";

	switch (callback->status) {
	case 0:
		why = check_completion_granted(lock, callback);
		break;
	case -EAGAIN:
		why = check_completion_failed(lock, callback, lock->exflags & DLM_LKF_NOQUEUE);
		break;
	case -EDEADLK:
		why = check_completion_failed(lock, callback,
			lock->deadlock_cancel ||
				(lock->op == MODEL_CONVERT &&
					!(lock->exflags &
						(DLM_LKF_NODLCKWT | DLM_LKF_CONVDEADLK))));
		break;
	case -DLM_STATUS_ECANCEL:
		why = check_completion_failed(lock, callback, lock->cancel);
		break;
	case -DLM_STATUS_EUNLOCK:
		why = check_completion_unlocked(lock, callback);
		break;
	default:
		break;
	}
	if (why)
		check_completion_wrong(model, lock, callback, why);
}

void check_completion_end(struct model *model)
{
	for (uint32_t i = 0; i < MODEL_LOCKS_MAX; i++) {
		const struct model_lock *lock = &model->locks[i];

		if (!lock->used || lock->op == MODEL_IDLE)
			continue;
		cluster_fail(model->cluster, "S4",
			"lock %x of node %u on resource %u: operation %d of mode %s (flags %x "
			"cancel "
			"%d force %d) never completed",
			lock->lkid, lock->node, lock->resource->number, lock->op,
			trace_mode_name(lock->op_mode), lock->exflags, lock->cancel, lock->force);
		return;
	}
}
