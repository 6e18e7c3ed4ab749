/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/status.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void change_fill(const struct group_change *change, struct dlmc_wire_change *ret)
{
	if (!change->seq)
		return;
	*ret = (struct dlmc_wire_change){.member_count = (int32_t)change->member_count,
		.joined_count = (int32_t)change->joined_count,
		.remove_count = (int32_t)change->remove_count,
		.failed_count = (int32_t)change->failed_count,
		.wait_condition = (int32_t)(change->wait_messages ? change->missing_count
								  : (uint32_t)change->wait),
		.wait_messages = change->wait_messages,
		.seq = change->seq,
		.combined_seq = change->combined_seq};
}

static uint32_t lockspace_flags(const struct group_view *view)
{
	uint32_t flags = 0;

	if (view->is_joining)
		flags |= DLMC_WIRE_LF_JOINING;
	if (view->is_leaving)
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

void status_node(const struct group_node_view *view, struct dlmc_wire_node *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->nodeid = (int32_t)view->nodeid;
	ret->flags = (view->is_member ? DLMC_WIRE_NF_MEMBER : 0) |
		     (view->is_started ? DLMC_WIRE_NF_START : 0) |
		     (view->is_disallowed ? DLMC_WIRE_NF_DISALLOWED : 0) |
		     (view->need_fencing ? DLMC_WIRE_NF_NEED_FENCING : 0);
	ret->added_seq = view->added_seq;
	ret->removed_seq = view->removed_seq;
	ret->fail_reason = (int32_t)view->fail_reason;
	ret->fail_walltime = view->fail_walltime;
	ret->fail_monotime = view->fail_monotime;
}

static void record_add(
	struct text *ret, enum dlmc_state_type type, uint32_t nodeid, const struct text *keys)
{
	struct dlmc_state state = {.type = type,
		.nodeid = (int32_t)nodeid,
		.str_len = keys ? (uint32_t)keys->bytes + 1 : 0};

	text_add_bytes(ret, &state, sizeof(state));
	if (!keys)
		return;
	text_add_bytes(ret, keys->data ? keys->data : "", keys->bytes + 1);
	ret->failed |= keys->failed;
}

/* Clients look for single keys: each of these stands there once, in this order and spelling. */
static void daemon_record(const struct daemon *daemon, struct text *ret)
{
	struct fence_view view = {.wait = ""};
	struct text keys = {0};

	if (daemon->fence)
		fence_view(daemon->fence, &view);
	text_add(&keys, "member_count=%u joined_count=%u remove_count=%u ", view.member_count,
		view.joined_count, view.remove_count);
	text_add(&keys, "daemon_ringid=%" PRIu64 " cluster_ringid=%" PRIu64 " quorate=%d ",
		view.daemon_ring_seq, view.cluster_ring_seq, view.is_quorate);
	text_add(&keys,
		"fence_pid=%d fence_in_progress_unknown=%d zombie_count=0 monotime=%" PRIu64 " ",
		view.agent_pid, view.is_fipu, daemon_now().mono);
	text_add(&keys, "stateful_merge_wait=%d ", view.stateful_merge_wait);
	record_add(ret, DLMC_STATE_DAEMON, daemon->facts.nodeid, &keys);
	text_done(&keys);
}

const char *status_reason_word(enum fence_reason reason)
{
	switch (reason) {
	case FENCE_REASON_STARTUP:
		return "startup";
	case FENCE_REASON_JOIN:
		return "join";
	case FENCE_REASON_LEAVE:
		return "leave";
	case FENCE_REASON_NODEDOWN:
		return "nodedown";
	case FENCE_REASON_NODEUP:
		return "nodeup";
	case FENCE_REASON_PROCDOWN:
		return "procdown";
	case FENCE_REASON_NONE:
		break;
	}
	return "unknown";
}

static void node_record(const struct fence_node_view *node, struct text *ret)
{
	struct text keys = {0};

	text_add(&keys, "member=%d killed=%d left_reason=%s need_fencing=%d delay_fencing=%d ",
		node->is_member, node->is_killed, status_reason_word(node->left_reason),
		node->need_fencing, node->delay_fencing);
	text_add(&keys,
		"fence_pid=%d fence_pid_wait=%d fence_result_wait=%d fence_actor_last=%u "
		"fence_actor_done=%u ",
		node->agent_pid, node->pid_wait, node->result_wait, node->actor_last,
		node->actor_done);
	text_add(&keys, "add_time=%" PRIu64 " rem_time=%" PRIu64 " ", node->add_time,
		node->rem_time);
	text_add(&keys, "fail_walltime=%" PRIu64 " fail_monotime=%" PRIu64 " ", node->fail_walltime,
		node->fail_monotime);
	text_add(&keys, "fence_walltime=%" PRIu64 " fence_monotime=%" PRIu64 " ",
		node->fence_walltime, node->fence_monotime);
	record_add(ret, DLMC_STATE_DAEMON_NODE, node->nodeid, &keys);
	text_done(&keys);
}

void status_daemon_records(const struct daemon *daemon, struct text *ret)
{
	struct fence_node_view node;
	uint32_t nodeid;

	daemon_record(daemon, ret);
	if (!daemon->fence)
		return;
	for (uint32_t i = 0; fence_node_view(daemon->fence, i, &node); i++)
		node_record(&node, ret);
	for (uint32_t i = 0; fence_startup_view(daemon->fence, i, &nodeid); i++)
		record_add(ret, DLMC_STATE_STARTUP_NODE, nodeid, NULL);
}

void status_waiting(const struct daemon *daemon, const char *name, struct text *ret)
{
	struct group_view view;

	for (uint32_t i = 0; daemon->group && group_view(daemon->group, i, &view); i++) {
		if (name[0] && strcmp(name, view.name))
			continue;
		text_add(ret, DLMC_WAITING_LOCKSPACE "%s\n", view.name);
		daemon_describe_lockspace(daemon, &view, DLMC_INFO_WAITING, ret);
	}
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
	text_add(ret, "admin_expired=%" PRIu64 "\nadmin_denied=%" PRIu64 "\n", counts.expired,
		daemon->denied_count);
}

void status_daemon_info(const struct daemon *daemon, struct text *ret)
{
	text_add(ret, "version=" UDLM_VERSION "\npid=%ld\nuid=%u\nstate=%s\n", (long)getpid(),
		geteuid(), daemon_state_word(daemon));
	daemon_describe_waiting(daemon, DLMC_INFO_WAITING, ret);
	daemon_describe_warnings(daemon, DLMC_INFO_WARNING, ret);
	text_add(ret, DLMC_INFO_CLUSTER "%s\n" DLMC_INFO_CLUSTER_TEXT "%s\n",
		daemon->cluster_ops->name, daemon->cluster_ops->text);
	text_add(ret, "cluster_name=%s\n", daemon->facts.name);
	text_add(ret, DLMC_INFO_ENGINE "%s\n" DLMC_INFO_ENGINE_TEXT "%s\n",
		daemon->driver_ops->name, daemon->engine_text);
	text_add(ret, "nodeid=%u\n" DLMC_INFO_RUN_DIR "%s\nboot_id=%s\n", daemon->facts.nodeid,
		daemon->run_dir, daemon->boot_id);
	info_engine(daemon, ret);
	text_add(ret, "lost_ack_needed=%d\nlockspace_count=%u\n",
		daemon->lost && lost_needs_ack(daemon->lost), daemon_lockspace_count(daemon));
	info_admin(daemon, ret);
}
