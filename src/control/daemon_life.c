/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the start to the engine, and every way to the end. What must hold on each of them: nothing
 * on this node acts on a lock that is lost (the rule of lost rights) before the node can be taken
 * for a clean one.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/daemon_room.h"
#include "control/interface.h"
#include "control/notify.h"

#define OUR_NAME "dlm_controld"

/* ---- former, lost ---- */

static void lost_met(void *context);

static void waiting_changed(void *context)
{
	daemon_status_tell(context);
}

static void lost_begin(struct daemon *daemon)
{
	struct lost_settings settings = {.run_dir = daemon->run_dir,
		.boot_id = daemon->boot_id,
		.without_ack = daemon->state > DAEMON_LOST,
		.context = daemon,
		.done = lost_met,
		.changed = waiting_changed};
	int rv = lost_new(daemon->loop, daemon->log, &settings, &daemon->lost);

	if (!rv)
		return;
	log_error(daemon->log, "cannot read the leases in %s: %s", daemon->run_dir, strerror(-rv));
	daemon_end(daemon, 1);
}

static void former_ended(void *context)
{
	struct daemon *daemon = context;

	former_free(daemon->former);
	daemon->former = NULL;
	daemon_state_set(daemon, DAEMON_LOST);
	lost_begin(daemon);
}

static int former_begin(struct daemon *daemon)
{
	struct former_settings settings = {.run_dir = daemon->run_dir,
		.context = daemon,
		.done = former_ended,
		.changed = waiting_changed};
	int rv = former_new(daemon->loop, daemon->log, &settings, &daemon->former);

	if (rv)
		log_error(daemon->log, "cannot look for a former dlm_lockd in %s: %s",
			daemon->run_dir, strerror(-rv));
	return rv;
}

/* ---- the engine ---- */

/* The engine listens on the first of the addresses by which others know this machine. */
static bool has_address(const struct daemon *daemon)
{
	struct sockaddr_storage addresses[CLUSTER_ADDRESSES_MAX];

	return daemon->cluster_ops == &cluster_single ||
	       (daemon->cluster_ops->addresses(daemon->cluster, daemon->facts.nodeid, addresses) >
			       0 &&
		       interface_has(&addresses[0]));
}

static void engine_waits(struct daemon *daemon)
{
	struct text text = {0};

	daemon_describe_waiting(daemon, "waiting: ", &text);
	if (text.data &&
		strncmp(text.data, daemon->engine_waiting, sizeof(daemon->engine_waiting) - 1)) {
		snprintf(daemon->engine_waiting, sizeof(daemon->engine_waiting), "%s", text.data);
		log_notice(daemon->log, "%.*s", (int)strcspn(text.data, "\n"), text.data);
	}
	text_done(&text);
}

void daemon_life_engine(struct daemon *daemon)
{
	if (daemon->state != DAEMON_CLUSTER || !daemon->is_counted)
		return;
	if (daemon->goodbye.count || !has_address(daemon)) {
		engine_waits(daemon);
		return;
	}
	daemon_state_set(daemon, DAEMON_ENGINE);
	if (daemon_engine_open(daemon))
		daemon_end(daemon, 1); /* the driver has said why */
}

void daemon_life_ready(struct daemon *daemon)
{
	if (daemon->state != DAEMON_JOIN)
		return;
	fence_begin(daemon->fence, daemon_now());
	daemon->fence_changed = true;
	daemon_state_set(daemon, DAEMON_READY);
	daemon_life_announce(daemon);
	if (!daemon->is_announced)
		log_notice(daemon->log,
			"waiting: quorum: more nodes of the cluster have to come before lockspaces "
			"can be joined");
	daemon_others_join(daemon);
	daemon_engine_onlines(daemon);
}

void daemon_life_announce(struct daemon *daemon)
{
	if (daemon->state != DAEMON_READY || daemon->is_announced)
		return;
	if (!daemon->is_quorate && options_bool(daemon->options, OPTION_ENABLE_QUORUM_LOCKSPACE))
		return;
	daemon->is_announced = true;
	daemon_status_tell(daemon);
	log_notice(
		daemon->log, "ready: lockspaces can be joined (run directory %s)", daemon->run_dir);
	notify_ready();
	daemon_settle(daemon, NULL);
}

/* ---- the cluster is left, in order or not ---- */

static void cluster_close(struct daemon *daemon)
{
	if (daemon->cluster)
		daemon->cluster_ops->close(daemon->cluster);
	daemon->cluster = NULL;
	daemon->is_up = false;
}

