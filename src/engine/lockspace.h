/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One lockspace: its tables and lists, and whether locking is open. It shares nothing with other
 * lockspaces but the node's links.
 *
 *	stopped		between stop and the moment when the recovery of a start begins: only STATUS
 *is answered !running	from a stop to the end of a recovery: DLM_MSGs are kept in the request
 *queue, clients wait
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/hash.h"
#include "base/pure/list.h"
#include "base/pure/pool.h"
#include "engine/engine.h"
#include "engine/lockid.h"
#include "engine/member.h"
#include "engine/recovery.h"

#define LOCKSPACE_NAME_POOLS 8u /* resources by name length, in steps of 8 bytes */

struct engine_lockspace {
	struct list entry; /* engine->lockspaces */
	struct engine *engine;
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t global_id;
	uint32_t flags; /* DLM_LSFL_* at creation */
	uint32_t lvb_bytes;
	bool nodir;
	bool running;
	bool stopped;
	bool ever_started;

	struct hash resources;
	struct hash locks;
	struct list active;  /* resources in use, newest first */
	struct list unused;  /* resources without locks, oldest first */
	struct list records; /* without locks here: our directory's records of other masters */
	struct list waiters; /* locks of ours with an operation in flight, oldest first */
	struct list clients;
	struct list
		closing; /* clients that closed while locking was not open, or with locks left */
	struct list orphans;
	struct list requests; /* request queue: struct request_entry */
	uint32_t client_count;
	uint32_t orphan_count;
	uint32_t orphan_held_count;
	struct pool lock_pool;
	struct pool resource_pools[LOCKSPACE_NAME_POOLS];
	struct lockid ids;

	struct member_table members;
	struct recovery recovery;
};
