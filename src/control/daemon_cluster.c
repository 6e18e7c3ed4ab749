/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the cluster says, passed on to those who decide, by the name of the group. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "control/changelog.h"
#include "control/daemon_room.h"

/* The name of the lockspace whose group this is; NULL: another group. */
static const char *lockspace_of(const char *group)
{
	size_t bytes = strlen(CPG_GROUP_LOCKSPACE);

	if (strncmp(group, CPG_GROUP_LOCKSPACE, bytes) ||
		client_lockspace_name_check(group + bytes))
		return NULL;
	return group + bytes;
}

static bool is_controld(const char *group)
{
	return !strcmp(group, CPG_GROUP_CONTROLD);
}

static bool is_udlm(const char *group)
{
	return !strcmp(group, UDLM_GROUP);
}

/* Return: whether what the cluster says is still for somebody */
static bool is_heard(const struct daemon *daemon)
{
	return daemon->fence && daemon->state <= DAEMON_LEAVING && !daemon->is_over;
}

/* An input that could not be kept leaves us of another mind than our peers. */
static void input_done(struct daemon *daemon, const char *what, int rv)
{
	if (rv == -ENOMEM || rv == -EMSGSIZE)
		daemon_life_fail(daemon, "there is no room for %s", what);
	daemon_turn(daemon);
}

/* ---- up ---- */

static void fence_note(void *context, enum fence_level level, const char *text)
{
	static const enum log_level levels[] = {
		LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR};
	struct daemon *daemon = context;

	/* An attempt that fails is made again, without end; that there are no agents has been said.
	 */
	if (level == FENCE_ERROR && daemon->agentless_count)
		log_debug(daemon->log, "%s", text);
	else if (level == FENCE_ERROR)
		log_write_limited(daemon->log, &daemon->fence_limit, LOG_LEVEL_ERROR, "%s", text);
	else
		log_write(daemon->log, levels[level], "%s", text);
}

static void group_note(void *context, enum fence_level level, const char *name, const char *text)
{
	static const enum log_level levels[] = {
		LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR};
	struct daemon *daemon = context;

	/* Others may send as many bad messages as they like. */
	if (level == FENCE_WARNING)
		log_write_limited(daemon->log, &daemon->group_limit, LOG_LEVEL_WARNING,
			"lockspace %s: %s", name, text);
	else
		log_write(daemon->log, levels[level], "lockspace %s: %s", name, text);
}

static int deciders_new(struct daemon *daemon)
{
	struct fence_settings fence = {.alloc = alloc_system(),
		.nodeid = daemon->facts.nodeid,
		.is_two_node = daemon->facts.is_two_node,
		.configured = daemon->facts.configured,
		.configured_count = daemon->facts.configured_count,
		.note = fence_note,
		.context = daemon};
	struct group_settings group = {.alloc = alloc_system(),
		.nodeid = daemon->facts.nodeid,
		.has_probe = daemon->driver_ops->probe != NULL,
		.note = group_note,
		.context = daemon};
	int rv;

	daemon_config_fence(daemon, &fence.options);
	daemon_config_group(daemon, &group.options);
	rv = fence_new(&fence, &daemon->fence);
	if (rv)
		return rv;
	group.fence = daemon->fence;
	rv = group_new(&group, &daemon->group);
	return rv ? rv : daemon_others_new(daemon);
}

static void goodbye_load(struct daemon *daemon)
{
	struct goodbye *goodbye = &daemon->goodbye;
	int rv = goodbye_read(daemon->run_dir, goodbye);

	if (rv)
		log_error(daemon->log, "%s/" GOODBYE_FILE " cannot be read and is passed over: %s",
			daemon->run_dir, strerror(-rv));
	if (!goodbye->count)
		return;
	if (!goodbye_applies(
		    goodbye, daemon->cluster_ops->instance(daemon->cluster), daemon->boot_id))
		goodbye->count = 0;
	if (!goodbye->count)
		(void)goodbye_write(daemon->run_dir, goodbye);
}

static void event_up(void *context, const struct cluster_facts *facts)
{
	struct daemon *daemon = context;

	daemon->facts = *facts;
	daemon->is_up = true;
	daemon->cluster_waiting[0] = '\0';
	if (deciders_new(daemon)) {
		log_error(daemon->log, "there is no memory to begin");
		daemon_end(daemon, 1);
		return;
	}
	goodbye_load(daemon);
	log_notice(daemon->log, "node %u of the cluster %s", facts->nodeid,
		facts->name[0] ? facts->name : daemon->cluster_ops->name);
	daemon_turn(daemon);
}

