/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listener. Who connects is known by its address alone: from one that belongs to no peer the
 * connection is closed at once. It is open from the beginning to the end of dlm_lockd, since a port
 * without a listener makes kernels try a thousand times a second.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "lockd/transport/tcp_room.h"

#define ACCEPT_BACKLOG 128
#define ACCEPT_REST_MS 1000u /* where no descriptor or memory is left */

static int options_set(const struct transport *transport, int fd)
{
	const struct sockaddr_storage address =
		tcp_address_port(&transport->address, transport->port);
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		return -errno;
	if (transport->mark &&
		setsockopt(fd, SOL_SOCKET, SO_MARK, &transport->mark, sizeof(transport->mark)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, tcp_address_bytes(&address)) < 0 ||
		listen(fd, ACCEPT_BACKLOG) < 0)
		return -errno;
	return 0;
}

int tcp_accept_open(struct transport *transport)
{
	int fd = socket(transport->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		IPPROTO_TCP);
	int rv;

	if (fd < 0)
		return -errno;
	rv = options_set(transport, fd);
	if (rv) {
		close(fd);
		return rv;
	}
	transport->listener = (struct tcp_source){.kind = TCP_KIND_LISTENER, .fd = fd};
	rv = tcp_poll(transport, &transport->listener, EPOLLIN);
	if (rv) {
		close(fd);
		transport->listener.fd = -1;
	}
	return rv;
}

/* Otherwise it would be reported as ready without end. */
static void rest(struct transport *transport, int error)
{
	(void)tcp_poll(transport, &transport->listener, 0);
	transport->listen_ms = transport->now_ms + ACCEPT_REST_MS;
	transport->events.deaf(transport->events.context, error);
}

void tcp_accept_tick(struct transport *transport)
{
	if (transport->now_ms < transport->listen_ms)
		return;
	transport->listen_ms = UINT64_MAX;
	(void)tcp_poll(transport, &transport->listener, EPOLLIN);
}

static void take(struct transport *transport, int fd, const struct sockaddr_storage *address)
{
	struct tcp_peer *peer = tcp_peer_of(transport, address);

	if (peer) {
		tcp_peer_accepted(peer, fd);
		return;
	}
	close(fd);
	transport->events.stranger(transport->events.context, address);
}

/* What is wrong with one who has connected and gone again, and not with us. */
static bool is_theirs(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EHOSTDOWN || error == EHOSTUNREACH ||
	       error == ENETUNREACH;
}

void tcp_accept_ready(struct transport *transport, uint32_t count_max)
{
	uint32_t i;

	for (i = 0; i < count_max; i++) {
		struct sockaddr_storage address = {0};
		socklen_t bytes = sizeof(address);
		int fd = accept4(transport->listener.fd, (struct sockaddr *)&address, &bytes,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(transport, fd, &address);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (!is_theirs(errno)) {
			rest(transport, -errno);
			return;
		}
	}
}
