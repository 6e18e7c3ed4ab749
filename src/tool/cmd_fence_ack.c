/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libdlmcontrol.h>
#include <limits.h>
#include <stddef.h>

#include "tool/change.h"
#include "tool/tool.h"

int cmd_fence_ack(const struct args *args)
{
	const char *word = word_first(args, "nodeid");
	int nodeid;

	if (!word)
		return 1;
	if (args_number_parse(word, 1, INT_MAX, &nodeid)) {
		say("\"%s\" is not a node id; `dlm_tool status` lists the nodes with their ids",
			word);
		return 1;
	}
	switch (change_ask(DLMC_CMD_FENCE_ACK, "fence_ack", word, NULL)) {
	case CHANGE_REFUSED:
		return 1;
	case CHANGE_UNKNOWN:
		if (dlmc_fence_ack(args->words[0]) < 0)
			say_daemon(errno);
		break;
	case CHANGE_DONE:
	case CHANGE_NO_DAEMON:
		break;
	}
	return 0; /* as ever, even without a daemon: scripts must look at status */
}
