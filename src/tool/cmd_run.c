/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run, run_start, run_check, run_cancel: a command that all nodes' daemons execute. */
#include <errno.h>
#include <libdlmcontrol.h>
#include <stdio.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

static int failure_say(int error)
{
	if (error == -1 && errno)
		say_daemon(errno);
	else if (admin_daemon(0, NULL) > 0)
		say_not_yet("run");
	else if (error == -1)
		say("dlm_controld refuses to run commands: enable_helper=1 in dlm.conf permits it");
	else
		say("dlm_controld refuses to run the command: %s", strerror(-error));
	return TOOL_EXIT_REFUSED;
}

static int run_start(const struct args *args, char uuid[DLMC_RUN_UUID_LEN + 1])
{
	/* -n: the node where it is asked for runs it too, when its own message comes back */
	uint32_t flags =
		args->all_nodes ? DLMC_FLAG_RUN_START_NODE_RECV : DLMC_FLAG_RUN_START_NODE_NONE;
	char command[DLMC_RUN_COMMAND_LEN];
	int rv;

	if (words_join(args, command, sizeof(command))) {
		say("the command is longer than %d bytes", DLMC_RUN_COMMAND_LEN - 1);
		return 1;
	}
	memset(uuid, 0, DLMC_RUN_UUID_LEN + 1);
	errno = 0;
	rv = dlmc_run_start(command, (int)strlen(command) + 1, 0, flags, uuid);
	printf("run_uuid: %s\n", uuid);
	fflush(stdout);
	return rv < 0 ? failure_say(rv) : 0;
}

static int run_check(const struct args *args, char *uuid, uint32_t flags)
{
	uint32_t status = 0;
	int rv;

	errno = 0;
	rv = dlmc_run_check(uuid, (int)strlen(uuid), args->wait_seconds, flags, &status);
	printf("check_status: %s%s%s\n", status & DLMC_RUN_STATUS_WAITING ? "waiting " : "",
		status & DLMC_RUN_STATUS_DONE ? "done " : "",
		status & DLMC_RUN_STATUS_FAILED ? "failed " : "");
	fflush(stdout);
	return rv < 0 ? failure_say(rv) : 0;
}

int cmd_run(const struct args *args)
{
	bool is_start = args->command == ARGS_RUN || args->command == ARGS_RUN_START;
	char uuid[DLMC_RUN_UUID_LEN + 1];
	int start;

	if (!word_first(args, is_start ? "command" : "uuid"))
		return 1;
	if (args->command == ARGS_RUN_CHECK)
		return run_check(args, args->words[0], DLMC_FLAG_RUN_CHECK_CLEAR);
	if (args->command == ARGS_RUN_CANCEL)
		return run_check(args, args->words[0], DLMC_FLAG_RUN_CHECK_CANCEL);
	start = run_start(args, uuid);
	if (args->command == ARGS_RUN_START || start == 1)
		return start;
	if (start) {
		printf("check_status: \n");
		return start;
	}
	return run_check(args, uuid, DLMC_FLAG_RUN_CHECK_CLEAR);
}
