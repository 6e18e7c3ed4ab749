/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files daemon*.c share and nobody else needs. */
#include "control/daemon.h"

/* ---- daemon.c ---- */

/** daemon_state_set() - to a later one */
void daemon_state_set(struct daemon *daemon, enum daemon_state state);
/** daemon_status_tell() - the service manager */
void daemon_status_tell(struct daemon *daemon);
/** daemon_settle() - let go whoever started us in the background. @waiting: for what; NULL: ready
 */
void daemon_settle(struct daemon *daemon, const char *waiting);
/** daemon_end() - the loop ends after this turn */
void daemon_end(struct daemon *daemon, int exit_status);
/** daemon_note_find() - Return: NULL: there is none */
struct daemon_note *daemon_note_find(const struct list *list, const char *name);
/** daemon_note_add() - one that is there is given back. Return: NULL: no memory */
struct daemon_note *daemon_note_add(struct list *list, const char *name);
void daemon_note_free(struct daemon_note *note);
void daemon_notes_free(struct list *list);

/* ---- daemon_life.c ---- */

/** daemon_life_begin() - Return: 0; -errno, with the sentence logged */
int daemon_life_begin(struct daemon *daemon);
/** daemon_life_engine() - AFTER the cluster's word: start the engine, if nothing is in the way */
void daemon_life_engine(struct daemon *daemon);
/** daemon_life_ready() - lockspaces can be joined */
void daemon_life_ready(struct daemon *daemon);
/** daemon_life_announce() - say READY, once it is so and lockspaces can be joined */
void daemon_life_announce(struct daemon *daemon);
/** daemon_life_fail() - this node cannot go on: it ends, and nothing of its locks is used before
 * that */
void daemon_life_fail(struct daemon *daemon, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** daemon_life_cluster_lost() - @text: why */
void daemon_life_cluster_lost(struct daemon *daemon, const char *text);
/** daemon_life_engine_parted() - it is of no use any more, and has not ended. @text: why */
void daemon_life_engine_parted(struct daemon *daemon, const char *text);
/** daemon_life_engine_ended() - for whatever reason. @text: which */
void daemon_life_engine_ended(struct daemon *daemon, const char *text);
/** daemon_life_refuse() - log that lockspaces are in the way. @what: of what, as a sentence begins
 */
void daemon_life_refuse(struct daemon *daemon, const char *what);
/** daemon_life_left() - we are out of the daemon group */
void daemon_life_left(struct daemon *daemon);

/* ---- daemon_cluster.c ---- */

/** daemon_cluster_begin() - AFTER the rule of lost rights is met */
void daemon_cluster_begin(struct daemon *daemon);
/** daemon_cluster_join() - the daemon group. AFTER the engine is ready */
void daemon_cluster_join(struct daemon *daemon);

/* ---- daemon_peers.c ---- */

/** daemon_peers_quorum() - who is in the cluster now. Return: 0; -ENOSPC */
int daemon_peers_quorum(struct daemon *daemon, const uint32_t *members, uint32_t member_count,
	const uint32_t *rejoined, uint32_t rejoined_count);
/** daemon_peers_tell() - to the engine, those that it does not know yet */
void daemon_peers_tell(struct daemon *daemon);
/** daemon_peers_are_missing() - the engine waits for addresses of some of them */
bool daemon_peers_are_missing(const struct daemon *daemon);
/** daemon_peers_linked() - something is shared with this one from now on */
void daemon_peers_linked(struct daemon *daemon, uint32_t nodeid);
/** daemon_peers_unfinished() - write down who has not finished the goodbye of our engine */
void daemon_peers_unfinished(struct daemon *daemon, const uint32_t *nodes, uint32_t count);

/* ---- daemon_others.c ---- */

/** daemon_others_new() - Return: 0; -ENOMEM */
int daemon_others_new(struct daemon *daemon);
void daemon_others_join(struct daemon *daemon);
void daemon_others_leave(struct daemon *daemon);
void daemon_others_deliver(struct daemon *daemon, uint32_t nodeid, const void *data, size_t bytes);
void daemon_others_second(struct daemon *daemon);

/* ---- daemon_orders.c ---- */

/** daemon_orders_run() - those of fence/ and group/ that are there. Return: there were some */
bool daemon_orders_run(struct daemon *daemon);

/* ---- daemon_engine.c ---- */

/** daemon_engine_open() - Return: 0; -errno, with the sentence logged */
int daemon_engine_open(struct daemon *daemon);
/** daemon_engine_onlines() - lockspaces that were asked for before READY */
void daemon_engine_onlines(struct daemon *daemon);

/* ---- daemon_config.c ---- */

void daemon_config_fence(const struct daemon *daemon, struct fence_options *ret);
void daemon_config_group(const struct daemon *daemon, struct group_options *ret);
