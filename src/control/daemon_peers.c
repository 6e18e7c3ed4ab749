/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes of the cluster, told to the engine with their addresses from their coming to their
 * leaving; and with whom it may not have finished its goodbye. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/daemon_room.h"

/* A goodbye of our engine takes less than this; who shared nothing with it for so long is through.
 */
#define GOODBYE_S 60u

static bool contains(const uint32_t *nodes, uint32_t count, uint32_t nodeid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i] == nodeid)
			return true;
	}
	return false;
}

static struct daemon_peer *peer_find(struct daemon *daemon, uint32_t nodeid)
{
	for (uint32_t i = 0; i < daemon->peer_count; i++) {
		if (daemon->peers[i].nodeid == nodeid)
			return &daemon->peers[i];
	}
	return NULL;
}

static void drop_gone(struct daemon *daemon, const uint32_t *members, uint32_t member_count,
	const uint32_t *rejoined, uint32_t rejoined_count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < daemon->peer_count; i++) {
		struct daemon_peer peer = daemon->peers[i];

		if (contains(members, member_count, peer.nodeid) &&
			!contains(rejoined, rejoined_count, peer.nodeid)) {
			daemon->peers[kept++] = peer;
			continue;
		}
		if (peer.is_added && daemon->engine_runs)
			daemon->driver_ops->peer_remove(daemon->driver, peer.nodeid);
	}
	daemon->peer_count = kept;
}

int daemon_peers_quorum(struct daemon *daemon, const uint32_t *members, uint32_t member_count,
	const uint32_t *rejoined, uint32_t rejoined_count)
{
	drop_gone(daemon, members, member_count, rejoined, rejoined_count);
	for (uint32_t i = 0; i < member_count; i++) {
		if (members[i] == daemon->facts.nodeid || peer_find(daemon, members[i]))
			continue;
		if (daemon->peer_count == CLUSTER_NODES_MAX)
			return -ENOSPC;
		daemon->peers[daemon->peer_count++] = (struct daemon_peer){.nodeid = members[i]};
	}
	daemon_peers_tell(daemon);
	return 0;
}

static void peer_tell(struct daemon *daemon, struct daemon_peer *peer)
{
	struct driver_peer told = {.nodeid = peer->nodeid,
		.mark = (uint32_t)options_number(daemon->options, OPTION_MARK)};
	int count = daemon->cluster_ops->addresses(daemon->cluster, peer->nodeid, told.addresses);

	if (count <= 0)
		return; /* asked again in a second */
	told.address_count = (uint32_t)count;
	daemon->driver_ops->peer_add(daemon->driver, &told);
	peer->is_added = true;
}

static bool engine_listens(const struct daemon *daemon)
{
	return daemon->engine_runs && daemon->state > DAEMON_ENGINE &&
	       daemon->state <= DAEMON_READY;
}

void daemon_peers_tell(struct daemon *daemon)
{
	for (uint32_t i = 0; engine_listens(daemon) && i < daemon->peer_count; i++) {
		if (!daemon->peers[i].is_added)
			peer_tell(daemon, &daemon->peers[i]);
	}
}

bool daemon_peers_are_missing(const struct daemon *daemon)
{
	for (uint32_t i = 0; engine_listens(daemon) && i < daemon->peer_count; i++) {
		if (!daemon->peers[i].is_added)
			return true;
	}
	return false;
}

void daemon_peers_linked(struct daemon *daemon, uint32_t nodeid)
{
	struct daemon_peer *peer = peer_find(daemon, nodeid);

	if (peer)
		peer->is_linked = true;
	daemon->shared_until = daemon_now().mono;
}

/* ---- goodbyes ---- */

static void record_add(struct daemon *daemon, struct goodbye *record, uint32_t nodeid)
{
	/* One that has left the cluster since then has forgotten us. */
	if (peer_find(daemon, nodeid))
		(void)goodbye_add(record, nodeid);
}

void daemon_peers_unfinished(struct daemon *daemon, const uint32_t *nodes, uint32_t count)
{
	struct goodbye record = {.instance = daemon->cluster_ops->instance(daemon->cluster)};
	bool is_recent = daemon_now().mono <= daemon->shared_until + GOODBYE_S;
	int rv;

	memcpy(record.boot_id, daemon->boot_id, sizeof(record.boot_id));
	for (uint32_t i = 0; nodes && i < count; i++)
		record_add(daemon, &record, nodes[i]);
	for (uint32_t i = 0; !nodes && is_recent && i < daemon->peer_count; i++) {
		if (daemon->peers[i].is_linked)
			record_add(daemon, &record, daemon->peers[i].nodeid);
	}
	for (uint32_t i = 0; i < record.count; i++)
		log_warning(daemon->log,
			"node %u has not answered the goodbye of this node's dlm_lockd: a next one "
			"waits until that node has left the cluster once",
			record.nodes[i]);
	rv = goodbye_write(daemon->run_dir, &record);
	if (rv)
		log_error(daemon->log, "cannot write %s/" GOODBYE_FILE ": %s", daemon->run_dir,
			strerror(-rv));
}
