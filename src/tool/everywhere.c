/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ls --all, status --all: what each node of the cluster says, by way of this node's daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

int everywhere_print(enum dlmc_all_nodes which)
{
	struct admin_request request = {.command = DLMC_CMD_ALL_NODES, .option = (int)which};
	struct admin_answer answer;
	int rv = admin_daemon(0, NULL);

	if (rv == 0) {
		say("this node's dlm_controld is not udlm's, and cannot ask the others");
		return 1;
	}
	if (rv > 0)
		rv = admin_ask(&request, &answer);
	if (rv < 0) {
		say_daemon(-rv);
		return 1;
	}
	rv = answer.result;
	if (rv)
		say("%s", answer.text);
	else
		fputs(answer.text, stdout);
	admin_answer_done(&answer);
	return rv ? 1 : 0;
}
