/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How bytes travel between nodes. A transport moves whole buffers and knows nothing of what is in
 * them: frames, sequence numbers and resends are the engine's. dlm_lockd chooses one at start, by
 * the settings; a node that is alone (`single`) has none and opens no port.
 *
 * The calls below may be made at any time; results come through struct transport_events, from
 * inside transport_ops.ready() only, never from inside another call.
 *
 * Between two nodes there are up to two connections, since both may open one at once: each node
 * sends on the one that it opened itself and receives on any. Source: docs/protocol/wire.md,
 * "Transport".
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct transport;
struct transport_stream; /* a connection that bytes arrive on */

struct transport_settings {
	uint32_t port; /* of every node */
	uint32_t mark; /* SO_MARK, 0: none */
	uint32_t address_count;
	const struct sockaddr_storage *addresses; /* ours: to listen on and to connect from */
};

/* What a transport tells. @context is the caller's. */
struct transport_events {
	/* A connection for sending to @nodeid stands. */
	void (*connected)(void *context, uint32_t nodeid);
	/* send() took less than it was given, and takes more now. */
	void (*writable)(void *context, uint32_t nodeid);
	/* It is gone; what was not sent has to be sent again. @error: negative errno, 0: closed */
	void (*disconnected)(void *context, uint32_t nodeid, int error);
	/*
	 * Bytes of @nodeid, from where the last call left off.
	 * Return: bytes consumed, the rest is given again with what follows; negative errno: reset
	 * it
	 */
	int (*received)(void *context, uint32_t nodeid, struct transport_stream *stream,
		const uint8_t *data, size_t size);
	/* Somebody who is no peer connected and was refused. */
	void (*stranger)(void *context, const struct sockaddr_storage *address);
	void *context;
};

struct transport_ops {
	const char *name; /* "tcp", "sctp" */
	/** open() - listen. Return: 0; -errno, nothing is open */
	int (*open)(const struct transport_settings *settings,
		const struct transport_events *events, struct transport **ret);
	/** close() - everything, without a goodbye */
	void (*close)(struct transport *transport);
	/** descriptor() - readable when ready() has something to do: an epoll set of its own */
	int (*descriptor)(const struct transport *transport);
	/** ready() - do what is due, at most @budget reads */
	void (*ready)(struct transport *transport, uint32_t budget);
	/** peer_add() - @nodeid may connect and be connected to. Return: 0; -ENOMEM; -EINVAL */
	int (*peer_add)(struct transport *transport, uint32_t nodeid, uint32_t mark,
		const struct sockaddr_storage *addresses, uint32_t address_count);
	void (*peer_remove)(struct transport *transport, uint32_t nodeid);
	/** connect() - begin to connect, if it is not connected or connecting */
	void (*connect)(struct transport *transport, uint32_t nodeid);
	/** disconnect() - close its connections in order, both directions */
	void (*disconnect)(struct transport *transport, uint32_t nodeid);
	/**
	 * send() - as much as the connection takes now; writable() says when it takes more
	 * Return: bytes taken, 0..@size; -ENOTCONN
	 */
	ptrdiff_t (*send)(
		struct transport *transport, uint32_t nodeid, const uint8_t *data, size_t size);
};