static void event_waiting(void *context, const char *text)
{
	struct daemon *daemon = context;

	if (text[0] && strcmp(text, daemon->cluster_waiting))
		log_notice(daemon->log, "waiting: %s", text);
	snprintf(daemon->cluster_waiting, sizeof(daemon->cluster_waiting), "%s", text);
	daemon_status_tell(daemon);
}

/* ---- members ---- */

static void goodbye_look(struct daemon *daemon, const struct fence_quorum *quorum)
{
	struct goodbye *goodbye = &daemon->goodbye;
	int rv;

	if (!goodbye->count || !goodbye_keep(goodbye, quorum->members, quorum->member_count,
				       quorum->rejoined, quorum->rejoined_count))
		return;
	rv = goodbye_write(daemon->run_dir, goodbye);
	if (rv)
		log_warning(daemon->log, "cannot write %s/" GOODBYE_FILE ": %s", daemon->run_dir,
			strerror(-rv));
}

static void event_quorum(void *context, bool is_quorate, uint64_t ring_seq, const uint32_t *members,
	uint32_t member_count, const uint32_t *rejoined, uint32_t rejoined_count)
{
	struct fence_quorum quorum = {.is_quorate = is_quorate,
		.ring_seq = ring_seq,
		.members = members,
		.member_count = member_count,
		.rejoined = rejoined,
		.rejoined_count = rejoined_count};
	struct daemon *daemon = context;
	int rv;

	if (!is_heard(daemon))
		return;
	changelog_quorum(daemon->log, &quorum);
	daemon->is_quorate = is_quorate;
	daemon->is_counted = true;
	rv = fence_quorum(daemon->fence, daemon_now(), &quorum);
	daemon->fence_changed = true;
	if (!rv && daemon_peers_quorum(daemon, members, member_count, rejoined, rejoined_count))
		daemon_life_fail(
			daemon, "the cluster has more nodes than can be (%u)", member_count);
	goodbye_look(daemon, &quorum);
	daemon_life_engine(daemon);
	input_done(daemon, "the members of the cluster", rv);
}

/* ---- groups ---- */

struct change_room {
	uint32_t left[CLUSTER_NODES_MAX];
	enum fence_reason reasons[CLUSTER_NODES_MAX];
};

/* Return: whether we are among them */
static bool left_copy(const struct daemon *daemon, const struct cluster_left *left, uint32_t count,
	struct change_room *ret)
{
	bool is_ours = false;

	must(count <= CLUSTER_NODES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		ret->left[i] = left[i].nodeid;
		ret->reasons[i] = (enum fence_reason)left[i].reason;
		is_ours |= left[i].nodeid == daemon->facts.nodeid;
	}
	return is_ours;
}

static void controld_confchg(
	struct daemon *daemon, const struct fence_change *change, bool are_we_out)
{
	int rv;

	if (are_we_out) {
		daemon_life_left(daemon);
		return;
	}
	if (!is_heard(daemon))
		return;
	changelog_group(daemon->log, "dlm_controld", change);
	rv = fence_confchg(daemon->fence, daemon_now(), change);
	daemon->fence_changed = true;
	input_done(daemon, "the daemons of the cluster", rv);
}

static void lockspace_confchg(
	struct daemon *daemon, const char *name, const struct fence_change *change)
{
	char what[DLM_NAME_BYTES_MAX + 16];

	snprintf(what, sizeof(what), "lockspace %s", name);
	changelog_group(daemon->log, what, change);
	input_done(daemon, "the members of a lockspace",
		group_confchg(daemon->group, daemon_now(), name, change));
}

static void event_confchg(void *context, const char *group, const uint32_t *members,
	uint32_t member_count, const struct cluster_left *left, uint32_t left_count,
	const uint32_t *joined, uint32_t joined_count)
{
	const char *name = lockspace_of(group);
	struct daemon *daemon = context;
	struct change_room room;
	struct fence_change change = {.members = members,
		.member_count = member_count,
		.joined = joined,
		.joined_count = joined_count,
		.left = room.left,
		.left_reasons = room.reasons,
		.left_count = left_count};
	bool are_we_out = left_copy(daemon, left, left_count, &room);

	if (is_controld(group)) {
		controld_confchg(daemon, &change, are_we_out);
	} else if (is_udlm(group) && is_heard(daemon)) {
		peers_members(daemon->others, members, member_count);
	} else if (name && is_heard(daemon)) {
		lockspace_confchg(daemon, name, &change);
	}
}

