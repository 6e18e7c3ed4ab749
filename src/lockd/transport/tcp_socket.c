/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection: made, read, written, ended. What the ends of connections mean for the peer is in
 * tcp_peer.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/transport/tcp_room.h"

#define SOCKET_READS 4 /* in a row from one, then the others */

static struct transport *transport_of(const struct tcp_socket *sock)
{
	return sock->peer->transport;
}

static struct tcp_socket *socket_new(struct tcp_peer *peer, int fd, enum tcp_socket_state state)
{
	struct tcp_socket *sock = calloc(1, sizeof(*sock));
	uint32_t events = state == TCP_SOCKET_CONNECTING ? EPOLLOUT : EPOLLIN;

	if (!sock)
		return NULL;
	sock->source = (struct tcp_source){.kind = TCP_KIND_SOCKET, .fd = fd};
	sock->peer = peer;
	sock->state = state;
	sock->deadline_ms = UINT64_MAX;
	list_init(&sock->entry);
	if (tcp_poll(peer->transport, &sock->source, events)) {
		free(sock);
		return NULL;
	}
	return sock;
}

/* Small messages that must not wait for one another. */
static int options_set(const struct tcp_peer *peer, int fd)
{
	uint32_t mark = peer->mark ? peer->mark : peer->transport->mark;
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		return -errno;
	if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	return 0;
}

/* The other side knows us by our address: so that and no other. */
static int connect_begin(const struct tcp_peer *peer, int fd)
{
	const struct transport *transport = peer->transport;
	const struct sockaddr_storage to = tcp_address_port(&peer->addresses[0], transport->port);
	int rv = options_set(peer, fd);

	if (rv)
		return rv;
	if (bind(fd, (const struct sockaddr *)&transport->address,
		    tcp_address_bytes(&transport->address)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, tcp_address_bytes(&to)) < 0 &&
		errno != EINPROGRESS)
		return -errno;
	return 0;
}

struct tcp_socket *tcp_socket_connect(struct tcp_peer *peer, int *ret_error)
{
	struct transport *transport = peer->transport;
	int fd = socket(transport->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		IPPROTO_TCP);
	struct tcp_socket *sock = NULL;

	*ret_error = fd < 0 ? -errno : connect_begin(peer, fd);
	if (!*ret_error) {
		sock = socket_new(peer, fd, TCP_SOCKET_CONNECTING);
		*ret_error = sock ? 0 : -ENOMEM;
	}
	if (!sock) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	sock->deadline_ms = transport->now_ms + TRANSPORT_UNANSWERED_MS;
	return sock;
}

struct tcp_socket *tcp_socket_accepted(struct tcp_peer *peer, int fd)
{
	struct tcp_socket *sock = NULL;

	if (!options_set(peer, fd))
		sock = socket_new(peer, fd, TCP_SOCKET_UP);
	if (!sock) {
		close(fd);
		return NULL;
	}
	sock->is_accepted = true;
	return sock;
}

