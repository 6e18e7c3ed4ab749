/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libdlmcontrol.h>
#include <stdio.h>

#include "tool/tool.h"

int cmd_status(const struct args *args)
{
	if (dlmc_print_status(args->verbose ? DLMC_STATUS_VERBOSE : 0) >= 0)
		return 0;
	/* Scripts read this line, and the exit status has always been 0. */
	printf("cannot connect to dlm_controld\n");
	say_daemon(errno);
	return 0;
}
