/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who masters the resources whose master is gone: the directory decides, the first to ask becomes
 * it. Without a directory the name decides, for every resource anew. Source: docs/protocol/wire.md,
 * "Recovery", "Masters".
 */
#include <stdint.h>

#include "engine/recovery_room.h"

struct engine_lockspace;
struct resource;

/** remaster_begin() - no LOOKUP is out */
void remaster_begin(struct engine_lockspace *ls);
/** remaster_run() - the step: all resources, and all answers */
enum recovery_progress remaster_run(struct engine_lockspace *ls, uint32_t *budget);
/** remaster_receive_reply() - the directory's answer */
void remaster_receive_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom);
/**
 * remaster_set() - @nodeid masters @resource from now on
 *
 * Its locks here are brought in line later, in slices, by rebuild_send_locks().
 */
void remaster_set(struct resource *resource, uint32_t nodeid);
