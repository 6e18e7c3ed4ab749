/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lost_ack: root says that nothing on this node acts any more on locks that outlived their process
 * and were lost with the lock engine. A wrong yes can damage data on shared storage, so it shows
 * first what to look at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/admin.h"
#include "tool/tool.h"

static void reasons_print(const char *info)
{
	char text[512];

	for (unsigned i = 0; admin_value(info, DLMC_INFO_WAITING, i, text, sizeof(text)); i++)
		printf("dlm_controld waits: %s\n", text);
	printf("\n"
	       "This node lost locks that stay in force without a process (persistent ones, such "
	       "as\n"
	       "lvmlockd's). Another node may use what they guarded as soon as you acknowledge.\n"
	       "Make sure first that this node has stopped using it:\n"
	       "  - no shared volume is active here      lvs -o name,active,lock_type\n"
	       "  - no cluster file system is mounted    findmnt -t gfs2,ocfs2\n"
	       "  - no program works on shared data      dlm_tool status; dlm_tool dump\n"
	       "If you cannot be sure, restart the machine instead: that needs no "
	       "acknowledgement.\n");
	fflush(stdout);
}

/* Ask where somebody can answer. Without a terminal the command itself is the answer. */
static bool is_confirmed(void)
{
	char line[16];

	if (!isatty(STDIN_FILENO))
		return true;
	printf("Acknowledge? Type yes: ");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && strcmp(line, "yes\n") == 0;
}

static int acknowledge(void)
{
	struct admin_request request = {.command = DLMC_CMD_LOST_ACK, .is_change = true};
	struct admin_answer answer;
	int rv = admin_ask(&request, &answer);

	if (rv) {
		say_daemon(-rv);
		return 1;
	}
	rv = answer.result;
	if (rv)
		say("%s", answer.text);
	else
		printf("%s\n", answer.bytes ? answer.text : "acknowledged");
	admin_answer_done(&answer);
	return rv ? 1 : 0;
}

int cmd_lost_ack(const struct args *args)
{
	struct admin_answer info;
	char needed[8] = "";
	int rv = admin_daemon(0, &info);

	(void)args;
	if (rv < 0) {
		say_daemon(-rv);
		return 1;
	}
	if (rv == 0) {
		say("the dlm_controld that runs here is not udlm's: it keeps no record of lost "
		    "locks, and "
		    "there is nothing to acknowledge");
		return 1;
	}
	admin_value(info.text, "lost_ack_needed=", 0, needed, sizeof(needed));
	if (strcmp(needed, "1") != 0) {
		say("dlm_controld does not wait for an acknowledgement; nothing was done");
		admin_answer_done(&info);
		return 1;
	}
	reasons_print(info.text);
	admin_answer_done(&info);
	if (!is_confirmed()) {
		say("not acknowledged; dlm_controld goes on waiting");
		return 1;
	}
	return acknowledge();
}