void tcp_socket_close(struct tcp_socket *sock, bool abort)
{
	const struct linger none = {.l_onoff = 1};
	struct transport *transport = transport_of(sock);

	must(sock->state != TCP_SOCKET_GONE);
	if (abort)
		(void)setsockopt(sock->source.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	tcp_unpoll(transport, &sock->source);
	close(sock->source.fd);
	sock->source.fd = -1;
	sock->state = TCP_SOCKET_GONE;
	list_remove(&sock->entry);
	list_add_tail(&transport->gone, &sock->entry);
}

void tcp_socket_part(struct tcp_socket *sock)
{
	struct transport *transport = transport_of(sock);

	must(sock->state == TCP_SOCKET_UP);
	if (sock->error || shutdown(sock->source.fd, SHUT_WR) < 0) {
		tcp_socket_close(sock, true);
		return;
	}
	sock->state = TCP_SOCKET_PARTING;
	sock->is_blocked = false;
	sock->deadline_ms = transport->now_ms + TRANSPORT_PARTING_MS;
	(void)tcp_poll(transport, &sock->source, EPOLLIN);
	list_add_tail(&sock->peer->parting, &sock->entry);
}

ptrdiff_t tcp_socket_send(struct tcp_socket *sock, const uint8_t *data, size_t size)
{
	ssize_t bytes;

	if (sock->state != TCP_SOCKET_UP || sock->error)
		return -ENOTCONN;
	bytes = send(sock->source.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		bytes = 0;
	if (bytes < 0) {
		sock->error = -errno;
		tcp_wake(transport_of(sock));
		return -ENOTCONN;
	}
	if ((size_t)bytes < size) {
		sock->is_blocked = true;
		(void)tcp_poll(transport_of(sock), &sock->source, EPOLLIN | EPOLLOUT);
	}
	sock->peer->sent_bytes += (uint64_t)bytes;
	return bytes;
}

/* ---- reading ---- */

static void ended(struct tcp_socket *sock, int error, bool abort)
{
	struct tcp_peer *peer = sock->peer;

	tcp_socket_close(sock, abort);
	tcp_peer_lost(peer, sock, error);
}

/* @size: what was received now. Return: the connection lives on */
static bool give(struct tcp_socket *sock, size_t size)
{
	struct tcp_peer *peer = sock->peer;
	struct transport *transport = peer->transport;
	int used;

	peer->received_bytes += size;
	size += sock->rest_bytes;
	sock->rest_bytes = 0;
	used = transport->events.received(
		transport->events.context, peer->nodeid, transport->input, size);
	if (sock->state == TCP_SOCKET_GONE)
		return false;
	if (used >= 0 && size - (size_t)used >= TRANSPORT_REST_MAX)
		used = -EMSGSIZE;
	if (used < 0) {
		ended(sock, used, true);
		return false;
	}
	sock->rest_bytes = (uint32_t)(size - (size_t)used);
	memcpy(sock->rest, transport->input + used, sock->rest_bytes);
	return true;
}

bool tcp_socket_read(struct tcp_socket *sock)
{
	struct transport *transport = transport_of(sock);
	ssize_t bytes;

	if (transport->budget)
		transport->budget--;
	memcpy(transport->input, sock->rest, sock->rest_bytes);
	bytes = recv(
		sock->source.fd, transport->input + sock->rest_bytes, TCP_READ_BYTES, MSG_DONTWAIT);
	if (bytes < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM))
		return false;
	if (bytes < 0) {
		ended(sock, -errno, true);
		return false;
	}
	if (!bytes) {
		/* At once: a kernel that leaves waits for it. The beginning of a frame is dropped.
		 */
		ended(sock, 0, false);
		return false;
	}
	return give(sock, (size_t)bytes) && bytes == TCP_READ_BYTES;
}

static void connecting_ready(struct tcp_socket *sock, uint32_t events)
{
	socklen_t bytes = sizeof(int);
	int error = 0;

	if (getsockopt(sock->source.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0)
		error = errno;
	if (!error && events & (EPOLLERR | EPOLLHUP))
		error = ECONNRESET;
	if (error) {
		ended(sock, -error, true);
		return;
	}
	sock->state = TCP_SOCKET_UP;
	sock->deadline_ms = UINT64_MAX;
	sock->peer->connect_count++;
	(void)tcp_poll(transport_of(sock), &sock->source, EPOLLIN);
}

void tcp_socket_ready(struct tcp_socket *sock, uint32_t events)
{
	struct transport *transport = transport_of(sock);
	int i;

	if (sock->state == TCP_SOCKET_CONNECTING) {
		connecting_ready(sock, events);
		return;
	}
	if (events & EPOLLOUT && sock->is_blocked) {
		sock->is_blocked = false;
		(void)tcp_poll(transport, &sock->source, EPOLLIN);
		if (sock == sock->peer->primary)
			transport->events.writable(transport->events.context, sock->peer->nodeid);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	for (i = 0; i < SOCKET_READS && transport->budget; i++)
		if (sock->state == TCP_SOCKET_GONE || !tcp_socket_read(sock))
			return;
}
