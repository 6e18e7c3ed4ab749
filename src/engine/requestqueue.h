/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * DLM_MSGs that arrive while locking is not open: kept in order, processed when it is.
 * Source: docs/protocol/wire.md, "Recovery".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/wire.h"

struct engine_lockspace;

/** requestqueue_add() - keep a copy. Where there is no memory the node fails: a peer counts on it
 */
void requestqueue_add(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
/** requestqueue_purge() - drop what the recovery has made void: of gone nodes, lookups, removes */
void requestqueue_purge(struct engine_lockspace *ls);
/** requestqueue_process() - Return: true if more than @budget were left */
bool requestqueue_process(struct engine_lockspace *ls, uint32_t budget);
void requestqueue_drop_all(struct engine_lockspace *ls);
