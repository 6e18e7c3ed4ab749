/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Rebuilding the directory: each node asks every other for the names that the other masters and
 * whose directory it is itself. Answers are put together in slices, since a node may have to look
 * at a million resources to find none. Source: docs/protocol/wire.md, "Recovery", "Directory
 * rebuild".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/recovery_room.h"

struct engine_lockspace;

/** names_prepare() - jobs for all members of a start. Return: 0; -ENOMEM, nothing changed */
int names_prepare(struct engine_lockspace *ls, uint32_t members);
void names_done(struct engine_lockspace *ls);
/** names_drop() - forget the questions of others: a stop, or the directory is complete everywhere
 */
void names_drop(struct engine_lockspace *ls);
/** names_restart() - ask from the first name on: the answer did not come */
void names_restart(struct engine_lockspace *ls);
/** names_receive() - a question; the answer is made by names_answer() */
void names_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom);
/** names_receive_reply() - a block of names that @nodeid masters. Return: 0; negative: it is broken
 */
int names_receive_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom);
/** names_answer() - go on with answers. Return: true if the budget ended before they did */
bool names_answer(struct engine_lockspace *ls, uint32_t *budget);
/** names_collect() - the step: ask all others, one after another */
enum recovery_progress names_collect(struct engine_lockspace *ls, uint32_t *budget);
