/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libdlmcontrol.h>
#include <stddef.h>

#include "tool/admin.h"
#include "tool/tool.h"

int cmd_deadlock_check(const struct args *args)
{
	int rv;

	if (!word_lockspace(args))
		return 1;
	rv = admin_daemon(0, NULL);
	if (rv > 0)
		return say_not_yet("deadlock_check");
	/* The field's daemon takes the request and does nothing with it. */
	if (rv < 0 || dlmc_deadlock_check(args->words[0]) < 0)
		say_daemon(rv < 0 ? -rv : errno);
	return 0;
}
