/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_connect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/cluster/corosync_map.h"
#include "control/cluster/corosync_quorum.h"

#define ADDRESSES_ASKED 4

__attribute__((format(printf, 2, 3))) static bool wait_for(
	struct worker *worker, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	worker_tell(worker, post_letter_new(LETTER_WAITING, NULL, text, strlen(text)));
	return false;
}

/* Return: whether @error is none; else what it means has been told */
static bool is_good(struct worker *worker, const char *service, cs_error_t error)
{
	switch ((int)error) {
	case CS_OK:
		return true;
	case CS_ERR_TRY_AGAIN:
		return wait_for(worker,
			"corosync is not ready: it is starting, or forms the cluster "
			"(corosync-cfgtool -s, corosync-quorumtool)");
	case CS_ERR_ACCESS:
	case CS_ERR_SECURITY:
		return wait_for(worker, "corosync refuses this process: run it as root");
	case CS_ERR_LIBRARY:
		if (access(COROSYNC_CONF, F_OK) && errno == ENOENT)
			return wait_for(worker,
				"corosync.conf is missing: configure the cluster in " COROSYNC_CONF
				", or, for one machine alone, start with --cluster=single");
		return wait_for(
			worker, "corosync is not running: start it (systemctl start corosync)");
	default:
		return wait_for(worker, "corosync gives no connection to its service %s: %s",
			service, cs_strerror(error));
	}
}

/* ---- cfg: who we are ---- */

static void shutdown_asked(corosync_cfg_handle_t cfg, corosync_cfg_shutdown_flags_t flags)
{
	worker_tell(worker_current(), post_letter_new(LETTER_SHUTDOWN, NULL, NULL, 0));
}

static bool cfg_connect(struct worker *worker)
{
	corosync_cfg_callbacks_t callbacks = {.corosync_cfg_shutdown_callback = shutdown_asked};
	cs_error_t error = corosync_cfg_initialize(&worker->cfg, &callbacks);
	unsigned int nodeid = 0;

	if (!is_good(worker, "cfg", error))
		return false;
	worker->has_cfg = true;
	error = corosync_cfg_fd_get(worker->cfg, &worker->cfg_fd);
	if (error == CS_OK)
		error = corosync_cfg_local_get(worker->cfg, &nodeid);
	/* Without this corosync never asks before it shuts down. */
	if (error == CS_OK)
		error = corosync_cfg_trackstart(worker->cfg, 0);
	worker->facts.nodeid = nodeid;
	return is_good(worker, "cfg", error);
}

void corosync_connect_dispatch(struct worker *worker)
{
	cs_error_t error = corosync_cfg_dispatch(worker->cfg, CS_DISPATCH_ONE_NONBLOCKING);

	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		worker_lost(worker, "corosync is gone (cfg: %s)", cs_strerror(error));
}

uint32_t corosync_connect_addresses(
	struct worker *worker, uint32_t nodeid, struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX])
{
	corosync_cfg_node_address_t addresses[ADDRESSES_ASKED] = {0};
	uint32_t count = 0;
	int found = 0;

	if (corosync_cfg_get_node_addrs(worker->cfg, nodeid, ADDRESSES_ASKED, &found, addresses) !=
		CS_OK)
		return 0;
	for (int i = 0; i < found && i < ADDRESSES_ASKED && count < CLUSTER_ADDRESSES_MAX; i++) {
		struct sockaddr_storage *address = &ret[count];

		memset(address, 0, sizeof(*address));
		memcpy(address, addresses[i].address, sizeof(addresses[i].address));
		if (address->ss_family == AF_INET)
			((struct sockaddr_in *)address)->sin_port = 0;
		else if (address->ss_family == AF_INET6)
			((struct sockaddr_in6 *)address)->sin6_port = 0;
		else
			continue;
		count++;
	}
	return count;
}

/* ---- are we one of them ---- */

static bool is_configured(const struct cluster_facts *facts)
{
	for (uint32_t i = 0; i < facts->configured_count; i++)
		if (facts->configured[i] == facts->nodeid)
			return true;
	return !facts->configured_count;
}

