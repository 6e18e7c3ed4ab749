/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/admin/admin.h"

#include <errno.h>
#include <poll.h>
#include <qb/qbutil.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/list.h"
#include "base/pure/must.h"
#include "control/admin/connection.h"
#include "control/admin/listener.h"

#define TURN_ACCEPTS 16   /* in one turn of the loop */
#define SWEEP_MS     500u /* how often deadlines are looked at */
#define PAUSE_MS     200u /* without accepting, where there are no descriptors */

struct client {
	struct list on_admin;
	struct admin *admin;
	uint64_t id;
	uint64_t deadline_ms; /* 0: none */
	struct connection connection;
};

struct listening {
	struct admin *admin;
	const char *name;
	bool is_query;
	int fd;
};

struct admin {
	qb_loop_t *loop;
	struct log *log;
	struct admin_settings settings;
	struct listening listening[2];
	struct list clients;
	uint32_t client_count, untrusted_count;
	uint64_t next_id;
	size_t unsent_bytes;
	qb_loop_timer_handle sweep_timer, pause_timer;
	struct admin_counts counts;
	struct log_limit limit;
};

static uint64_t now_ms(void)
{
	return qb_util_nano_current_get() / QB_TIME_NS_IN_MSEC;
}

/* ---- clients ---- */

static int32_t client_dispatch(int32_t fd, int32_t events, void *data);

static void client_free(struct client *client)
{
	struct admin *admin = client->admin;

	admin->client_count--;
	admin->untrusted_count -= !client->connection.is_trusted;
	admin->unsent_bytes -= connection_unsent(&client->connection);
	(void)qb_loop_poll_del(admin->loop, client->connection.fd);
	connection_done(&client->connection);
	list_remove(&client->on_admin);
	free(client);
}

static struct client *client_find(const struct admin *admin, uint64_t id)
{
	struct client *client;

	list_for_each (client, &admin->clients, on_admin) {
		if (client->id == id)
			return client;
	}
	return NULL;
}

/*
 * A request has its time from the connect or from the end of the one before it; only those whom we
 * trust may keep a connection open without asking anything (file systems that have registered).
 */
static void deadline_set(struct client *client)
{
	const struct connection *connection = &client->connection;
	uint64_t now = now_ms();

	client->deadline_ms = 0;
	if (connection->state == CONNECTION_WRITING)
		client->deadline_ms = now + ADMIN_SEND_MS;
	else if (connection->state == CONNECTION_READING &&
		 (connection->in_bytes || connection->is_query || !connection->is_trusted))
		client->deadline_ms = now + ADMIN_REQUEST_MS;
}

static void events_set(struct client *client)
{
	int events = 0;

	if (client->connection.state == CONNECTION_READING)
		events = POLLIN;
	if (client->connection.state == CONNECTION_WRITING)
		events = POLLOUT;
	(void)qb_loop_poll_mod(client->admin->loop, QB_LOOP_LOW, client->connection.fd, events,
		client, client_dispatch);
}

static void malformed(struct client *client)
{
	struct admin *admin = client->admin;

	admin->counts.malformed++;
	log_write_limited(admin->log, &admin->limit, LOG_LEVEL_WARNING,
		"process %ld of user %u sends what is no request: its connection is closed",
		(long)client->connection.pid, client->connection.uid);
	client_free(client);
}

static void request_pass(struct client *client)
{
	const struct connection *connection = &client->connection;
	struct admin *admin = client->admin;
	struct admin_request request = {.id = client->id,
		.is_query = connection->is_query,
		.pid = connection->pid,
		.uid = connection->uid,
		.is_trusted = connection->is_trusted,
		.header = connection->in.header,
		.payload = connection->in.bytes + sizeof(struct dlmc_header),
		.payload_bytes = connection->in_bytes - (uint32_t)sizeof(struct dlmc_header)};

	client->deadline_ms = 0;
	events_set(client);
	admin->settings.request(admin->settings.context, &request);
}

static void client_read(struct client *client)
{
	bool was_begun = client->connection.in_bytes > 0;

	switch (connection_read(&client->connection)) {
	case CONNECTION_MORE:
		if (!was_begun)
			deadline_set(client);
		return;
	case CONNECTION_REQUEST:
		request_pass(client);
		return;
	case CONNECTION_MALFORMED:
		malformed(client);
		return;
	case CONNECTION_END:
	case CONNECTION_SENT:
		client_free(client);
		return;
	}
}

