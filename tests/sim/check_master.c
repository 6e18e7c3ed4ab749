/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * At rest the nodes of a lockspace agree: a resource has one master, which the directory names;
 * each lock of another node is on the master's queues once, in the state that its owner has; what
 * the master has granted goes together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pure/hash.h"
#include "check.h"
#include "cluster.h"
#include "membership.h"

#define CHECK_MASTER_MAX 16384

struct check_master_entry {
	uint32_t node;
	uint32_t order;
	uint8_t name[DLM_NAME_BYTES_MAX];
	struct engine_lock_view view; /* its name is not valid any more */
};

struct check_master {
	struct cluster *cluster;
	const struct membership *membership;
	uint32_t node, space;
	struct check_master_entry *entries;
	uint32_t count;
};

static void check_master_see(void *context, const struct engine_lock_view *view)
{
	struct check_master *all = context;
	struct check_master_entry *entry;

	if (all->count == CHECK_MASTER_MAX)
		return;
	entry = &all->entries[all->count];
	memset(entry->name, 0, sizeof(entry->name));
	memcpy(entry->name, view->name, view->name_bytes);
	entry->node = all->node;
	entry->order = all->count++;
	entry->view = *view;
}

static int check_master_compare(const void *a, const void *b)
{
	const struct check_master_entry *first = a, *second = b;
	int r = memcmp(first->name, second->name, sizeof(first->name));

	if (r)
		return r;
	return first->order < second->order ? -1 : 1;
}

static void check_master_wrong(const struct check_master *all,
	const struct check_master_entry *entry, uint32_t master, const char *why)
{
	const struct engine_lock_view *view = &entry->view;

	cluster_fail(all->cluster, "master",
		"resource %.4s of lockspace %u: node %u has lock %x (remote %x owner %u master %u "
		"is "
		"%d) granted %s requested %s status %d waiting %d; the master is %u: %s",
		(const char *)entry->name, all->space, entry->node, view->lkid, view->remote_lkid,
		view->owner_nodeid, view->master_nodeid, view->is_master,
		trace_mode_name(view->granted_mode), trace_mode_name(view->requested_mode),
		view->status, view->waiting_reply, master, why);
}

static const struct check_master_entry *check_master_other(const struct check_master_entry *from,
	uint32_t count, const struct check_master_entry *entry, uint32_t node)
{
	for (uint32_t i = 0; i < count; i++)
		if (from[i].node == node && from[i].view.lkid == entry->view.remote_lkid &&
			from[i].view.remote_lkid == entry->view.lkid)
			return &from[i];
	return NULL;
}

/*
 * While a conversion waits, the owner need not know what the master did to its granted mode: it
 * demoted it to NL (CONVDEADLK), or settled it after a recovery that had to forget it (IV at the
 * owner).
 */
static bool check_master_same(
	const struct engine_lock_view *owner, const struct engine_lock_view *master)
{
	if (owner->status != master->status)
		return false;
	if (owner->status != 2 && owner->requested_mode != master->requested_mode)
		return false;
	if (owner->granted_mode == master->granted_mode)
		return true;
	return owner->status == 3 && (owner->granted_mode == DLM_MODE_IV ||
					     (master->granted_mode == DLM_MODE_NL &&
						     (master->exflags & DLM_LKF_CONVDEADLK)));
}

/* A lock is compared with its other half, seen from either side. */
static void check_master_lock(const struct check_master *all, const struct check_master_entry *from,
	uint32_t count, const struct check_master_entry *entry, uint32_t master)
{
	bool own = entry->view.owner_nodeid == entry->node;
	uint32_t other_node = own ? master : entry->view.owner_nodeid;
	const struct check_master_entry *other;

	if (entry->view.waiting_reply)
		check_master_wrong(all, entry, master, "still waits for an answer");
	if (own && entry->view.master_nodeid != master)
		check_master_wrong(all, entry, master, "another master");
	if (other_node == entry->node)
		return;
	other = check_master_other(from, count, entry, other_node);
	if (!other)
		check_master_wrong(all, entry, master, "its other half is missing");
	else if (own && !check_master_same(&entry->view, &other->view))
		check_master_wrong(all, entry, master, "its other half differs");
}

