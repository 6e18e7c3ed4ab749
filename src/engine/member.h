/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who is in a lockspace: members of the current start, those that went, slots, and the array that maps
 * a name's hash to its directory node.
 * Source: docs/protocol/wire.md, "Directory".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

struct engine_lockspace;

struct member {
	uint32_t nodeid;
	uint32_t weight;
	uint32_t slot;	     /* 0: none yet */
	uint32_t generation; /* low node, during recovery: as reported; 0 */
};

struct member_table {
	struct member *list; /* ascending by nodeid */
	uint32_t count, room;
	uint32_t *gone; /* nodes whose locks and masters must be recovered; kept over aborted recoveries */
	uint32_t gone_count, gone_room;
	uint32_t *array; /* directory: node ids by weight */
	uint32_t array_count, array_room;
	uint32_t low_nodeid;
	uint32_t our_slot;
	uint32_t generation;
};

void member_init(struct engine_lockspace *ls);
void member_done(struct engine_lockspace *ls);
/** member_find() - NULL: @nodeid is no member */
struct member *member_find(const struct engine_lockspace *ls, uint32_t nodeid);
bool member_is_gone(const struct engine_lockspace *ls, uint32_t nodeid);
/**
 * member_install() - take over the list of a start: who went (absent, or rejoined) moves to the gone, new
 * ones are added, links are told, low node and directory array rebuilt
 * Return: number of gone nodes (those of an aborted recovery too); -ENOMEM, nothing changed
 */
int member_install(
	struct engine_lockspace *ls, const struct engine_member *members, size_t count);
/** member_forget_gone() - the recovery is complete */
void member_forget_gone(struct engine_lockspace *ls);
/** member_directory() - the directory node of a name hash; ours where we are alone */
uint32_t member_directory(const struct engine_lockspace *ls, uint32_t hash);
