/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A turn: wait; the control connection first; then inputs, until the turn has been long enough;
 * then a slice of the engine's long work; then what the engine has for others; then what goes to
 * programs.
 */
#include "lockd/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/admin.h"
#include "lockd/connection.h"
#include "lockd/dumpjob.h"
#include "lockd/ending.h"
#include "lockd/news.h"
#include "lockd/output.h"
#include "lockd/peers.h"
#include "lockd/probes.h"
#include "lockd/space.h"
#include "lockd/tracelog.h"
#include "lockd/waiting.h"

#define DAEMON_TURN_RECORDS    4096u /* then the control connection is looked at again */
#define DAEMON_ACCEPT_MAX      16    /* connections of RUN/control in a turn */
#define DAEMON_ACCEPT_PAUSE_MS 1000u
#define DAEMON_DOOMED_MS       100u /* between two looks at the leases of ended connections */
#define DAEMON_MEMORY_WAIT_MS  20u
#define DAEMON_CONNECTIONS_MAX 4096u /* unless the settings say otherwise */
#define DAEMON_LOCKS_MAX       1000000u
#define DAEMON_QUEUE_MIB_MIN   4u
#define DAEMON_WAIT_MS_MAX     3600000
#define DAEMON_FILES_SPARE     64u  /* descriptors that are no programs' connections */
#define DAEMON_FILES_PEERS     512u /* the same where there are other nodes */

uint64_t daemon_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int daemon_init(struct daemon *daemon, struct log *log)
{
	memset(daemon, 0, sizeof(*daemon));
	daemon->log = log;
	daemon->rundir = (struct rundir){.lock_fd = -1, .leases_fd = -1, .control_fd = -1};
	listener_init(&daemon->control);
	list_init(&daemon->connections);
	list_init(&daemon->flushing);
	list_init(&daemon->doomed);
	list_init(&daemon->held);
	list_init(&daemon->spaces);
	list_init(&daemon->dumps);
	list_init(&daemon->probes);
	account_table_init(&daemon->accounts, 0, geteuid());
	daemon->ending_ms = daemon->waiting_ms = UINT64_MAX;
	daemon->now_ms = daemon_clock_ms();
	daemon->started_ms = daemon->now_ms;
	return loop_init(&daemon->loop);
}

void daemon_end(struct daemon *daemon, int exit_code)
{
	if (daemon->ended)
		return;
	daemon->ended = true;
	daemon->exit_code = exit_code;
}

/* ---- start ---- */

static uint64_t seed_random(void)
{
	uint64_t seed;

	if (getentropy(&seed, sizeof(seed)) < 0)
		seed = daemon_clock_ms() * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
	return seed;
}

static int engine_make(struct daemon *daemon)
{
	const struct control_settings *settings = &daemon->settings;
	struct engine_settings engine_settings = {
		.nodeid = settings->nodeid,
		.recover_timer_ms = settings->recover_timer_ms,
		.toss_ms = settings->toss_ms,
		.client_locks_max = settings->client_locks_max,
		.peer_queue_bytes = (size_t)settings->peer_queue_mib << 20,
		.seed = seed_random(),
		.speak_3_1 = settings->flags & CONTROL_SETTING_SPEAK_3_1,
		.trace = tracelog_trace,
		.trace_context = daemon,
	};
	int rv = engine_new(&engine_settings, &daemon->engine);

	if (!rv)
		engine_tick(daemon->engine, daemon->now_ms);
	return rv;
}

static void control_ready(struct loop_source *source, uint32_t events)
{
	struct listener *listener = list_entry(source, struct listener, source);
	struct daemon *daemon = list_entry(listener, struct daemon, control);
	int i, fd;

	for (i = 0; i < DAEMON_ACCEPT_MAX; i++) {
		fd = listener_accept(listener);
		if (fd >= 0) {
			connection_new(daemon, NULL, fd);
			continue;
		}
		if (fd != -EAGAIN && fd != -ECONNABORTED && fd != -EINTR)
			daemon_accept_failed(daemon, fd);
		return;
	}
}

