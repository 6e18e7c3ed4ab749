/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/peers.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockd/transport/tcp.h"

#define PEERS_READS 16 /* of the transport in a turn */

struct peer *peers_find(const struct peers *peers, uint32_t nodeid)
{
	struct peer *peer;

	list_for_each (peer, &peers->list, entry)
		if (peer->nodeid == nodeid)
			return peer;
	return NULL;
}

static void peers_ready(struct loop_source *source, uint32_t events)
{
	struct peers *peers = list_entry(source, struct peers, source);

	peers->ops->ready(peers->transport, PEERS_READS);
}

/* ---- beginning and end ---- */

static int transport_open(struct peers *peers)
{
	const struct control_settings *settings = &peers->daemon->settings;
	struct sockaddr_storage addresses[TRANSPORT_ADDRESSES_MAX];
	const struct transport_settings transport_settings = {
		.port = settings->port,
		.mark = settings->mark,
		.address_count = settings->address_count,
		.addresses = addresses,
	};
	struct transport_events events;

	peers_events(peers, &events);
	if (settings->address_count > TRANSPORT_ADDRESSES_MAX)
		return -EINVAL;
	memcpy(addresses, settings->addresses, sizeof(addresses));
	return peers->ops->open(&transport_settings, &events, &peers->transport);
}

static void open_text(const struct control_settings *settings, int error, char *ret, size_t room)
{
	char host[NI_MAXHOST] = "?";
	struct sockaddr_storage address;

	memcpy(&address, settings->addresses[0], sizeof(address));
	(void)getnameinfo((const struct sockaddr *)&address, sizeof(address), host, sizeof(host),
		NULL, 0, NI_NUMERICHOST);
	snprintf(ret, room, "port %" PRIu32 " of %s cannot be listened on: %s%s", settings->port,
		host, strerror(-error),
		error == -EADDRINUSE ? "; is another lock daemon, or the kernel's dlm, running?"
		: error == -EADDRNOTAVAIL ? "; no interface has this address"
					  : "");
}

int peers_open(struct daemon *daemon, char *ret_text, size_t room)
{
	struct peers *peers;
	int rv;

	_Static_assert(sizeof(daemon->settings.addresses[0]) == sizeof(struct sockaddr_storage),
		"addresses travel as they are");
	if (daemon->settings.protocol) {
		snprintf(ret_text, room,
			"this dlm_lockd speaks TCP only: set protocol=tcp on all nodes");
		return -EPROTONOSUPPORT;
	}
	peers = calloc(1, sizeof(*peers));
	if (!peers) {
		snprintf(ret_text, room, "no memory");
		return -ENOMEM;
	}
	peers->daemon = daemon;
	peers->ops = &tcp_transport;
	peers->source = (struct loop_source){.fd = -1, .ready = peers_ready};
	list_init(&peers->list);
	rv = transport_open(peers);
	if (rv) {
		open_text(&daemon->settings, rv, ret_text, room);
		free(peers);
		return rv;
	}
	daemon->peers = peers;
	return 0;
}

int peers_start(struct daemon *daemon)
{
	struct peers *peers = daemon->peers;

	return loop_add(
		&daemon->loop, &peers->source, peers->ops->descriptor(peers->transport), EPOLLIN);
}

void peers_free(struct daemon *daemon)
{
	struct peers *peers = daemon->peers;
	struct peer *peer;

	if (!peers)
		return;
	loop_remove(&daemon->loop, &peers->source);
	peers->ops->close(peers->transport);
	while ((peer = list_first(&peers->list, struct peer, entry))) {
		list_remove(&peer->entry);
		free(peer);
	}
	free(peers);
	daemon->peers = NULL;
}

/* ---- what dlm_controld says ---- */

static struct peer *peer_new(struct peers *peers, uint32_t nodeid)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct peer *after;

	if (!peer)
		return NULL;
	peer->nodeid = nodeid;
	peer->changed_ms = peers->daemon->now_ms;
	list_for_each (after, &peers->list, entry)
		if (after->nodeid > nodeid)
			break;
	list_add_before(&after->entry, &peer->entry);
	return peer;
}

static int add(struct peers *peers, const struct control_peer *message)
{
	struct sockaddr_storage addresses[TRANSPORT_ADDRESSES_MAX];
	struct peer *peer = peers_find(peers, message->nodeid);
	int rv;

	if (message->address_count > TRANSPORT_ADDRESSES_MAX)
		return -EINVAL;
	memcpy(addresses, message->addresses, sizeof(addresses));
	rv = peers->ops->add(peers->transport, message->nodeid, message->mark, addresses,
		message->address_count);
	if (rv || peer)
		return rv;
	return peer_new(peers, message->nodeid) ? 0 : -ENOMEM;
}

void peers_add(struct daemon *daemon, const struct control_peer *message)
{
	bool is_new = daemon->peers && !peers_find(daemon->peers, message->nodeid);
	int rv = engine_peer_add(daemon->engine, message->nodeid);

	if (!rv && daemon->peers)
		rv = add(daemon->peers, message);
	/* Whose new addresses cannot be keeps the old ones, and its numbers. */
	if (rv && is_new)
		peers_remove(daemon, message->nodeid);
	if (rv)
		log_error(daemon->log, "node %" PRIu32 " cannot be a peer: %s", message->nodeid,
			strerror(-rv));
	else
		log_info(daemon->log, "node %" PRIu32 " is a peer", message->nodeid);
}

void peers_remove(struct daemon *daemon, uint32_t nodeid)
{
	struct peers *peers = daemon->peers;
	struct peer *peer = peers ? peers_find(peers, nodeid) : NULL;

	if (peers)
		peers->ops->remove(peers->transport, nodeid);
	if (peer) {
		list_remove(&peer->entry);
		free(peer);
	}
	engine_peer_remove(daemon->engine, nodeid);
	log_info(daemon->log, "node %" PRIu32 " is no peer any more", nodeid);
}

/* ---- time ---- */

void peers_tick(struct daemon *daemon)
{
	struct peers *peers = daemon->peers;
	struct peer *peer;

	if (!peers)
		return;
	list_for_each (peer, &peers->list, entry)
		if (peer->is_closing && daemon->now_ms >= peer->closing_ms)
			peers_closing_check(peers, peer);
}

uint64_t peers_deadline(const struct daemon *daemon)
{
	const struct peers *peers = daemon->peers;
	const struct peer *peer;
	uint64_t at_ms = UINT64_MAX;

	if (!peers)
		return at_ms;
	list_for_each (peer, &peers->list, entry)
		if (peer->is_closing && peer->closing_ms < at_ms)
			at_ms = peer->closing_ms;
	return at_ms;
}

bool peers_over(struct daemon *daemon, struct peer *peer)
{
	struct peers *peers = daemon->peers;
	struct engine_peer_info info;

	if (peer->is_closing || engine_peer_info(daemon->engine, peer->nodeid, &info) ||
		!info.is_closed)
		return false;
	if (!peers->ops->is_parted(peers->transport, peer->nodeid))
		peers_part(peers, peer);
	return peers->ops->is_parted(peers->transport, peer->nodeid);
}
