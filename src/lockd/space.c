/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "lockd/admin.h"
#include "lockd/connection.h"
#include "lockd/operation.h"

#define SPACE_MODE_DEFAULT 0600u
#define SPACE_ACCEPT_MAX   16 /* connections in a turn */
#define SPACE_MEMBERS_MAX  1024u

static void space_ready(struct loop_source *source, uint32_t events)
{
	struct listener *listener = list_entry(source, struct listener, source);
	struct space *space = list_entry(listener, struct space, listener);
	int i, fd;

	if (!space_open_now(space))
		return;
	for (i = 0; i < SPACE_ACCEPT_MAX; i++) {
		fd = listener_accept(listener);
		if (fd >= 0) {
			connection_new(space->daemon, space, fd);
			continue;
		}
		if (fd != -EAGAIN && fd != -ECONNABORTED && fd != -EINTR)
			daemon_accept_failed(space->daemon, fd);
		return;
	}
}

struct space *space_find(struct daemon *daemon, const char *name)
{
	struct space *space;

	list_for_each (space, &daemon->spaces, entry)
		if (!strcmp(space->name, name))
			return space;
	return NULL;
}

struct space *space_get(struct daemon *daemon, const char *name)
{
	struct space *space = space_find(daemon, name);

	if (space)
		return space;
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->daemon = daemon;
	space->global_id = lockspace_global_id(name);
	snprintf(space->name, sizeof(space->name), "%s", name);
	listener_init(&space->listener);
	list_init(&space->connections);
	list_init(&space->operations);
	list_add_tail(&daemon->spaces, &space->entry);
	return space;
}

static void space_free(struct space *space)
{
	must(list_empty(&space->connections) && list_empty(&space->operations));
	listener_done(&space->listener);
	list_remove(&space->entry);
	free(space);
}

bool space_open_now(const struct space *space)
{
	return space->ls && (space->state == SPACE_UP || space->state == SPACE_CLOSING);
}

static void connections_resume(struct space *space)
{
	struct connection *c, *tmp;

	list_for_each_safe (c, tmp, &space->connections, in_space)
		connection_resume(c);
}

/* ---- steps of the operations ---- */

static void space_absent(struct space *space)
{
	listener_done(&space->listener);
	waiting_over(space->daemon, &space->waiting, space->name);
	if (space->ls)
		engine_lockspace_free(space->ls);
	space->ls = NULL;
	space->running = false;
	space->recovered = false;
	space->create_count = 0;
	space->state = SPACE_ABSENT;
	space->daemon->orphans_dirty = true;
}

/* Ask dlm_controld, and wait for its EVENT_DONE. */
static void space_event(
	struct space *space, enum control_type type, const struct operation *operation)
{
	struct control_event event = {
		.head = {.type = type, .bytes = sizeof(event)},
		.flags = operation ? operation->flags : 0,
		.pid = operation ? operation->pid : 0,
		.uid = operation ? operation->uid : 0,
	};

	snprintf(event.name, sizeof(event.name), "%s", space->name);
	space->event_done = false;
	space->event_result = 0;
	if (space->state == SPACE_LEAVING)
		listener_pause(&space->listener); /* who still connects finds nobody */
	admin_send(space->daemon, &event, sizeof(event));
}

/* Each step returns true where the next one can follow at once. */

static bool step_absent(struct space *space, struct operation *operation)
{
	struct daemon *daemon = space->daemon;
	int rv;

	if (operation->is_release) {
		operation_finish(operation, -ENOENT);
		return true;
	}
	rv = listener_prepare(
		&space->listener, &daemon->loop, ++daemon->next_id, space->name, space_ready);
	if (rv) {
		log_error(daemon->log, "lockspace %s: no socket: %s", space->name, strerror(-rv));
		operation_finish(operation, rv);
		return true;
	}
	log_info(daemon->log, "lockspace %s: process %u (user %u) creates it", space->name,
		operation->pid, operation->uid);
	space->recovered = false;
	space->state = SPACE_CREATING;
	space_event(space, CONTROL_ONLINE, operation);
	return false;
}

