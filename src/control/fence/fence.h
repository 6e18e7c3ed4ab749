/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * PURE. The daemon group "dlm:controld": which daemons are there and speak which protocol, who of
 * those that are gone has to be fenced and by whom, what is known of fencing that was going on when
 * we came, and what happens when halves of a cluster that both have state meet again. Also the
 * quorum's word on the cluster, since all of this is decided from it, and lockspaces (group/) ask
 * here whether they may start.
 *
 * What happened comes in through the calls below, with the time in them; what has to be done is
 * given as orders, taken one by one after each call; nothing is called from here but `note`.
 * The rules are the reference's, so that daemons of both kinds decide alike.
 * Source: docs/protocol/control.md, "The daemon group".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "proto/cpg.h"

struct fence;

/* Seconds: monotonic, and of the wall clock. */
struct fence_now {
	uint64_t mono, wall;
};

/* May change while it runs. */
struct fence_options {
	bool enable_fencing, enable_concurrent, enable_startup, repeat_failed, enable_quorum;
	uint32_t post_join_delay; /* s */
};

enum fence_level {
	FENCE_DEBUG,
	FENCE_INFO,
	FENCE_WARNING,
	FENCE_ERROR
};

struct fence_settings {
	const struct alloc *alloc; /* borrowed */
	uint32_t nodeid;           /* ours */
	bool is_two_node;
	const uint32_t *configured; /* corosync's node list, ours included: copied */
	uint32_t configured_count;
	struct fence_options options;
	/* A line for the log; it must not call back. May be NULL. */
	void (*note)(void *context, enum fence_level level, const char *text);
	void *context;
};

/* Why a node left a group: corosync's numbers. */
enum fence_reason {
	FENCE_REASON_STARTUP = -1,
	FENCE_REASON_NONE = 0,
	FENCE_REASON_JOIN = 1,
	FENCE_REASON_LEAVE = 2,
	FENCE_REASON_NODEDOWN = 3,
	FENCE_REASON_NODEUP = 4,
	FENCE_REASON_PROCDOWN = 5,
};

/* A change of a group's members, as corosync tells it; also used by group/. */
struct fence_change {
	const uint32_t *members; /* in corosync's order */
	uint32_t member_count;
	const uint32_t *joined;
	uint32_t joined_count;
	const uint32_t *left;
	const enum fence_reason *left_reasons;
	uint32_t left_count;
};

struct fence_quorum {
	bool is_quorate;
	uint64_t ring_seq;
	const uint32_t *members;
	uint32_t member_count;
	const uint32_t *rejoined; /* left and joined again since the last call */
	uint32_t rejoined_count;
};

enum fence_order_type {
	FENCE_ORDER_SEND,       /* data, bytes: to the daemon group */
	FENCE_ORDER_KILL,       /* nodeid: corosync is told to remove it from the cluster */
	FENCE_ORDER_AGENT,      /* nodeid: start its fence agent; then fence_agent_started() or
				   fence_agent_failed() is called */
	FENCE_ORDER_AGENT_KILL, /* nodeid: its running agent is not needed any more */
	FENCE_ORDER_AGREED,     /* the protocol is agreed: lockspaces can be joined */
	FENCE_ORDER_REFUSED,    /* this daemon cannot take part; text: why */
};

struct fence_order {
	enum fence_order_type type;
	uint32_t nodeid;
	uint64_t fail_time;  /* AGENT: wall clock, when the node failed */
	const uint8_t *data; /* valid until the next call */
	uint32_t bytes;
	const char *text;
};

/** fence_new() - nothing known, no member. Return: 0; -ENOMEM */
int fence_new(const struct fence_settings *settings, struct fence **ret);
/** fence_free() - NULL is allowed */
void fence_free(struct fence *fence);
void fence_options_set(struct fence *fence, const struct fence_options *options);

/* ---- what happened ---- */

/** fence_quorum() - Return: 0; -ENOMEM the daemon must end */
int fence_quorum(struct fence *fence, struct fence_now now, const struct fence_quorum *quorum);
/** fence_confchg() - Return: as fence_quorum(); -EMSGSIZE more than CPG_MEMBERS_MAX members: the
 * same */
int fence_confchg(struct fence *fence, struct fence_now now, const struct fence_change *change);
/** fence_ring() - the daemon group's word on the ring */
void fence_ring(struct fence *fence, struct fence_now now, uint32_t nodeid, uint64_t seq);
/**
 * fence_deliver() - a message of the daemon group
 * Return: 0; -EBADMSG refused, and noted; -EOPNOTSUPP a type that is not decided here (the caller
 * may know it)
 */
