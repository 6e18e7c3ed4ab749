/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dlm_tool: reads and steers the distributed lock manager, and takes a lock for a command. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tool/args.h"
#include "tool/tool.h"

static int command_run(const struct args *args)
{
	switch (args->command) {
	case ARGS_JOIN:
		return cmd_join(args);
	case ARGS_LEAVE:
		return cmd_leave(args);
	case ARGS_JOINLEAVE:
		return cmd_joinleave(args);
	case ARGS_LS:
		return cmd_ls(args);
	case ARGS_STATUS:
		return cmd_status(args);
	case ARGS_DEADLOCK_CHECK:
		return cmd_deadlock_check(args);
	case ARGS_FENCE_ACK:
		return cmd_fence_ack(args);
	case ARGS_DUMP:
	case ARGS_DUMP_CONFIG:
	case ARGS_PLOCKS:
	case ARGS_LOG_PLOCK:
	case ARGS_RUN_LIST:
		return cmd_dump(args);
	case ARGS_RELOAD_CONFIG:
		return cmd_reload_config(args);
	case ARGS_SET_CONFIG:
		return cmd_set_config(args);
	case ARGS_RUN:
	case ARGS_RUN_START:
	case ARGS_RUN_CHECK:
	case ARGS_RUN_CANCEL:
		return cmd_run(args);
	case ARGS_LOCKDUMP:
		return cmd_lockdump(args);
	case ARGS_LOCKDEBUG:
		return cmd_lockdebug(args);
	case ARGS_LOST_ACK:
		return cmd_lost_ack(args);
	case ARGS_LOCK:
		return cmd_lock(args);
	case ARGS_NONE:
		break;
	}
	return 1;
}

/* A descriptor of ours must not take the place of a standard one that the caller has closed. */
static void standard_files_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct args args;

	standard_files_open();
	switch (args_parse(argc, argv, &args)) {
	case ARGS_OK:
		return command_run(&args);
	case ARGS_HELP:
		usage_print();
		return 0;
	case ARGS_VERSION:
		version_print(argv[0]);
		return 0;
	case ARGS_NO_COMMAND:
		usage_print();
		return 1;
	case ARGS_BAD:
		fprintf(stderr, "Please use '-h' for usage.\n");
		return 1;
	case ARGS_BAD_VALUE:
		say("-%c does not take \"%s\"; dlm_tool -h lists the options and their values",
			args.bad_option, args.bad_value);
		return 1;
	}
	return 1;
}
