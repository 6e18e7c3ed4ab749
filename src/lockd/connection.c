/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/input.h"
#include "lockd/operation.h"
#include "lockd/output.h"
#include "lockd/space.h"

#define CONNECTION_HELLO_MS     10000u /* a connection that has said nothing for so long is ended */
#define CONNECTION_WAITING_ROOM 64u    /* over the limit, waiting to be told so */
#define CONNECTION_RETRY_MS     1000u
#define CONNECTION_DRAIN_MAX    64 /* packets thrown away at an end */

const char *connection_name(const struct connection *c, char *ret, size_t room)
{
	snprintf(ret, room, "connection %" PRIu64 " of process %" PRIu32 " (user %" PRIu32 "%s%s)",
		c->id, c->owner_pid, c->uid, c->space ? ", lockspace " : "",
		c->space ? c->space->name : "");
	return ret;
}

/* ---- the end ---- */

static void connection_free(struct connection *c)
{
	struct daemon *daemon = c->daemon;

	must(!c->client && c->fd < 0);
	if (c->operation)
		operation_disconnect(c->operation);
	output_discard(c);
	lease_remove(&c->lease, daemon->rundir.leases_fd);
	if (c->account)
		account_release(&daemon->accounts, c->account);
	else
		daemon->waiting_room--;
	list_remove(&c->entry);
	list_remove(&c->in_space);
	list_remove(&c->flush);
	list_remove(&c->doomed);
	list_remove(&c->held);
	free(c->rest);
	free(c);
	daemon->spaces_dirty = true;
}

/* Nothing unread may be left: the program would see that instead of what it was told. */
static void socket_close(struct connection *c)
{
	int i;

	loop_remove(&c->daemon->loop, &c->source);
	if (c->fd < 0)
		return;
	(void)shutdown(c->fd, SHUT_RDWR);
	for (i = 0; i < CONNECTION_DRAIN_MAX; i++)
		if (recv(c->fd, &(char){0}, 1, MSG_DONTWAIT) <= 0)
			break;
	close(c->fd);
	c->fd = -1;
}

static void client_let_go(struct connection *c)
{
	struct engine_client *client = c->client;

	list_remove(&c->doomed);
	if (!client) {
		connection_free(c);
		return;
	}
	c->client = NULL;
	c->state = CONNECTION_CLOSED;
	c->daemon->engine_touched = true;
	engine_client_close(client);
}

void connection_end(struct connection *c)
{
	char name[CONNECTION_NAME_MAX];

	must(c->state == CONNECTION_NEW || c->state == CONNECTION_SERVED);
	if (c->state == CONNECTION_SERVED)
		log_debug(c->daemon->log, "%s ended", connection_name(c, name, sizeof(name)));
	list_remove(&c->held);
	output_discard(c);
	socket_close(c);
	client_let_go(c);
}

void connection_freed(struct connection *c)
{
	must(c->state == CONNECTION_CLOSED);
	/* Its lease goes now: what has become of its persistent locks must be written before. */
	if (!daemon_orphans_write(c->daemon))
		lease_leave(&c->lease);
	connection_free(c);
}

void connection_drop(struct connection *c)
{
	c->client = NULL;
	socket_close(c);
	connection_free(c);
}

static void bye_send(struct connection *c, int error, const char *text)
{
	struct packet *packet;

	output_unreserve(c);
	if (c->out && !c->out_stuck)
		(void)output_send(c, c->out, -1);
	if (c->deaf)
		return;
	packet = packet_get(&c->daemon->packets);
	if (packet) {
		struct client_bye *bye = packet_append(packet, CLIENT_BYE, sizeof(*bye), 0, 0);

		bye->error = error;
		snprintf(bye->text, sizeof(bye->text), "%s", text);
		(void)output_send(c, packet, -1);
	}
	packet_put(&c->daemon->packets, packet);
}

static bool connection_holds(const struct connection *c)
{
	uint32_t held, persistent_held;

	if (!c->client)
		return false;
	engine_client_counts(c->client, &held, &persistent_held);
	return held > 0;
}

/*
 * The program may go on acting on what it holds until it has seen that the connection ended. So its
 * locks stay until it, and whoever inherited from it, has let go of the lease.
 */
void connection_bye(struct connection *c, int error, const char *text)
{
	must(c->state == CONNECTION_NEW || c->state == CONNECTION_SERVED);
	list_remove(&c->held);
	bye_send(c, error, text);
	output_lease(c);
	output_discard(c);
	socket_close(c);
	if (!connection_holds(c) || lease_right_ended(&c->lease, c->daemon->rundir.leases_fd)) {
		client_let_go(c);
		return;
	}
	c->state = CONNECTION_DOOMED;
	list_add_tail(&c->daemon->doomed, &c->doomed);
	c->daemon->doomed_at_ms = 0;
}

bool connection_doomed_check(struct daemon *daemon)
{
	struct connection *c, *tmp;

	list_for_each_safe (c, tmp, &daemon->doomed, doomed)
		if (lease_right_ended(&c->lease, daemon->rundir.leases_fd))
			client_let_go(c);
	return !list_empty(&daemon->doomed);
}

/* ---- input ---- */

static bool may_read(const struct connection *c)
{
	if (c->state == CONNECTION_NEW)
		return true;
	if (c->state != CONNECTION_SERVED || c->rest || c->operation || list_linked(&c->held))
		return false;
	return !c->space || space_running(c->space);
}

