/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/daemon.h"

#include <errno.h>
#include <string.h>

#include "lib/connection.h"

#define SERIAL 1

static int talk_begin(struct connection **ret)
{
	int result = connection_open(NULL, CLIENT_CONTROL_SOCKET, false, ret);

	return result == -ENOENT ? -ECONNREFUSED : result;
}

/* Return: what the daemon answered; 0 for any other record, which is none of this conversation */
static int answer_of(const struct client_head *head, bool *ret_done)
{
	if (head->type == CLIENT_ANSWER && head->serial == SERIAL) {
		*ret_done = true;
		return ((const struct client_answer *)(const void *)head)->result;
	}
	if (head->type == CLIENT_BYE) {
		*ret_done = true;
		return ((const struct client_bye *)(const void *)head)->error;
	}
	return 0;
}

static int wait_answer(struct connection *connection)
{
	const struct client_head *head;
	bool done = false;
	int result = 0;

	while (!done && !result) {
		while (!done && !connection_next(connection, &head))
			result = answer_of(head, &done);
		if (!done)
			result = connection_receive(connection, 0);
	}
	return result > 0 ? 0 : result;
}

static int ask(struct connection *connection)
{
	int result = connection_send(connection);

	return result ? result : wait_answer(connection);
}

int daemon_probe(void)
{
	struct connection *connection = NULL;
	int result = talk_begin(&connection);

	connection_close(connection);
	return result;
}

int daemon_version(uint32_t ret[3])
{
	struct connection *connection = NULL;
	int result = talk_begin(&connection);

	if (!result)
		memcpy(ret, connection->welcome.device_version, 3 * sizeof(*ret));
	connection_close(connection);
	return result;
}

int daemon_create(const char *name, mode_t mode, uint32_t flags)
{
	struct connection *connection = NULL;
	struct client_create *create;
	int result = talk_begin(&connection);

	if (result)
		return result;
	create = connection_append(connection, CLIENT_CREATE, sizeof(*create));
	create->head.serial = SERIAL;
	create->flags = flags;
	create->mode = mode & 07777;
	memcpy(create->name, name, strlen(name));
	result = ask(connection);
	connection_close(connection);
	return result;
}

int daemon_release(const char *name, bool force)
{
	struct connection *connection = NULL;
	struct client_release *release;
	int result = talk_begin(&connection);

	if (result)
		return result;
	release = connection_append(connection, CLIENT_RELEASE, sizeof(*release));
	release->head.serial = SERIAL;
	release->head.flags = force ? CLIENT_RELEASE_FORCE : 0;
	memcpy(release->name, name, strlen(name));
	result = ask(connection);
	connection_close(connection);
	return result;
}
