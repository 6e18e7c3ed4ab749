/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of one peer, as kernels have them: the primary one is sent on, and is the one
 * that we opened, or the one that the peer opened where there was none. What the peer opens besides
 * is the second, only read; a newer one takes its place. A second connection becomes the primary
 * only where the peer cannot be connected to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lockd/transport/tcp_room.h"

#define PEER_PARTING_MAX 4u  /* connections that are being closed */
#define PEER_RESET_READS 256 /* what has arrived is read before a reset */

struct tcp_peer *tcp_peer_find(const struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer;

	list_for_each (peer, &transport->peers, entry)
		if (peer->nodeid == nodeid)
			return peer;
	return NULL;
}

struct tcp_peer *tcp_peer_of(
	const struct transport *transport, const struct sockaddr_storage *address)
{
	struct tcp_peer *peer;
	uint32_t i;

	list_for_each (peer, &transport->peers, entry)
		for (i = 0; i < peer->address_count; i++)
			if (tcp_address_equal(&peer->addresses[i], address))
				return peer;
	return NULL;
}

static struct tcp_peer *peer_new(struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->transport = transport;
	peer->nodeid = nodeid;
	list_init(&peer->parting);
	list_add_tail(&transport->peers, &peer->entry);
	return peer;
}

int tcp_peer_add(struct transport *transport, uint32_t nodeid, uint32_t mark,
	const struct sockaddr_storage *addresses, uint32_t address_count)
{
	struct tcp_peer *peer = tcp_peer_find(transport, nodeid);
	uint32_t i;

	if (!nodeid || !address_count || address_count > TRANSPORT_ADDRESSES_MAX ||
		addresses[0].ss_family != transport->address.ss_family)
		return -EINVAL;
	if (!peer)
		peer = peer_new(transport, nodeid);
	if (!peer)
		return -ENOMEM;
	peer->mark = mark;
	peer->address_count = address_count;
	for (i = 0; i < address_count; i++)
		peer->addresses[i] = tcp_address_plain(&addresses[i]);
	return 0;
}

static void parting_abort(struct tcp_peer *peer)
{
	struct tcp_socket *sock;

	while ((sock = list_first(&peer->parting, struct tcp_socket, entry)))
		tcp_socket_close(sock, true);
}

void tcp_peer_remove(struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	if (!peer)
		return;
	if (peer->primary)
		tcp_socket_close(peer->primary, true);
	if (peer->second)
		tcp_socket_close(peer->second, true);
	parting_abort(peer);
	list_remove(&peer->entry);
	free(peer);
}

/* ---- connections come and go ---- */

static bool is_broken(const struct tcp_socket *sock)
{
	socklen_t bytes = sizeof(int);
	int error = 0;

	return !getsockopt(sock->source.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) && error;
}

void tcp_peer_accepted(struct tcp_peer *peer, int fd)
{
	struct tcp_socket *sock = tcp_socket_accepted(peer, fd);

	if (!sock)
		return;
	peer->accept_count++;
	if (!peer->primary) {
		peer->primary = sock;
		return;
	}
	if (peer->second) {
		/* Looked at before the old one's end was: it asks for a repetition all the same. */
		peer->is_repeat_due |= is_broken(peer->second);
		tcp_socket_close(peer->second, true);
	}
	peer->second = sock;
}

/* An attempt came to nothing. The peer's own connection does as well, where there is one. */
static void failed(struct tcp_peer *peer, int error)
{
	struct transport *transport = peer->transport;

	peer->error = error;
	peer->failed_count++;
	if (peer->second) {
		peer->primary = peer->second;
		peer->second = NULL;
		return;
	}
	peer->is_wanted = false;
	transport->events.disconnected(transport->events.context, peer->nodeid, error);
}

static void primary_lost(struct tcp_peer *peer, int error)
{
	struct transport *transport = peer->transport;
	bool was_told = peer->is_told;

	peer->primary = NULL;
	peer->is_told = false;
	peer->is_reset_wanted = false;
	if (!was_told) {
		failed(peer, error);
		return;
	}
	peer->error = error;
	peer->lost_count++;
	transport->events.disconnected(transport->events.context, peer->nodeid, error);
}

void tcp_peer_lost(struct tcp_peer *peer, struct tcp_socket *sock, int error)
{
	struct transport *transport = peer->transport;

	if (sock == peer->primary) {
		primary_lost(peer, error);
	} else if (sock == peer->second) {
		peer->second = NULL;
		peer->lost_count++;
		/* In order: the peer has nothing to say there any more. */
		if (error && peer->is_told)
			transport->events.repeat(transport->events.context, peer->nodeid);
	}
}

static void part(struct tcp_peer *peer, struct tcp_socket **sock)
{
	if (*sock && (*sock)->state == TCP_SOCKET_CONNECTING)
		tcp_socket_close(*sock, false);
	else if (*sock)
		tcp_socket_part(*sock);
	*sock = NULL;
}

