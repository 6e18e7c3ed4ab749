/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The daemon's state in the shapes that clients read: structs and "key=value" texts of
 * proto/dlmc.h. */
#include "base/text.h"
#include "control/daemon.h"
#include "proto/dlmc.h"

/** status_lockspace() - one lockspace as LOCKSPACE_INFO and LOCKSPACES give it */
void status_lockspace(const struct group_view *view, struct dlmc_wire_lockspace *ret);
/** status_node() - a node of a lockspace */
void status_node(const struct group_node_view *view, struct dlmc_wire_node *ret);
/** status_daemon_records() - the records of DUMP_STATUS */
void status_daemon_records(const struct daemon *daemon, struct text *ret);
/** status_reason_word() - why a node left, as the records say it */
const char *status_reason_word(enum fence_reason reason);
/** status_waiting() - the text of LOCKSPACE_WAITING. @name: of one lockspace; "": all */
void status_waiting(const struct daemon *daemon, const char *name, struct text *ret);
/** status_daemon_info() - the text of DAEMON_INFO */
void status_daemon_info(const struct daemon *daemon, struct text *ret);
