/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The orderly end: dlm_controld says STOP when all lockspaces are released. A peer that remembers
 * our numbers would drop what the next dlm_lockd of this node says, so before this one ends it
 * finishes the FIN exchange with every peer, or names those that did not.
 */
#include "lockd/daemon.h"

/** ending_begin() - @within_ms: at most */
void ending_begin(struct daemon *daemon, uint32_t within_ms);
/** ending_close() - before the outputs of a turn: say FIN where there still is a conversation */
void ending_close(struct daemon *daemon);
/** ending_check() - after them: if all is over, or the time is, say ENDING and end */
void ending_check(struct daemon *daemon);
