/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Probes: questions to nodes that have a lockspace which we want to join, whether its values are
 * ours. A probe uses the link to its peer as a lockspace does, but only for a few frames, and
 * leaves it as it was: where it had to begin the conversation, it ends it with FIN. Source:
 * docs/protocol/wire.md, "Probes".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/wire.h"

struct link;

/** probe_receive() - a STATUS_REPLY came. Return: true: a probe had asked for it */
bool probe_receive(
	struct engine *engine, uint32_t nodeid, uint32_t global_id, const struct wire_rcom *reply);
/**
 * probe_settle() - go on with all probes: after whatever may have moved a link, and after time has
 * passed. Not from inside a link's input.
 */
void probe_settle(struct engine *engine);
/** probe_connected() - the connection to @nodeid came or went: what was asked may have died with
 * it; probe_settle() asks again */
void probe_connected(struct engine *engine, uint32_t nodeid);
/** probe_peer_gone() - its probes are over: -ENOENT */
void probe_peer_gone(struct engine *engine, uint32_t nodeid);
uint64_t probe_deadline(const struct engine *engine);
/** probe_take() - the oldest that is over and was not told of. Return: true and @ret; false: none
 */
bool probe_take(struct engine *engine, struct engine_output *ret);
/** probe_free_all() - at the end of the engine */
void probe_free_all(struct engine *engine);
/** probe_check() - invariants; ends the process where one is broken */
void probe_check(const struct engine *engine);