static void check_master_granted(const struct check_master *all,
	const struct check_master_entry *from, uint32_t count, uint32_t master)
{
	for (uint32_t i = 0; i < count; i++) {
		if (from[i].node != master || from[i].view.granted_mode < 0)
			continue;
		for (uint32_t j = i + 1; j < count; j++)
			if (from[j].node == master && from[j].view.granted_mode >= 0 &&
				!check_exclusion_modes(1u << from[i].view.granted_mode,
					1u << from[j].view.granted_mode))
				check_master_wrong(all, &from[i], master, "conflicting grants");
	}
}

/* ---- the directory ---- */

static uint32_t check_master_directory(
	const struct check_master *all, const uint8_t *name, uint8_t name_bytes)
{
	uint32_t members = all->membership->groups[all->space].members, array[64], total = 0;
	bool all_zero = true;

	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++)
		if ((members & 1u << i) && all->cluster->knobs->weights[i])
			all_zero = false;
	for (uint32_t i = 1; i <= CLUSTER_NODES_MAX; i++) {
		uint32_t weight = all_zero ? 1 : all->cluster->knobs->weights[i];

		for (uint32_t j = 0; (members & 1u << i) && j < weight; j++)
			array[total++] = i;
	}
	return array[(hash_name(name, name_bytes, 0) >> 16) % total];
}

static void check_master_record(
	const struct check_master *all, const struct check_master_entry *entry, uint32_t master)
{
	uint8_t bytes = entry->view.name_bytes;
	uint32_t directory = check_master_directory(all, entry->name, bytes);
	struct engine_resource_view view;

	if (all->cluster->knobs->nodir && master != directory)
		check_master_wrong(all, entry, master, "not the node that the name decides");
	if (engine_resource_view(all->cluster->nodes[directory].spaces[all->space], entry->name,
		    bytes, &view) < 0) {
		if (!all->cluster->knobs->nodir || directory == master)
			check_master_wrong(all, entry, master, "the directory knows nothing of it");
		return;
	}
	if (view.dir_nodeid != directory)
		check_master_wrong(all, entry, master, "another directory node");
	if (view.master_nodeid != master)
		check_master_wrong(all, entry, master, "the directory names another master");
}

static void check_master_resource(
	const struct check_master *all, const struct check_master_entry *from, uint32_t count)
{
	uint32_t master = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!from[i].view.is_master)
			continue;
		if (master && master != from[i].node)
			check_master_wrong(all, &from[i], master, "a second master");
		master = from[i].node;
	}
	if (!master) {
		check_master_wrong(all, &from[0], 0, "no master");
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		check_master_lock(all, from, count, &from[i], master);
	check_master_granted(all, from, count, master);
	check_master_record(all, &from[0], master);
}

static void check_master_space(struct check_master *all)
{
	uint32_t from = 0;

	for (uint32_t node = 1; node <= all->cluster->knobs->nodes; node++) {
		if (!membership_member(all->membership, node, all->space) ||
			!cluster_up(all->cluster, node))
			continue;
		all->node = node;
		engine_lockspace_each_lock(
			all->cluster->nodes[node].spaces[all->space], check_master_see, all);
	}
	qsort(all->entries, all->count, sizeof(*all->entries), check_master_compare);
	for (uint32_t i = 1; i <= all->count && !cluster_failed(all->cluster); i++) {
		if (i < all->count &&
			!memcmp(all->entries[i].name, all->entries[from].name, DLM_NAME_BYTES_MAX))
			continue;
		check_master_resource(all, &all->entries[from], i - from);
		from = i;
	}
}

void check_master(struct model *model, const struct membership *membership)
{
	struct check_master all = {.cluster = model->cluster, .membership = membership};

	all.entries = calloc(CHECK_MASTER_MAX, sizeof(*all.entries));
	if (!all.entries)
		abort();
	for (uint32_t space = 0; space < model->cluster->knobs->spaces; space++) {
		all.space = space;
		all.count = 0;
		check_master_space(&all);
	}
	free(all.entries);
}
