/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libdlmcontrol.h>
#include <stdio.h>

#include "tool/change.h"
#include "tool/tool.h"

int cmd_set_config(const struct args *args)
{
	char text[DLMC_COMMAND_BYTES];
	enum change_end end;

	if (!word_first(args, "command"))
		return 1;
	if (words_join(args, text, sizeof(text))) {
		say("the settings are longer than %u bytes; give them in several commands",
			DLMC_COMMAND_BYTES - 1);
		return 1;
	}
	end = change_ask(DLMC_CMD_SET_CONFIG, "set_config", NULL, text);
	if (end == CHANGE_UNKNOWN)
		end = dlmc_set_config(text) < 0 ? CHANGE_NO_DAEMON : CHANGE_DONE;
	printf("set_config %s\n", end == CHANGE_DONE ? "done" : "failed");
	return end == CHANGE_REFUSED ? 1 : 0;
}
