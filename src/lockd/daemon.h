/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The whole of dlm_lockd: one struct, made in main(), handed to every room.
 *
 * The walk of one lock request: a program's packet makes its socket readable; daemon_turn() takes
 * the source from the loop, and input_read() reads the packet with the sender's credentials and
 * goes through its records; record_handle() turns a CLIENT_LOCK into engine_lock(). When the inputs
 * of the turn are through, news_take() asks the engine whom it has something for, and
 * output_flush() fetches the completions with engine_client_take(), writes the lease (lease_held())
 * and sends one packet.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/pure/list.h"
#include "engine/engine.h"
#include "lockd/account.h"
#include "lockd/lease.h"
#include "lockd/listener.h"
#include "lockd/loop.h"
#include "lockd/packet.h"
#include "lockd/privs.h"
#include "lockd/rundir.h"
#include "proto/control.h"

struct admin;
struct peers;

struct daemon_counters {
	uint64_t turns;
	uint64_t packets, records; /* from programs */
	uint64_t refused_records;  /* answered with an error */
	uint64_t bad_records;      /* ended their connection */
	uint64_t packets_sent;
	uint64_t callbacks_sent; /* completions and blocking ASTs */
	uint64_t connections;    /* since the start */
	uint64_t engine_refused; /* messages of peers that the engine refused */
};

/* Causes that may repeat without end; see log_write_limited(). */
struct daemon_limits {
	struct log_limit bad_record, connection_refused, accept, lease, memory, peer_message, held;
};

struct daemon {
	struct log *log;
	struct loop loop;
	struct engine *engine;
	struct admin *admin;
	struct peers *peers; /* NULL: this node is alone */
	struct control_settings settings;
	struct privs privs;
	struct rundir rundir;
	struct listener control; /* RUN/control */
	struct packet_store packets;
	struct account_table accounts;
	uint32_t waiting_room; /* connections that are over the limit and wait to be told so */

	struct list connections; /* struct connection, entry: all of them, oldest first */
	struct list flushing;    /* struct connection, flush: there may be something to send */
	struct list doomed; /* struct connection, doomed: we ended it, its right is still held */
	struct list held;   /* struct connection, held: a peer takes too little */
	struct list spaces; /* struct space, entry */
	struct list dumps;  /* struct dumpjob, entry */
	struct list probes; /* of probes.c */

	uint64_t now_ms; /* of this turn, monotonic */
	uint64_t started_ms;
	uint64_t doomed_at_ms;    /* look at `doomed` again */
	uint64_t house_at_ms;     /* handshakes and listeners that wait */
	uint64_t waiting_ms;      /* see whom lockspaces wait for */
	uint64_t ending_ms;       /* end then at the latest; UINT64_MAX: no end was ordered */
	uint64_t next_id;         /* of connections, leases, listeners */
	uint32_t turn_budget;     /* records that this turn may still handle */
	uint32_t orphans_written; /* what RUN/leases/orphans says */
	bool orphans_dirty;       /* it may say something else than the truth */
	bool spaces_dirty;        /* some space may be able to go on */
	bool engine_busy;         /* engine_work() has more */
	bool engine_touched;      /* it was called since then */
	bool memory_short;        /* something could not be kept: try again, but not at once */
	bool listeners_paused;    /* descriptors or memory ran out */
	bool ended;               /* leave the loop with exit_code */
	int exit_code;

	struct daemon_counters counters;
	struct daemon_limits limits;
	_Alignas(8) uint8_t input[CLIENT_PACKET_MAX]; /* the packet that is being handled */
};

/**
 * daemon_init() - everything but the rooms that need the settings; nothing is served yet
 * @log: borrowed
 * Return: 0; -errno
 */
int daemon_init(struct daemon *daemon, struct log *log);
/** daemon_start() - make the engine and listen; settings, privs and rundir are there. Return: 0;
 * -errno */
int daemon_start(struct daemon *daemon);
/**
 * daemon_turn() - wait for input and handle it, once
 * @wait_ms_max: -1: as long as there is nothing to do
 */
void daemon_turn(struct daemon *daemon, int wait_ms_max);
/** daemon_run() - turns until it has ended. Return: the exit code */
int daemon_run(struct daemon *daemon);
/** daemon_done() - free everything; for tests and fuzzers, the program just exits */
void daemon_done(struct daemon *daemon);
/** daemon_end() - leave the loop after this call, send nothing more */
void daemon_end(struct daemon *daemon, int exit_code);
/** daemon_accept_failed() - a listener could not take a connection: none is taken for a moment */
void daemon_accept_failed(struct daemon *daemon, int error);
/**
 * daemon_orphans_write() - bring RUN/leases/orphans up to date. BEFORE the lease of somebody whose
 * locks may have become orphans is removed.
 * Return: false: it could not be written, what it says is wrong
 */
bool daemon_orphans_write(struct daemon *daemon);
/** daemon_clock_ms() - the monotonic clock */
uint64_t daemon_clock_ms(void);
