/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock engine: with which settings it starts, and what it says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/placement.h"
#include "control/daemon_room.h"

/* ---- settings ---- */

/* Where dlm_lockd writes its log: -1 to where we do; -2 nowhere. */
static int errors_fd(const struct daemon *daemon)
{
	if (!daemon->is_detached)
		return -1;
	return daemon->logfile.fd >= 0 ? daemon->logfile.fd : -2;
}

static uint32_t number(const struct daemon *daemon, enum option_id id)
{
	return (uint32_t)options_number(daemon->options, id);
}

static bool is_sctp(const struct daemon *daemon)
{
	const char *word = options_text(daemon->options, OPTION_PROTOCOL);

	return !strcasecmp(word, "sctp") || !strcmp(word, "1");
}

static uint32_t our_addresses(
	const struct daemon *daemon, struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX])
{
	int count = daemon->cluster_ops->addresses(daemon->cluster, daemon->facts.nodeid, ret);

	return count > 0 ? (uint32_t)count : 0;
}

static void settings_fill(const struct daemon *daemon, struct driver_settings *ret)
{
	*ret = (struct driver_settings){.run_dir = daemon->run_dir,
		.lockd_path = daemon->lockd_path,
		.nodeid = daemon->facts.nodeid,
		.error_fd = errors_fd(daemon),
		.is_single = daemon->cluster_ops == &cluster_single,
		.log_debug = options_bool(daemon->options, OPTION_LOG_DEBUG),
		.port = number(daemon, OPTION_PORT),
		.mark = number(daemon, OPTION_MARK),
		.protocol = is_sctp(daemon),
		.client_count_max = number(daemon, OPTION_CLIENT_COUNT_MAX),
		.client_locks_max = number(daemon, OPTION_CLIENT_LOCKS_MAX),
		.peer_queue_mib = number(daemon, OPTION_PEER_QUEUE_MIB),
		.timeout_ms = number(daemon, OPTION_LOCKD_TIMEOUT) * 1000};
	memcpy(ret->boot_id, daemon->boot_id, sizeof(ret->boot_id));
	memcpy(ret->cluster_name, daemon->facts.name, sizeof(ret->cluster_name));
	if (!ret->is_single)
		ret->address_count = our_addresses(daemon, ret->addresses);
}

/* ---- lockspaces that programs ask for ---- */

static int online(struct daemon *daemon, const char *name, uint32_t flags)
{
	struct placement placement = {0};
	struct group_weight *weights = NULL;
	struct group_placement told;
	int rv = placement_read(daemon->config_path, name, &placement);

	if (rv) {
		log_error(daemon->log, "lockspace %s: cannot read %s: %s", name,
			daemon->config_path, strerror(-rv));
		return rv;
	}
	if (placement.doubtful_line)
		log_warning(daemon->log,
			"%s:%u: a word where a number belongs, taken as far as it goes",
			daemon->config_path, placement.doubtful_line);
	if (placement.weight_count)
		weights = calloc(placement.weight_count, sizeof(*weights));
	for (uint32_t i = 0; weights && i < placement.weight_count; i++)
		weights[i] = (struct group_weight){.nodeid = placement.weights[i].nodeid,
			.weight = placement.weights[i].weight};
	told = (struct group_placement){.nodir = placement.nodir,
		.weights = weights,
		.weight_count = placement.weight_count};
	rv = placement.weight_count && !weights
		     ? -ENOMEM
		     : group_online(daemon->group, daemon_now(), name, flags, &told);
	free(weights);
	placement_done(&placement);
	return rv;
}

static void online_or_refuse(struct daemon *daemon, const char *name, uint32_t flags)
{
	int rv = online(daemon, name, flags);

	if (!rv)
		return;
	log_notice(daemon->log, "lockspace %s: refused: %s", name, strerror(-rv));
	daemon->driver_ops->event_done(daemon->driver, name, rv);
}

void daemon_engine_onlines(struct daemon *daemon)
{
	struct daemon_note *note;

	while ((note = list_first(&daemon->onlines, struct daemon_note, on_daemon))) {
		online_or_refuse(daemon, note->name, note->flags);
		daemon_note_free(note);
	}
}

/* Before READY a program waits, as it would for a daemon that is slow. */
static int online_later(struct daemon *daemon, const char *name, uint32_t flags)
{
	struct daemon_note *note = daemon_note_add(&daemon->onlines, name);

	if (!note)
		return -ENOMEM;
	note->flags = flags;
	return 0;
}

static void event_online(
	void *context, const char *name, uint32_t flags, uint32_t pid, uint32_t uid)
{
	struct daemon *daemon = context;
	int rv = daemon->state <= DAEMON_READY ? 0 : -EAGAIN;

	log_notice(daemon->log, "lockspace %s: created by process %u of user %u", name, pid, uid);
	if (!rv && daemon->state < DAEMON_READY)
		rv = online_later(daemon, name, flags);
	else if (!rv)
		online_or_refuse(daemon, name, flags);
	if (rv)
		daemon->driver_ops->event_done(daemon->driver, name, rv);
	daemon_turn(daemon);
}

