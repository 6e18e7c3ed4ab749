/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * PURE. The lockspaces of this node. Each is a corosync group "dlm:ls:NAME" whose members agree,
 * change by change, when locking stops and starts: each sends START for a change when its own
 * conditions are met, and all start when every member's START for that change has been delivered.
 * Who dies or comes meanwhile makes a newer change. The rules, and the messages, are those of the
 * reference. Source: docs/protocol/control.md, "Lockspace groups".
 *
 * Programs ask through the engine (online, offline), the engine reports (stopped, recovered,
 * probed), the cluster tells changes, rings and messages. What follows is given as orders, in
 * order, taken one by one after each call; nothing is called from here but `note`.
 *
 * A lockspace that others have already:
 *	group_online()		-> LOOK
 *	group_looked(2, 3)	-> PROBE 2, PROBE 3	(would they take us?)
 *	group_probed() each	-> JOIN
 *	group_confchg()		-> PROBE of those who were there before us, once more
 *	conditions met		-> SEND START		(see enum group_wait)
 *	group_deliver(START of all) -> STATEFUL, NEW, START n, ANSWER 0
 *	group_recovered(n)
 * A change later: STOP n at once, and only after group_stopped(n) is START sent.
 * Release: group_offline() -> STOP n; group_stopped(n) -> LEAVE; we are in the left list of
 * group_confchg() -> ANSWER 0, and it is gone.
 * Each stop and start has a number, and only its own confirmation counts.
 *
 * Posix locks are not served: as the reference with enable_plock=0 it never says HAVEPLOCK, so that
 * nobody asks it for their state. It sends no PLOCKS_DONE, and passes over what others say of
 * theirs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "base/pure/dlmconst.h"
#include "control/fence/fence.h"

#define GROUP_LOCKSPACES_MAX 1024u /* on this node; the next online is refused */

struct group;

struct group_options {
	bool enable_fencing, enable_quorum_lockspace;
};

struct group_settings {
	const struct alloc *alloc; /* borrowed */
	const struct fence *fence; /* borrowed: what it knows is asked at each decision */
	uint32_t nodeid;           /* ours */
	bool has_probe;            /* the engine can ask peers before a join */
	struct group_options options;
	/* A line for the log; @name: the lockspace. It must not call back. May be NULL. */
	void (*note)(void *context, enum fence_level level, const char *name, const char *text);
	void *context;
};

/* What dlm.conf says of a lockspace: read anew by the caller at each online. */
struct group_weight {
	uint32_t nodeid, weight;
};

struct group_placement {
	uint32_t nodir;
	const struct group_weight *weights; /* copied; none: every node 1, else unlisted nodes 0 */
	uint32_t weight_count;
};

struct group_member {
	uint32_t nodeid;
	uint32_t weight;
	bool rejoined; /* left and joined again since the last start */
};

/* States as people know them; group_change.state says more. */
enum group_state {
	GROUP_LOOKING,    /* who is in it is asked, and whether they would take us */
	GROUP_JOINING,    /* the cluster has been asked, or the first change is under way */
	GROUP_RECOVERING, /* the engine has been told to start and has not confirmed */
	GROUP_RUNNING,
	GROUP_STOPPING, /* a change is under way, or it is released and the engine has to stop */
	GROUP_LEAVING,  /* the cluster has been asked */
};

enum group_order_type {
	GROUP_ORDER_LOOK,      /* to the cluster: name; then group_looked() */
	GROUP_ORDER_JOIN,      /* to the cluster: name */
	GROUP_ORDER_LEAVE,     /* to the cluster: name */
	GROUP_ORDER_SEND,      /* to the cluster: name, data, bytes */
	GROUP_ORDER_KILL,      /* to the cluster: nodeid is to be removed, its daemon has died */
	GROUP_ORDER_STATEFUL,  /* to fence: fence_stateful() */
	GROUP_ORDER_PROBE,     /* to the engine: name, number, nodeid, global_id, flags, keep */
	GROUP_ORDER_PROBE_END, /* to the engine: number */
	GROUP_ORDER_NEW,       /* to the engine: name, global_id, flags, nodir */
	GROUP_ORDER_START,     /* to the engine: name, number, members */
	GROUP_ORDER_STOP,      /* to the engine: name, number */
	GROUP_ORDER_ANSWER,    /* to the engine: name, result: of its online or offline */
};

struct group_order {
	enum group_order_type type;
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t number;
	uint32_t nodeid;
	int32_t result; /* 0 or -errno */
	uint32_t global_id;
	uint32_t flags; /* DLM_LSFL_BIT_* */
	uint32_t nodir;
	bool keep;           /* see struct control_probe */
	const uint8_t *data; /* valid until the next call of any group function, as all pointers */
	uint32_t bytes;
	uint32_t member_count;
	const struct group_member *members;
};

/** group_new() - no lockspaces yet. Return: 0; -ENOMEM */
int group_new(const struct group_settings *settings, struct group **ret);
/** group_free() - NULL is allowed */
void group_free(struct group *group);
void group_options_set(struct group *group, const struct group_options *options);

/* ---- programs, through the engine ---- */

/**
 * group_online() - a program creates a lockspace
 * @name: checked, see client_lockspace_name_check()
 * Return: 0: LOOK follows, and ANSWER in the end; -EEXIST it is there; -ENOSPC there are
 * GROUP_LOCKSPACES_MAX; -ENOMEM. After an error nothing has changed and the caller answers the
 * engine.
 */
int group_online(struct group *group, struct fence_now now, const char *name, uint32_t flags,
	const struct group_placement *placement);
