/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The DLM_MSGs: built from locks and sent, received and handed to the room that answers them:
 * receive_master.c (a request for us as master), receive_owner.c (a reply to an operation of ours,
 * grants and blocking ASTs), directory.c (who is master).
 * Source: docs/protocol/wire.md, "Messages".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/wire.h"

struct engine_lockspace;
struct lock;
struct resource;

/* From an owner. @must_go: recovery, overlaps, unlocks; see node_send(). Return: 0; -ENOMEM if not
 * @must_go */
int message_send_request(struct lock *lock, uint32_t nodeid, bool must_go);
int message_send_lookup(struct lock *lock, uint32_t nodeid, bool must_go);
int message_send_convert(struct lock *lock, bool must_go);
void message_send_unlock(struct lock *lock);
void message_send_cancel(struct lock *lock);
int message_send_purge(struct engine_lockspace *ls, uint32_t nodeid, uint32_t pid);

/* From a master to the owner of a master copy. */
void message_send_reply(struct lock *lock, enum wire_msg_type type, int result);
void message_send_grant(struct lock *lock);
void message_send_bast(struct lock *lock, int mode);
/** message_send_refusal() - an answer to @msg for which there is no lock */
void message_send_refusal(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg,
	enum wire_msg_type type, int result);

/* Between masters and directory. */
/** message_send_remove() - Return: 0; -ENOMEM: not sent, try again later */
int message_send_remove(struct resource *resource);
/** message_send_lookup_reply() - @master_nodeid 0: unknown, ask again */
void message_send_lookup_reply(struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_msg *lookup, uint32_t master_nodeid);

/** message_receive() - a DLM_MSG arrived: now, or to the request queue */
void message_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
/** message_process() - act on it; locking is open (or recovery processes the request queue) */
void message_process(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
/** message_refused() - trace that @msg was ignored, and why */
void message_refused(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg, const char *why);
