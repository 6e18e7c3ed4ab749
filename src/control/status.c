/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/status.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void change_fill(const struct group_change *change, struct dlmc_wire_change *ret)
{
	*ret = (struct dlmc_wire_change){.member_count = (int32_t)change->member_count,
		.joined_count = (int32_t)change->joined_count,
		.remove_count = (int32_t)change->remove_count,
		.failed_count = (int32_t)change->failed_count,
		.seq = change->seq,
		.combined_seq = change->seq};
}

static uint32_t lockspace_flags(const struct group_view *view)
{
	uint32_t flags = 0;

	if (view->state == GROUP_JOINING)
		flags |= DLMC_WIRE_LF_JOINING;
	if (view->is_released)
		flags |= DLMC_WIRE_LF_LEAVING;
	if (view->is_stopped)
		flags |= DLMC_WIRE_LF_KERNEL_STOPPED;
	return flags;
}

void status_lockspace(const struct group_view *view, struct dlmc_wire_lockspace *ret)
{
	memset(ret, 0, sizeof(*ret));
	change_fill(&view->started, &ret->cg_prev);
	change_fill(&view->next, &ret->cg_next);
	ret->flags = lockspace_flags(view);
	ret->global_id = view->global_id;
	memcpy(ret->name, view->name, sizeof(ret->name));
}

void status_node(const struct group_view *view, uint32_t nodeid, struct dlmc_wire_node *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < view->member_count; i++) {
		if (view->members[i].nodeid != nodeid)
			continue;
		ret->nodeid = (int32_t)nodeid;
		ret->flags = DLMC_WIRE_NF_MEMBER | DLMC_WIRE_NF_START;
		ret->added_seq = view->started.seq;
	}
}

static uint64_t monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void record_add(
	struct text *ret, enum dlmc_state_type type, uint32_t nodeid, const struct text *keys)
{
	struct dlmc_state state = {
		.type = type, .nodeid = (int32_t)nodeid, .str_len = (uint32_t)keys->bytes + 1};

	text_add_bytes(ret, &state, sizeof(state));
	text_add_bytes(ret, keys->data ? keys->data : "", keys->bytes + 1);
	ret->failed |= keys->failed;
}

/* Clients look for single keys: each of these stands there once, in this order and spelling. */
static void daemon_record(const struct cluster_view *view, struct text *ret)
{
	struct text keys = {0};

	text_add(&keys, "member_count=%u joined_count=%u remove_count=%u ", view->node_count,
		view->joined_count, view->remove_count);
	text_add(&keys, "daemon_ringid=%" PRIu64 " cluster_ringid=%" PRIu64 " quorate=%d ",
		view->ring_seq, view->ring_seq, view->is_quorate);
	text_add(&keys,
		"fence_pid=0 fence_in_progress_unknown=0 zombie_count=0 monotime=%" PRIu64 " ",
		monotonic_seconds());
	text_add(&keys, "stateful_merge_wait=0 ");
	record_add(ret, DLMC_STATE_DAEMON, view->nodeid, &keys);
	text_done(&keys);
}

static void node_record(const struct cluster_node *node, struct text *ret)
{
	struct text keys = {0};

	text_add(&keys, "member=%d killed=0 left_reason=unknown need_fencing=0 delay_fencing=0 ",
		node->is_member);
	text_add(&keys, "fence_pid=0 fence_pid_wait=0 fence_result_wait=0 fence_actor_last=0 "
			"fence_actor_done=0 ");
	text_add(&keys, "add_time=%" PRIu64 " rem_time=%" PRIu64 " ", node->add_time,
		node->rem_time);
	text_add(&keys, "fail_walltime=0 fail_monotime=0 fence_walltime=0 fence_monotime=0 ");
	record_add(ret, DLMC_STATE_DAEMON_NODE, node->nodeid, &keys);
	text_done(&keys);
}

void status_daemon_records(const struct daemon *daemon, struct text *ret)
{
	struct cluster_view view = {0};

	if (daemon->cluster)
		daemon->cluster_ops->view(daemon->cluster, &view);
	daemon_record(&view, ret);
	for (uint32_t i = 0; i < view.node_count; i++)
		node_record(&view.nodes[i], ret);
}

static void info_engine(const struct daemon *daemon, struct text *ret)
{
	struct driver_view view = {.text = ""};

	if (daemon->driver)
		daemon->driver_ops->view(daemon->driver, &view);
	text_add(ret, "lockd_pid=%ld\nlockd_memory_locked=%d\nlockd_realtime=%u\nlockd_text=%s\n",
		(long)view.pid, view.memory_locked, view.realtime, view.text);
}

static void info_admin(const struct daemon *daemon, struct text *ret)
{
	struct admin_counts counts;

	admin_counts(daemon->admin, &counts);
	text_add(ret, "admin_connections=%u\nadmin_accepted=%" PRIu64 "\n", counts.connections,
		counts.accepted);
	text_add(ret, "admin_refused=%" PRIu64 "\nadmin_malformed=%" PRIu64 "\n", counts.refused,
		counts.malformed);
	text_add(ret, "admin_expired=%" PRIu64 "\n", counts.expired);
}

void status_daemon_info(const struct daemon *daemon, struct text *ret)
{
	struct cluster_view view = {0};

	if (daemon->cluster)
		daemon->cluster_ops->view(daemon->cluster, &view);
	text_add(ret, "version=" UDLM_VERSION "\npid=%ld\nuid=%u\nstate=%s\n", (long)getpid(),
		geteuid(), daemon_state_word(daemon));
	daemon_describe_waiting(daemon, DLMC_INFO_WAITING, ret);
	text_add(ret, DLMC_INFO_CLUSTER "%s\n" DLMC_INFO_CLUSTER_TEXT "%s\n",
		daemon->cluster_ops->name, daemon->cluster_ops->text);
	text_add(ret, DLMC_INFO_ENGINE "%s\n" DLMC_INFO_ENGINE_TEXT "%s\n",
		daemon->driver_ops->name, daemon->engine_text);
	text_add(ret, "nodeid=%u\n" DLMC_INFO_RUN_DIR "%s\nboot_id=%s\n", view.nodeid,
		daemon->run_dir, daemon->boot_id);
	info_engine(daemon, ret);
	text_add(ret, "lost_ack_needed=%d\nlockspace_count=%u\n",
		daemon->lost && lost_needs_ack(daemon->lost), group_count(daemon->group));
	info_admin(daemon, ret);
}
