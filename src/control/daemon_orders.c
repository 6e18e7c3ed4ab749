/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fence/ and group/ have decided, carried out: one order after the other, in their order. What
 * follows from one at once (a refusal) is told to them before the next is taken. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "control/daemon_room.h"

#define MEMBERS_MAX 256u

/* ---- to the cluster ---- */

static void group_send(struct daemon *daemon, const char *group, const void *data, uint32_t bytes)
{
	int rv = daemon->is_up ? daemon->cluster_ops->send(daemon->cluster, group, data, bytes)
			       : -ENOTCONN;

	if (rv == -ENOBUFS)
		daemon_life_fail(daemon, "corosync takes no messages of this node any more");
	else if (rv == -ENOMEM) /* others would wait for it without end */
		daemon_life_fail(daemon, "there is no memory for a message to %s", group);
	else if (rv)
		log_write_limited(daemon->log, &daemon->send_limit, LOG_LEVEL_WARNING,
			"a message to %s is lost: %s", group, strerror(-rv));
}

static void kill_node(struct daemon *daemon, uint32_t nodeid)
{
	int rv = daemon->is_up ? daemon->cluster_ops->kill(daemon->cluster, nodeid, "dlm_controld")
			       : -ENOTCONN;

	log_warning(daemon->log, "node %u is removed from the cluster%s%s", nodeid, rv ? ": " : "",
		rv ? strerror(-rv) : "");
	if (rv == -ENOMEM) /* it is not ordered again */
		daemon_life_fail(daemon, "there is no memory to remove node %u", nodeid);
}

/* ---- of fence/ ---- */

/* What is over may be noted again. */
static void agentless_prune(struct daemon *daemon)
{
	struct fence_node_view view;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < daemon->agentless_count; i++) {
		uint32_t nodeid = daemon->agentless[i];

		if (fence_node_find(daemon->fence, nodeid, &view) && view.need_fencing)
			daemon->agentless[kept++] = nodeid;
	}
	daemon->agentless_count = kept;
}

static bool is_noted(const struct daemon *daemon, uint32_t nodeid)
{
	for (uint32_t i = 0; i < daemon->agentless_count; i++) {
		if (daemon->agentless[i] == nodeid)
			return true;
	}
	return false;
}

static void agent_absent(struct daemon *daemon, uint32_t nodeid)
{
	if (!is_noted(daemon, nodeid)) {
		if (daemon->agentless_count < CLUSTER_NODES_MAX)
			daemon->agentless[daemon->agentless_count++] = nodeid;
		log_error(daemon->log,
			"node %u has to be fenced, and this version runs no fence agents: make "
			"sure that it is off, then dlm_tool fence_ack %u",
			nodeid, nodeid);
	}
	fence_agent_failed(daemon->fence, daemon_now(), nodeid, -1);
}

static void refused(struct daemon *daemon, const char *text)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	daemon_life_fail(daemon, "this daemon cannot take part in the cluster: %s", copy);
}

static void fence_order_run(struct daemon *daemon, const struct fence_order *order)
{
	switch (order->type) {
	case FENCE_ORDER_SEND:
		group_send(daemon, CPG_GROUP_CONTROLD, order->data, order->bytes);
		return;
	case FENCE_ORDER_KILL:
		kill_node(daemon, order->nodeid);
		return;
	case FENCE_ORDER_AGENT:
		agent_absent(daemon, order->nodeid);
		return;
	case FENCE_ORDER_AGENT_KILL:
		return; /* none runs */
	case FENCE_ORDER_AGREED:
		daemon_life_ready(daemon);
		return;
	case FENCE_ORDER_REFUSED:
		refused(daemon, order->text);
		return;
	}
}

/* ---- of group/, to the cluster ---- */

static void group_name(const char *lockspace, char ret[128])
{
	snprintf(ret, 128, CPG_GROUP_LOCKSPACE "%s", lockspace);
}

static void order_look(struct daemon *daemon, const struct group_order *order)
{
	char group[128];
	int rv;

	group_name(order->name, group);
	rv = daemon->cluster_ops->look(daemon->cluster, group);
	if (rv && !daemon_note_add(&daemon->looks, order->name)) /* again in a second */
		daemon_life_fail(daemon, "there is no memory to look at a lockspace");
}

static void order_join(struct daemon *daemon, const struct group_order *order)
{
	char group[128];
	int rv;

	group_name(order->name, group);
	rv = daemon->cluster_ops->join(daemon->cluster, group);
	if (!rv)
		return;
	log_error(daemon->log, "lockspace %s: cannot join: %s", order->name, strerror(-rv));
	if (group_join_failed(daemon->group, daemon_now(), order->name, rv) == -ENOMEM)
		daemon_life_fail(daemon, "there is no memory to refuse a lockspace");
}