static void event_ring(void *context, const char *group, uint32_t nodeid, uint64_t seq)
{
	const char *name = lockspace_of(group);
	struct daemon *daemon = context;
	int rv = 0;

	if (!is_heard(daemon))
		return;
	if (is_controld(group)) {
		fence_ring(daemon->fence, daemon_now(), nodeid, seq);
		daemon->fence_changed = true;
	} else if (name) {
		rv = group_ring(daemon->group, daemon_now(), name, nodeid, seq);
	}
	input_done(daemon, "a ring", rv);
}

static int controld_deliver(struct daemon *daemon, uint32_t nodeid, const void *data, size_t bytes)
{
	int rv = fence_deliver(daemon->fence, daemon_now(), nodeid, data, bytes);
	struct cpg_header header;

	daemon->fence_changed = true;
	if (rv == -EOPNOTSUPP && !cpg_header_decode(data, bytes, &header))
		log_info(daemon->log, "node %u sends %s (type %u), which is not for this version",
			nodeid, cpg_type_word(header.type), header.type);
	return rv;
}

static void event_deliver(
	void *context, const char *group, uint32_t nodeid, const void *data, size_t bytes)
{
	const char *name = lockspace_of(group);
	struct daemon *daemon = context;
	int rv = 0;

	if (!is_heard(daemon))
		return;
	if (is_controld(group))
		rv = controld_deliver(daemon, nodeid, data, bytes);
	else if (is_udlm(group))
		daemon_others_deliver(daemon, nodeid, data, bytes);
	else if (name)
		rv = group_deliver(daemon->group, daemon_now(), name, nodeid, data, bytes);
	input_done(daemon, "a message", rv);
}

static void event_looked(
	void *context, const char *group, int error, const uint32_t *members, uint32_t member_count)
{
	const char *name = lockspace_of(group);
	struct daemon *daemon = context;
	int rv = 0;

	if (!name || !is_heard(daemon))
		return;
	if (error) {
		log_write_limited(daemon->log, &daemon->send_limit, LOG_LEVEL_WARNING,
			"lockspace %s: cannot see who is in it: %s; trying again", name,
			strerror(-error));
		if (!daemon_note_add(&daemon->looks, name))
			rv = -ENOMEM;
	} else {
		rv = group_looked(daemon->group, daemon_now(), name, members, member_count);
	}
	input_done(daemon, "the members of a lockspace", rv);
}

static void event_join_failed(void *context, const char *group, int error)
{
	const char *name = lockspace_of(group);
	struct daemon *daemon = context;

	if (!is_heard(daemon))
		return;
	log_error(daemon->log, "cannot join the group %s: %s", group, strerror(-error));
	if (is_controld(group)) {
		daemon->is_joined = false;
		daemon_life_fail(daemon,
			"corosync does not let this daemon into " CPG_GROUP_CONTROLD ": %s",
			strerror(-error));
	} else if (name) {
		input_done(daemon, "the refusal of a lockspace",
			group_join_failed(daemon->group, daemon_now(), name, error));
	}
}

static bool event_may_shut_down(void *context)
{
	if (!daemon_lockspace_count(context))
		return true;
	daemon_life_refuse(context, "shutdown of corosync refused");
	return false;
}

static void event_lost(void *context, const char *text)
{
	daemon_life_cluster_lost(context, text);
}

/* ---- joining ---- */

void daemon_cluster_begin(struct daemon *daemon)
{
	struct cluster_events events = {.context = daemon,
		.waiting = event_waiting,
		.up = event_up,
		.quorum = event_quorum,
		.confchg = event_confchg,
		.ring = event_ring,
		.deliver = event_deliver,
		.looked = event_looked,
		.join_failed = event_join_failed,
		.may_shut_down = event_may_shut_down,
		.lost = event_lost};
	int rv;

	daemon_state_set(daemon, DAEMON_CLUSTER);
	rv = daemon->cluster_ops->open(daemon->loop, daemon->log, &events, &daemon->cluster);
	if (!rv)
		return;
	log_error(daemon->log, "cluster %s: %s", daemon->cluster_ops->name, strerror(-rv));
	daemon_end(daemon, 1);
}

void daemon_cluster_join(struct daemon *daemon)
{
	int rv = daemon->cluster_ops->join(daemon->cluster, CPG_GROUP_CONTROLD);

	daemon->is_joined = !rv;
	if (rv)
		daemon_life_fail(
			daemon, "cannot join the group " CPG_GROUP_CONTROLD ": %s", strerror(-rv));
}