static void event_offline(void *context, const char *name, uint32_t pid, uint32_t uid)
{
	struct daemon *daemon = context;
	int rv = daemon->group ? group_offline(daemon->group, daemon_now(), name) : -ENOENT;

	log_notice(daemon->log, "lockspace %s: released by process %u of user %u%s%s", name, pid,
		uid, rv ? ", refused: " : "", rv ? strerror(-rv) : "");
	if (rv)
		daemon->driver_ops->event_done(daemon->driver, name, rv);
	daemon_turn(daemon);
}

/* ---- reports ---- */

static void report(
	struct daemon *daemon, const char *name, uint32_t start, const char *what, int rv)
{
	if (rv == -ESTALE || rv == -ENOENT)
		log_info(daemon->log, "lockspace %s: %s %u is of the past", name, what, start);
	else if (rv)
		log_warning(
			daemon->log, "lockspace %s: %s %u: %s", name, what, start, strerror(-rv));
	daemon_turn(daemon);
}

static void event_stopped(void *context, const char *name, uint32_t number_of_it)
{
	struct daemon *daemon = context;

	log_info(daemon->log, "lockspace %s: stopped %u", name, number_of_it);
	report(daemon, name, number_of_it, "stopped",
		group_stopped(daemon->group, daemon_now(), name, number_of_it));
}

static void event_recovered(void *context, const char *name, uint32_t number_of_it)
{
	struct daemon *daemon = context;

	log_info(daemon->log, "lockspace %s: recovered %u", name, number_of_it);
	report(daemon, name, number_of_it, "recovered",
		group_recovered(daemon->group, daemon_now(), name, number_of_it));
}

static void event_failed(void *context, const char *name, uint32_t number_of_it, int32_t error)
{
	struct daemon *daemon = context;
	int rv = group_failed(daemon->group, daemon_now(), name, number_of_it, error);

	log_error(daemon->log, "lockspace %s: start %u failed: %s", name, number_of_it,
		strerror(-error));
	if (rv == -EIO)
		daemon_life_fail(daemon, "lockspace %s cannot be recovered on this node: %s", name,
			strerror(-error));
	daemon_turn(daemon);
}

static void event_probed(void *context, const struct driver_probed *probed)
{
	struct group_probe_result result = {.nodeid = probed->nodeid,
		.result = probed->result,
		.their_version = probed->their_version,
		.our_version = probed->our_version,
		.their_lvb_bytes = probed->their_lvb_bytes,
		.our_lvb_bytes = probed->our_lvb_bytes,
		.their_flags = probed->their_flags,
		.our_flags = probed->our_flags};
	struct daemon *daemon = context;
	int rv = group_probed(daemon->group, daemon_now(), probed->name, probed->number, &result);

	log_info(daemon->log, "lockspace %s: probe %u of node %u: %s%s", probed->name,
		probed->number, probed->nodeid,
		probed->result ? strerror(-probed->result) : "it would take us",
		rv ? " (not asked for any more)" : "");
	daemon_turn(daemon);
}

static void event_waiting(void *context, const char *name, const char *text)
{
	struct daemon *daemon = context;
	struct daemon_note *note = daemon_note_find(&daemon->waits, name);

	if (!text[0]) {
		if (note)
			daemon_note_free(note);
		daemon_status_tell(daemon);
		return;
	}
	note = daemon_note_add(&daemon->waits, name);
	if (note)
		snprintf(note->text, sizeof(note->text), "%s", text);
	daemon_status_tell(daemon);
}

/* ---- its life ---- */

static void event_ready(void *context)
{
	struct daemon *daemon = context;

	if (daemon->state != DAEMON_ENGINE)
		return;
	daemon_state_set(daemon, DAEMON_JOIN);
	daemon_peers_tell(daemon);
	daemon_cluster_join(daemon);
	daemon_turn(daemon);
}

static void event_unfinished(void *context, const uint32_t *nodes, uint32_t count)
{
	struct daemon *daemon = context;

	daemon->engine_said_goodbye = true;
	if (daemon->is_up)
		daemon_peers_unfinished(daemon, nodes, count);
}

static void event_parted(void *context, const char *text)
{
	daemon_life_engine_parted(context, text);
}

static void event_ended(void *context, const char *text)
{
	daemon_life_engine_ended(context, text);
}

int daemon_engine_open(struct daemon *daemon)
{
	struct driver_events events = {.context = daemon,
		.ready = event_ready,
		.online = event_online,
		.offline = event_offline,
		.stopped = event_stopped,
		.recovered = event_recovered,
		.failed = event_failed,
		.probed = event_probed,
		.waiting = event_waiting,
		.unfinished = event_unfinished,
		.parted = event_parted,
		.ended = event_ended};
	struct driver_settings settings;
	int rv;

	settings_fill(daemon, &settings);
	rv = daemon->driver_ops->open(
		daemon->loop, daemon->log, &settings, &events, &daemon->driver);
	daemon->engine_runs = !rv;
	return rv;
}
