/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/user.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/fork.h"
#include "lib/handle.h"

static void lost_done(struct handle *handle)
{
	struct user *user = handle->engine;

	connection_lease_close(user->connection);
}

static int set_inherit(struct handle *handle, bool inherit)
{
	struct user *user = handle->engine;

	return connection_set_inherit(user->connection, inherit);
}

/* The mapping of the lease is not inherited; its address may be in use for something else. */
static void forked(struct handle *handle)
{
	struct user *user = handle->engine;

	user->connection->lease = NULL;
}

static void user_close(struct handle *handle)
{
	struct user *user = handle->engine;

	if (!user)
		return;
	if (handle->pid != fork_pid() && user->connection)
		forked(handle);
	connection_close(user->connection);
	free(user);
	handle->engine = NULL;
}

static const struct engine_ops user_ops = {
	.lock = usercall_lock,
	.unlock = usercall_unlock,
	.purge = usercall_purge,
	.receive = userlink_receive,
	.flush = userlink_flush,
	.flush_old = userlink_flush_old,
	.check = userlink_check,
	.takeover = userlink_takeover,
	.forked = forked,
	.poke = userlink_poke,
	.lost_done = lost_done,
	.set_inherit = set_inherit,
	.close = user_close,
};

static int attach(struct handle *handle, struct connection *connection)
{
	struct user *user = calloc(1, sizeof(*user));

	if (!user) {
		connection_close(connection);
		return -ENOMEM;
	}
	user->connection = connection;
	handle->engine = user;
	handle->ops = &user_ops;
	handle->fd = connection->fd;
	return userlink_take_records(handle);
}

int user_open(const char *name, struct handle **ret)
{
	struct connection *connection;
	struct handle *handle;
	int result = connection_open(CLIENT_SOCKET_DIR, name, true, &connection);

	if (result)
		return result;
	result = handle_new(&handle);
	if (result) {
		connection_close(connection);
		return result;
	}
	result = attach(handle, connection);
	if (result) {
		user_close(handle);
		handle_free(handle);
		return result;
	}
	handle_register(handle);
	*ret = handle;
	return 0;
}