static void order_leave(struct daemon *daemon, const struct group_order *order)
{
	char group[128];
	int rv;

	daemon->shared_until = daemon_now().mono;
	group_name(order->name, group);
	rv = daemon->cluster_ops->leave(daemon->cluster, group);
	if (rv)
		daemon_life_fail(
			daemon, "lockspace %s: cannot leave: %s", order->name, strerror(-rv));
}

static void order_send(struct daemon *daemon, const struct group_order *order)
{
	char group[128];

	group_name(order->name, group);
	group_send(daemon, group, order->data, order->bytes);
}

/* ---- of group/, to the engine ---- */

static void order_probe(struct daemon *daemon, const struct group_order *order)
{
	struct driver_probe probe = {.number = order->number,
		.nodeid = order->nodeid,
		.global_id = order->global_id,
		.flags = order->flags,
		.keep = order->keep,
		.name = order->name};

	log_info(daemon->log, "lockspace %s: probe %u: node %u is asked whether it would take us",
		order->name, order->number, order->nodeid);
	daemon_peers_linked(daemon, order->nodeid);
	daemon->driver_ops->probe(daemon->driver, &probe);
}

static void order_new(struct daemon *daemon, const struct group_order *order)
{
	struct driver_lockspace lockspace = {.name = order->name,
		.global_id = order->global_id,
		.flags = order->flags,
		.nodir = order->nodir};

	daemon->driver_ops->ls_new(daemon->driver, &lockspace);
}

static void order_start(struct daemon *daemon, const struct group_order *order)
{
	struct driver_member members[MEMBERS_MAX];

	must(order->member_count <= MEMBERS_MAX);
	for (uint32_t i = 0; i < order->member_count; i++) {
		members[i] = (struct driver_member){.nodeid = order->members[i].nodeid,
			.weight = order->members[i].weight,
			.rejoined = order->members[i].rejoined};
		daemon_peers_linked(daemon, order->members[i].nodeid);
	}
	log_info(daemon->log, "lockspace %s: start %u with %u members", order->name, order->number,
		order->member_count);
	daemon->driver_ops->ls_start(
		daemon->driver, order->name, order->number, members, order->member_count);
}

static void order_stop(struct daemon *daemon, const struct group_order *order)
{
	log_info(daemon->log, "lockspace %s: stop %u", order->name, order->number);
	daemon->driver_ops->ls_stop(daemon->driver, order->name, order->number);
}

static void order_answer(struct daemon *daemon, const struct group_order *order)
{
	if (order->result)
		log_notice(daemon->log, "lockspace %s: refused: %s", order->name,
			strerror(-order->result));
	daemon->driver_ops->event_done(daemon->driver, order->name, order->result);
}

static void group_order_run(struct daemon *daemon, const struct group_order *order)
{
	switch (order->type) {
	case GROUP_ORDER_LOOK:
		order_look(daemon, order);
		return;
	case GROUP_ORDER_JOIN:
		order_join(daemon, order);
		return;
	case GROUP_ORDER_LEAVE:
		order_leave(daemon, order);
		return;
	case GROUP_ORDER_SEND:
		order_send(daemon, order);
		return;
	case GROUP_ORDER_KILL:
		kill_node(daemon, order->nodeid);
		return;
	case GROUP_ORDER_STATEFUL:
		fence_stateful(daemon->fence);
		daemon->fence_changed = true;
		return;
	case GROUP_ORDER_PROBE:
		order_probe(daemon, order);
		return;
	case GROUP_ORDER_PROBE_END:
		daemon->driver_ops->probe_end(daemon->driver, order->number);
		return;
	case GROUP_ORDER_NEW:
		order_new(daemon, order);
		return;
	case GROUP_ORDER_START:
		order_start(daemon, order);
		return;
	case GROUP_ORDER_STOP:
		order_stop(daemon, order);
		return;
	case GROUP_ORDER_ANSWER:
		order_answer(daemon, order);
		return;
	}
}

/* Return: whether orders are still to be carried out */
static bool goes_on(const struct daemon *daemon)
{
	return daemon->state <= DAEMON_LEAVING && !daemon->is_over;
}

bool daemon_orders_run(struct daemon *daemon)
{
	struct fence_order fence;
	struct group_order group;
	bool some = false;

	agentless_prune(daemon);
	while (goes_on(daemon) && fence_order_take(daemon->fence, &fence)) {
		fence_order_run(daemon, &fence);
		daemon->fence_changed = true;
		some = true;
	}
	while (goes_on(daemon) && group_order_take(daemon->group, &group)) {
		group_order_run(daemon, &group);
		some = true;
	}
	return some;
}