static bool step_publish(struct space *space, struct operation *operation)
{
	int rv = listener_publish(
		&space->listener, operation->mode ? operation->mode : SPACE_MODE_DEFAULT);

	if (!rv) {
		space->state = SPACE_UP;
		space->create_count = 1;
		log_notice(space->daemon->log, "lockspace %s is up", space->name);
		operation_finish(operation, 0);
		return true;
	}
	log_error(space->daemon->log, "lockspace %s: its socket cannot be published: %s",
		space->name, strerror(-rv));
	operation_finish(operation, rv);
	space->state = SPACE_LEAVING;
	space_event(space, CONTROL_OFFLINE, NULL);
	return false;
}

static bool step_creating(struct space *space, struct operation *operation)
{
	if (!space->event_done)
		return false;
	if (space->event_result) {
		log_notice(space->daemon->log, "lockspace %s: refused: %s", space->name,
			strerror(-space->event_result));
		operation_finish(operation, space->event_result);
		space_absent(space);
		return true;
	}
	return space->recovered ? step_publish(space, operation) : false;
}

static void create_again(struct space *space, struct operation *operation)
{
	int rv = operation->mode ? listener_mode(&space->listener, operation->mode) : 0;

	if (operation->flags & DLM_LSFL_BIT_NEWEXCL)
		rv = -EEXIST;
	if (!rv)
		space->create_count++;
	operation_finish(operation, rv);
}

/*
 * Whether a connection has ended whose locks are still there: those it closed just before the
 * release must not make the lockspace busy.
 */
static bool space_settling(struct space *space, struct operation *operation)
{
	struct connection *c;
	bool settling = false;

	list_for_each (c, &space->connections, in_space) {
		if (!operation->hangups_seen)
			(void)connection_hangup_check(c);
		settling |= c->hung_up || c->state == CONNECTION_CLOSED;
	}
	operation->hangups_seen = true;
	return settling;
}

static bool space_busy(const struct space *space)
{
	struct engine_lockspace_info info;

	engine_lockspace_info(space->ls, &info);
	return info.lock_count > 0;
}

static bool step_up(struct space *space, struct operation *operation)
{
	if (!operation->is_release) {
		create_again(space, operation);
		return true;
	}
	if (space->create_count > 1) {
		space->create_count--;
		operation_finish(operation, 0);
		return true;
	}
	if (space_settling(space, operation))
		return false;
	if (space_busy(space) && !operation->is_forced) {
		operation_finish(operation, -EBUSY);
		return true;
	}
	listener_hide(&space->listener);
	space->state = SPACE_CLOSING;
	return true;
}

/* The release did not come to pass. */
static void space_reopen(struct space *space)
{
	int rv = listener_publish(&space->listener, 0);

	if (rv)
		log_error(space->daemon->log, "lockspace %s: its socket does not come back: %s",
			space->name, strerror(-rv));
	space->state = SPACE_UP;
}

static bool step_closing(struct space *space, struct operation *operation)
{
	if (!operation || !operation->is_release) {
		space_reopen(space);
		return true;
	}
	if (!list_empty(&space->connections))
		return false;
	if (space_busy(space) && !operation->is_forced) {
		space_reopen(space);
		operation_finish(operation, -EBUSY);
		return true;
	}
	log_info(space->daemon->log, "lockspace %s: process %u (user %u) releases it", space->name,
		operation->pid, operation->uid);
	space->state = SPACE_LEAVING;
	space_event(space, CONTROL_OFFLINE, operation);
	return false;
}

