/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * L1: at rest, every request that can be granted is granted, in the order of the queues. What can
 * be granted is computed here from the queues of each master, apart from the engine's own rules.
 * And who stands in the way of a queued request has been told so by a BAST. Source:
 * docs/protocol/wire.md, "Grant rules".
 */
#include <string.h>

#include "check.h"
#include "cluster.h"
#include "membership.h"

#define CHECK_GRANT_MAX 1024

/* The queues of one resource, as its master sees them. */
struct check_grant {
	struct model *model;
	uint32_t node, space;
	struct engine_lock_view locks[CHECK_GRANT_MAX]; /* granted, converting, waiting */
	uint32_t count;
	uint8_t name[DLM_NAME_BYTES_MAX];
	uint8_t name_bytes;
};

static bool check_grant_together(int mode, int other)
{
	return mode < 0 || other < 0 || check_exclusion_modes(1u << mode, 1u << other);
}

static bool check_grant_first(const struct check_grant *queues, uint32_t at, int status)
{
	for (uint32_t i = 0; i < at; i++)
		if (queues->locks[i].status == status)
			return false;
	return true;
}

static bool check_grant_none(const struct check_grant *queues, int status)
{
	return check_grant_first(queues, queues->count, status);
}

static bool check_grant_as(const struct check_grant *queues, uint32_t at, int mode)
{
	const struct engine_lock_view *lock = &queues->locks[at];

	if (lock->exflags & DLM_LKF_EXPEDITE)
		return true;
	for (uint32_t i = 0; i < queues->count; i++) {
		const struct engine_lock_view *other = &queues->locks[i];

		if (i != at && other->status != 1 &&
			!check_grant_together(other->granted_mode, mode))
			return false;
	}
	if (lock->exflags & DLM_LKF_NOORDER)
		return true;
	if (lock->status == 3)
		return check_grant_first(queues, at, 3);
	return check_grant_none(queues, 3) && check_grant_first(queues, at, 1);
}

static bool check_grant_deadlock(const struct check_grant *queues, uint32_t at)
{
	const struct engine_lock_view *lock = &queues->locks[at];

	for (uint32_t i = 0; i < queues->count; i++) {
		const struct engine_lock_view *other = &queues->locks[i];
		bool blocks_other;

		if (i == at || other->status != 3)
			continue;
		blocks_other = !check_grant_together(lock->granted_mode, other->requested_mode);
		if (i < at && blocks_other)
			return true;
		if (i > at && blocks_other &&
			!check_grant_together(other->granted_mode, lock->requested_mode))
			return true;
	}
	return false;
}

static bool check_grant_demoted(const struct check_grant *queues)
{
	for (uint32_t i = 0; i < queues->count; i++)
		if (queues->locks[i].status == 3 && queues->locks[i].granted_mode == DLM_MODE_NL &&
			(queues->locks[i].exflags & DLM_LKF_CONVDEADLK))
			return true;
	return false;
}

/*
 * HEADQUE puts a request in front of others without looking at the queue again, QUECVT counts at
 * the arrival of a conversion, NOORDER after it, and what a conversion gives up that is demoted
 * when it comes is offered to other conversions only (all that in a kernel as well): these are
 * granted with the next change, though they could be at once.
 */
static bool check_grant_jumped(const struct check_grant *queues, uint32_t at)
{
	const struct engine_lock_view *lock = &queues->locks[at];

	if ((lock->exflags & DLM_LKF_QUECVT) && (lock->exflags & DLM_LKF_NOORDER))
		return true;
	if (lock->status == 1 && check_grant_demoted(queues))
		return true;
	return (lock->exflags & DLM_LKF_HEADQUE) && at + 1 < queues->count &&
	       queues->locks[at + 1].status == lock->status;
}

static bool check_grant_able(const struct check_grant *queues, uint32_t at)
{
	const struct engine_lock_view *lock = &queues->locks[at];

	if (check_grant_as(queues, at, lock->requested_mode))
		return true;
	if (lock->status == 3 && check_grant_deadlock(queues, at))
		return false; /* CONVDEADLK demotes it when the queue is looked at again */
	if ((lock->exflags & DLM_LKF_ALTPR) && lock->requested_mode != DLM_MODE_PR)
		return check_grant_as(queues, at, DLM_MODE_PR);
	if ((lock->exflags & DLM_LKF_ALTCW) && lock->requested_mode != DLM_MODE_CW)
		return check_grant_as(queues, at, DLM_MODE_CW);
	return false;
}

static void check_grant_told(const struct check_grant *queues,
	const struct engine_lock_view *holder, const struct engine_lock_view *queued)
{
	uint32_t lkid = holder->owner_nodeid == queues->node ? holder->lkid : holder->remote_lkid;
	const struct model_lock *lock =
		model_lock_find(queues->model, holder->owner_nodeid, queues->space, lkid);

	if (!lock || !lock->program || !lock->wants_bast || lock->told || lock->jumped ||
		lock->op != MODEL_IDLE)
		return;
	cluster_fail(queues->model->cluster, "L1",
		"resource %u, master %u: lock %x of node %u holds %s against a request for %s "
		"(node %u "
		"lock %x) and was sent no BAST",
		lock->resource->number, queues->node, lock->lkid, lock->node,
		trace_mode_name(holder->granted_mode), trace_mode_name(queued->requested_mode),
		queued->owner_nodeid, queued->lkid);
}

static void check_grant_resource(const struct check_grant *queues)
{
	for (uint32_t at = 0; at < queues->count; at++) {
		const struct engine_lock_view *lock = &queues->locks[at];

		if (lock->status != 1 && lock->status != 3)
			continue;
		if (check_grant_able(queues, at) && !check_grant_jumped(queues, at)) {
			cluster_fail(queues->model->cluster, "L1",
				"resource %.4s of lockspace %u, master %u: lock %x of node %u "
				"waits for "
				"%s (has %s, flags %x), which could be granted",
				(const char *)queues->name, queues->space, queues->node, lock->lkid,
				lock->owner_nodeid, trace_mode_name(lock->requested_mode),
				trace_mode_name(lock->granted_mode), lock->exflags);
			return;
		}
		for (uint32_t i = 0; i < queues->count; i++)
			if (queues->locks[i].status == 2 &&
				!check_grant_together(
					queues->locks[i].granted_mode, lock->requested_mode))
				check_grant_told(queues, &queues->locks[i], lock);
	}
}

static void check_grant_see(void *context, const struct engine_lock_view *view)
{
	struct check_grant *queues = context;

	if (!view->is_master)
		return;
	if (view->name_bytes != queues->name_bytes ||
		memcmp(view->name, queues->name, view->name_bytes)) {
		check_grant_resource(queues);
		queues->count = 0;
		queues->name_bytes = view->name_bytes;
		memcpy(queues->name, view->name, view->name_bytes);
	}
	if (queues->count < CHECK_GRANT_MAX)
		queues->locks[queues->count++] = *view;
}

void check_grant(struct model *model, const struct membership *membership)
{
	static struct check_grant queues;

	for (uint32_t space = 0; space < model->cluster->knobs->spaces; space++) {
		for (uint32_t node = 1; node <= model->cluster->knobs->nodes; node++) {
			if (!membership_member(membership, node, space) ||
				!cluster_up(model->cluster, node))
				continue;
			queues.model = model;
			queues.node = node;
			queues.space = space;
			queues.count = queues.name_bytes = 0;
			engine_lockspace_each_lock(model->cluster->nodes[node].spaces[space],
				check_grant_see, &queues);
			check_grant_resource(&queues);
		}
	}
}
