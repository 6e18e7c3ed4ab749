/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of this folder share about TCP. One epoll set has the listener, a timer, and every
 * socket; whatever is due without input (an attempt to connect, the end of a wait, an error that
 * send() met) is done by tcp_peer_tick() at the end of each ready().
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/pure/list.h"
#include "lockd/transport/transport.h"

#define TCP_READ_BYTES  65536u
#define TCP_ACCEPT_TURN 32u  /* connections that are taken in one ready() */
#define TCP_ACCEPT_ALL  256u /* more than can wait */

enum tcp_kind {
	TCP_KIND_LISTENER,
	TCP_KIND_TIMER,
	TCP_KIND_SOCKET,
};

/* What an event of the epoll set belongs to: the first member of its struct. */
struct tcp_source {
	enum tcp_kind kind;
	int fd; /* -1: none */
	uint32_t events;
	bool is_polled;
};

struct tcp_peer;

enum tcp_socket_state {
	TCP_SOCKET_CONNECTING,
	TCP_SOCKET_UP,
	TCP_SOCKET_PARTING, /* we have sent our last: read to its end */
	TCP_SOCKET_GONE,    /* closed; freed at the end of ready() */
};

struct tcp_socket {
	struct tcp_source source;
	struct tcp_peer *peer; /* not NULL, but GONE */
	enum tcp_socket_state state;
	bool is_accepted;
	bool is_blocked;      /* it took less than it was given */
	int error;            /* negative errno that send() met: to be told by ready() */
	uint64_t deadline_ms; /* of CONNECTING and PARTING */
	struct list entry;    /* peer->parting, transport->gone */
	uint32_t rest_bytes;
	uint8_t rest[TRANSPORT_REST_MAX]; /* the beginning of a frame */
};

struct tcp_peer {
	struct list entry; /* transport->peers */
	struct transport *transport;
	uint32_t nodeid, mark;
	uint32_t address_count;
	struct sockaddr_storage addresses[TRANSPORT_ADDRESSES_MAX];
	struct tcp_socket *primary; /* for sending, NULL: none */
	struct tcp_socket *second;  /* accepted while there was a primary one; never written */
	struct list parting;        /* struct tcp_socket, entry */
	bool is_wanted;             /* connect() was called, and there is no primary */
	bool is_told;               /* connected() was said of the primary */
	bool is_reset_wanted;
	bool is_repeat_due;   /* the second was broken when a newer one took its place */
	uint64_t next_try_ms; /* no attempt before */
	int error;            /* negative errno: why there is no connection, 0: none */
	uint64_t sent_bytes, received_bytes;
	uint64_t connect_count, accept_count, failed_count, lost_count;
};

struct transport {
	struct transport_events events;
	uint32_t port, mark;
	struct sockaddr_storage address; /* ours, port 0 */
	int epoll_fd;
	struct tcp_source listener, timer;
	uint64_t timer_ms;  /* what it is set to, UINT64_MAX: not */
	uint64_t listen_ms; /* the listener rests until then, UINT64_MAX: it does not */
	uint64_t now_ms;
	bool is_busy;      /* inside ready() */
	uint32_t budget;   /* reads that are left of this ready() */
	uint32_t turn;     /* of ready() */
	struct list peers; /* struct tcp_peer, entry, in the order of being added */
	struct list gone;  /* struct tcp_socket, entry */
	uint8_t input[TRANSPORT_REST_MAX + TCP_READ_BYTES];
};

/* ---- tcp_address.c ---- */

/** tcp_address_plain() - the same with port 0 and nothing else that two spellings may differ in */
struct sockaddr_storage tcp_address_plain(const struct sockaddr_storage *address);
bool tcp_address_equal(const struct sockaddr_storage *one, const struct sockaddr_storage *other);
/** tcp_address_port() - the same with this port */
struct sockaddr_storage tcp_address_port(const struct sockaddr_storage *address, uint32_t port);
socklen_t tcp_address_bytes(const struct sockaddr_storage *address);
/** tcp_address_text() - "10.0.0.2:21064" */
void tcp_address_text(
	const struct sockaddr_storage *address, uint32_t port, char *ret, size_t room);

/* ---- tcp_socket.c: one connection ---- */

/** tcp_socket_connect() - begin. Return: NULL and @ret_error, negative errno */
struct tcp_socket *tcp_socket_connect(struct tcp_peer *peer, int *ret_error);
/** tcp_socket_accepted() - @fd: taken. Return: NULL: it was closed, no memory */
struct tcp_socket *tcp_socket_accepted(struct tcp_peer *peer, int fd);
/** tcp_socket_ready() - handle events. It may be GONE afterwards. */
void tcp_socket_ready(struct tcp_socket *sock, uint32_t events);
/** tcp_socket_send() - Return: bytes taken; -ENOTCONN: broken, ready() tells */
ptrdiff_t tcp_socket_send(struct tcp_socket *sock, const uint8_t *data, size_t size);
/** tcp_socket_read() - receive once; closed and told where that is its end. Return: there may be
 * more */
bool tcp_socket_read(struct tcp_socket *sock);
/** tcp_socket_part() - send no more, read on until the other side has closed it too */
void tcp_socket_part(struct tcp_socket *sock);
/** tcp_socket_close() - @abort: with a reset, and what was not sent is dropped. GONE. */
void tcp_socket_close(struct tcp_socket *sock, bool abort);

/* ---- tcp_peer.c: which connections a peer has ---- */

struct tcp_peer *tcp_peer_find(const struct transport *transport, uint32_t nodeid);
/** tcp_peer_of() - whose address this is; NULL: a stranger's */
struct tcp_peer *tcp_peer_of(
	const struct transport *transport, const struct sockaddr_storage *address);
int tcp_peer_add(struct transport *transport, uint32_t nodeid, uint32_t mark,
	const struct sockaddr_storage *addresses, uint32_t address_count);
void tcp_peer_remove(struct transport *transport, uint32_t nodeid);
/** tcp_peer_accepted() - it opened this connection; @fd: taken */
void tcp_peer_accepted(struct tcp_peer *peer, int fd);
/** tcp_peer_lost() - this connection is closed. @error: negative errno, 0: in order */
void tcp_peer_lost(struct tcp_peer *peer, struct tcp_socket *sock, int error);
void tcp_peer_disconnect(struct tcp_peer *peer);
/** tcp_peer_tick() - do what is due */
void tcp_peer_tick(struct tcp_peer *peer);
/** tcp_peer_deadline() - when it is wanted next; UINT64_MAX: not before other input */
uint64_t tcp_peer_deadline(const struct tcp_peer *peer);
void tcp_peer_info(const struct tcp_peer *peer, struct transport_peer_info *ret);

/* ---- tcp_accept.c: the listener ---- */

/** tcp_accept_open() - Return: 0; -errno */
int tcp_accept_open(struct transport *transport);
/** tcp_accept_ready() - take those who have connected, at most @count_max */
void tcp_accept_ready(struct transport *transport, uint32_t count_max);
/** tcp_accept_tick() - go on listening after a rest */
void tcp_accept_tick(struct transport *transport);

/* ---- tcp.c ---- */

/** tcp_poll() - wait for @events of a source from now on. Return: 0; -errno where it is new */
int tcp_poll(struct transport *transport, struct tcp_source *source, uint32_t events);
/** tcp_unpoll() - it is about to be closed */
void tcp_unpoll(struct transport *transport, struct tcp_source *source);
/** tcp_wake() - ready() is to be called, there is something to tell */
void tcp_wake(struct transport *transport);
