/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One connected program: its socket, what it may make us keep, and how it ends.
 *
 * What we keep for it is one packet of answers and completions that its socket has not taken, and
 * the rest of one packet of its own whose answers found no room; nothing more is read from it
 * meanwhile. Completions wait in the engine, where they are bounded by its locks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "lockd/account.h"
#include "lockd/daemon.h"
#include "lockd/lease.h"
#include "lockd/loop.h"

struct space;
struct operation;

enum connection_state {
	CONNECTION_NEW, /* HELLO has not come */
	CONNECTION_SERVED,
	CONNECTION_DOOMED, /* we ended it; its locks stay until its lease is let go */
	CONNECTION_CLOSED, /* the engine is freeing its locks */
};

struct connection {
	struct loop_source source;
	struct daemon *daemon;
	struct space *space;          /* NULL: on RUN/control */
	struct engine_client *client; /* NULL: none (RUN/control, before HELLO, after the end) */
	struct account *account;      /* NULL: over the limit */
	struct operation *operation;  /* create or release that it waits for, NULL: none */
	struct lease_file lease;
	struct packet *out; /* to be sent, NULL: nothing */
	uint8_t *rest;      /* input that found no room for its answers, NULL: none */
	uint32_t rest_bytes;
	uint32_t rest_pid; /* who sent it */
	enum connection_state state;
	int fd;
	int refusal;        /* negative errno: it will hear BYE instead of WELCOME */
	bool out_stuck;     /* the socket did not take `out` */
	bool has_callbacks; /* engine_client_take() may have some */
	bool deaf;    /* it reads no more: what it sent is still handled, answers go nowhere */
	bool hung_up; /* it is gone, and what it sent has not all been read */
	uint32_t uid; /* effective, when it connected */
	uint32_t owner_pid; /* the process that uses it now */
	uint64_t id;
	uint64_t since_ms;
	uint64_t packets, records, refused_records;
	struct list entry;    /* daemon->connections */
	struct list in_space; /* space->connections */
	struct list flush;    /* daemon->flushing */
	struct list doomed;   /* daemon->doomed */
	struct list held;     /* daemon->held: not read, what it asks for is for a full peer */
};

/**
 * connection_new() - somebody connected
 * @space: NULL: to RUN/control
 * @fd:    taken, closed if it cannot be served
 */
void connection_new(struct daemon *daemon, struct space *space, int fd);
/** connection_end() - the program closed it: its locks go. @c may be gone afterwards. */
void connection_end(struct connection *c);
/**
 * connection_bye() - we end it and say why; its locks go when its right has ended. @c may be gone
 * afterwards.
 * @text: one sentence
 */
void connection_bye(struct connection *c, int error, const char *text);
/** connection_freed() - the engine has freed its locks: ENGINE_OUT_CLIENT_CLOSED. @c is gone. */
void connection_freed(struct connection *c);
/** connection_drop() - free it in whatever state; its engine_client is left to engine_free() */
void connection_drop(struct connection *c);
/** connection_resume() - its space runs again, or its operation ended: go on reading */
void connection_resume(struct connection *c);
/** connection_interest() - wait for what it can be served with now */
void connection_interest(struct connection *c);
/**
 * connection_hold() - leave what it asks for unread, where that would go to a node that does not
 * take what it is sent. Return: it is held
 */
bool connection_hold(struct connection *c);
/** connection_held_check() - go on with those whose node takes more now */
void connection_held_check(struct daemon *daemon);
/** connection_hangup_check() - whether the program has closed it and we have not seen it yet */
bool connection_hangup_check(struct connection *c);
/** connection_doomed_check() - free the locks of those whose right has ended. Return: some are left
 */
bool connection_doomed_check(struct daemon *daemon);
/** connection_house() - end those that never say HELLO. Return: when to look again, UINT64_MAX:
 * never */
uint64_t connection_house(struct daemon *daemon);
/** connection_name() - "process 123 (user 7, lockspace x)", for the log */
const char *connection_name(const struct connection *c, char *ret, size_t room);
#define CONNECTION_NAME_MAX 160