static void client_write(struct client *client)
{
	struct admin *admin = client->admin;
	size_t unsent = connection_unsent(&client->connection);
	enum connection_result result = connection_write(&client->connection);

	if (result == CONNECTION_SENT) {
		admin->unsent_bytes -= unsent;
		if (client->connection.is_query) {
			client_free(client);
			return;
		}
	} else if (result == CONNECTION_END) {
		client_free(client);
		return;
	}
	deadline_set(client);
	events_set(client);
}

static int32_t client_dispatch(int32_t fd, int32_t events, void *data)
{
	struct client *client = data;

	if (events & POLLIN && client->connection.state == CONNECTION_READING)
		client_read(client);
	else if (events & POLLOUT && client->connection.state == CONNECTION_WRITING)
		client_write(client);
	else if (events & (POLLHUP | POLLERR | POLLNVAL))
		client_free(client);
	return 0;
}

/* ---- new ones ---- */

static uint32_t user_count(const struct admin *admin, uid_t uid)
{
	struct client *client;
	uint32_t count = 0;

	list_for_each (client, &admin->clients, on_admin)
		count += client->connection.uid == uid;
	return count;
}

static bool has_room(const struct admin *admin, const struct connection *connection)
{
	if (admin->client_count >= ADMIN_CONNECTIONS_MAX)
		return false;
	return connection->is_trusted ||
	       (admin->untrusted_count < ADMIN_UNTRUSTED_MAX &&
		       user_count(admin, connection->uid) < ADMIN_USER_MAX);
}

/* @fd is taken. */
static void client_new(const struct listening *listening, int fd)
{
	struct admin *admin = listening->admin;
	struct client *client = calloc(1, sizeof(*client));

	if (!client || connection_init(&client->connection, fd, listening->is_query)) {
		close(fd);
		free(client);
		return;
	}
	if (!has_room(admin, &client->connection) ||
		qb_loop_poll_add(admin->loop, QB_LOOP_LOW, fd, POLLIN, client, client_dispatch)) {
		admin->counts.refused++;
		log_write_limited(admin->log, &admin->limit, LOG_LEVEL_WARNING,
			"too many connections (%u): one of user %u is closed", admin->client_count,
			client->connection.uid);
		connection_done(&client->connection);
		free(client);
		return;
	}
	client->admin = admin;
	client->id = ++admin->next_id;
	list_add_tail(&admin->clients, &client->on_admin);
	admin->client_count++;
	admin->untrusted_count += !client->connection.is_trusted;
	admin->counts.accepted++;
	deadline_set(client);
}

static int32_t accept_dispatch(int32_t fd, int32_t events, void *data);

static void listen_on(struct admin *admin, int events)
{
	for (int i = 0; i < 2; i++) {
		struct listening *listening = &admin->listening[i];

		(void)qb_loop_poll_mod(admin->loop, QB_LOOP_LOW, listening->fd, events, listening,
			accept_dispatch);
	}
}

static void pause_end(void *data)
{
	struct admin *admin = data;

	admin->pause_timer = 0;
	listen_on(admin, POLLIN);
}

/* Where there is no descriptor left the kernel would call for us without end. */
static void pause_begin(struct admin *admin, int error)
{
	log_write_limited(admin->log, &admin->limit, LOG_LEVEL_WARNING,
		"cannot accept a connection: %s", strerror(error));
	if (admin->pause_timer ||
		qb_loop_timer_add(admin->loop, QB_LOOP_LOW, PAUSE_MS * QB_TIME_NS_IN_MSEC, admin,
			pause_end, &admin->pause_timer))
		return;
	listen_on(admin, 0);
}

