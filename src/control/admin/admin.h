/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The two local sockets through which programs ask and steer dlm_controld: who is connected, whole
 * requests in, whole answers out. What a command means is decided elsewhere.
 *
 * No client can make us wait, end us or take more than its share: nothing here blocks, a request
 * has a time in which it must be whole, connections and unsent answers are limited (those of other
 * users than root and our own more than theirs), and what is malformed ends its connection. Source:
 * docs/protocol/control.md, "Local sockets".
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/text.h"
#include "proto/dlmc.h"

#define ADMIN_CONNECTIONS_MAX      1024u
#define ADMIN_UNTRUSTED_MAX        512u                /* of them, of all other users */
#define ADMIN_USER_MAX             128u                /* of one other user */
#define ADMIN_REQUEST_MS           10000u              /* until a request must be whole */
#define ADMIN_SEND_MS              30000u              /* without a byte taken of an answer */
#define ADMIN_UNSENT_MAX           (64u * 1024 * 1024) /* bytes of answers in memory */
#define ADMIN_UNSENT_UNTRUSTED_MAX (16u * 1024 * 1024)

struct admin;

struct admin_request {
	uint64_t id;   /* for the answer */
	bool is_query; /* it came on the query socket */
	pid_t pid;     /* of the peer when it connected */
	uid_t uid;
	bool is_trusted; /* root, or the user that we are */
	struct dlmc_header header;
	const char *payload; /* valid during the call */
	uint32_t payload_bytes;
};

struct admin_settings {
	const char *run_dir; /* where the sockets are files; NULL: abstract names */
	void *context;
	/*
	 * A request is whole. It is ended by exactly one of admin_answer(), admin_accept(),
	 * admin_refuse(), now or later, unless the connection is gone by then.
	 */
	void (*request)(void *context, const struct admin_request *request);
};

struct admin_taken {
	const char *name; /* DLMC_SOCKET, DLMC_QUERY_SOCKET */
	pid_t pid;        /* 0: not known */
};

struct admin_counts {
	uint32_t connections;
	uint64_t accepted, refused, malformed, expired;
};

/**
 * admin_open() - listen
 * @reterr: which of the names could not be had; on -EADDRINUSE who has it
 * Return: 0; -EADDRINUSE an abstract name is taken; -ENAMETOOLONG the run directory is too long for
 * a socket; -errno
 */
int admin_open(qb_loop_t *loop, struct log *log, const struct admin_settings *settings,
	struct admin **ret, struct admin_taken *reterr);
/** admin_close() - at once, with what is unsent. NULL is allowed. */
void admin_close(struct admin *admin);

/**
 * admin_answer() - send it, then read on (change socket) or close (query socket)
 * @answer: header and all; taken, and zeroed for the caller, also where the connection is gone
 * @fd:     its bytes from 0 to its end follow; taken; -1: none
 */
void admin_answer(struct admin *admin, uint64_t id, struct text *answer, int fd);
/** admin_accept() - there is no answer to this command: read on */
void admin_accept(struct admin *admin, uint64_t id);
/** admin_refuse() - close without an answer; @is_malformed: counted as such */
void admin_refuse(struct admin *admin, uint64_t id, bool is_malformed);
void admin_counts(const struct admin *admin, struct admin_counts *ret);
