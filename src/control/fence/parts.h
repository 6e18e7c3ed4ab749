/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of this folder share. A `fellow` is a node whose daemon is, or has been, in the
 * group, our own among them; they are never forgotten. `fipu`, fencing in progress unknown: others
 * may be fencing nodes that we have not heard of, since we came later.
 */
#include "base/pure/list.h"
#include "control/fence/fence.h"

struct fellow {
	struct list entry; /* of fence.fellows, or of fence.startup while it is only configured */
	uint32_t nodeid;
	bool is_member;
	bool is_killed; /* corosync has been told to remove it */
	bool is_merge;  /* has state from another half of the cluster, as we have */
	bool is_told;   /* that we had state when it and we became members of one group */
	bool is_sure;   /* of that: our word has come round since */
	bool is_heard;  /* has told its protocol since the last change in which somebody joined */
	bool is_fipu;   /* has said that it does not know what is being fenced */
	bool has_been_clean;
	bool is_clean_since; /* it has been clean since it was fenced last */
	uint32_t need_clear; /* CPG_FENCE_CLEAR_*: what it has to be told, since it came after us */
	struct cpg_protocol protocol; /* accepted since it joined; zeros: nothing */
	struct cpg_protocol claimed;  /* is_merge: what it said */
	uint64_t add_time, rem_time;  /* mono s; 0: never */

	/* as a victim */
	bool need_fencing, delay_fencing;
	bool pid_wait;    /* an agent of ours was ordered and has not ended */
	bool result_wait; /* our RESULT has been sent and not been delivered */
	bool is_lone;     /* nobody of its actors is left; noted */
	enum fence_reason left_reason;
	int agent_pid; /* 0: not known, not started */
	int last_result;
	uint32_t actor_last, actor_done;
	uint64_t fail_walltime, fail_monotime, fence_walltime, fence_monotime;
	uint64_t attempt_time; /* mono s of our last attempt; 0: none */
	uint32_t actor_count, original_count;
	/* who may still try, of `original`; of one that is only listed: who has failed already */
	uint32_t actors[CPG_MEMBERS_MAX];
	uint32_t original[CPG_MEMBERS_MAX]; /* all that may */
};

/* A member of the cluster. */
struct quorum_node {
	uint32_t nodeid;
	uint64_t add_time;
};

struct quorum {
	bool is_quorate;
	uint64_t gained_time; /* mono s: when it last became quorate; 0: never */
	uint64_t ring_seq;
	uint64_t joined_mono, joined_wall; /* when the quorum first spoke; 0: it has not */
	struct quorum_node *nodes;
	uint32_t count, room;
};

struct outbox_order {
	enum fence_order_type type;
	enum cpg_type message; /* SEND */
	uint32_t nodeid;
	uint64_t fail_time;
	union {
		struct cpg_protocol protocol;
		struct cpg_fence fence;
	};
};

struct outbox {
	struct outbox_order *orders;
	uint32_t first, count, room; /* orders [first, count) wait to be taken */
	bool is_lost;                /* there was no memory for one */
	bool is_told;
	uint8_t encoded[CPG_MESSAGE_MAX];
};

struct fence {
	const struct alloc *alloc;
	uint32_t nodeid;
	bool is_two_node;
	struct fence_options options;
	void (*note)(void *context, enum fence_level level, const char *text);
	void *context;
	uint32_t *configured; /* NULL: startup fencing is off */
	uint32_t configured_count;

	struct outbox outbox;
	struct quorum quorum;
	uint64_t delay_begin; /* mono s: somebody came last; 0: nobody has */
	uint64_t refused_count;

	/* the group's last change */
	uint32_t members[CPG_MEMBERS_MAX];
	uint32_t member_count, joined_count, remove_count;
	uint64_t ring_seq;
	bool ring_wait; /* a node is down, and the ring without it has not been told */
	struct list fellows;

	/* protocol */
	struct cpg_protocol ours;
	bool is_proposed, is_agreed, is_refused;
	char refused_text[200];

	/* work */
	bool is_begun;
	bool has_worked; /* since then */
	bool is_waiting;
	const char *wait;
	bool merge_wait;      /* an administrator has to part halves that met */
	uint64_t merge_since; /* mono s: no halves that met were there */
	bool is_fipu;
	bool wait_clear_fipu; /* our startup list was emptied by others: they will say when it is
				 over */
	bool fipu_join;       /* somebody joined since we last announced */
	struct list startup;  /* struct fellow */
};

/** fence_work() - do whatever has become possible; after every event */
void fence_work(struct fence *fence, struct fence_now now);
