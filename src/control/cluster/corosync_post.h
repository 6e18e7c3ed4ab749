/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Letters between the two threads of a cluster kind: the daemon's loop, where everything is decided
 * and which never waits, and the worker, which makes all calls to corosync, since any of them waits
 * for as long as corosync is stopped. Each side has a descriptor that is readable while letters lie
 * there for it. Nothing else is shared.
 */
#include <netinet/in.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/list.h"
#include "control/cluster/cluster.h"

#define POST_GROUP_BYTES_MAX 128u /* corosync's, with the NUL */
#define POST_SEND_BYTES_MAX  (8u * 1024u * 1024u)
#define POST_SEND_COUNT_MAX  65536u
#define POST_LOOP_BYTES_MAX  (4u * 1024u * 1024u) /* then the worker takes nothing from corosync */

enum letter_type {
	/* to the loop */
	LETTER_LOG,         /* number: level; data: text */
	LETTER_WAITING,     /* data: text */
	LETTER_UP,          /* seq: instance; data: struct cluster_facts */
	LETTER_QUORUM,      /* data: struct letter_quorum */
	LETTER_CONFCHG,     /* group, number: whether we are out; data: struct letter_confchg */
	LETTER_RING,        /* group, nodeid, seq */
	LETTER_DELIVER,     /* group, nodeid, data */
	LETTER_LOOKED,      /* group, number: error; data: nodeids */
	LETTER_JOIN_FAILED, /* group, number: error */
	LETTER_SHUTDOWN,    /* may corosync shut down? */
	LETTER_LOST,        /* data: text */
	/* to the worker */
	LETTER_JOIN,           /* group */
	LETTER_LEAVE,          /* group */
	LETTER_SEND,           /* group, data */
	LETTER_LOOK,           /* group */
	LETTER_KILL,           /* nodeid; data: why */
	LETTER_SHUTDOWN_REPLY, /* number: whether it may */
};

struct letter {
	struct list on_box;
	enum letter_type type;
	int32_t number;
	uint32_t nodeid;
	uint64_t seq;
	char group[POST_GROUP_BYTES_MAX];
	size_t bytes; /* of data, which a NUL follows */
	alignas(max_align_t) uint8_t data[];
};

struct letter_quorum {
	bool is_quorate;
	uint64_t ring_seq;
	uint32_t member_count, rejoined_count;
	uint32_t members[CLUSTER_NODES_MAX], rejoined[CLUSTER_NODES_MAX];
	uint32_t address_counts[CLUSTER_NODES_MAX]; /* of the member at the same place */
	struct sockaddr_storage addresses[CLUSTER_NODES_MAX][CLUSTER_ADDRESSES_MAX];
};

struct letter_confchg {
	uint32_t member_count, left_count, joined_count;
	uint32_t members[CLUSTER_NODES_MAX], joined[CLUSTER_NODES_MAX];
	struct cluster_left left[CLUSTER_NODES_MAX];
};

/** post_letter_new() - @group: NULL for none; @data: copied, NULL for zeros. Return: NULL without
 * memory
 */
struct letter *post_letter_new(
	enum letter_type type, const char *group, const void *data, size_t bytes);
/** post_letter_free() - NULL is allowed */
void post_letter_free(struct letter *letter);

struct post;

/** post_new() - held once by the loop and once by the worker. Return: 0; -errno */
int post_new(struct post **ret);
/** post_drop() - both sides let go of it once; the later one frees it */
void post_drop(struct post *post);

/* ---- the loop's side ---- */

int post_loop_fd(const struct post *post);
/** post_to_worker() - takes the letter over. Return: 0; -ENOBUFS too much is being sent, and the
 * letter is freed */
int post_to_worker(struct post *post, struct letter *letter);
/** post_for_loop() - Return: the next letter, the caller's now; NULL: none, and the descriptor is
 * quiet */
struct letter *post_for_loop(struct post *post);
/** post_close() - nothing goes to the loop any more, and the worker is told to end */
void post_close(struct post *post);
/** post_await_end() - Return: whether the worker has ended within so many ms; else it is abandoned
 */
bool post_await_end(struct post *post, uint32_t ms);
/** post_call_began() - since when (monotonic ms) the worker waits for corosync; 0: it does not */
uint64_t post_call_began(struct post *post);

/* ---- the worker's side ---- */

int post_worker_fd(const struct post *post);
/** post_to_loop() - takes the letter over */
void post_to_loop(struct post *post, struct letter *letter);
/** post_for_worker() - as post_for_loop() */
struct letter *post_for_worker(struct post *post);
/** post_sent() - a LETTER_SEND needs no room any more; it is freed */
void post_sent(struct post *post, struct letter *letter);
/** post_is_full() - the loop is behind; when it has caught up, the worker's descriptor says so */
bool post_is_full(struct post *post);
bool post_is_closed(struct post *post);
/** post_is_abandoned() - nobody waits any more for what the loop asked before it closed */
bool post_is_abandoned(struct post *post);
/** post_end() - the last word of the worker before its post_drop() */
void post_end(struct post *post);
/** post_call() - @now: monotonic ms, of a call that may wait; 0: it is over */
void post_call(struct post *post, uint64_t now);
