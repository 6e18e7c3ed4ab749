/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who is in a lockspace: members of the current start, those that went, slots, and the array that
 * maps a name's hash to its directory node.
 * Source: docs/protocol/wire.md, "Directory" and "Recovery".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/wire.h"

struct engine_lockspace;

struct member {
	uint32_t nodeid;
	uint32_t weight;
	uint32_t slot; /* as the low node said; low node: as the member reported; 0: none yet */
	uint32_t generation;  /* low node, during recovery: as reported */
	uint32_t outstanding; /* recovery: LOOKUPs and LOCKs that it has not answered */
	uint64_t number; /* recovery: its own recovery number when it answered our first STATUS */
	bool number_known;
};

struct member_table {
	struct member *list; /* ascending by nodeid */
	uint32_t count, room;
	uint32_t *gone; /* nodes whose locks and masters must be recovered; kept over aborted
			   recoveries */
	uint32_t gone_count, gone_room;
	uint32_t *array; /* directory: node ids by weight */
	uint32_t array_count, array_room;
	uint32_t low_nodeid;
	uint32_t our_slot;
	uint32_t generation;
	struct wire_rcom_slot *slots; /* low node: the table that others ask for; room entries */
	uint32_t slot_count;          /* 0: not assigned in this recovery */
};

void member_init(struct engine_lockspace *ls);
void member_done(struct engine_lockspace *ls);
/** member_find() - NULL: @nodeid is no member */
struct member *member_find(const struct engine_lockspace *ls, uint32_t nodeid);
bool member_is_gone(const struct engine_lockspace *ls, uint32_t nodeid);
/** member_check() - may a start have this list? Return: 0; -EINVAL; -ENOENT a node without a link
 */
int member_check(
	const struct engine_lockspace *ls, const struct engine_member *members, size_t count);
/**
 * member_install() - take over the list of a start: who went (absent, or rejoined) moves to the
 * gone, new ones are added, links are told, low node and directory array rebuilt
 * @members: passed member_check()
 * Return: number of gone nodes (those of an aborted recovery too); -ENOMEM, nothing changed
 */
int member_install(struct engine_lockspace *ls, const struct engine_member *members, size_t count);
/** member_forget_gone() - what they left behind has been dealt with */
void member_forget_gone(struct engine_lockspace *ls);
/** member_directory() - the directory node of a name hash; ours where we are alone */
uint32_t member_directory(const struct engine_lockspace *ls, uint32_t hash);
/** member_is_low() - this node leads the barriers */
bool member_is_low(const struct engine_lockspace *ls);
/** member_waited_for() - the first member that has not answered a LOOKUP or LOCK, 0: none */
uint32_t member_waited_for(const struct engine_lockspace *ls);
/**
 * member_slots_assign() - low node: every member reported slot and generation. Give slots to those
 * without, count the generation up, fill the table
 */
void member_slots_assign(struct engine_lockspace *ls);
/** member_slots_copy() - others: take over the low node's table and generation */
void member_slots_copy(struct engine_lockspace *ls, const struct wire_rcom *reply);
/** member_slots_forget() - a stop: the table is void */
void member_slots_forget(struct engine_lockspace *ls);