void connection_interest(struct connection *c)
{
	uint32_t events = 0;

	if (c->fd < 0)
		return;
	if (may_read(c))
		events |= EPOLLIN;
	if (c->out_stuck)
		events |= EPOLLOUT;
	if (c->source.fd >= 0)
		loop_want(&c->daemon->loop, &c->source, events);
	else if (events && loop_add(&c->daemon->loop, &c->source, c->fd, events))
		c->daemon->house_at_ms = 0; /* connection_house() tries again */
}

void connection_resume(struct connection *c)
{
	if (c->rest && c->state == CONNECTION_SERVED && !c->out_stuck && !c->operation &&
		!list_linked(&c->held) && (!c->space || space_running(c->space))) {
		input_rest(c);
		return;
	}
	connection_interest(c);
}

bool connection_hold(struct connection *c)
{
	char name[CONNECTION_NAME_MAX];

	if (!c->client || !engine_client_held(c->client))
		return false;
	if (!list_linked(&c->held)) {
		list_add_tail(&c->daemon->held, &c->held);
		log_write_limited(c->daemon->log, &c->daemon->limits.held, LOG_LEVEL_WARNING,
			"%s is held back: a node does not take what it is sent",
			connection_name(c, name, sizeof(name)));
	}
	return true;
}

void connection_held_check(struct daemon *daemon)
{
	struct list now;
	struct connection *c;

	/* Those that are held again are looked at the next time. */
	list_init(&now);
	list_take_all(&now, &daemon->held);
	while ((c = list_first(&now, struct connection, held))) {
		list_remove(&c->held);
		if (c->client && engine_client_held(c->client))
			list_add_tail(&daemon->held, &c->held);
		else
			connection_resume(c);
	}
}

/* The program is gone, and may_read() says no. */
static void connection_hung_up(struct connection *c)
{
	c->hung_up = true;
	if (c->operation) {
		connection_end(c);
		return;
	}
	if (c->out_stuck) {
		output_discard(c);
		connection_resume(c);
		return;
	}
	/* Hang-up would be reported again and again: out of the loop until it can be read. */
	loop_remove(&c->daemon->loop, &c->source);
}

static void connection_ready(struct loop_source *source, uint32_t events)
{
	struct connection *c = list_entry(source, struct connection, source);

	if (events & EPOLLOUT && c->out_stuck) {
		c->out_stuck = false;
		output_want(c);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (may_read(c))
		input_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		connection_hung_up(c);
}

bool connection_hangup_check(struct connection *c)
{
	struct pollfd poll_fd = {.fd = c->fd, .events = 0};

	if (c->fd >= 0 && !c->hung_up && poll(&poll_fd, 1, 0) == 1)
		c->hung_up = poll_fd.revents & (POLLHUP | POLLERR);
	return c->hung_up;
}

/* ---- the beginning ---- */

/* Return: 0; -errno: the connection cannot even be told */
static int connection_admit(struct connection *c)
{
	struct daemon *daemon = c->daemon;
	struct ucred peer = {0};
	socklen_t bytes = sizeof(peer);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return -errno;
	c->uid = peer.uid;
	c->owner_pid = (uint32_t)peer.pid;
	c->refusal = account_charge(&daemon->accounts, c->uid, &c->account);
	if (!c->refusal)
		return 0;
	log_write_limited(daemon->log, &daemon->limits.connection_refused, LOG_LEVEL_WARNING,
		"process %ld (user %u) refused: %s (%u connections, client_count_max %u)",
		(long)peer.pid, peer.uid,
		c->refusal == -EMFILE ? "half of them are this user's" : strerror(-c->refusal),
		daemon->accounts.connection_count, daemon->accounts.connection_max);
	if (daemon->waiting_room >= CONNECTION_WAITING_ROOM)
		return c->refusal;
	daemon->waiting_room++;
	return 0;
}

void connection_new(struct daemon *daemon, struct space *space, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->daemon = daemon;
	c->fd = fd;
	c->source = (struct loop_source){.fd = -1, .ready = connection_ready};
	if (connection_admit(c)) {
		close(fd);
		free(c);
		return;
	}
	c->space = space;
	c->id = ++daemon->next_id;
	c->since_ms = daemon->now_ms;
	list_add_tail(&daemon->connections, &c->entry);
	list_init(&c->in_space);
	list_init(&c->flush);
	list_init(&c->doomed);
	list_init(&c->held);
	if (space)
		list_add_tail(&space->connections, &c->in_space);
	daemon->counters.connections++;
	daemon->house_at_ms = 0;
	connection_interest(c);
	if (c->source.fd < 0)
		connection_end(c);
}

uint64_t connection_house(struct daemon *daemon)
{
	struct connection *c, *tmp;
	uint64_t next = UINT64_MAX;

	list_for_each_safe (c, tmp, &daemon->connections, entry) {
		if (c->fd >= 0 && c->source.fd < 0 && !c->hung_up) {
			connection_interest(c);
			next = daemon->now_ms + CONNECTION_RETRY_MS;
		}
		if (c->state != CONNECTION_NEW)
			continue;
		if (daemon->now_ms - c->since_ms >= CONNECTION_HELLO_MS)
			connection_bye(c, -ETIMEDOUT, "no HELLO came");
		else if (c->since_ms + CONNECTION_HELLO_MS < next)
			next = c->since_ms + CONNECTION_HELLO_MS;
	}
	return next;
}
