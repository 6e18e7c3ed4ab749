/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the engine tells about itself, as lines of the log: recovery, links and refused messages
 * always; single grants and messages only with log_debug, since they come by the hundred thousand.
 */
#include "lockd/daemon.h"

/** tracelog_trace() - for engine_settings.trace; @context: struct daemon */
void tracelog_trace(void *context, const struct engine_trace *trace);
