/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A dlm_lockd that says what the test tells it to: the test reads the records that the library
 * sends and writes those that it should get. Only the handshake happens by itself, in a thread,
 * since the library waits for it.
 */
#include <libdlm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/client.h"

#define FAKE_WAIT_MS  30000
#define FAKE_FIRST_ID 1000
#define FAKE_BLOCK    64

struct fake {
	char dir[64];
	int control_listener, listener;
	int fd;       /* connection of the lockspace; -1 */
	int lease_fd; /* our own description of the lease file, for the flock test */
	struct lease *lease;
	pthread_t thread;
	int bye;        /* negative errno: say BYE instead of WELCOME */
	uint32_t block; /* ids in a block */
	uint32_t blocks;
	_Alignas(8) uint8_t in[CLIENT_PACKET_MAX];
	uint32_t in_bytes, in_done;
	uint32_t packet_count; /* received */
	bool keep_pokes;       /* else fake_next() answers them by itself */
	_Alignas(8) uint8_t out[CLIENT_PACKET_MAX];
	uint32_t out_bytes;
};

/** fake_start() - a run directory with RUN/control and RUN/lockspaces/test; the library finds it */
void fake_start(struct fake *fake);
void fake_stop(struct fake *fake);
/** fake_open() - dlm_open_lockspace("test"), with the handshake done */
dlm_lshandle_t fake_open(struct fake *fake);
/** fake_serve() - the handshake, as a thread's function; @arg: struct fake */
void *fake_serve(void *arg);
/** fake_hangup() - as if dlm_lockd had died */
void fake_hangup(struct fake *fake);

/** fake_next() - the next record from the library; fails the test after FAKE_WAIT_MS */
const struct client_head *fake_next(struct fake *fake, enum client_record_type type);
const struct client_lock *fake_next_lock(struct fake *fake);
const struct client_unlock *fake_next_unlock(struct fake *fake);
/** fake_silent() - whether nothing has arrived that was not fetched */
bool fake_silent(struct fake *fake);

/* Records for the library, gathered until fake_send(). */
void fake_completion(struct fake *fake, uint32_t lkid, int status, int mode, bool ended);
void fake_completion_lvb(
	struct fake *fake, uint32_t lkid, int mode, uint8_t sbflags, const char *lvb);
void fake_bast(struct fake *fake, uint32_t lkid, int mode);
void fake_answer(struct fake *fake, uint32_t serial, int result, uint32_t value);
void fake_refused(struct fake *fake, enum client_record_type type, uint32_t lkid, int error);
void fake_ids(struct fake *fake, uint32_t first, uint32_t count);
void fake_send(struct fake *fake);
/** fake_lease_held() - whether somebody still has the lease */
bool fake_lease_held(struct fake *fake);
