/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What each command of the local sockets means, and who may give it. */
#include "control/admin/admin.h"

/** commands_all_nodes() - the answer of all nodes to an ALL_NODES; @text: taken */
void commands_all_nodes(void *context, uint64_t id, struct text *text);
/** commands_request() - for admin_settings.request; @context: the daemon */
void commands_request(void *context, const struct admin_request *request);