/** group_offline() - a program releases it. Return: 0: ANSWER comes in the end; -ENOENT; -EBUSY it
 * is being created or released */
int group_offline(struct group *group, struct fence_now now, const char *name);
/**
 * group_give_up() - lockspaces that have not been joined will not be: ANSWER -ESHUTDOWN follows
 * Return: false: there are others too, and nothing has changed
 */
bool group_give_up(struct group *group);

/* ---- the cluster. @name: of the lockspace. Return: 0; -ENOENT we do not have it: nothing to do;
 * -ENOMEM the daemon must end ---- */

int group_looked(struct group *group, struct fence_now now, const char *name, const uint32_t *nodes,
	uint32_t count);
int group_confchg(struct group *group, struct fence_now now, const char *name,
	const struct fence_change *change);
int group_ring(
	struct group *group, struct fence_now now, const char *name, uint32_t nodeid, uint64_t seq);
/** group_deliver() - a message of its group. Also -EBADMSG: refused, and noted */
int group_deliver(struct group *group, struct fence_now now, const char *name, uint32_t sender,
	const void *data, size_t bytes);
/** group_join_failed() - the cluster does not let us in, -errno */
int group_join_failed(struct group *group, struct fence_now now, const char *name, int32_t error);
/** group_tick() - a second has gone by, or fence has changed: look at the conditions again */
void group_tick(struct group *group, struct fence_now now);
/** group_is_waiting() - some lockspace waits for conditions: ticks are wanted */
bool group_is_waiting(const struct group *group);

/* ---- the engine. Return: 0; -ENOENT unknown lockspace or question; -ESTALE another number:
 * ignored */

/* What a peer's STATUS said, see struct control_probed. */
struct group_probe_result {
	uint32_t nodeid;
	int32_t result;
	uint32_t their_version, our_version, their_lvb_bytes, our_lvb_bytes, their_flags, our_flags;
};

/** group_probed() - found by @number, which is unique; also after PROBE_END, which the engine
 * answers when the conversation is over: until then no change with that member is started */
int group_probed(struct group *group, struct fence_now now, const char *name, uint32_t number,
	const struct group_probe_result *result);
int group_stopped(struct group *group, struct fence_now now, const char *name, uint32_t number);
int group_recovered(struct group *group, struct fence_now now, const char *name, uint32_t number);
/** group_failed() - the start failed. One that has never run is left (stopped first) and then
 * refused by ANSWER @error, which takes back the ANSWER 0 that went out with its START; -EIO: it
 * has been running, and this node must end. */
int group_failed(struct group *group, struct fence_now now, const char *name, uint32_t number,
	int32_t error);

/** group_order_take() - the next order. Return: true and @ret filled; false: none */
bool group_order_take(struct group *group, struct group_order *ret);

/* ---- looking ---- */

enum group_wait {
	GROUP_WAIT_NONE = 0,
	GROUP_WAIT_RINGID = 1, /* the numbers of DLMC_LS_WAIT_* */
	GROUP_WAIT_QUORUM = 2,
	GROUP_WAIT_FENCING = 3,
	GROUP_WAIT_FSDONE = 4,
	GROUP_WAIT_STOP = 5,  /* the engine has not confirmed its stop; ours */
	GROUP_WAIT_PROBE = 6, /* members are asked whether they would take us; ours */
};

/* A change of members, for people and tools. */
struct group_change {
	uint32_t member_count, joined_count, remove_count, failed_count;
	uint32_t seq;           /* 0: there is no such change */
	uint32_t combined_seq;  /* of the oldest that it took in, or that is pending */
	bool wait_messages;     /* our START has been sent */
	enum group_wait wait;   /* else what it waits for */
	uint32_t missing_count; /* STARTs that have not come */
	const struct group_member *members;
};

struct group_view {
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t global_id;
	enum group_state state;
	bool is_joining;   /* has not been started yet */
	bool is_leaving;   /* released */
	bool is_stopped;   /* the engine is stopped, or has not been started */
	bool is_udlm_only; /* every member of the started change is udlm */
	uint32_t nodir;
	struct group_change started, next;
	char text[160]; /* whom or what it waits for, for people; "" */
};

/* A node in a lockspace's history. */
struct group_node_view {
	uint32_t nodeid;
	bool is_member, is_started, is_disallowed, need_fencing;
	uint32_t added_seq, removed_seq;
	enum fence_reason fail_reason;
	uint64_t fail_walltime, fail_monotime;
};

enum group_nodes {
	GROUP_NODES_ALL = 1,
	GROUP_NODES_MEMBERS = 2,
	GROUP_NODES_NEXT = 3
};

/** group_count() - lockspaces that there are, in whatever state */
uint32_t group_count(const struct group *group);
/** group_view() - @index counts from the newest. Return: true and @ret filled; false: none so far
 */
bool group_view(const struct group *group, uint32_t index, struct group_view *ret);
/** group_find() - the view by name. Return: as group_view() */
bool group_find(const struct group *group, const char *name, struct group_view *ret);
/** group_node_view() - @index from the first of a kind of list. Return: true and @ret; false: no
 * more, or no such lockspace */
bool group_node_view(const struct group *group, const char *name, enum group_nodes kind,
	uint32_t index, struct group_node_view *ret);
/** group_node_find() - Return: true; false: never seen in that lockspace: all else zero */
bool group_node_find(
	const struct group *group, const char *name, uint32_t nodeid, struct group_node_view *ret);

/**
 * group_global_id() - the number that stands for a lockspace in messages
 * Source: docs/protocol/control.md, "Lockspace groups": CRC-32 of "dlm:ls:NAME" with its final NUL
 */
uint32_t group_global_id(const char *name);
