/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the rooms of the engine share about the node: settings, time, links, outputs and trace. The
 * public functions of engine.h are in engine.c; this is for the rooms inside.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "engine/engine.h"
#include "engine/link.h"
#include "engine/lockspace.h"

struct engine {
	struct engine_settings settings; /* defaults filled in */
	uint32_t nodeid;
	uint64_t now_ms;
	struct list lockspaces;
	struct list links;       /* struct link, ascending by nodeid */
	struct list dirty_links; /* with output */
	struct list dirty_clients;
	struct list ready;       /* outputs that are not peers or clients: struct node_event */
	struct list probes;      /* struct probe, oldest first */
	struct list probes_over; /* of them those whose output has not been fetched */
	struct link_owner link_owner;
	struct link_reserve *reserve;
	uint32_t client_number; /* of the newest client; never 0 */
	uint64_t seed;
	int fatal; /* not 0: node failure, negative errno */
	bool fatal_told;
	uint32_t send_version; /* in our headers */
};

/** node_link() - NULL: no such peer */
struct link *node_link(const struct engine *engine, uint32_t nodeid);
/**
 * node_send() - queue one encoded frame for @nodeid
 * @must_go: an answer, unlock or recovery message: from the reserve if memory is short; where even
 * that is used up the node fails (node_fatal), since a missing answer would hang or mislead others
 * Return: 0; -ENOMEM; -ENOBUFS, -EPIPE, -ENOENT: see link_send()
 */
int node_send(
	struct engine *engine, uint32_t nodeid, const uint8_t *frame, size_t bytes, bool must_go);
/** node_queued_bytes() - memory that what waits for this peer takes */
size_t node_queued_bytes(const struct link *link);
/** node_fatal() - this node cannot go on: ENGINE_OUT_FATAL, nothing is sent any more */
void node_fatal(struct engine *engine, int error);
/** node_recovered() - ENGINE_OUT_RECOVERED, or _FAILED where @error is not 0 */
void node_recovered(struct engine_lockspace *ls, uint32_t start_number, int error);
/** node_client_closed() - ENGINE_OUT_CLIENT_CLOSED; @client is freed by the caller afterwards */
void node_client_closed(struct engine_client *client);
/** node_peer_event() - an output about a peer: PEER_CLOSED, PEER_GAP */
void node_peer_event(struct engine *engine, enum engine_output_kind kind, uint32_t nodeid);
/** node_peer_forget() - drop those about this peer: should it come back, they would be taken for
 * its new life's */
void node_peer_forget(struct engine *engine, uint32_t nodeid);
/** node_event_take() - the oldest of these outputs. Return: true and @ret; false: none */
bool node_event_take(struct engine *engine, struct engine_output *ret);
/** node_events_forget() - drop those about @ls (NULL: all) */
void node_events_forget(struct engine *engine, const struct engine_lockspace *ls);
/** node_random() - the next number of the seeded sequence */
uint64_t node_random(struct engine *engine);
/** node_trace() - fill in engine, hand to the observer if there is one */
void node_trace(const struct engine *engine, const struct engine_trace *trace);
bool node_is_traced(const struct engine *engine);
