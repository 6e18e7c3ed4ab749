/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The nodes: their processes, their part in the lockspace, and how time and frames move.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario;

/** scenario_node_boot() - a new process, which all nodes that are there know */
void scenario_node_boot(struct scenario *scenario, uint32_t node);
/** scenario_node_end() - the process is gone, and the cluster has removed the node
 * @late: what it sent is still on its way */
void scenario_node_end(struct scenario *scenario, uint32_t node, bool late);
/** scenario_node_join() - make the lockspace on the node. Return: 0 or negative errno */
int scenario_node_join(struct scenario *scenario, uint32_t node, uint32_t lvb_bytes);
/** scenario_node_leave() - release the lockspace: FIN goes to all peers */
void scenario_node_leave(struct scenario *scenario, uint32_t node);
/** scenario_node_probe() - ask @peer whether it would take the node. Return: 0 or negative errno */
int scenario_node_probe(struct scenario *scenario, uint32_t node, uint32_t peer, uint32_t flags,
	uint32_t lvb_bytes, bool keep);
void scenario_node_probe_end(struct scenario *scenario, uint32_t node, uint32_t peer);
void scenario_node_stop(struct scenario *scenario, uint32_t node);
/** scenario_node_start() - with the members of the mask. Return: 0 or negative errno */
int scenario_node_start(
	struct scenario *scenario, uint32_t node, uint32_t members, uint32_t number);
/** scenario_node_pump() - let the engine work and fetch what it puts out */
void scenario_node_pump(struct scenario *scenario, uint32_t node);
/** scenario_node_settle() - deliver all that is not held until nothing moves. A recovery gets the
 * time that it wants; otherwise time stands still. */
void scenario_node_settle(struct scenario *scenario);
/** scenario_node_pass() - settle, and let @ms pass */
void scenario_node_pass(struct scenario *scenario, uint64_t ms);
