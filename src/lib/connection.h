/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * One connection to dlm_lockd: the socket, the lease that came with it, and the packets being built
 * and read. What the records mean is not known here.
 * Source: proto/client.h
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/client.h"

struct connection {
	int fd;
	int lease_fd;              /* -1: none, or given back */
	const struct lease *lease; /* mapped; NULL: not in this process (after fork) */
	uint32_t owner;            /* of the lease when it was ours, as the daemon counts pids */
	struct client_welcome welcome;
	uint32_t out_bytes;
	uint64_t out_since_ms; /* coarse; when the oldest record of out was appended */
	uint32_t in_bytes;
	uint32_t in_done; /* bytes of in that are behind us; the records after WELCOME */
	_Alignas(8) uint8_t out[CLIENT_PACKET_MAX];
	_Alignas(8) uint8_t in[CLIENT_PACKET_MAX];
};

/**
 * connection_open() - connect and shake hands
 * @folder: below the run directory; NULL: the run directory itself
 * @name:   of the socket
 * @leased: the daemon must give a lease
 * @ret:    to be freed by connection_close(); records that came with WELCOME are in it, unread
 *
 * Return: 0; -ENOENT, -ECONNREFUSED, -EACCES of connect(2); -EPROTO the other side speaks something
 * else; the errno of its BYE; -ENOMEM, -EMFILE. Can be interrupted: -EINTR.
 */
int connection_open(const char *folder, const char *name, bool leased, struct connection **ret);
/** connection_close() - NULL is allowed. Descriptors of other processes stay. */
void connection_close(struct connection *connection);

/** connection_append() - a zeroed record at the end of out; NULL: no room, send first */
void *connection_append(
	struct connection *connection, enum client_record_type type, uint32_t bytes);
/** connection_send() - out, as one packet. Return: 0 sent or empty; -EAGAIN; -ENOTCONN */
int connection_send(struct connection *connection);
/**
 * connection_receive() - one packet into in, without its old content
 * @flags: of recv(2): MSG_DONTWAIT, or 0
 * Return: 0; -EAGAIN; -EINTR, only if it waits; -ENOTCONN
 */
int connection_receive(struct connection *connection, int flags);
/** connection_next() - the next record of in. Return: 0; -ENODATA no more; -EBADMSG malformed */
int connection_next(struct connection *connection, const struct client_head **ret);

/** connection_owned() - whether the lease says that this process uses the connection */
bool connection_owned(const struct connection *connection);
/** connection_adopt() - the daemon has given the connection to this process. 0; -errno of mmap */
int connection_adopt(struct connection *connection);
/** connection_lease_close() - say that nothing acts on our locks any more */
void connection_lease_close(struct connection *connection);
/** connection_set_inherit() - whether exec leaves both descriptors open. 0; -errno */
int connection_set_inherit(struct connection *connection, bool inherit);