static bool step_leaving(struct space *space, struct operation *operation)
{
	int result = space->event_result;
	bool is_ours = operation && operation->is_release;

	if (!space->event_done)
		return false;
	if (result) {
		log_error(space->daemon->log, "lockspace %s cannot be left: %s", space->name,
			strerror(-result));
		space_reopen(space);
	} else {
		log_notice(space->daemon->log, "lockspace %s is released", space->name);
		space_absent(space);
	}
	if (is_ours)
		operation_finish(operation, result);
	return true;
}

static bool space_step(struct space *space)
{
	struct operation *operation = list_first(&space->operations, struct operation, link);

	switch (space->state) {
	case SPACE_ABSENT:
		return operation && step_absent(space, operation);
	case SPACE_CREATING:
		return step_creating(space, operation);
	case SPACE_UP:
		return operation && step_up(space, operation);
	case SPACE_CLOSING:
		return step_closing(space, operation);
	case SPACE_LEAVING:
		return step_leaving(space, operation);
	}
	return false;
}

void space_advance(struct space *space)
{
	while (space_step(space))
		;
	if (space->state == SPACE_ABSENT && list_empty(&space->operations))
		space_free(space);
}

void space_advance_all(struct daemon *daemon)
{
	struct space *space, *tmp;

	list_for_each_safe (space, tmp, &daemon->spaces, entry)
		space_advance(space);
}

/* ---- what dlm_controld says ---- */

int space_new(struct space *space, const struct control_ls_new *message)
{
	if (space->ls)
		return -EEXIST;
	if (space->state != SPACE_CREATING)
		return -ENOENT;
	if (message->lvb_bytes != DLM_USER_LVB_BYTES)
		return -EINVAL;
	space->global_id = message->global_id;
	return engine_lockspace_new(space->daemon->engine, space->name, message->global_id,
		message->flags, message->lvb_bytes, message->nodir, &space->ls);
}

void space_stop(struct space *space)
{
	struct connection *c;

	if (!space->ls)
		return;
	engine_lockspace_stop(space->ls);
	waiting_changed(space->daemon);
	space->running = false;
	list_for_each (c, &space->connections, in_space)
		connection_interest(c);
}

int space_start(
	struct space *space, const struct control_member *members, uint32_t count, uint32_t number)
{
	struct engine_member *list;
	uint32_t i;
	int rv;

	if (!space->ls)
		return -ENOENT;
	if (!count || count > SPACE_MEMBERS_MAX)
		return -EINVAL;
	list = calloc(count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		list[i] = (struct engine_member){.nodeid = members[i].nodeid,
			.weight = members[i].weight,
			.rejoined = members[i].rejoined};
	rv = engine_lockspace_start(space->ls, list, count, number);
	free(list);
	if (rv)
		return rv;
	space->start_number = number;
	waiting_changed(space->daemon);
	return 0;
}

void space_event_done(struct space *space, int result)
{
	/* A start that failed takes the success back, as long as the program has not been told. */
	bool is_taken_back = space->state == SPACE_CREATING && result && !space->recovered;

	if ((space->event_done && !is_taken_back) ||
		(space->state != SPACE_CREATING && space->state != SPACE_LEAVING)) {
		log_warning(space->daemon->log,
			"lockspace %s: an event is done that nobody waits for", space->name);
		return;
	}
	space->event_done = true;
	space->event_result = result;
	space_advance(space);
}

void space_recovered(struct space *space, uint32_t number)
{
	if (!engine_lockspace_running(space->ls))
		return;
	space->running = true;
	space->recovered = true;
	waiting_changed(space->daemon);
	connections_resume(space);
	space_advance(space);
}

void space_free_all(struct daemon *daemon)
{
	struct space *space, *tmp;

	list_for_each_safe (space, tmp, &daemon->spaces, entry) {
		while (!list_empty(&space->operations)) {
			struct operation *operation =
				list_first(&space->operations, struct operation, link);

			operation->connection = NULL;
			operation_finish(operation, -ESHUTDOWN);
		}
		space_absent(space);
		space_free(space);
	}
}