/* A connection has a descriptor here; its lease needs another for a moment. */
static void connections_limit(struct daemon *daemon)
{
	uint32_t wanted = daemon->settings.client_count_max;
	uint32_t files = daemon->privs.files_max;
	uint32_t spare = daemon->peers ? DAEMON_FILES_PEERS : DAEMON_FILES_SPARE;

	if (files && files < wanted + spare) {
		uint32_t fewer = files > 2 * spare ? files - spare : files / 2;

		log_warning(daemon->log,
			"client_count_max is %u, not %u: only %u files may be open (RLIMIT_NOFILE)",
			fewer, wanted, files);
		wanted = fewer;
	}
	account_table_init(&daemon->accounts, wanted, geteuid());
}

int daemon_start(struct daemon *daemon)
{
	int rv;

	if (!daemon->settings.client_count_max)
		daemon->settings.client_count_max = DAEMON_CONNECTIONS_MAX;
	if (!daemon->settings.client_locks_max)
		daemon->settings.client_locks_max = DAEMON_LOCKS_MAX;
	/* A kernel may leave 1 MiB unacknowledged for ever, and half of the bound must be more. */
	if (daemon->settings.peer_queue_mib &&
		daemon->settings.peer_queue_mib < DAEMON_QUEUE_MIB_MIN)
		daemon->settings.peer_queue_mib = DAEMON_QUEUE_MIB_MIN;
	connections_limit(daemon);
	rv = engine_make(daemon);
	if (rv)
		return rv;
	rv = listener_adopt(
		&daemon->control, &daemon->loop, daemon->rundir.control_fd, control_ready);
	if (!rv)
		daemon->rundir.control_fd = -1;
	if (!rv && daemon->peers)
		rv = peers_start(daemon);
	return rv;
}

/* ---- a turn ---- */

void daemon_accept_failed(struct daemon *daemon, int error)
{
	struct space *space;

	log_write_limited(daemon->log, &daemon->limits.accept, LOG_LEVEL_ERROR,
		"connections cannot be taken: %s; trying again in a second", strerror(-error));
	listener_pause(&daemon->control);
	list_for_each (space, &daemon->spaces, entry)
		listener_pause(&space->listener);
	daemon->listeners_paused = true;
	daemon->house_at_ms = daemon->now_ms + DAEMON_ACCEPT_PAUSE_MS;
}

static void listeners_resume(struct daemon *daemon)
{
	struct space *space;

	daemon->listeners_paused = false;
	listener_resume(&daemon->control);
	list_for_each (space, &daemon->spaces, entry)
		listener_resume(&space->listener);
}

static uint64_t daemon_deadline(const struct daemon *daemon)
{
	const uint64_t times[] = {engine_deadline(daemon->engine), peers_deadline(daemon),
		daemon->house_at_ms, daemon->waiting_ms, daemon->ending_ms,
		daemon->memory_short ? daemon->now_ms + DAEMON_MEMORY_WAIT_MS : UINT64_MAX,
		list_empty(&daemon->doomed) ? UINT64_MAX : daemon->doomed_at_ms};
	uint64_t at = UINT64_MAX;
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < at)
			at = times[i];
	return at;
}

static int daemon_timeout(const struct daemon *daemon, int wait_ms_max)
{
	uint64_t at = daemon_deadline(daemon);
	uint64_t wait;

	if (daemon->engine_busy || daemon->engine_touched || !list_empty(&daemon->dumps) ||
		daemon->spaces_dirty || daemon->orphans_dirty)
		return 0;
	if (!list_empty(&daemon->flushing) && !daemon->memory_short)
		return 0;
	if (at == UINT64_MAX)
		return wait_ms_max;
	wait = at > daemon->now_ms ? at - daemon->now_ms : 0;
	if (wait_ms_max >= 0 && wait > (uint64_t)wait_ms_max)
		return wait_ms_max;
	return wait > DAEMON_WAIT_MS_MAX ? DAEMON_WAIT_MS_MAX : (int)wait;
}

