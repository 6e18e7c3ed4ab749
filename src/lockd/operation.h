/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A program's wish to create or release a lockspace, from its record to its answer. Only root and
 * the daemon's own user may; a program that goes away meanwhile interrupts what has not begun.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "lockd/connection.h"

struct operation {
	struct list link; /* space->operations */
	struct space *space;
	struct connection *connection; /* NULL: it went away, nobody wants the answer */
	uint32_t serial;
	bool is_release;
	bool is_forced;
	bool hangups_seen; /* release: connections that had ended before it are known */
	uint32_t flags;    /* create: DLM_LSFL_BIT_* */
	uint32_t mode;     /* create: of the socket, 0: default */
	uint32_t pid, uid;
};

/** operation_create() - CLIENT_CREATE. Return: 0; -EBADMSG as record_handle() */
int operation_create(
	struct connection *c, const struct client_create *create, const char **reterr_reason);
/** operation_release() - CLIENT_RELEASE. Return: as above */
int operation_release(
	struct connection *c, const struct client_release *release, const char **reterr_reason);
/** operation_finish() - answer it; it is gone */
void operation_finish(struct operation *operation, int result);
/** operation_disconnect() - the program went away: it is gone, or goes on for nobody */
void operation_disconnect(struct operation *operation);
