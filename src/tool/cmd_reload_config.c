/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libdlmcontrol.h>
#include <stdio.h>

#include "tool/change.h"
#include "tool/tool.h"

int cmd_reload_config(const struct args *args)
{
	enum change_end end = change_ask(DLMC_CMD_RELOAD_CONFIG, "reload_config", NULL, NULL);

	(void)args;
	if (end == CHANGE_UNKNOWN)
		end = dlmc_reload_config() < 0 ? CHANGE_NO_DAEMON : CHANGE_DONE;
	printf("reload_config %s\n", end == CHANGE_DONE ? "done" : "failed");
	return end == CHANGE_REFUSED ? 1 : 0;
}
