/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The other nodes: between the engine, which has a link to each, and the transport, which has
 * connections. What the engine has for a peer is fetched when the connection takes it, so that a
 * peer that does not read costs here no more than one buffer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "lockd/daemon.h"
#include "lockd/transport/transport.h"

#define PEERS_OUT_BYTES     65536u
#define PEERS_DESCRIBE_ROOM 200

struct peer {
	struct list entry; /* peers->list */
	uint32_t nodeid;
	bool is_connected;   /* as the engine knows it */
	bool is_closing;     /* FIN is done: disconnect when the last bytes are out */
	uint64_t closing_ms; /* then at the latest */
	uint64_t connected_ms, changed_ms;
	uint64_t gap_count; /* connections that we reset, since messages were missing */
	uint64_t bad_count; /* ... since what came was no frame */
	uint32_t out_at, out_bytes;
	uint8_t out[PEERS_OUT_BYTES]; /* taken from the engine, not by the connection */
};

struct peers {
	struct loop_source source; /* the transport's descriptor */
	struct daemon *daemon;
	const struct transport_ops *ops;
	struct transport *transport;
	struct list list; /* struct peer, entry, ascending by nodeid */
	uint64_t stranger_count;
	struct log_limit stranger_limit, bad_limit, gap_limit, state_limit, deaf_limit;
};

/**
 * peers_open() - listen; nothing is handled yet. The settings are there, the engine need not be.
 * @ret_text: on failure why, a sentence
 * Return: 0, and daemon->peers is there; -errno
 */
int peers_open(struct daemon *daemon, char *ret_text, size_t room);
/** peers_start() - from now on, with daemon->engine. Return: 0; -errno */
int peers_start(struct daemon *daemon);
/** peers_free() - all connections end with nothing said; takes a daemon without */
void peers_free(struct daemon *daemon);

/** peers_add(), peers_remove() - dlm_controld's word */
void peers_add(struct daemon *daemon, const struct control_peer *message);
void peers_remove(struct daemon *daemon, uint32_t nodeid);
/** peers_output() - ENGINE_OUT_PEER, _CONNECT, _PEER_CLOSED, _PEER_GAP */
void peers_output(struct daemon *daemon, const struct engine_output *output);
/** peers_tick() - end what waited too long */
void peers_tick(struct daemon *daemon);
/** peers_deadline() - when peers_tick() is wanted; UINT64_MAX: not before other input */
uint64_t peers_deadline(const struct daemon *daemon);
/** peers_over() - its conversation and its connections are over; those that were idle are closed */
bool peers_over(struct daemon *daemon, struct peer *peer);
/** peers_find() - NULL: none */
struct peer *peers_find(const struct peers *peers, uint32_t nodeid);
/** peers_events() - what the transport calls */
void peers_events(struct peers *peers, struct transport_events *ret);
/** peers_part() - close its connections in order, and the engine knows that there is none */
void peers_part(struct peers *peers, struct peer *peer);
/** peers_closing_check() - disconnect where FIN is done and the last bytes are out */
void peers_closing_check(struct peers *peers, struct peer *peer);
/**
 * peers_describe() - how the connection to @nodeid is, for people: "10.0.0.2:21064 refused ..."
 * @answers: it does answer what it is asked, and is not as far as we are
 */
void peers_describe(
	const struct daemon *daemon, uint32_t nodeid, bool answers, char *ret, size_t room);