static void inputs_handle(struct daemon *daemon)
{
	struct loop_source *source;
	uint32_t events;

	while (daemon->turn_budget && !daemon->ended &&
		(source = loop_take(&daemon->loop, &events)))
		source->ready(source, events);
}

static void daemon_flush(struct daemon *daemon)
{
	struct list turn;
	struct connection *c;

	/* Those that come back while this goes on are the next turn's. */
	list_init(&turn);
	list_take_all(&turn, &daemon->flushing);
	while ((c = list_first(&turn, struct connection, flush)))
		output_flush(c);
}

bool daemon_orphans_write(struct daemon *daemon)
{
	const struct space *space;
	struct engine_lockspace_info info;
	uint32_t held = 0;
	int rv;

	daemon->orphans_dirty = false;
	list_for_each (space, &daemon->spaces, entry) {
		if (!space->ls)
			continue;
		engine_lockspace_info(space->ls, &info);
		held += info.orphan_held_count;
	}
	if (held == daemon->orphans_written)
		return true;
	rv = lease_orphans_write(daemon->rundir.leases_fd, daemon->settings.boot_id, held);
	if (rv) {
		log_write_limited(daemon->log, &daemon->limits.lease, LOG_LEVEL_ERROR,
			"the count of orphan locks cannot be written: %s", strerror(-rv));
		return false;
	}
	daemon->orphans_written = held;
	return true;
}

static void daemon_house(struct daemon *daemon)
{
	if (daemon->spaces_dirty) {
		daemon->spaces_dirty = false;
		space_advance_all(daemon);
	}
	if (!list_empty(&daemon->doomed) && daemon->now_ms >= daemon->doomed_at_ms) {
		connection_doomed_check(daemon);
		daemon->doomed_at_ms = daemon->now_ms + DAEMON_DOOMED_MS;
	}
	if (daemon->now_ms >= daemon->house_at_ms) {
		if (daemon->listeners_paused)
			listeners_resume(daemon);
		daemon->house_at_ms = connection_house(daemon);
	}
	peers_tick(daemon);
	connection_held_check(daemon);
	waiting_look(daemon);
	ending_close(daemon);
	if (daemon->orphans_dirty || daemon->orphans_written)
		(void)daemon_orphans_write(daemon); /* too high is safe, going on */
}

void daemon_turn(struct daemon *daemon, int wait_ms_max)
{
	bool sure = loop_pending(&daemon->loop);

	if (!sure) {
		loop_wait(&daemon->loop, daemon_timeout(daemon, wait_ms_max));
		sure = daemon->loop.was_full;
	}
	daemon->memory_short = false;
	daemon->now_ms = daemon_clock_ms();
	daemon->turn_budget = DAEMON_TURN_RECORDS;
	daemon->counters.turns++;
	if (daemon->admin)
		admin_look(daemon->admin, sure);
	if (daemon->ended)
		return;
	engine_tick(daemon->engine, daemon->now_ms);
	inputs_handle(daemon);
	daemon_house(daemon);
	if (daemon->ended)
		return;
	daemon->engine_touched = false;
	daemon->engine_busy = engine_work(daemon->engine);
	news_take(daemon);
	ending_check(daemon);
	if (daemon->ended)
		return;
	daemon_flush(daemon);
	(void)dumpjob_work(daemon);
}

int daemon_run(struct daemon *daemon)
{
	while (!daemon->ended)
		daemon_turn(daemon, -1);
	return daemon->exit_code;
}

void daemon_done(struct daemon *daemon)
{
	struct connection *c, *tmp;

	daemon->ended = true;
	list_for_each_safe (c, tmp, &daemon->connections, entry)
		connection_drop(c);
	dumpjob_free_all(daemon);
	probes_free(daemon);
	space_free_all(daemon);
	peers_free(daemon);
	engine_free(daemon->engine);
	listener_done(&daemon->control);
	admin_free(daemon->admin);
	rundir_done(&daemon->rundir);
	packet_store_done(&daemon->packets);
	account_table_done(&daemon->accounts);
	loop_done(&daemon->loop);
}
