/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A lockspace as programs see it: made and released by root with the kernel's semantics (a count of
 * creators, one operation at a time for a name, the others wait in line), connected to while it is
 *up, run by the engine when dlm_controld says so.
 *
 *	ABSENT -> CREATING	ONLINE sent: waits for EVENT_DONE and RECOVERED
 *	CREATING -> UP		its socket appears; or ABSENT, refused
 *	UP -> CLOSING		the last creator releases it: the socket is hidden, waits until all
 *				connections have ended; back to UP where the caller goes away
 *	CLOSING -> LEAVING	OFFLINE sent: waits for EVENT_DONE
 *	LEAVING -> ABSENT	freed
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "lockd/daemon.h"
#include "lockd/listener.h"
#include "lockd/waiting.h"

enum space_state {
	SPACE_ABSENT,
	SPACE_CREATING,
	SPACE_UP,
	SPACE_CLOSING,
	SPACE_LEAVING,
};

struct space {
	struct daemon *daemon;
	struct engine_lockspace *ls; /* NULL: dlm_controld has not sent LS_NEW */
	enum space_state state;
	uint32_t global_id;
	uint32_t create_count;
	uint32_t start_number; /* of the newest start */
	bool running;          /* locking is open: no stop since it recovered */
	bool recovered;        /* CREATING: the first start is completed */
	bool event_done;       /* CREATING, LEAVING: dlm_controld has answered */
	int event_result;
	struct waiting waiting; /* for a node, in a recovery */
	struct listener listener;
	struct list connections; /* struct connection, in_space */
	struct list operations;  /* struct operation, link: the first is being carried out */
	struct list entry;       /* daemon->spaces */
	char name[72];
};

/** space_get() - the lockspace of that name, made ABSENT if there is none. Return: NULL: no memory
 */
struct space *space_get(struct daemon *daemon, const char *name);
/** space_find() - NULL: none */
struct space *space_find(struct daemon *daemon, const char *name);
/**
 * space_advance() - carry out operations as far as they go. An ABSENT space without any is freed.
 */
void space_advance(struct space *space);
/** space_advance_all() - after connections ended */
void space_advance_all(struct daemon *daemon);
/** space_running() - requests are read */
static inline bool space_running(const struct space *space)
{
	return space->running;
}
/** space_open_now() - new connections are served */
bool space_open_now(const struct space *space);

/* What dlm_controld says; number, result and name were checked. */
/** space_new() - LS_NEW. Return: 0; -errno */
int space_new(struct space *space, const struct control_ls_new *message);
/** space_stop() - LS_STOP */
void space_stop(struct space *space);
/** space_start() - LS_START. Return: 0, RECOVERED or FAILED follows; -errno */
int space_start(
	struct space *space, const struct control_member *members, uint32_t count, uint32_t number);
/** space_event_done() - EVENT_DONE */
void space_event_done(struct space *space, int result);
/** space_recovered() - the engine has completed a start */
void space_recovered(struct space *space, uint32_t number);
/** space_free_all() - at the end of a test */
void space_free_all(struct daemon *daemon);