/* Return: whether daemon_life_left() follows */
static bool cluster_leave(struct daemon *daemon)
{
	int rv;

	if (!daemon->is_up || !daemon->is_joined)
		return false;
	rv = daemon->cluster_ops->leave(daemon->cluster, CPG_GROUP_CONTROLD);
	if (rv)
		log_error(daemon->log, "cannot leave the group " CPG_GROUP_CONTROLD ": %s",
			strerror(-rv));
	return !rv;
}

/* Our peers must not take this end for a clean one. */
static void cluster_kill_us(struct daemon *daemon)
{
	int rv;

	if (!daemon->is_up)
		return;
	log_error(daemon->log, "this node is removed from the cluster, since it cannot keep its "
			       "locks: corosync ends here");
	rv = daemon->cluster_ops->kill(daemon->cluster, daemon->facts.nodeid, OUR_NAME);
	if (!rv)
		return;
	log_error(daemon->log,
		"corosync does not remove this node: %s; its peers see the end of this daemon",
		strerror(-rv));
	cluster_close(daemon);
}

void daemon_life_left(struct daemon *daemon)
{
	daemon->is_joined = false;
	if (daemon->state == DAEMON_LEAVING)
		log_notice(daemon->log, "dlm_controld ends");
	if (daemon->state == DAEMON_LEAVING || daemon->state == DAEMON_FAILED)
		daemon_end(daemon, daemon->state == DAEMON_FAILED);
}

static void leave_begin(struct daemon *daemon)
{
	daemon_state_set(daemon, DAEMON_LEAVING);
	if (cluster_leave(daemon))
		return;
	log_notice(daemon->log, "dlm_controld ends");
	daemon_end(daemon, 0);
}

/* ---- failure ---- */

static void engine_end_or_lost(struct daemon *daemon)
{
	if (daemon->engine_runs)
		daemon->driver_ops->kill(daemon->driver); /* `ended` follows */
	else
		lost_begin(daemon);
}

void daemon_life_fail(struct daemon *daemon, const char *format, ...)
{
	va_list args;

	if (daemon->state == DAEMON_FAILED || daemon->is_over)
		return;
	va_start(args, format);
	(void)vsnprintf(daemon->failure, sizeof(daemon->failure), format, args);
	va_end(args);
	daemon->was_in_use = daemon_lockspace_count(daemon) > 0;
	log_error(daemon->log,
		"%s; %u lockspaces were open. This daemon ends when nothing acts on their locks "
		"any more",
		daemon->failure, daemon_lockspace_count(daemon));
	daemon_state_set(daemon, DAEMON_FAILED);
	if (daemon->was_in_use)
		cluster_kill_us(daemon);
	else if (daemon->is_up)
		daemon_peers_unfinished(daemon, NULL, 0);
	engine_end_or_lost(daemon);
}

static void failed_end(struct daemon *daemon)
{
	log_error(daemon->log, "dlm_controld ends: %s", daemon->failure);
	if (daemon->was_in_use || !cluster_leave(daemon))
		daemon_end(daemon, 1);
}

/* The others must not wait for us until a process has ended that may hang in the kernel. */
void daemon_life_engine_parted(struct daemon *daemon, const char *text)
{
	if (daemon->state <= DAEMON_READY && daemon_lockspace_count(daemon))
		daemon_life_fail(daemon, "%s", text);
}

void daemon_life_engine_ended(struct daemon *daemon, const char *text)
{
	daemon->engine_runs = false;
	if (daemon->state == DAEMON_FAILED || daemon->state == DAEMON_AGAIN) {
		lost_begin(daemon);
		return;
	}
	if (daemon->state != DAEMON_STOPPING) {
		daemon_life_fail(daemon, "%s", text);
		return;
	}
	if (daemon->is_up && !daemon->engine_said_goodbye)
		daemon_peers_unfinished(daemon, NULL, 0);
	leave_begin(daemon);
}

/* ---- the cluster is gone ---- */

static void again_begin(struct daemon *daemon, const char *text)
{
	daemon->was_in_use = daemon_lockspace_count(daemon) > 0;
	snprintf(daemon->failure, sizeof(daemon->failure), "%s", text);
	log_error(daemon->log,
		"%s; %u lockspaces were open. All begins anew when nothing acts on their locks any "
		"more",
		text, daemon_lockspace_count(daemon));
	daemon_state_set(daemon, DAEMON_AGAIN);
	engine_end_or_lost(daemon);
}

