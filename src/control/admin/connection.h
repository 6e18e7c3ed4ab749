/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One connection of the admin sockets: bytes in until a request is whole, bytes out until an answer
 * is gone. It knows neither the loop nor the other connections.
 *
 * Order: connection_read() until it says CONNECTION_REQUEST, then one of connection_answer(),
 * connection_accept(), then connection_write() while it says CONNECTION_MORE.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "proto/dlmc.h"

enum connection_state {
	CONNECTION_READING,
	CONNECTION_WAITING, /* a request is whole and has not been answered */
	CONNECTION_WRITING,
};

enum connection_result {
	CONNECTION_MORE,      /* wait for the descriptor to be ready */
	CONNECTION_REQUEST,   /* a request is whole */
	CONNECTION_SENT,      /* the answer is gone; the next request may come */
	CONNECTION_END,       /* the other side is gone */
	CONNECTION_MALFORMED, /* no request */
};

struct connection {
	int fd; /* owned; non-blocking */
	pid_t pid;
	uid_t uid;
	bool is_query, is_trusted;
	enum connection_state state;
	uint32_t in_bytes;  /* of header and payload that have come */
	uint32_t in_wanted; /* header alone, then header and payload */
	struct text out;    /* unsent from out_at on */
	size_t out_at;
	int out_fd; /* owned; sent after out; -1 */
	off_t out_fd_at, out_fd_bytes;
	union {
		struct dlmc_header header;
		char bytes[sizeof(struct dlmc_header) + DLMC_PAYLOAD_MAX];
	} in;
};

/** connection_init() - @fd is taken; who is there is asked of the kernel. Return: 0; -errno */
int connection_init(struct connection *connection, int fd, bool is_query);
/** connection_done() - closes */
void connection_done(struct connection *connection);
enum connection_result connection_read(struct connection *connection);
enum connection_result connection_write(struct connection *connection);
/** connection_answer() - @answer and @fd are taken. Return: 0; -errno of asking @fd's size, @fd is
 * closed then */
int connection_answer(struct connection *connection, struct text *answer, int fd);
/** connection_accept() - a request without an answer is done */
void connection_accept(struct connection *connection);
/** connection_unsent() - bytes of memory that its answer takes */
size_t connection_unsent(const struct connection *connection);
