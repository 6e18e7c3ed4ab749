/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dlm_controld says to corosync and hears from it, for the trace; nothing is changed. */
#include <corosync/cfg.h>
#include <corosync/cpg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "shim.h"

#define GROUPS_MAX  256
#define MESSAGE_MAX 4096

struct group {
	cpg_handle_t handle;
	bool is_used;
	char name[CPG_MAX_NAME_LENGTH + 1];
	cpg_model_v1_data_t model; /* the program's own */
};

static struct group groups[GROUPS_MAX];

static struct group *group_find(cpg_handle_t handle)
{
	for (size_t i = 0; i < GROUPS_MAX; i++) {
		if (groups[i].is_used && groups[i].handle == handle)
			return &groups[i];
	}
	return NULL;
}

static const char *group_name(cpg_handle_t handle)
{
	const struct group *group = group_find(handle);

	return group && group->name[0] ? group->name : "?";
}

/* The length of a name counts the NUL, where its sender counted it. */
static void name_copy(const struct cpg_name *from, char ret[CPG_MAX_NAME_LENGTH + 1])
{
	size_t bytes = from->length < CPG_MAX_NAME_LENGTH ? from->length : CPG_MAX_NAME_LENGTH;

	memcpy(ret, from->value, bytes);
	ret[bytes] = '\0';
}

static void deliver(cpg_handle_t handle, const struct cpg_name *name, uint32_t nodeid, uint32_t pid,
	void *data, size_t bytes)
{
	const struct group *group = group_find(handle);

	trace_write(data, bytes, "deliver %s %u", group_name(handle), nodeid);
	if (group && group->model.cpg_deliver_fn)
		group->model.cpg_deliver_fn(handle, name, nodeid, pid, data, bytes);
}

static void list_print(
	char *ret, size_t room, const struct cpg_address *list, size_t count, bool with_reason)
{
	size_t at = 0;

	snprintf(ret, room, "-");
	for (size_t i = 0; i < count && at < room; i++) {
		at += (size_t)snprintf(ret + at, room - at, "%s%u", i ? "," : "", list[i].nodeid);
		if (with_reason && at < room)
			at += (size_t)snprintf(ret + at, room - at, ":%u", list[i].reason);
	}
}

static void confchg(cpg_handle_t handle, const struct cpg_name *name,
	const struct cpg_address *members, size_t member_count, const struct cpg_address *left,
	size_t left_count, const struct cpg_address *joined, size_t joined_count)
{
	const struct group *group = group_find(handle);
	char texts[3][1024];

	list_print(texts[0], sizeof(texts[0]), members, member_count, false);
	list_print(texts[1], sizeof(texts[1]), left, left_count, true);
	list_print(texts[2], sizeof(texts[2]), joined, joined_count, true);
	trace_write(
		NULL, 0, "change %s %s %s %s", group_name(handle), texts[0], texts[1], texts[2]);
	if (group && group->model.cpg_confchg_fn)
		group->model.cpg_confchg_fn(handle, name, members, member_count, left, left_count,
			joined, joined_count);
}

static struct group *group_new(const cpg_model_v1_data_t *model)
{
	for (size_t i = 0; i < GROUPS_MAX; i++) {
		if (groups[i].is_used)
			continue;
		groups[i] = (struct group){.is_used = true, .model = *model};
		return &groups[i];
	}
	return NULL;
}

cs_error_t cpg_model_initialize(
	cpg_handle_t *ret, cpg_model_t model, cpg_model_data_t *data, void *context)
{
	cs_error_t (*next)(cpg_handle_t *, cpg_model_t, cpg_model_data_t *, void *) =
		place_next("cpg_model_initialize");
	cpg_model_v1_data_t ours;
	struct group *group;
	cs_error_t rv;

	group = model == CPG_MODEL_V1 ? group_new((const cpg_model_v1_data_t *)data) : NULL;
	if (!group)
		return next(ret, model, data, context);
	ours = group->model;
	ours.cpg_deliver_fn = deliver;
	ours.cpg_confchg_fn = confchg;
	rv = next(ret, model, (cpg_model_data_t *)&ours, context);
	group->handle = *ret;
	group->is_used = rv == CS_OK;
	return rv;
}

cs_error_t cpg_finalize(cpg_handle_t handle)
{
	cs_error_t (*next)(cpg_handle_t) = place_next("cpg_finalize");
	struct group *group = group_find(handle);

	if (group)
		group->is_used = false;
	return next(handle);
}

cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *name)
{
	cs_error_t (*next)(cpg_handle_t, const struct cpg_name *) = place_next("cpg_join");
	struct group *group = group_find(handle);
	cs_error_t rv;

	if (group)
		name_copy(name, group->name);
	rv = next(handle, name);
	trace_write(NULL, 0, "join %s %d", group_name(handle), (int)rv);
	return rv;
}

cs_error_t cpg_leave(cpg_handle_t handle, const struct cpg_name *name)
{
	cs_error_t (*next)(cpg_handle_t, const struct cpg_name *) = place_next("cpg_leave");
	cs_error_t rv = next(handle, name);

	trace_write(NULL, 0, "leave %s %d", group_name(handle), (int)rv);
	return rv;
}

cs_error_t cpg_mcast_joined(
	cpg_handle_t handle, cpg_guarantee_t guarantee, const struct iovec *pieces, unsigned count)
{
	cs_error_t (*next)(cpg_handle_t, cpg_guarantee_t, const struct iovec *, unsigned) =
		place_next("cpg_mcast_joined");
	cs_error_t rv = next(handle, guarantee, pieces, count);
	char whole[MESSAGE_MAX];
	size_t at = 0;

	for (unsigned i = 0; i < count && at + pieces[i].iov_len <= sizeof(whole); i++) {
		memcpy(whole + at, pieces[i].iov_base, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	trace_write(whole, at, "send %s %d", group_name(handle), (int)rv);
	return rv;
}

cs_error_t corosync_cfg_kill_node(
	corosync_cfg_handle_t handle, unsigned int nodeid, const char *reason)
{
	cs_error_t (*next)(corosync_cfg_handle_t, unsigned int, const char *) =
		place_next("corosync_cfg_kill_node");

	/* Before it is done: where it is our own node, there may be no time for it afterwards. */
	trace_write(NULL, 0, "kill %u %s", nodeid, reason);
	return next(handle, nodeid, reason);
}
