/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon.h"

#include <errno.h>
#include <qb/qbutil.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "config/dynamic.h"
#include "config/parse.h"
#include "control/commands.h"
#include "control/detach.h"
#include "control/lost/lease.h"
#include "control/notify.h"

#define BEAT_MS     5000u
#define MEMBERS_MAX 256u
#define SETTLE_MS   1000u /* a wait that is over by then is not worth a word */

/* ---- states ---- */

const char *daemon_state_word(const struct daemon *daemon)
{
	switch (daemon->state) {
	case DAEMON_FORMER:
	case DAEMON_ENGINE:
		return "starting";
	case DAEMON_LOST:
	case DAEMON_CLUSTER:
		return "waiting";
	case DAEMON_READY:
		return "ready";
	case DAEMON_STOPPING:
		return "stopping";
	case DAEMON_FAILED:
		break;
	}
	return "failed";
}

void daemon_describe_waiting(const struct daemon *daemon, const char *prefix, struct text *ret)
{
	switch (daemon->state) {
	case DAEMON_FORMER:
		if (daemon->former)
			former_describe(daemon->former, prefix, ret);
		return;
	case DAEMON_FAILED:
		text_add(ret, "%sthe end, since the lock engine is gone: %s\n", prefix,
			daemon->failure);
		if (daemon->lost)
			lost_describe(daemon->lost, prefix, ret);
		return;
	case DAEMON_LOST:
		if (daemon->lost)
			lost_describe(daemon->lost, prefix, ret);
		return;
	case DAEMON_CLUSTER:
		if (daemon->cluster_waiting[0])
			text_add(ret, "%s%s\n", prefix, daemon->cluster_waiting);
		return;
	case DAEMON_ENGINE:
	case DAEMON_READY:
	case DAEMON_STOPPING:
		return;
	}
}

/*
 * Whoever started us in the background is let go: we are ready, or wait for something, which is
 * named. What fails before that is the failure of the command that was typed.
 */
static void settle(struct daemon *daemon, const char *waiting)
{
	if (daemon->detach_fd < 0)
		return;
	if (waiting)
		fprintf(stderr, "dlm_controld: %s\n", waiting);
	daemon->logfile.echoes_errors = false;
	detach_end(daemon->detach_fd);
	daemon->detach_fd = -1;
}

static void status_tell(struct daemon *daemon)
{
	struct text text = {0};

	daemon_describe_waiting(daemon, "waiting for ", &text);
	if (text.data)
		text.data[strcspn(text.data, "\n")] = '\0';
	if (text.data)
		notify_status(text.data);
	else
		notify_status(daemon_state_word(daemon));
	text_done(&text);
}

static void state_set(struct daemon *daemon, enum daemon_state state)
{
	must(daemon->state <= state);
	daemon->state = state;
	status_tell(daemon);
}

static void end(struct daemon *daemon, int exit_status)
{
	daemon->exit_status = exit_status;
	qb_loop_stop(daemon->loop);
}

/* What we were told or asked cannot be done: the node must not go on in two minds. */
__attribute__((format(printf, 2, 3))) static void give_up(
	struct daemon *daemon, const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error(daemon->log, "%s", text);
	end(daemon, 1);
}

/* ---- the group's orders ---- */

static void order_join(struct daemon *daemon, const struct group_order *order)
{
	int rv = daemon->cluster_ops->join(daemon->cluster, order->name);

	if (!rv)
		return;
	log_error(daemon->log, "lockspace %s: cannot join: %s", order->name, strerror(-rv));
	(void)group_refused(daemon->group, order->name, rv);
}