static void again_execute_us(struct daemon *daemon)
{
	int rv;

	daemon_settle(daemon, "the cluster was lost: see dlm_tool status");
	log_notice(daemon->log, "dlm_controld begins anew");
	daemon->again.is_detached = daemon->is_detached;
	rv = again_execute(daemon->argv, &daemon->again);
	log_error(daemon->log, "cannot execute this program anew: %s", strerror(-rv));
	daemon_end(daemon, 1);
}

void daemon_life_cluster_lost(struct daemon *daemon, const char *text)
{
	enum daemon_state state = daemon->state;

	cluster_close(daemon);
	if (state == DAEMON_LEAVING) {
		daemon_end(daemon, 0);
	} else if (state == DAEMON_FAILED) {
		if (!daemon->lost && !daemon->engine_runs)
			daemon_end(daemon, 1);
	} else if (state != DAEMON_STOPPING && state != DAEMON_AGAIN) {
		again_begin(daemon, text);
	}
}

static void lost_met(void *context)
{
	struct daemon *daemon = context;

	lost_free(daemon->lost);
	daemon->lost = NULL;
	if (daemon->state == DAEMON_FAILED)
		failed_end(daemon);
	else if (daemon->state == DAEMON_AGAIN)
		again_execute_us(daemon);
	else
		daemon_cluster_begin(daemon);
}

/* ---- signals ---- */

void daemon_life_refuse(struct daemon *daemon, const char *what)
{
	struct text text = {0};
	struct group_view view;

	for (uint32_t i = 0; i < 8 && group_view(daemon->group, i, &view); i++)
		text_add(&text, "%s%s", i ? ", " : "", view.name);
	if (group_count(daemon->group) > 8)
		text_add(&text, " and %u more", group_count(daemon->group) - 8);
	log_warning(daemon->log,
		"%s, active lockspaces: %s. Let their programs release them "
		"(dlm_tool leave NAME), then stop again",
		what, text.data ? text.data : "?");
	text_done(&text);
}

static void stop(struct daemon *daemon)
{
	switch (daemon->state) {
	case DAEMON_FORMER:
	case DAEMON_LOST:
	case DAEMON_AGAIN:
		log_notice(daemon->log,
			"dlm_controld ends before it was ready; lost rights are for the next start "
			"to wait for");
		daemon_end(daemon, 0);
		return;
	case DAEMON_CLUSTER:
		log_notice(daemon->log, "dlm_controld ends before it was ready");
		daemon_end(daemon, 0);
		return;
	case DAEMON_ENGINE:
	case DAEMON_JOIN:
	case DAEMON_READY:
		if (!group_give_up(daemon->group)) {
			daemon_life_refuse(daemon, "shutdown ignored");
			return;
		}
		daemon_turn(daemon); /* their makers are answered first */
		if (daemon->state > DAEMON_READY)
			return;
		notify_stopping();
		daemon_others_leave(daemon);
		daemon_state_set(daemon, DAEMON_STOPPING);
		daemon->driver_ops->stop(daemon->driver);
		return;
	case DAEMON_STOPPING:
	case DAEMON_LEAVING:
		return;
	case DAEMON_FAILED:
		daemon_end(daemon, 1);
		return;
	}
}

static int32_t signal_stop(int32_t signal, void *data)
{
	struct daemon *daemon = data;

	log_notice(daemon->log, "%s", strsignal(signal));
	stop(daemon);
	return 0;
}

static int32_t signal_nothing(int32_t signal, void *data)
{
	return 0;
}

static int signals_begin(struct daemon *daemon)
{
	static const struct {
		int number;
		qb_loop_signal_dispatch_fn call;
	} wanted[] = {{SIGTERM, signal_stop}, {SIGINT, signal_stop}, {SIGHUP, signal_nothing},
		{SIGCHLD, signal_nothing}};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int rv = qb_loop_signal_add(daemon->loop, QB_LOOP_HIGH, wanted[i].number, daemon,
			wanted[i].call, &daemon->signals[i]);

		if (rv)
			return rv;
	}
	return sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) ? -errno : 0;
}

int daemon_life_begin(struct daemon *daemon)
{
	int rv = signals_begin(daemon);

	if (rv) {
		log_error(daemon->log, "cannot wait for signals: %s", strerror(-rv));
		return rv;
	}
	return former_begin(daemon);
}
