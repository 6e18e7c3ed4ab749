/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockd/connection.h"
#include "lockd/operation.h"
#include "lockd/peers.h"
#include "lockd/space.h"

#define STATUS_LAST_LINE 64u /* kept free for the count of what found no room */

struct text {
	char *begin;
	size_t used, room;
	uint32_t left_out;
};

__attribute__((format(printf, 2, 3))) static void line(struct text *text, const char *format, ...)
{
	size_t room = text->room - text->used;
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(text->begin + text->used, room, format, args);
	va_end(args);
	if (bytes < 0 || (size_t)bytes >= room)
		text->left_out++;
	else
		text->used += (size_t)bytes;
}

static const char *space_state_name(enum space_state state)
{
	switch (state) {
	case SPACE_ABSENT:
		return "absent";
	case SPACE_CREATING:
		return "creating";
	case SPACE_UP:
		return "up";
	case SPACE_CLOSING:
		return "closing";
	case SPACE_LEAVING:
		return "leaving";
	}
	return "?";
}

static const char *connection_state_name(enum connection_state state)
{
	switch (state) {
	case CONNECTION_NEW:
		return "new";
	case CONNECTION_SERVED:
		return "served";
	case CONNECTION_DOOMED:
		return "ended_holding"; /* its program has not let go of the lease */
	case CONNECTION_CLOSED:
		return "closing";
	}
	return "?";
}

static void write_daemon(struct text *text, const struct daemon *daemon)
{
	const struct daemon_counters *n = &daemon->counters;

	line(text, "version=%s\n", UDLM_VERSION);
	line(text, "pid=%ld\n", (long)getpid());
	line(text, "uid=%lu\n", (unsigned long)geteuid());
	line(text, "uptime_s=%" PRIu64 "\n", (daemon->now_ms - daemon->started_ms) / 1000);
	line(text, "nodeid=%" PRIu32 "\n", daemon->settings.nodeid);
	line(text, "single=%d\n", !!(daemon->settings.flags & CONTROL_SETTING_SINGLE));
	line(text, "memory_locked=%d\n", daemon->privs.memory_locked);
	line(text, "realtime=%d\n", daemon->privs.priority);
	line(text, "clients=%" PRIu32 "\n", daemon->accounts.connection_count);
	line(text, "client_count_max=%" PRIu32 "\n", daemon->accounts.connection_max);
	line(text, "client_locks_max=%" PRIu32 "\n", daemon->settings.client_locks_max);
	line(text, "clients_since_start=%" PRIu64 "\n", n->connections);
	line(text, "clients_refused=%" PRIu64 "\n", daemon->accounts.refused_count);
	line(text, "orphans_held=%" PRIu32 "\n", daemon->orphans_written);
	line(text, "turns=%" PRIu64 "\n", n->turns);
	line(text, "packets_received=%" PRIu64 "\n", n->packets);
	line(text, "records_received=%" PRIu64 "\n", n->records);
	line(text, "records_refused=%" PRIu64 "\n", n->refused_records);
	line(text, "records_bad=%" PRIu64 "\n", n->bad_records);
	line(text, "packets_sent=%" PRIu64 "\n", n->packets_sent);
	line(text, "callbacks_sent=%" PRIu64 "\n", n->callbacks_sent);
	line(text, "packets_kept=%" PRIu32 "\n", daemon->packets.used_count);
	line(text, "peer_messages_refused=%" PRIu64 "\n", n->engine_refused);
	line(text, "log_lines_dropped=%" PRIu64 "\n", log_dropped_count(daemon->log));
}

static void write_space(struct text *text, const struct space *space)
{
	struct engine_lockspace_info info = {.step = ""};

	if (space->ls)
		engine_lockspace_info(space->ls, &info);
	line(text,
		"lockspace state=%s running=%d global_id=0x%08" PRIx32 " creators=%" PRIu32
		" locks=%zu resources=%zu clients=%zu orphans=%" PRIu32 " orphans_held=%" PRIu32
		" members=%" PRIu32 " generation=%" PRIu32 " recoveries=%" PRIu64 " start=%" PRIu32
		" wait_nodeid=%" PRIu32 " step=%s name=%s\n",
		space_state_name(space->state), space->running, space->global_id,
		space->create_count, info.lock_count, info.resource_count, info.client_count,
		info.orphan_count, info.orphan_held_count, info.member_count, info.generation,
		info.recovery_count, space->start_number, info.wait_nodeid, info.step, space->name);
}