void tcp_peer_disconnect(struct tcp_peer *peer)
{
	struct tcp_socket *sock, *tmp;
	uint32_t count = 0;

	part(peer, &peer->primary);
	part(peer, &peer->second);
	peer->is_wanted = false;
	peer->is_told = false;
	peer->is_reset_wanted = false;
	peer->next_try_ms = 0; /* this end was wanted: the next conversation need not wait */
	peer->error = 0;
	list_for_each (sock, &peer->parting, entry)
		count++;
	list_for_each_safe (sock, tmp, &peer->parting, entry)
		if (count-- > PEER_PARTING_MAX)
			tcp_socket_close(sock, true);
}

/* ---- what is due ---- */

static void parting_tick(struct tcp_peer *peer)
{
	struct tcp_socket *sock, *tmp;

	list_for_each_safe (sock, tmp, &peer->parting, entry)
		if (peer->transport->now_ms >= sock->deadline_ms)
			tcp_socket_close(sock, true);
}

/*
 * A kernel 6.12 whose sending waits for room in a connection that is reset never sends again: so
 * make that room first. See docs/protocol/wire.md, "Transport".
 */
static void reset(struct tcp_peer *peer)
{
	struct tcp_socket *sock = peer->primary;
	int i;

	peer->is_reset_wanted = false;
	if (!sock || sock->state != TCP_SOCKET_UP)
		return;
	for (i = 0; i < PEER_RESET_READS && tcp_socket_read(sock); i++)
		;
	if (sock != peer->primary)
		return;
	tcp_socket_close(sock, true);
	tcp_peer_lost(peer, sock, -ECONNABORTED);
}

static void primary_tick(struct tcp_peer *peer)
{
	struct tcp_socket *sock = peer->primary;
	int error = sock->error;

	if (sock->state == TCP_SOCKET_CONNECTING && peer->transport->now_ms >= sock->deadline_ms)
		error = -ETIMEDOUT;
	if (!error)
		return;
	tcp_socket_close(sock, true);
	tcp_peer_lost(peer, sock, error);
}

static void try(struct tcp_peer *peer)
{
	uint64_t now_ms = peer->transport->now_ms;
	int error;

	if (!peer->is_wanted || peer->primary || now_ms < peer->next_try_ms)
		return;
	peer->next_try_ms = now_ms + TRANSPORT_RECONNECT_MS;
	peer->primary = tcp_socket_connect(peer, &error);
	if (!peer->primary)
		failed(peer, error);
}

static void repeat(struct tcp_peer *peer)
{
	struct transport *transport = peer->transport;

	peer->is_repeat_due = false;
	if (peer->is_told)
		transport->events.repeat(transport->events.context, peer->nodeid);
}

static void tell(struct tcp_peer *peer)
{
	struct transport *transport = peer->transport;

	if (!peer->primary || peer->primary->state != TCP_SOCKET_UP || peer->is_told)
		return;
	peer->is_told = true;
	peer->is_wanted = false;
	peer->error = 0;
	transport->events.connected(transport->events.context, peer->nodeid);
}

void tcp_peer_tick(struct tcp_peer *peer)
{
	parting_tick(peer);
	if (peer->primary)
		primary_tick(peer);
	if (peer->is_reset_wanted)
		reset(peer);
	if (peer->is_repeat_due)
		repeat(peer);
	try(peer);
	tell(peer);
}

uint64_t tcp_peer_deadline(const struct tcp_peer *peer)
{
	const struct tcp_socket *sock;
	uint64_t at_ms = UINT64_MAX;

	if (peer->is_wanted && !peer->primary)
		at_ms = peer->next_try_ms;
	if (peer->primary) {
		sock = peer->primary;
		if (sock->error || (sock->state == TCP_SOCKET_UP && !peer->is_told))
			return 0;
		at_ms = sock->deadline_ms;
	}
	if (peer->is_reset_wanted)
		return 0;
	list_for_each (sock, &peer->parting, entry)
		if (sock->deadline_ms < at_ms)
			at_ms = sock->deadline_ms;
	return at_ms;
}

static enum transport_state state_of(const struct tcp_peer *peer)
{
	if (peer->primary)
		return peer->is_told ? TRANSPORT_CONNECTED : TRANSPORT_CONNECTING;
	return peer->is_wanted ? TRANSPORT_PAUSING : TRANSPORT_APART;
}

void tcp_peer_info(const struct tcp_peer *peer, struct transport_peer_info *ret)
{
	*ret = (struct transport_peer_info){
		.state = state_of(peer),
		.is_accepted = peer->primary && peer->primary->is_accepted,
		.has_second = peer->second,
		.is_blocked = peer->primary && peer->primary->is_blocked,
		.error = peer->error,
		.sent_bytes = peer->sent_bytes,
		.received_bytes = peer->received_bytes,
		.connect_count = peer->connect_count,
		.accept_count = peer->accept_count,
		.failed_count = peer->failed_count,
		.lost_count = peer->lost_count,
	};
	tcp_address_text(
		&peer->addresses[0], peer->transport->port, ret->address, sizeof(ret->address));
}
