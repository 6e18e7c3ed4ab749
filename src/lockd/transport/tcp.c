/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/transport/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/transport/tcp_room.h"

#define TCP_EVENTS_MAX 64
#define TCP_PORT_MAX   65535u

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the epoll set ---- */

int tcp_poll(struct transport *transport, struct tcp_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->is_polled && source->events == events)
		return 0;
	if (source->is_polled) {
		/* Of a descriptor that is in the set, a change needs no memory. */
		must(epoll_ctl(transport->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0);
	} else if (epoll_ctl(transport->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0) {
		return -errno;
	}
	source->events = events;
	source->is_polled = true;
	return 0;
}

void tcp_unpoll(struct transport *transport, struct tcp_source *source)
{
	if (source->is_polled)
		(void)epoll_ctl(transport->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->is_polled = false;
}

/* ---- the timer ---- */

static void timer_set(struct transport *transport, uint64_t at_ms)
{
	struct itimerspec when = {0};

	if (at_ms == transport->timer_ms)
		return;
	transport->timer_ms = at_ms;
	if (at_ms != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(at_ms / 1000);
		when.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000 + 1; /* 0: never */
	}
	must(timerfd_settime(transport->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

static void timer_ready(struct transport *transport)
{
	uint64_t count;

	(void)!read(transport->timer.fd, &count, sizeof(count));
	transport->timer_ms = UINT64_MAX;
}

static void timer_next(struct transport *transport)
{
	const struct tcp_peer *peer;
	uint64_t at_ms = transport->listen_ms;

	list_for_each (peer, &transport->peers, entry) {
		uint64_t peer_ms = tcp_peer_deadline(peer);

		if (peer_ms < at_ms)
			at_ms = peer_ms;
	}
	timer_set(transport, at_ms);
}

void tcp_wake(struct transport *transport)
{
	if (!transport->is_busy)
		timer_set(transport, 0);
}

static int timer_open(struct transport *transport)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	transport->timer = (struct tcp_source){.kind = TCP_KIND_TIMER, .fd = fd};
	return tcp_poll(transport, &transport->timer, EPOLLIN);
}

/* ---- beginning and end ---- */

/* Sockets that were closed are not freed where events of theirs may still be in hand. */
static void gone_free(struct transport *transport)
{
	struct tcp_socket *sock;

	while ((sock = list_first(&transport->gone, struct tcp_socket, entry))) {
		list_remove(&sock->entry);
		free(sock);
	}
}

static void tcp_close(struct transport *transport)
{
	struct tcp_peer *peer;

	if (!transport)
		return;
	while ((peer = list_first(&transport->peers, struct tcp_peer, entry)))
		tcp_peer_remove(transport, peer->nodeid);
	gone_free(transport);
	if (transport->listener.fd >= 0)
		close(transport->listener.fd);
	if (transport->timer.fd >= 0)
		close(transport->timer.fd);
	if (transport->epoll_fd >= 0)
		close(transport->epoll_fd);
	free(transport);
}

static bool settings_good(const struct transport_settings *settings)
{
	sa_family_t family;

	if (!settings->address_count || !settings->port || settings->port > TCP_PORT_MAX)
		return false;
	family = settings->addresses[0].ss_family;
	return family == AF_INET || family == AF_INET6;
}

static int tcp_open(const struct transport_settings *settings,
	const struct transport_events *events, struct transport **ret)
{
	struct transport *transport;
	int rv = 0;

	if (!settings_good(settings))
		return -EINVAL;
	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->events = *events;
	transport->port = settings->port;
	transport->mark = settings->mark;
	transport->address = tcp_address_plain(&settings->addresses[0]);
	transport->listener.fd = -1;
	transport->timer.fd = -1;
	transport->timer_ms = UINT64_MAX;
	transport->listen_ms = UINT64_MAX;
	transport->now_ms = clock_ms();
	list_init(&transport->peers);
	list_init(&transport->gone);
	transport->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (transport->epoll_fd < 0)
		rv = -errno;
	if (!rv)
		rv = timer_open(transport);
	if (!rv)
		rv = tcp_accept_open(transport);
	if (rv) {
		tcp_close(transport);
		return rv;
	}
	*ret = transport;
	return 0;
}

/* ---- a turn ---- */

static int tcp_descriptor(const struct transport *transport)
{
	return transport->epoll_fd;
}

static void source_ready(struct transport *transport, struct tcp_source *source, uint32_t events)
{
	struct tcp_socket *sock;

	switch (source->kind) {
	case TCP_KIND_LISTENER:
		tcp_accept_ready(transport, TCP_ACCEPT_TURN);
		break;
	case TCP_KIND_TIMER:
		timer_ready(transport);
		break;
	case TCP_KIND_SOCKET:
		sock = list_entry(source, struct tcp_socket, source);
		if (sock->state != TCP_SOCKET_GONE)
			tcp_socket_ready(sock, events);
		break;
	}
}

static void tcp_ready(struct transport *transport, uint32_t budget)
{
	struct epoll_event events[TCP_EVENTS_MAX];
	struct tcp_peer *peer;
	uint32_t first = transport->turn++;
	int i, count;

	must(!transport->is_busy);
	transport->is_busy = true;
	transport->now_ms = clock_ms();
	transport->budget = budget;
	count = epoll_wait(transport->epoll_fd, events, TCP_EVENTS_MAX, 0);
	/* Not always from the same one on: the budget may end before the last. */
	for (i = 0; i < count; i++) {
		const struct epoll_event *event = &events[(first + (uint32_t)i) % (uint32_t)count];

		source_ready(transport, event->data.ptr, event->events);
	}
	tcp_accept_tick(transport);
	list_for_each (peer, &transport->peers, entry)
		tcp_peer_tick(peer);
	timer_next(transport);
	transport->is_busy = false;
	gone_free(transport);
}

/* ---- calls ---- */

static void tcp_remove(struct transport *transport, uint32_t nodeid)
{
	must(!transport->is_busy);
	/* Who has connected and was not looked at is this peer, not the one that is added next. */
	transport->now_ms = clock_ms();
	tcp_accept_ready(transport, TCP_ACCEPT_ALL);
	tcp_peer_remove(transport, nodeid);
	gone_free(transport);
	tcp_wake(transport);
}

static void tcp_connect(struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	if (!peer || peer->primary || peer->is_wanted)
		return;
	peer->is_wanted = true;
	tcp_wake(transport);
}

static void tcp_disconnect(struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	if (!peer)
		return;
	transport->now_ms = clock_ms();
	/* Said again while they are being closed, it changes nothing. */
	if (peer->primary || peer->second)
		tcp_wake(transport);
	tcp_peer_disconnect(peer);
}

static void tcp_reset(struct transport *transport, uint32_t nodeid)
{
	struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	if (!peer || !peer->is_told)
		return;
	peer->is_reset_wanted = true;
	tcp_wake(transport);
}

static ptrdiff_t tcp_send(
	struct transport *transport, uint32_t nodeid, const uint8_t *data, size_t size)
{
	const struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	return peer && peer->is_told ? tcp_socket_send(peer->primary, data, size) : -ENOTCONN;
}

static bool tcp_is_parted(const struct transport *transport, uint32_t nodeid)
{
	const struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	return !peer || (!peer->primary && !peer->second && list_empty(&peer->parting));
}

static int tcp_info(
	const struct transport *transport, uint32_t nodeid, struct transport_peer_info *ret)
{
	const struct tcp_peer *peer = tcp_peer_find(transport, nodeid);

	if (!peer)
		return -ENOENT;
	tcp_peer_info(peer, ret);
	return 0;
}

const struct transport_ops tcp_transport = {
	.name = "tcp",
	.open = tcp_open,
	.close = tcp_close,
	.descriptor = tcp_descriptor,
	.ready = tcp_ready,
	.add = tcp_peer_add,
	.remove = tcp_remove,
	.connect = tcp_connect,
	.disconnect = tcp_disconnect,
	.reset = tcp_reset,
	.send = tcp_send,
	.is_parted = tcp_is_parted,
	.info = tcp_info,
};
