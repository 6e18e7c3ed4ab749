/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes between the engine and the transport. */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <string.h>

#include "lockd/peers.h"

#define PEERS_CLOSING_MS 5000u /* for the last acknowledgement to get away */

/* ---- bytes out ---- */

static struct engine *engine_of(const struct peers *peers)
{
	return peers->daemon->engine;
}

/* Until nothing is left, or the connection takes no more: then writable() comes. */
static void flush(struct peers *peers, struct peer *peer)
{
	while (peer->is_connected) {
		ptrdiff_t taken;

		if (peer->out_at == peer->out_bytes) {
			peer->out_at = 0;
			peer->out_bytes = (uint32_t)engine_peer_take(
				engine_of(peers), peer->nodeid, peer->out, sizeof(peer->out));
		}
		if (!peer->out_bytes)
			return;
		taken = peers->ops->send(peers->transport, peer->nodeid, peer->out + peer->out_at,
			peer->out_bytes - peer->out_at);
		if (taken < 0)
			return; /* broken: disconnected() comes */
		peer->out_at += (uint32_t)taken;
		if (peer->out_at < peer->out_bytes)
			return;
	}
}

static void unlinked(struct peers *peers, struct peer *peer)
{
	peer->out_at = peer->out_bytes = 0;
	if (peer->is_connected)
		peer->changed_ms = peers->daemon->now_ms;
	peer->is_connected = false;
	engine_peer_disconnected(engine_of(peers), peer->nodeid);
}

void peers_part(struct peers *peers, struct peer *peer)
{
	peers->ops->disconnect(peers->transport, peer->nodeid);
	if (peer->is_connected)
		unlinked(peers, peer);
}

/*
 * FIN is done, and its last acknowledgement has to get away first. Meanwhile the peer may have
 * begun a new conversation: then all stays as it is.
 */
void peers_closing_check(struct peers *peers, struct peer *peer)
{
	struct engine_peer_info info;

	if (engine_peer_info(engine_of(peers), peer->nodeid, &info) || !info.is_closed) {
		peer->is_closing = false;
		return;
	}
	if ((info.has_output || peer->out_at < peer->out_bytes) &&
		peers->daemon->now_ms < peer->closing_ms)
		return;
	peer->is_closing = false;
	peers_part(peers, peer);
}

/* ---- what the engine says ---- */

static void peer_closed(struct peers *peers, struct peer *peer)
{
	peer->is_closing = true;
	peer->closing_ms = peers->daemon->now_ms + PEERS_CLOSING_MS;
	flush(peers, peer);
	peers_closing_check(peers, peer);
}

static void peer_gap(struct peers *peers, struct peer *peer)
{
	if (!peer->is_connected)
		return;
	peer->gap_count++;
	log_write_limited(peers->daemon->log, &peers->gap_limit, LOG_LEVEL_WARNING,
		"node %" PRIu32
		" skips messages: connection reset, so that it sends them once more",
		peer->nodeid);
	peers->ops->reset(peers->transport, peer->nodeid);
}

void peers_output(struct daemon *daemon, const struct engine_output *output)
{
	struct peers *peers = daemon->peers;
	struct peer *peer = peers ? peers_find(peers, output->nodeid) : NULL;

	if (!peer)
		return; /* it has left the cluster */
	if (output->kind == ENGINE_OUT_PEER_GAP) {
		peer_gap(peers, peer);
	} else if (output->kind == ENGINE_OUT_PEER_CLOSED) {
		peer_closed(peers, peer);
	} else if (output->kind == ENGINE_OUT_CONNECT) {
		peers->ops->connect(peers->transport, output->nodeid);
	} else {
		flush(peers, peer);
		if (peer->is_closing)
			peers_closing_check(peers, peer);
	}
}

/* ---- what the transport says ---- */

static void on_connected(void *context, uint32_t nodeid)
{
	struct peers *peers = context;
	struct peer *peer = peers_find(peers, nodeid);
	struct transport_peer_info info;

	if (!peer || peers->ops->info(peers->transport, nodeid, &info))
		return;
	log_write_limited(peers->daemon->log, &peers->state_limit, LOG_LEVEL_INFO,
		"node %" PRIu32 " is connected (%s, opened by %s)", nodeid, info.address,
		info.is_accepted ? "it" : "us");
	peer->out_at = peer->out_bytes = 0;
	peer->is_connected = true;
	peer->changed_ms = peer->connected_ms = peers->daemon->now_ms;
	engine_peer_connected(engine_of(peers), nodeid);
}

static void on_writable(void *context, uint32_t nodeid)
{
	struct peers *peers = context;
	struct peer *peer = peers_find(peers, nodeid);

	if (!peer)
		return;
	flush(peers, peer);
	if (peer->is_closing)
		peers_closing_check(peers, peer);
}

static void on_disconnected(void *context, uint32_t nodeid, int error)
{
	struct peers *peers = context;
	struct peer *peer = peers_find(peers, nodeid);

	if (!peer)
		return;
	if (peer->is_connected)
		log_write_limited(peers->daemon->log, &peers->state_limit, LOG_LEVEL_INFO,
			"node %" PRIu32 " is not connected any more: %s", nodeid,
			error ? strerror(-error) : "it closed the connection");
	else
		log_debug(peers->daemon->log, "node %" PRIu32 " cannot be connected to: %s", nodeid,
			strerror(-error));
	unlinked(peers, peer);
}

static void on_repeat(void *context, uint32_t nodeid)
{
	struct peers *peers = context;

	/* What is in our buffer goes out first: the connection that it was taken for still stands.
	 */
	if (peers_find(peers, nodeid))
		engine_peer_connected(engine_of(peers), nodeid);
}

static int on_received(void *context, uint32_t nodeid, const uint8_t *data, size_t size)
{
	struct peers *peers = context;
	struct peer *peer = peers_find(peers, nodeid);
	int used = engine_peer_receive(engine_of(peers), nodeid, data, size);

	if (used >= 0 || !peer)
		return used;
	peer->bad_count++;
	log_write_limited(peers->daemon->log, &peers->bad_limit, LOG_LEVEL_WARNING,
		"node %" PRIu32 " sent what is no message: connection reset", nodeid);
	return used;
}

static void on_stranger(void *context, const struct sockaddr_storage *address)
{
	struct peers *peers = context;
	char host[NI_MAXHOST] = "?";

	peers->stranger_count++;
	(void)getnameinfo((const struct sockaddr *)address, sizeof(*address), host, sizeof(host),
		NULL, 0, NI_NUMERICHOST);
	log_write_limited(peers->daemon->log, &peers->stranger_limit, LOG_LEVEL_WARNING,
		"%s connected and is no node of this cluster: closed", host);
}

static void on_deaf(void *context, int error)
{
	struct peers *peers = context;

	log_write_limited(peers->daemon->log, &peers->deaf_limit, LOG_LEVEL_ERROR,
		"connections of other nodes cannot be taken: %s; trying again in a second",
		strerror(-error));
}

void peers_events(struct peers *peers, struct transport_events *ret)
{
	*ret = (struct transport_events){
		.connected = on_connected,
		.writable = on_writable,
		.disconnected = on_disconnected,
		.repeat = on_repeat,
		.received = on_received,
		.stranger = on_stranger,
		.deaf = on_deaf,
		.context = peers,
	};
}
