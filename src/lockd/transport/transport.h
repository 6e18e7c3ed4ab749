/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How bytes travel between nodes. A transport moves whole buffers and knows nothing of what is in
 * them: frames, sequence numbers and resends are the engine's. dlm_lockd chooses one at start, by
 * the settings; a node that is alone (`single`) has none and opens no port.
 *
 * The calls below may be made at any time; results come through struct transport_events, from
 * inside transport_ops.ready() only, never from inside another call; but stranger() and deaf()
 * from inside remove() too.
 *
 * Between two nodes there are up to two connections, since both may open one at once: each node
 * sends on the one that it opened itself, or on the other's where that was there first, and
 * receives on any. Source: docs/protocol/wire.md, "Transport".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TRANSPORT_ADDRESSES_MAX 3     /* of a node */
#define TRANSPORT_ADDRESS_TEXT  80    /* room for an address and port as text */
#define TRANSPORT_RECONNECT_MS  1000u /* between two attempts to connect to one peer */
#define TRANSPORT_UNANSWERED_MS 5000u /* then an attempt is given up */
#define TRANSPORT_PARTING_MS    5000u /* the other side's end of a close, at most */

struct transport;

struct transport_settings {
	uint32_t port; /* of every node */
	uint32_t mark; /* SO_MARK, 0: none */
	uint32_t address_count;
	const struct sockaddr_storage *addresses; /* ours: to listen on and to connect from */
};

/*
 * What a transport tells. @context is the caller's. Any call but remove() and close() may be
 * made from inside of them.
 */
struct transport_events {
	/* A connection for sending to @nodeid stands, with nothing sent on it yet. */
	void (*connected)(void *context, uint32_t nodeid);
	/* send() took less than it was given, and takes more now. */
	void (*writable)(void *context, uint32_t nodeid);
	/*
	 * The connection for sending is gone, or an attempt to make one has failed: what was not
	 * sent has to be sent again, and connect() has to be called again where one is wanted.
	 * @error: negative errno, 0: the peer closed it
	 */
	void (*disconnected)(void *context, uint32_t nodeid, int error);
	/*
	 * The peer broke the connection that we receive on, and the one for sending still stands:
	 * so it asks for everything that it has not acknowledged.
	 */
	void (*repeat)(void *context, uint32_t nodeid);
	/*
	 * Bytes of @nodeid, from where the last call for the same connection left off.
	 * Return: bytes consumed, all but the beginning of a frame (below TRANSPORT_REST_MAX
	 * bytes), which is given again with what follows; negative errno: reset it
	 */
	int (*received)(void *context, uint32_t nodeid, const uint8_t *data, size_t size);
	/* Somebody who is no peer connected and was refused. */
	void (*stranger)(void *context, const struct sockaddr_storage *address);
	/* Connections cannot be taken for a moment: @error, negative errno */
	void (*deaf)(void *context, int error);
	void *context;
};

#define TRANSPORT_REST_MAX 4096u /* longest frame */

enum transport_state {
	TRANSPORT_APART = 0,  /* no connection for sending, and none wanted */
	TRANSPORT_PAUSING,    /* the last one failed: a pause before the next attempt */
	TRANSPORT_CONNECTING, /* waits for the peer's answer */
	TRANSPORT_CONNECTED,
};

struct transport_peer_info {
	enum transport_state state;
	bool is_accepted; /* CONNECTED: on a connection that the peer opened */
	bool has_second;  /* one that is only received on */
	bool is_blocked;  /* CONNECTED: it takes no more bytes at this moment */
	int error; /* of the last attempt or connection: negative errno, 0: none, or closed */
	char address[TRANSPORT_ADDRESS_TEXT]; /* and port, that is connected to */
	uint64_t sent_bytes, received_bytes;
	uint64_t connect_count, accept_count; /* connections that stood */
	uint64_t failed_count;                /* attempts */
	uint64_t lost_count;                  /* connections that broke */
};

struct transport_ops {
	const char *name; /* "tcp", "sctp" */
	/** open() - listen. Return: 0; -errno, nothing is open */
	int (*open)(const struct transport_settings *settings,
		const struct transport_events *events, struct transport **ret);
	/** close() - everything, without a goodbye; takes NULL */
	void (*close)(struct transport *transport);
	/** descriptor() - readable when ready() has something to do: an epoll set of its own */
	int (*descriptor)(const struct transport *transport);
	/** ready() - do what is due, at most @budget reads */
	void (*ready)(struct transport *transport, uint32_t budget);
	/**
	 * add() - @nodeid may connect and be connected to; again: it has these addresses now
	 * @addresses: the first is connected to, all are accepted from; ports are not looked at
	 * Return: 0; -ENOMEM; -EINVAL no address, or one of another family than ours
	 */
	int (*add)(struct transport *transport, uint32_t nodeid, uint32_t mark,
		const struct sockaddr_storage *addresses, uint32_t address_count);
	/**
	 * remove() - abort its connections, those that it has opened and nobody has looked at
	 * included, tell nothing of it any more. Idempotent.
	 */
	void (*remove)(struct transport *transport, uint32_t nodeid);
	/**
	 * connect() - a connection for sending is wanted; nothing where there is one
	 *
	 * An attempt begins TRANSPORT_RECONNECT_MS after the one before at the earliest, and one
	 * that is not answered is given up after TRANSPORT_UNANSWERED_MS.
	 */
	void (*connect)(struct transport *transport, uint32_t nodeid);
	/**
	 * disconnect() - close its connections in order: what was sent arrives, and what it still
	 * sends is received. The connection for sending is gone with this call; not told.
	 */
	void (*disconnect)(struct transport *transport, uint32_t nodeid);
	/**
	 * reset() - abort the connection for sending, when what has arrived on it has been
	 * received, so that the peer sends again what we have not acknowledged; disconnected()
	 * tells
	 */
	void (*reset)(struct transport *transport, uint32_t nodeid);
	/**
	 * send() - as much as the connection takes now; writable() says when it takes more
	 * Return: bytes taken, 0..@size; -ENOTCONN
	 */
	ptrdiff_t (*send)(
		struct transport *transport, uint32_t nodeid, const uint8_t *data, size_t size);
	/** is_parted() - nothing is left of its connections, not even of those being closed */
	bool (*is_parted)(const struct transport *transport, uint32_t nodeid);
	/** info() - Return: 0; -ENOENT */
	int (*info)(const struct transport *transport, uint32_t nodeid,
		struct transport_peer_info *ret);
};
