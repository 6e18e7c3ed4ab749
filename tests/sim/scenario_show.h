/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The state of a node as text.
 */
#include <stdint.h>

struct scenario;

/** scenario_show_resource() - master, directory, value and queues, as the node sees them */
void scenario_show_resource(struct scenario *scenario, uint32_t node, const char *name);
/** scenario_show_locks() - the locks of the node's programs, and orphans */
void scenario_show_locks(struct scenario *scenario, uint32_t node);
/** scenario_show_peers() - how the node stands with the others */
void scenario_show_peers(struct scenario *scenario, uint32_t node);
/** scenario_show_dump() - the debug files of the lockspace; ids and all */
void scenario_show_dump(struct scenario *scenario, uint32_t node);
