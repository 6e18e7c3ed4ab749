/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One fence machine on a stage: events are said in words, and its orders are given back in words,
 *so that a test reads as a story. Orders, with a semicolon after each: protocol 3.1.1.0	SEND
 *of PROTOCOL, what runs and its flags result 3 0 @1000	SEND of RESULT about node 3; @: wall clock
 *	clear 2 6		SEND of CLEAR about node 2 with flags
 *	fipu			SEND of CLEAR about ourselves: we do not know
 *	kill 3, agent 3 @1000 (fail time), agent_kill 3, agreed, refused
 */
#include <stdbool.h>
#include <stdint.h>

#include "control/fence/fence.h"
#include "faulty_alloc.h"

struct stage {
	struct fence *fence;
	uint32_t nodeid;
	struct fence_now now;
	struct faulty_alloc memory;
	uint64_t ring_seq;
	char orders[2048]; /* not looked at yet */
	char said[2048];
	char refused[256]; /* text of the last REFUSED */
	uint32_t warning_count;
	char noted[4096]; /* lines of the log */
};

/* What most tests want: fencing, startup fencing and quorum fencing, no delay. */
struct fence_options stage_options(void);
/** stage_open() - of node @nodeid; @configured: ids, "" none. mono 1000, wall 50000 */
void stage_open(struct stage *stage, uint32_t nodeid, const char *configured,
	struct fence_options options, bool is_two_node);
/** stage_close() - nothing may be left, neither orders nor memory */
void stage_close(struct stage *stage);

/** stage_said() - orders since the last look, as above; good until the next look */
const char *stage_said(struct stage *stage);
#define stage_expect(stage, words) assert_string_equal(stage_said(stage), words)

/** stage_conf() - a change: @members, @joined: ids; @left: ids with a letter: 3n nodedown, 3p
 * procdown, 3l leave */
void stage_conf(struct stage *stage, const char *members, const char *joined, const char *left);
/** stage_ring() - the group's ring, and the quorum's word with the same number */
void stage_ring(struct stage *stage, uint64_t seq);
/** stage_quorum() - with the ring's number of stage_ring() */
void stage_quorum(struct stage *stage, bool is_quorate, const char *members);
void stage_protocol(struct stage *stage, uint32_t sender, uint16_t run_major, uint16_t flags);
/** stage_protocol_is() - the same, of any content. Return: as fence_deliver() */
int stage_protocol_is(struct stage *stage, uint32_t sender, const struct cpg_protocol *protocol);
void stage_result(struct stage *stage, uint32_t sender, uint32_t nodeid, int32_t result);
void stage_clear(
	struct stage *stage, uint32_t sender, uint32_t nodeid, int32_t result, uint32_t flags);
/** stage_pass() - time goes by, with ticks where they are wanted */
void stage_pass(struct stage *stage, uint32_t seconds);

/** stage_settle() - @nodeid joins @members, who run already and are clean, all in one ring with
 * quorum, and begins. Orders of that are dropped. It knows what is being fenced if @is_knowing. */
void stage_settle(struct stage *stage, const char *members, bool is_knowing);

/** stage_node() - what is known of a node; it must be known */
struct fence_node_view stage_node(struct stage *stage, uint32_t nodeid);
struct fence_view stage_view(struct stage *stage);
/** stage_ids() - "1 2 3" as numbers. Return: count, at most @room */
uint32_t stage_ids(const char *words, uint32_t *ret, uint32_t room);
