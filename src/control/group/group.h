/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * PURE. The lockspaces of this node: who is in each, and what the lock engine and the cluster must
 *be told next. Programs ask through the engine (online, offline), the engine reports (stopped,
 *recovered), the cluster says who the members are. What follows is given as orders, in order, taken
 *one by one; nothing is called from here.
 *
 * A lockspace in a cluster of one:
 *	group_online()		-> JOIN
 *	group_members()		-> NEW, START 1
 *	group_recovered(1)	-> ANSWER 0
 *	group_offline()		-> STOP 2
 *	group_stopped(2)	-> LEAVE		(stopped, confirmed, before it is left)
 *	group_left()		-> ANSWER 0, and it is gone
 * Members that change: STOP n; the next START goes out after group_stopped(n). Each stop and start
 *has a number, and only its own confirmation counts.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "base/pure/dlmconst.h"

#define GROUP_LOCKSPACES_MAX 1024u /* on this node; the next online is refused */

struct group;

/* Life of a lockspace on this node. The allowed next states stand in group.c. */
enum group_state {
	GROUP_JOINING,    /* the cluster has been asked, no members are known yet */
	GROUP_RECOVERING, /* the engine has been told to start and has not confirmed */
	GROUP_RUNNING,
	GROUP_STOPPING, /* members changed or it is released: the engine has to confirm the stop */
	GROUP_LEAVING,  /* the cluster has been asked */
};

struct group_member {
	uint32_t nodeid;
	uint32_t weight;
	bool rejoined; /* left and joined again since the last start */
};

enum group_order_type {
	GROUP_ORDER_JOIN,   /* to the cluster: name */
	GROUP_ORDER_LEAVE,  /* to the cluster: name */
	GROUP_ORDER_NEW,    /* to the engine: name, global_id, flags, nodir */
	GROUP_ORDER_START,  /* to the engine: name, number, members */
	GROUP_ORDER_STOP,   /* to the engine: name, number */
	GROUP_ORDER_ANSWER, /* to the engine: name, result: of its online or offline */
};

struct group_order {
	enum group_order_type type;
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t number;
	int32_t result; /* 0 or -errno */
	uint32_t global_id;
	uint32_t flags; /* DLM_LSFL_BIT_* */
	uint32_t nodir;
	uint32_t member_count;
	const struct group_member *members; /* valid until the next call of any group function */
};

/* A change of members, for people and tools. */
struct group_change {
	uint32_t member_count, joined_count, remove_count, failed_count;
	uint32_t seq; /* 0: there is no such change */
};

struct group_view {
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t global_id;
	enum group_state state;
	bool is_released;                   /* a program has released it */
	bool is_stopped;                    /* the engine is stopped, or has not been started */
	struct group_change started;        /* the newest that the engine was started with */
	struct group_change next;           /* that waits for the engine's stop */
	uint32_t member_count;              /* of started, else of next */
	const struct group_member *members; /* valid until the next call of any group function */
};

/**
 * group_new() - no lockspaces yet
 * @alloc: borrowed for the group's life
 * Return: 0; -ENOMEM
 */
int group_new(const struct alloc *alloc, struct group **ret);
/** group_free() - NULL is allowed */
void group_free(struct group *group);

/**
 * group_online() - a program creates a lockspace
 * @name: checked, see client_lockspace_name_check()
 * Return: 0: JOIN follows; -EEXIST it is there; -ENOSPC there are GROUP_LOCKSPACES_MAX; -ENOMEM.
 * After an error nothing has changed and the caller answers the engine.
 */
int group_online(struct group *group, const char *name, uint32_t flags);
/**
 * group_offline() - a program releases it
 * Return: 0: ANSWER comes in the end; -ENOENT; -EBUSY it is being released already
 */
int group_offline(struct group *group, const char *name);
/**
 * group_members() - the cluster's word on who is in a lockspace, us included
 * @joined_count, @failed_count: of this change; removed members are counted here
 * Return: 0; -ENOENT (we do not have it, or are leaving: nothing to do); -ENOMEM nothing has
 * changed
 */
int group_members(struct group *group, const char *name, const struct group_member *members,
	uint32_t member_count, uint32_t joined_count, uint32_t failed_count);
/** group_left() - the cluster has let us out. Return: 0; -ENOENT */
int group_left(struct group *group, const char *name);
/** group_refused() - the cluster does not let us in, -errno. Return: 0; -ENOENT */
int group_refused(struct group *group, const char *name, int32_t error);

/* The engine's reports. Return: 0; -ENOENT unknown lockspace; -ESTALE another number: ignored. */
int group_stopped(struct group *group, const char *name, uint32_t number);
int group_recovered(struct group *group, const char *name, uint32_t number);
/** group_failed() - the start failed. A lockspace that a program just creates is refused with
 * @error and left; -EIO: it has been running, and this node must end. */
int group_failed(struct group *group, const char *name, uint32_t number, int32_t error);

/** group_order_take() - the next order. Return: true and @ret filled; false: none */
bool group_order_take(struct group *group, struct group_order *ret);

/** group_count() - lockspaces that there are, in whatever state */
uint32_t group_count(const struct group *group);
/** group_view() - @index counts from the newest. Return: true and @ret filled; false: none so far
 */
bool group_view(const struct group *group, uint32_t index, struct group_view *ret);
/** group_find() - the view by name. Return: as group_view() */
bool group_find(const struct group *group, const char *name, struct group_view *ret);

/**
 * group_global_id() - the number that stands for a lockspace in messages
 * Source: docs/protocol/control.md, "Lockspace groups": CRC-32 of "dlm:ls:NAME" with its final NUL
 */
uint32_t group_global_id(const char *name);
