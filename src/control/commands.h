/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What each command of the local sockets means, and who may give it. */
#include "control/admin/admin.h"

/** commands_request() - for admin_settings.request; @context: the daemon */
void commands_request(void *context, const struct admin_request *request);