static bool facts_check(struct worker *worker)
{
	struct sockaddr_storage addresses[CLUSTER_ADDRESSES_MAX];
	const struct cluster_facts *facts = &worker->facts;

	if (!facts->name[0])
		return wait_for(worker,
			"totem.cluster_name is not set: write the same name into corosync.conf on "
			"all nodes, and restart corosync");
	if (!facts->nodeid)
		return wait_for(worker,
			"corosync has no node id for this machine: give it a nodeid in the "
			"nodelist of corosync.conf");
	if (facts->nodeid > INT32_MAX)
		return wait_for(worker,
			"the node id %" PRIu32 " is too big for dlm: choose one below 2147483648 "
			"in corosync.conf",
			facts->nodeid);
	if (!is_configured(facts))
		return wait_for(worker,
			"node %" PRIu32 ", which is this machine, is not in the nodelist of "
			"corosync.conf: add it on all nodes (corosync-cfgtool -R reads it anew)",
			facts->nodeid);
	if (!corosync_connect_addresses(worker, facts->nodeid, addresses))
		return wait_for(worker,
			"corosync knows no address of this machine: look at ring0_addr of node "
			"%" PRIu32 " in corosync.conf, and at the network",
			facts->nodeid);
	return true;
}

/* ---- which corosync it is ---- */

/* Ticks since boot at which a process began, field 22; its name may have any bytes. */
static uint64_t start_time(pid_t pid)
{
	uint64_t began = 0;
	char path[32], line[1024], *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (!at || sscanf(at + 1,
			   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			   "%*s %*s %" SCNu64,
			   &began) != 1)
		began = 0;
	fclose(file);
	return began;
}

static uint64_t instance(int fd)
{
	struct ucred peer = {0};
	socklen_t bytes = sizeof(peer);
	uint64_t began;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) || peer.pid <= 0)
		return 0;
	began = start_time(peer.pid);
	return began ? began << 24 ^ (uint64_t)peer.pid : 0;
}

/* ---- all of it ---- */

static bool cpg_connect(struct worker *worker)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1};
	cs_error_t error =
		cpg_model_initialize(&worker->cpg, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL);

	if (error != CS_OK)
		return is_good(worker, "cpg", error);
	worker->has_cpg = true;
	error = cpg_fd_get(worker->cpg, &worker->cpg_fd);
	worker->instance = instance(worker->cpg_fd);
	return is_good(worker, "cpg", error);
}

static bool connect_all(struct worker *worker)
{
	cs_error_t error;

	memset(&worker->facts, 0, sizeof(worker->facts));
	if (!cfg_connect(worker))
		return false;
	error = corosync_map_read(&worker->facts);
	if (!is_good(worker, "cmap", error) || !facts_check(worker))
		return false;
	error = corosync_quorum_connect(worker);
	if (error == CS_ERR_NOT_SUPPORTED)
		return wait_for(worker,
			"corosync has no quorum: write quorum { provider: corosync_votequorum } "
			"into corosync.conf on all nodes, and restart corosync");
	return is_good(worker, "quorum", error) && cpg_connect(worker);
}

bool corosync_connect(struct worker *worker)
{
	struct letter *letter;

	if (!connect_all(worker)) {
		corosync_connect_end(worker);
		return false;
	}
	letter = post_letter_new(LETTER_UP, NULL, &worker->facts, sizeof(worker->facts));
	if (letter)
		letter->seq = worker->instance;
	worker_tell(worker, letter);
	return true;
}

void corosync_connect_end(struct worker *worker)
{
	if (worker->has_cpg)
		(void)cpg_finalize(worker->cpg);
	if (worker->has_quorum)
		(void)quorum_finalize(worker->quorum);
	if (worker->has_cfg)
		(void)corosync_cfg_finalize(worker->cfg);
	worker->has_cpg = worker->has_quorum = worker->has_cfg = false;
}
