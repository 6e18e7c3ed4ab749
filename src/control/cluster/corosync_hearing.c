/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_hearing.h"

#include <unistd.h>

/* Another process of this node in our group is none of ours: one that has ended, and whose end is
 * not told yet. */
static bool is_stranger(const struct worker *worker, const struct cpg_address *address)
{
	return address->nodeid == worker->facts.nodeid && address->pid != (uint32_t)getpid();
}

uint32_t corosync_hearing_nodes(
	const struct worker *worker, const struct cpg_address *list, size_t count, uint32_t *ret)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < count && kept < CLUSTER_NODES_MAX; i++)
		if (!is_stranger(worker, &list[i]))
			ret[kept++] = list[i].nodeid;
	return kept;
}

static void left_of(const struct worker *worker, const struct cpg_address *list, size_t count,
	struct letter_confchg *change)
{
	for (size_t i = 0; i < count && change->left_count < CLUSTER_NODES_MAX; i++)
		if (!is_stranger(worker, &list[i]))
			change->left[change->left_count++] = (struct cluster_left){
				.nodeid = list[i].nodeid, .reason = (int)list[i].reason};
}

static bool has_us(const struct worker *worker, const struct cpg_address *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].nodeid == worker->facts.nodeid && !is_stranger(worker, &list[i]))
			return true;
	return false;
}

static struct corosync_group *group_of(cpg_handle_t cpg)
{
	void *group = NULL;

	return cpg_context_get(cpg, &group) == CS_OK ? group : NULL;
}

/*
 * Each group has a connection of its own. Corosync writes to them in the order of what happens: so
 * what happened before in the group that was joined first, the daemons', lies there to be read, and
 * is told first. Else a lockspace could be started with one that the daemons have just lost.
 */
static void tell_first(const struct corosync_group *group)
{
	struct worker *worker = worker_current();
	struct corosync_group *first =
		list_first(&worker->groups, struct corosync_group, on_worker);
	cs_error_t error = CS_OK;

	if (!first || first == group || first->state == GROUP_OUT)
		return;
	while (error == CS_OK && !worker->is_lost && first->state != GROUP_OUT)
		error = cpg_dispatch(first->cpg, CS_DISPATCH_ONE_NONBLOCKING);
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		worker_lost(
			worker, "corosync is gone (group %s: %s)", first->name, cs_strerror(error));
}

static void group_changed(cpg_handle_t cpg, const struct cpg_name *name,
	const struct cpg_address *members, size_t member_count, const struct cpg_address *left,
	size_t left_count, const struct cpg_address *joined, size_t joined_count)
{
	struct worker *worker = worker_current();
	struct corosync_group *group = group_of(cpg);
	struct letter_confchg change = {0};
	struct letter *letter;

	if (!group)
		return;
	tell_first(group);
	if (has_us(worker, joined, joined_count) && group->state == GROUP_JOINED)
		group->state = GROUP_MEMBER;
	if (has_us(worker, left, left_count))
		group->state = GROUP_OUT;
	change.member_count = corosync_hearing_nodes(worker, members, member_count, change.members);
	change.joined_count = corosync_hearing_nodes(worker, joined, joined_count, change.joined);
	left_of(worker, left, left_count, &change);
	letter = post_letter_new(LETTER_CONFCHG, group->name, &change, sizeof(change));
	if (letter)
		letter->number = group->state == GROUP_OUT;
	worker_tell(worker, letter);
}

static void group_heard(cpg_handle_t cpg, const struct cpg_name *name, uint32_t nodeid,
	uint32_t pid, void *data, size_t bytes)
{
	struct corosync_group *group = group_of(cpg);
	struct cpg_address sender = {.nodeid = nodeid, .pid = pid};
	struct letter *letter;

	if (!group || is_stranger(worker_current(), &sender))
		return;
	tell_first(group);
	letter = post_letter_new(LETTER_DELIVER, group->name, data, bytes);
	if (letter)
		letter->nodeid = nodeid;
	worker_tell(worker_current(), letter);
}

static void ring_changed(
	cpg_handle_t cpg, struct cpg_ring_id ring, uint32_t member_count, const uint32_t *members)
{
	struct corosync_group *group = group_of(cpg);
	struct letter *letter;

	if (!group)
		return;
	tell_first(group);
	letter = post_letter_new(LETTER_RING, group->name, NULL, 0);
	if (letter) {
		letter->nodeid = ring.nodeid;
		letter->seq = ring.seq;
	}
	worker_tell(worker_current(), letter);
}

void corosync_hearing_dispatch(struct worker *worker, struct corosync_group *group)
{
	cs_error_t error = CS_OK;

	for (uint32_t i = 0; i < WORKER_EVENTS_MAX && error == CS_OK && !worker->is_lost &&
			     !post_is_full(worker->post) && group->state != GROUP_OUT;
		i++)
		error = cpg_dispatch(group->cpg, CS_DISPATCH_ONE_NONBLOCKING);
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		worker_lost(
			worker, "corosync is gone (group %s: %s)", group->name, cs_strerror(error));
}

cs_error_t corosync_hearing_open(struct corosync_group *group)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1,
		.cpg_deliver_fn = group_heard,
		.cpg_confchg_fn = group_changed,
		.cpg_totem_confchg_fn = ring_changed,
		.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF};

	return cpg_model_initialize(&group->cpg, CPG_MODEL_V1, (cpg_model_data_t *)&model, group);
}