static int32_t accept_dispatch(int32_t fd, int32_t events, void *data)
{
	struct listening *listening = data;

	for (int i = 0; i < TURN_ACCEPTS; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			client_new(listening, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_begin(listening->admin, errno);
		break;
	}
	return 0;
}

static void sweep_set(struct admin *admin);

static void sweep(void *data)
{
	struct admin *admin = data;
	struct client *client, *next;
	uint64_t now = now_ms();

	list_for_each_safe (client, next, &admin->clients, on_admin) {
		if (!client->deadline_ms || client->deadline_ms > now)
			continue;
		admin->counts.expired++;
		client_free(client);
	}
	sweep_set(admin);
}

static void sweep_set(struct admin *admin)
{
	(void)qb_loop_timer_add(admin->loop, QB_LOOP_LOW, SWEEP_MS * QB_TIME_NS_IN_MSEC, admin,
		sweep, &admin->sweep_timer);
}

static int listen_begin(
	struct admin *admin, struct listening *listening, struct admin_taken *reterr)
{
	int fd = listener_open(admin->settings.run_dir, listening->name, &reterr->pid);
	int rv;

	reterr->name = listening->name;
	if (fd < 0)
		return fd;
	rv = qb_loop_poll_add(admin->loop, QB_LOOP_LOW, fd, POLLIN, listening, accept_dispatch);
	if (rv) {
		close(fd);
		return rv;
	}
	listening->fd = fd;
	return 0;
}

int admin_open(qb_loop_t *loop, struct log *log, const struct admin_settings *settings,
	struct admin **ret, struct admin_taken *reterr)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int rv;

	if (!admin)
		return -ENOMEM;
	admin->loop = loop;
	admin->log = log;
	admin->settings = *settings;
	list_init(&admin->clients);
	admin->listening[0] = (struct listening){.admin = admin, .name = DLMC_SOCKET, .fd = -1};
	admin->listening[1] = (struct listening){
		.admin = admin, .name = DLMC_QUERY_SOCKET, .is_query = true, .fd = -1};
	rv = listen_begin(admin, &admin->listening[0], reterr);
	if (!rv)
		rv = listen_begin(admin, &admin->listening[1], reterr);
	if (rv) {
		admin_close(admin);
		return rv;
	}
	sweep_set(admin);
	*ret = admin;
	return 0;
}

void admin_close(struct admin *admin)
{
	struct client *client, *next;

	if (!admin)
		return;
	list_for_each_safe (client, next, &admin->clients, on_admin)
		client_free(client);
	for (int i = 0; i < 2; i++) {
		if (admin->listening[i].fd < 0)
			continue;
		(void)qb_loop_poll_del(admin->loop, admin->listening[i].fd);
		close(admin->listening[i].fd);
		listener_remove(admin->settings.run_dir, admin->listening[i].name);
	}
	if (admin->sweep_timer)
		(void)qb_loop_timer_del(admin->loop, admin->sweep_timer);
	if (admin->pause_timer)
		(void)qb_loop_timer_del(admin->loop, admin->pause_timer);
	free(admin);
}

/* ---- answers ---- */

static bool may_send(const struct admin *admin, const struct client *client, size_t bytes)
{
	size_t limit =
		client->connection.is_trusted ? ADMIN_UNSENT_MAX : ADMIN_UNSENT_UNTRUSTED_MAX;

	return admin->unsent_bytes + bytes <= limit;
}

/* Return: the client whose request this is; NULL it is gone */
static struct client *client_waiting(const struct admin *admin, uint64_t id)
{
	struct client *client = client_find(admin, id);

	return client && client->connection.state == CONNECTION_WAITING ? client : NULL;
}

void admin_answer(struct admin *admin, uint64_t id, struct text *answer, int fd)
{
	struct client *client = client_waiting(admin, id);
	size_t bytes = answer->bytes;

	if (!client || answer->failed || !may_send(admin, client, bytes)) {
		if (client) {
			admin->counts.refused++;
			client_free(client);
		}
		text_done(answer);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (connection_answer(&client->connection, answer, fd)) {
		text_done(answer);
		client_free(client);
		return;
	}
	admin->unsent_bytes += bytes;
	deadline_set(client);
	events_set(client);
}

void admin_accept(struct admin *admin, uint64_t id)
{
	struct client *client = client_waiting(admin, id);

	if (!client)
		return;
	connection_accept(&client->connection);
	deadline_set(client);
	events_set(client);
}

void admin_refuse(struct admin *admin, uint64_t id, bool is_malformed)
{
	struct client *client = client_waiting(admin, id);

	if (!client)
		return;
	if (is_malformed)
		malformed(client);
	else
		client_free(client);
}

void admin_counts(const struct admin *admin, struct admin_counts *ret)
{
	*ret = admin->counts;
	ret->connections = admin->client_count;
}