int fence_deliver(
	struct fence *fence, struct fence_now now, uint32_t sender, const void *data, size_t bytes);
/** fence_tick() - a second has gone by; wanted while fence_is_waiting() */
void fence_tick(struct fence *fence, struct fence_now now);
bool fence_is_waiting(const struct fence *fence);
/** fence_begin() - from now on nodes may be fenced: this daemon has been agreed with and runs */
void fence_begin(struct fence *fence, struct fence_now now);
/**
 * fence_ack() - an administrator says that @nodeid is fenced; all nodes are told
 * Return: 0; -ENOENT nobody here waits for that (it is told nevertheless); -EAGAIN we are not
 * agreed with yet: nobody is told
 */
int fence_ack(struct fence *fence, struct fence_now now, uint32_t nodeid);
/** fence_stateful() - this node has started a lockspace: from now on it has state */
void fence_stateful(struct fence *fence);

/* The agent that an order asked for. None of these is called for one that AGENT_KILL has ended. */
void fence_agent_started(struct fence *fence, uint32_t nodeid, int pid);
/** fence_agent_failed() - it could not be started. @error: -1 or -errno, goes to all nodes */
void fence_agent_failed(struct fence *fence, struct fence_now now, uint32_t nodeid, int error);
/** fence_agent_ended() - @status: exit status; -1: by a signal */
void fence_agent_ended(struct fence *fence, struct fence_now now, uint32_t nodeid, int status);

/** fence_order_take() - Return: true and @ret filled; false: none */
bool fence_order_take(struct fence *fence, struct fence_order *ret);

/* ---- what lockspaces ask ---- */

bool fence_is_quorate(const struct fence *fence);
/** fence_ring_seq() - of the quorum's last word */
uint64_t fence_ring_seq(const struct fence *fence);
/** fence_is_outstanding() - somebody, anywhere, has to be fenced, or that is not known yet */
bool fence_is_outstanding(const struct fence *fence);
/** fence_done_since() - whether @nodeid was fenced at or after monotonic second @mono; true for one
 * that was never seen in the daemon group, or was fenced earlier and has not been clean since */
bool fence_done_since(const struct fence *fence, uint32_t nodeid, uint64_t mono);
/** fence_cluster_add_time() - monotonic second at which it came into the cluster; 0: it is not in
 * it */
uint64_t fence_cluster_add_time(const struct fence *fence, uint32_t nodeid);
/** fence_version() - the agreed daemon protocol; zeros before that */
void fence_version(const struct fence *fence, uint16_t ret[3]);

/* ---- looking ---- */

struct fence_view {
	bool is_agreed, is_quorate, is_fipu; /* fipu: fencing in progress unknown */
	bool stateful_merge_wait; /* halves that met, and an administrator has to part them */
	uint32_t member_count, joined_count, remove_count; /* of the last change of the group */
	uint32_t startup_count;
	uint64_t daemon_ring_seq, cluster_ring_seq;
	uint64_t refused_count; /* messages of the group that were not right */
	int agent_pid;          /* of one that runs here; 0 */
	const char *wait; /* what fencing waits for: "quorum", "ringid", "stateful merge", "" */
};

struct fence_node_view {
	uint32_t nodeid;
	bool is_member, is_killed, need_fencing, delay_fencing, is_merge, pid_wait, result_wait;
	bool is_kept; /* is_merge, and will not be removed: of two nodes that had never met */
	enum fence_reason left_reason;
	int agent_pid;
	int last_result;                        /* of the newest failed attempt; 0: none */
	uint32_t actor_last, actor_done, actor; /* actor: who has to fence it now; 0: none */
	uint64_t add_time, rem_time;            /* monotonic s; 0: never */
	uint64_t fail_walltime, fail_monotime, fence_walltime, fence_monotime;
	struct cpg_protocol protocol; /* as it said; zeros: nothing accepted yet */
};

void fence_view(const struct fence *fence, struct fence_view *ret);
/** fence_node_view() - in the order in which they were first seen. Return: true; false: no more */
bool fence_node_view(const struct fence *fence, uint32_t index, struct fence_node_view *ret);
bool fence_node_find(const struct fence *fence, uint32_t nodeid, struct fence_node_view *ret);
/** fence_startup_view() - nodes that may have to be fenced since they were never seen */
bool fence_startup_view(const struct fence *fence, uint32_t index, uint32_t *ret_nodeid);
/** fence_cluster_view() - members of the cluster by the quorum's last word, with their add time */
bool fence_cluster_view(
	const struct fence *fence, uint32_t index, uint32_t *ret_nodeid, uint64_t *ret_add_time);
