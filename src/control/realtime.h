/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The daemon must run when the machine is busy, since its peers take silence for death. */
#include "base/log.h"

/** realtime_begin() - real-time priority, above dlm_lockd's, and memory locked; what is not
 * permitted is logged, going on */
void realtime_begin(struct log *log);
