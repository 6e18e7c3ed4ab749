/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Transports on loopback addresses of this process's own, and bare sockets in the place of a peer.
 * What a transport tells is counted; frames are 8 bytes, their number in them.
 */
#include "../cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lockd/transport/tcp.h"

#define SIDE_PORT     21064u
#define SIDE_FRAME    8u
#define SIDE_PATIENCE 20000 /* ms: conditions are waited for, this only ends a test that hangs */

struct side {
	uint32_t nodeid;
	struct transport *transport; /* NULL: not there */
	int connected_count, writable_count, disconnected_count, repeat_count, stranger_count;
	int deaf_count;
	int error;            /* of the last disconnected() */
	uint64_t received;    /* bytes, in order */
	bool refuses;         /* what it receives */
	uint64_t frame_count; /* whole frames */
};

static inline uint64_t side_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct sockaddr_storage side_address(uint32_t nodeid, uint32_t port)
{
	struct sockaddr_storage address = {.ss_family = AF_INET};
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	uint32_t pid = (uint32_t)getpid();

	in->sin_addr.s_addr =
		htonl(127u << 24 | (pid % 250 + 1) << 16 | (pid / 250 % 250 + 1) << 8 | nodeid);
	in->sin_port = htons((uint16_t)port);
	return address;
}

static void on_connected(void *context, uint32_t nodeid)
{
	((struct side *)context)->connected_count++;
}

static void on_writable(void *context, uint32_t nodeid)
{
	((struct side *)context)->writable_count++;
}

static void on_disconnected(void *context, uint32_t nodeid, int error)
{
	struct side *side = context;

	side->disconnected_count++;
	side->error = error;
}

static void on_repeat(void *context, uint32_t nodeid)
{
	((struct side *)context)->repeat_count++;
}

/* Frames carry their number, so that what is lost or mixed up is seen. */
static int on_received(void *context, uint32_t nodeid, const uint8_t *data, size_t size)
{
	struct side *side = context;
	size_t at;

	if (side->refuses)
		return -EPROTO;
	for (at = 0; at + SIDE_FRAME <= size; at += SIDE_FRAME) {
		uint64_t number;

		memcpy(&number, data + at, sizeof(number));
		assert_int_equal(number, side->frame_count);
		side->frame_count++;
	}
	side->received += at;
	return (int)at;
}

static void on_stranger(void *context, const struct sockaddr_storage *address)
{
	((struct side *)context)->stranger_count++;
}

static void on_deaf(void *context, int error)
{
	((struct side *)context)->deaf_count++;
}

static inline void side_open(struct side *side, uint32_t nodeid)
{
	const struct sockaddr_storage address = side_address(nodeid, 0);
	const struct transport_settings settings = {
		.port = SIDE_PORT, .address_count = 1, .addresses = &address};
	const struct transport_events events = {
		.connected = on_connected,
		.writable = on_writable,
		.disconnected = on_disconnected,
		.repeat = on_repeat,
		.received = on_received,
		.stranger = on_stranger,
		.deaf = on_deaf,
		.context = side,
	};

	*side = (struct side){.nodeid = nodeid};
	assert_int_equal(tcp_transport.open(&settings, &events, &side->transport), 0);
}

static inline void side_close(struct side *side)
{
	tcp_transport.close(side->transport);
	side->transport = NULL;
}

static inline void side_peer(struct side *side, uint32_t nodeid)
{
	const struct sockaddr_storage address = side_address(nodeid, 0);

	assert_int_equal(tcp_transport.add(side->transport, nodeid, 0, &address, 1), 0);
}

/* Handle what there is, without a wait. Return: there was something */
static inline bool side_turn(struct side *side)
{
	struct pollfd ready = {.fd = tcp_transport.descriptor(side->transport), .events = POLLIN};

	if (poll(&ready, 1, 0) != 1)
		return false;
	tcp_transport.ready(side->transport, 16);
	return true;
}

/* Turns of one or two sides until @condition. */
#define side_until(one, other, condition)                                                          \
	do {                                                                                       \
		uint64_t until_ms_ = side_now_ms() + SIDE_PATIENCE;                                \
		struct side *sides_[] = {one, other};                                              \
                                                                                                   \
		while (!(condition)) {                                                             \
			bool busy_ = side_turn(sides_[0]);                                         \
                                                                                                   \
			busy_ = (sides_[1] && side_turn(sides_[1])) || busy_;                      \
			if (!busy_)                                                                \
				poll(NULL, 0, 1);                                                  \
			if (side_now_ms() >= until_ms_)                                            \
				fail_msg("not in time: " #condition);                              \
		}                                                                                  \
	} while (0)

static inline struct transport_peer_info side_info(const struct side *side, uint32_t nodeid)
{
	struct transport_peer_info info;

	assert_int_equal(tcp_transport.info(side->transport, nodeid, &info), 0);
	return info;
}

/* Frames from *@number on, as many as are taken. Return: all @count were */
static inline bool side_send(struct side *side, uint32_t nodeid, uint64_t *number, uint64_t count)
{
	uint8_t frame[SIDE_FRAME];

	for (; count; count--) {
		ptrdiff_t taken;

		memcpy(frame, number, sizeof(frame));
		taken = tcp_transport.send(side->transport, nodeid, frame, sizeof(frame));
		if (taken != sizeof(frame))
			return false;
		++*number;
	}
	return true;
}

/* A bare socket that listens in the place of @nodeid. */
static inline int bare_listen(uint32_t nodeid, int backlog)
{
	const struct sockaddr_storage address = side_address(nodeid, SIDE_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&address, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* One that connects from the address of @nodeid to @to. */
static inline int bare_connect(uint32_t nodeid, uint32_t to)
{
	const struct sockaddr_storage from = side_address(nodeid, 0);
	const struct sockaddr_storage address = side_address(to, SIDE_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&address, sizeof(struct sockaddr_in)), 0);
	return fd;
}

/* Wait for its end. Return: 0 the other side closed it; negative errno */
static inline int bare_end(int fd, struct side *side)
{
	uint64_t until_ms = side_now_ms() + SIDE_PATIENCE;
	uint8_t bytes[4096];

	for (;;) {
		ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (!count)
			return 0;
		if (count < 0 && errno != EAGAIN)
			return -errno;
		if (count < 0 && !side_turn(side))
			poll(NULL, 0, 1);
		if (side_now_ms() >= until_ms)
			fail_msg("the connection does not end");
	}
}