static const char *transport_state_name(enum transport_state state)
{
	switch (state) {
	case TRANSPORT_APART:
		return "apart";
	case TRANSPORT_PAUSING:
		return "pausing";
	case TRANSPORT_CONNECTING:
		return "connecting";
	case TRANSPORT_CONNECTED:
		return "connected";
	}
	return "?";
}

static void write_peer(struct text *text, const struct daemon *daemon, const struct peer *peer)
{
	const struct peers *peers = daemon->peers;
	struct transport_peer_info transport = {.address = "-"};
	struct engine_peer_info info = {.state = "-"};

	(void)engine_peer_info(daemon->engine, peer->nodeid, &info);
	(void)peers->ops->info(peers->transport, peer->nodeid, &transport);
	line(text,
		"peer nodeid=%" PRIu32 " address=%s connection=%s since_s=%" PRIu64
		" accepted=%d second=%d blocked=%d link=%s version=0x%" PRIx32 " users=%" PRIu32
		" unacked=%" PRIu32 " queued_bytes=%zu received=%" PRIu64 " refused=%" PRIu64
		" duplicates=%" PRIu64 " skipped=%" PRIu64 " sent_bytes=%" PRIu64
		" received_bytes=%" PRIu64 " connects=%" PRIu64 " accepts=%" PRIu64
		" failed_connects=%" PRIu64 " lost_connections=%" PRIu64 " gap_resets=%" PRIu64
		" bad_streams=%" PRIu64 " error=%s\n",
		peer->nodeid, transport.address, transport_state_name(transport.state),
		(daemon->now_ms - peer->changed_ms) / 1000, transport.is_accepted,
		transport.has_second, transport.is_blocked, info.state, info.version, info.users,
		info.unacked_count, info.queued_bytes, info.received_count, info.refused_count,
		info.duplicate_count, info.gap_count, transport.sent_bytes,
		transport.received_bytes, transport.connect_count, transport.accept_count,
		transport.failed_count, transport.lost_count, peer->gap_count, peer->bad_count,
		transport.error ? strerror(-transport.error) : "");
}

static void write_peers(struct text *text, const struct daemon *daemon)
{
	const struct peer *peer;

	if (!daemon->peers)
		return;
	line(text, "strangers_refused=%" PRIu64 "\n", daemon->peers->stranger_count);
	list_for_each (peer, &daemon->peers->list, entry)
		write_peer(text, daemon, peer);
}

static void write_connection(struct text *text, const struct connection *c)
{
	struct engine_client_info info = {0};

	if (c->client)
		engine_client_info(c->client, &info);
	line(text,
		"client id=%" PRIu64 " pid=%" PRIu32 " uid=%" PRIu32 " state=%s locks=%" PRIu32
		" held=%" PRIu32 " persistent_held=%" PRIu32 " waiting=%" PRIu32 " unread=%" PRIu32
		" stuck=%d held_back=%d records=%" PRIu64 " refused=%" PRIu64 " lockspace=%s\n",
		c->id, c->owner_pid, c->uid, connection_state_name(c->state), info.lock_count,
		info.held_count, info.persistent_held_count, info.waiting_count,
		info.callback_count, c->out_stuck, list_linked(&c->held), c->records,
		c->refused_records, c->space ? c->space->name : "");
}

size_t status_write(struct daemon *daemon, char *ret, size_t room)
{
	struct text text = {.begin = ret, .room = room - STATUS_LAST_LINE};
	const struct connection *c;
	const struct space *space;

	write_daemon(&text, daemon);
	write_peers(&text, daemon);
	list_for_each (space, &daemon->spaces, entry)
		write_space(&text, space);
	list_for_each (c, &daemon->connections, entry)
		write_connection(&text, c);
	text.room = room;
	if (text.left_out)
		line(&text, "lines_left_out=%" PRIu32 "\n", text.left_out);
	return text.used;
}