static void order_leave(struct daemon *daemon, const struct group_order *order)
{
	int rv = daemon->cluster_ops->leave(daemon->cluster, order->name);

	if (rv)
		give_up(daemon, "lockspace %s: cannot leave: %s", order->name, strerror(-rv));
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
	for (uint32_t i = 0; i < order->member_count; i++)
		members[i] = (struct driver_member){.nodeid = order->members[i].nodeid,
			.weight = order->members[i].weight,
			.rejoined = order->members[i].rejoined};
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

static void orders_run(struct daemon *daemon)
{
	struct group_order order;

	while (group_order_take(daemon->group, &order)) {
		switch (order.type) {
		case GROUP_ORDER_JOIN:
			order_join(daemon, &order);
			break;
		case GROUP_ORDER_LEAVE:
			order_leave(daemon, &order);
			break;
		case GROUP_ORDER_NEW:
			order_new(daemon, &order);
			break;
		case GROUP_ORDER_START:
			order_start(daemon, &order);
			break;
		case GROUP_ORDER_STOP:
			order_stop(daemon, &order);
			break;
		case GROUP_ORDER_ANSWER:
			order_answer(daemon, &order);
			break;
		}
	}
}

/* ---- what the engine says ---- */

static void event_online(
	void *context, const char *name, uint32_t flags, uint32_t pid, uint32_t uid)
{
	struct daemon *daemon = context;
	int rv = daemon->state == DAEMON_READY ? group_online(daemon->group, name, flags) : -EAGAIN;

	log_notice(daemon->log, "lockspace %s: created by process %u of user %u%s%s", name, pid,
		uid, rv ? ", refused: " : "", rv ? strerror(-rv) : "");
	if (rv)
		daemon->driver_ops->event_done(daemon->driver, name, rv);
	orders_run(daemon);
}

static void event_offline(void *context, const char *name, uint32_t pid, uint32_t uid)
{
	struct daemon *daemon = context;
	int rv = group_offline(daemon->group, name);

	log_notice(daemon->log, "lockspace %s: released by process %u of user %u%s%s", name, pid,
		uid, rv ? ", refused: " : "", rv ? strerror(-rv) : "");
	if (rv)
		daemon->driver_ops->event_done(daemon->driver, name, rv);
	orders_run(daemon);
}

static void report(
	struct daemon *daemon, const char *name, uint32_t number, const char *what, int rv)
{
	if (rv == -ESTALE)
		log_info(daemon->log, "lockspace %s: %s %u is of the past", name, what, number);
	else if (rv)
		log_warning(
			daemon->log, "lockspace %s: %s %u: %s", name, what, number, strerror(-rv));
	else
		log_info(daemon->log, "lockspace %s: %s %u", name, what, number);
	orders_run(daemon);
}

static void event_stopped(void *context, const char *name, uint32_t number)
{
	struct daemon *daemon = context;

	report(daemon, name, number, "stopped", group_stopped(daemon->group, name, number));
}

static void event_recovered(void *context, const char *name, uint32_t number)
{
	struct daemon *daemon = context;

	report(daemon, name, number, "recovered", group_recovered(daemon->group, name, number));
}

static void event_failed(void *context, const char *name, uint32_t number, int32_t error)
{
	struct daemon *daemon = context;
	int rv = group_failed(daemon->group, name, number, error);

	log_error(daemon->log, "lockspace %s: start %u failed: %s", name, number, strerror(-error));
	if (rv == -EIO)
		daemon->driver_ops->stop(daemon->driver);
	orders_run(daemon);
}

static void cluster_begin(struct daemon *daemon);

static void event_engine_ready(void *context)
{
	struct daemon *daemon = context;

	if (daemon->state == DAEMON_ENGINE)
		cluster_begin(daemon);
}

static void lost_begin(struct daemon *daemon, enum daemon_state state);

static void event_engine_ended(void *context, const char *text)
{
	struct daemon *daemon = context;

	if (daemon->state == DAEMON_STOPPING) {
		log_notice(daemon->log, "dlm_controld ends");
		end(daemon, 0);
		return;
	}
	snprintf(daemon->failure, sizeof(daemon->failure), "%s", text);
	log_error(daemon->log,
		"%s; %u lockspaces were open. This daemon ends when nothing acts on "
		"their locks any more",
		text, group_count(daemon->group));
	lost_begin(daemon, DAEMON_FAILED);
}

/* ---- what the cluster says ---- */

static void event_cluster_ready(void *context)
{
	struct daemon *daemon = context;

	if (daemon->state != DAEMON_CLUSTER)
		return;
	daemon->cluster_waiting[0] = '\0';
	state_set(daemon, DAEMON_READY);
	log_notice(
		daemon->log, "ready: lockspaces can be joined (run directory %s)", daemon->run_dir);
	notify_ready();
	settle(daemon, NULL);
}

static void event_cluster_waiting(void *context, const char *text)
{
	struct daemon *daemon = context;

	if (text[0] && strcmp(text, daemon->cluster_waiting))
		log_notice(daemon->log, "waiting for %s", text);
	snprintf(daemon->cluster_waiting, sizeof(daemon->cluster_waiting), "%s", text);
	status_tell(daemon);
}

static void event_members(void *context, const char *lockspace,
	const struct cluster_member *members, uint32_t member_count, uint32_t joined_count,
	uint32_t failed_count)
{
	struct group_member list[MEMBERS_MAX];
	struct daemon *daemon = context;
	int rv;

	must(member_count <= MEMBERS_MAX);
	for (uint32_t i = 0; i < member_count; i++)
		list[i] = (struct group_member){.nodeid = members[i].nodeid,
			.weight = members[i].weight,
			.rejoined = members[i].rejoined};
	rv = group_members(
		daemon->group, lockspace, list, member_count, joined_count, failed_count);
	if (rv == -ENOMEM)
		give_up(daemon, "lockspace %s: no memory for its members", lockspace);
	orders_run(daemon);
}

static void event_left(void *context, const char *lockspace)
{
	struct daemon *daemon = context;

	(void)group_left(daemon->group, lockspace);
	orders_run(daemon);
}

/* ---- from the start to READY ---- */

static void cluster_begin(struct daemon *daemon)
{
	struct cluster_events events = {.context = daemon,
		.ready = event_cluster_ready,
		.waiting = event_cluster_waiting,
		.members = event_members,
		.left = event_left};
	int rv;

	state_set(daemon, DAEMON_CLUSTER);
	rv = daemon->cluster_ops->open(daemon->loop, daemon->log, &events, &daemon->cluster);
	if (rv)
		give_up(daemon, "cluster %s: %s", daemon->cluster_ops->name, strerror(-rv));
}

/* Where dlm_lockd writes its log: -1 to where we do; -2 nowhere. */
static int errors_fd(const struct daemon *daemon)
{
	if (!daemon->is_detached)
		return -1;
	return daemon->logfile.fd >= 0 ? daemon->logfile.fd : -2;
}

static void settings_fill(const struct daemon *daemon, struct driver_settings *ret)
{
	const struct options *options = daemon->options;

	*ret = (struct driver_settings){.run_dir = daemon->run_dir,
		.lockd_path = daemon->lockd_path,
		.nodeid = 1,
		.error_fd = errors_fd(daemon),
		.is_single = daemon->cluster_ops == &cluster_single,
		.log_debug = options_bool(options, OPTION_LOG_DEBUG),
		.port = (uint32_t)options_number(options, OPTION_PORT),
		.mark = (uint32_t)options_number(options, OPTION_MARK),
		.client_count_max = (uint32_t)options_number(options, OPTION_CLIENT_COUNT_MAX),
		.client_locks_max = (uint32_t)options_number(options, OPTION_CLIENT_LOCKS_MAX),
		.timeout_ms = (uint32_t)options_number(options, OPTION_LOCKD_TIMEOUT) * 1000};
	memcpy(ret->boot_id, daemon->boot_id, sizeof(ret->boot_id));
}

static void engine_begin(struct daemon *daemon)
{
	struct driver_events events = {.context = daemon,
		.ready = event_engine_ready,
		.online = event_online,
		.offline = event_offline,
		.stopped = event_stopped,
		.recovered = event_recovered,
		.failed = event_failed,
		.ended = event_engine_ended};
	struct driver_settings settings;

	state_set(daemon, DAEMON_ENGINE);
	settings_fill(daemon, &settings);
	if (daemon->driver_ops->open(
		    daemon->loop, daemon->log, &settings, &events, &daemon->driver))
		end(daemon, 1); /* the driver has said why */
}

static void lost_met(void *context)
{
	struct daemon *daemon = context;

	lost_free(daemon->lost);
	daemon->lost = NULL;
	if (daemon->state == DAEMON_FAILED) {
		log_error(daemon->log, "dlm_controld ends: %s", daemon->failure);
		end(daemon, 1);
		return;
	}
	engine_begin(daemon);
}

static void waiting_changed(void *context)
{
	status_tell(context);
}

static void lost_begin(struct daemon *daemon, enum daemon_state state)
{
	struct lost_settings settings = {.run_dir = daemon->run_dir,
		.boot_id = daemon->boot_id,
		.without_ack = state == DAEMON_FAILED,
		.context = daemon,
		.done = lost_met,
		.changed = waiting_changed};
	int rv;

	state_set(daemon, state);
	rv = lost_new(daemon->loop, daemon->log, &settings, &daemon->lost);
	if (rv)
		give_up(daemon, "cannot read the leases in %s: %s", daemon->run_dir, strerror(-rv));
}

static void former_ended(void *context)
{
	struct daemon *daemon = context;

	former_free(daemon->former);
	daemon->former = NULL;
	lost_begin(daemon, DAEMON_LOST);
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

/* ---- signals ---- */

static void refuse_to_stop(struct daemon *daemon)
{
	struct text text = {0};
	struct group_view view;

	for (uint32_t i = 0; i < 8 && group_view(daemon->group, i, &view); i++)
		text_add(&text, "%s%s", i ? ", " : "", view.name);
	if (group_count(daemon->group) > 8)
		text_add(&text, " and %u more", group_count(daemon->group) - 8);
	log_warning(daemon->log,
		"shutdown ignored, active lockspaces: %s. Let their programs release them "
		"(dlm_tool "
		"leave NAME), then stop again",
		text.data ? text.data : "?");
	text_done(&text);
}

static void stop(struct daemon *daemon)
{
	switch (daemon->state) {
	case DAEMON_FORMER:
	case DAEMON_LOST:
		log_notice(daemon->log,
			"dlm_controld ends before it was ready; lost rights are for the "
			"next start to wait for");
		end(daemon, 0);
		return;
	case DAEMON_ENGINE:
	case DAEMON_CLUSTER:
	case DAEMON_READY:
		if (group_count(daemon->group)) {
			refuse_to_stop(daemon);
			return;
		}
		notify_stopping();
		state_set(daemon, DAEMON_STOPPING);
		daemon->driver_ops->stop(daemon->driver);
		return;
	case DAEMON_STOPPING:
		return;
	case DAEMON_FAILED:
		end(daemon, 1);
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

static void settle_late(void *data)
{
	struct daemon *daemon = data;
	struct text text = {0};

	daemon->settle_timer = 0;
	if (daemon->state == DAEMON_FAILED)
		return; /* the command that was typed ends when we do, with our exit status */
	daemon_describe_waiting(daemon, "waiting for ", &text);
	if (text.data)
		text.data[strcspn(text.data, "\n")] = '\0';
	settle(daemon, text.data ? text.data : "still starting: see dlm_tool status");
	text_done(&text);
}

static void beat(void *data)
{
	struct daemon *daemon = data;

	if (daemon->state < DAEMON_READY)
		notify_alive();
	(void)qb_loop_timer_add(daemon->loop, QB_LOOP_LOW, BEAT_MS * QB_TIME_NS_IN_MSEC, daemon,
		beat, &daemon->beat_timer);
}

/* ---- the whole ---- */

static int admin_begin(struct daemon *daemon)
{
	struct admin_settings settings = {
		.run_dir = daemon->is_default_place ? NULL : daemon->run_dir,
		.context = daemon,
		.request = commands_request};
	pid_t pid = 0;
	int rv = admin_open(daemon->loop, daemon->log, &settings, &daemon->admin, &pid);

	if (rv == -EADDRINUSE)
		log_error(daemon->log,
			"the socket name %s is taken by process %ld: another dlm_controld runs, or "
			"a "
			"program that pretends to be it",
			DLMC_SOCKET, (long)pid);
	else if (rv)
		log_error(daemon->log, "cannot listen on %s in %s: %s", DLMC_SOCKET,
			daemon->is_default_place ? "the abstract namespace" : daemon->run_dir,
			strerror(-rv));
	return rv;
}

int daemon_start(struct daemon *daemon)
{
	int rv;

	lease_boot_id(daemon->boot_id);
	daemon->loop = qb_loop_create();
	if (!daemon->loop)
		return -ENOMEM;
	rv = group_new(alloc_system(), &daemon->group);
	if (!rv)
		rv = signals_begin(daemon);
	if (!rv)
		rv = admin_begin(daemon);
	if (!rv)
		rv = former_begin(daemon);
	if (!rv)
		rv = qb_loop_timer_add(daemon->loop, QB_LOOP_LOW, SETTLE_MS * QB_TIME_NS_IN_MSEC,
			daemon, settle_late, &daemon->settle_timer);
	if (!rv)
		beat(daemon);
	return rv;
}

int daemon_run(struct daemon *daemon)
{
	qb_loop_run(daemon->loop);
	return daemon->exit_status;
}

void daemon_done(struct daemon *daemon)
{
	if (!daemon->loop)
		return;
	admin_close(daemon->admin);
	if (daemon->cluster)
		daemon->cluster_ops->close(daemon->cluster);
	if (daemon->driver)
		daemon->driver_ops->close(daemon->driver);
	former_free(daemon->former);
	lost_free(daemon->lost);
	group_free(daemon->group);
	if (daemon->settle_timer)
		(void)qb_loop_timer_del(daemon->loop, daemon->settle_timer);
	if (daemon->beat_timer)
		(void)qb_loop_timer_del(daemon->loop, daemon->beat_timer);
	qb_loop_destroy(daemon->loop);
}

/* ---- options that change while it runs ---- */

void daemon_apply_options(struct daemon *daemon)
{
	daemon->logfile.level = options_bool(daemon->options, OPTION_DEBUG_LOGFILE)
					? LOG_LEVEL_DEBUG
					: LOG_LEVEL_INFO;
	log_level_set(daemon->log, options_bool(daemon->options, OPTION_DAEMON_DEBUG)
					   ? LOG_LEVEL_DEBUG
					   : daemon->logfile.level);
}

struct saying {
	struct daemon *daemon;
	struct text *text;
};

static void say_finding(void *context, const struct parse_finding *finding)
{
	struct saying *saying = context;

	log_write(saying->daemon->log, finding->is_error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		"%s", finding->text);
	text_add(saying->text, "%s\n", finding->text);
}

int daemon_reload(struct daemon *daemon, struct text *say)
{
	struct saying saying = {.daemon = daemon, .text = say};
	int rv = parse_file(daemon->options, daemon->config_path, true, say_finding, &saying);

	if (rv < 0)
		log_error(daemon->log, "reload_config: %s: %s, nothing changed",
			daemon->config_path, strerror(-rv));
	else
		log_notice(daemon->log, "reload_config: %d options changed", rv);
	daemon_apply_options(daemon);
	return rv;
}

static void say_change(void *context, const char *text)
{
	struct saying *saying = context;

	log_notice(saying->daemon->log, "set_config: %s", text);
	text_add(saying->text, "%s\n", text);
}

int daemon_set_config(struct daemon *daemon, const char *text, size_t bytes, struct text *say)
{
	struct saying saying = {.daemon = daemon, .text = say};
	int rv = dynamic_set(daemon->options, text, bytes, say_change, &saying);

	daemon_apply_options(daemon);
	return rv;
}
