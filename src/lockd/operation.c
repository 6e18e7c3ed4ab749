/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/output.h"
#include "lockd/space.h"

static bool may_change_lockspaces(const struct connection *c)
{
	return c->uid == 0 || c->uid == geteuid();
}

/* A name field of a record: terminated, and nothing behind the end. */
static bool name_field_ok(const char *name, size_t room)
{
	size_t bytes = strnlen(name, room);
	size_t i;

	if (bytes == room)
		return false;
	for (i = bytes; i < room; i++)
		if (name[i])
			return false;
	return true;
}

static int operation_check(const struct connection *c, const char *name)
{
	if (!may_change_lockspaces(c))
		return -EPERM;
	return client_lockspace_name_check(name);
}

static int operation_begin(struct connection *c, const struct operation *wish, const char *name)
{
	struct operation *operation = malloc(sizeof(*operation));
	struct space *space = operation ? space_get(c->daemon, name) : NULL;

	if (!space) {
		free(operation);
		return -ENOMEM;
	}
	*operation = *wish;
	operation->space = space;
	operation->connection = c;
	operation->pid = c->owner_pid;
	operation->uid = c->uid;
	c->operation = operation;
	list_add_tail(&space->operations, &operation->link);
	space_advance(space);
	return 0;
}

int operation_create(
	struct connection *c, const struct client_create *create, const char **reterr_reason)
{
	struct operation wish = {
		.serial = create->head.serial, .flags = create->flags, .mode = create->mode};
	int rv;

	if (create->head.flags || !name_field_ok(create->name, sizeof(create->name)) ||
		create->mode > 07777) {
		*reterr_reason = "a field is out of range";
		return -EBADMSG;
	}
	rv = operation_check(c, create->name);
	if (!rv)
		rv = operation_begin(c, &wish, create->name);
	if (rv)
		output_refused(c, &create->head, 0, rv);
	return 0;
}

int operation_release(
	struct connection *c, const struct client_release *release, const char **reterr_reason)
{
	struct operation wish = {.serial = release->head.serial,
		.is_release = true,
		.is_forced = release->head.flags & CLIENT_RELEASE_FORCE};
	int rv;

	if (release->head.flags & ~CLIENT_RELEASE_FORCE ||
		!name_field_ok(release->name, sizeof(release->name))) {
		*reterr_reason = "a field is out of range";
		return -EBADMSG;
	}
	rv = operation_check(c, release->name);
	if (!rv && !space_find(c->daemon, release->name))
		rv = -ENOENT;
	if (!rv)
		rv = operation_begin(c, &wish, release->name);
	if (rv)
		output_refused(c, &release->head, 0, rv);
	return 0;
}

/*
 * The connection reads nothing while its operation is carried out, so there is room for the answer
 * in the packet that was reserved for the record, or in an empty one.
 */
void operation_finish(struct operation *operation, int result)
{
	struct connection *c = operation->connection;

	if (c) {
		c->operation = NULL;
		if (output_reserve(c))
			output_answer(c, operation->serial, result, 0);
		else
			output_discard(c);
		output_want(c);
	}
	list_remove(&operation->link);
	free(operation);
}

void operation_disconnect(struct operation *operation)
{
	struct space *space = operation->space;

	operation->connection->operation = NULL;
	operation->connection = NULL;
	if (list_first(&space->operations, struct operation, link) == operation &&
		(space->state == SPACE_CREATING || space->state == SPACE_LEAVING))
		return; /* dlm_controld is at it */
	list_remove(&operation->link);
	free(operation);
	space->daemon->spaces_dirty = true;
}
