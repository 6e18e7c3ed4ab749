/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump, dump_config, run_list, log_plock, plocks: texts of the daemon as they are.
 *
 * Releases 4.2 and 4.3 of the suite differ in what they do when that fails: a lone newline and exit
 * status 0, or "failed: ..." and 1. We do as the release that this was built for, and say why.
 */
#include <errno.h>
#include <libdlmcontrol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

#if LIBDLMCONTROL_GENERATION >= 403
#define DUMP_CALL(function, ...) function(__VA_ARGS__, data)
#else
#define DUMP_CALL(function, ...) function(__VA_ARGS__)
#endif

static int text_get(enum args_command command, char *name, char *text, int *data)
{
	*data = 0;
	switch ((int)command) {
	case ARGS_DUMP:
		return DUMP_CALL(dlmc_dump_debug, text);
	case ARGS_DUMP_CONFIG:
		return DUMP_CALL(dlmc_dump_config, text);
	case ARGS_RUN_LIST:
		return DUMP_CALL(dlmc_dump_run, text);
	case ARGS_LOG_PLOCK:
		return DUMP_CALL(dlmc_dump_log_plock, text);
	default:
		return DUMP_CALL(dlmc_dump_plocks, name, text);
	}
}

/* Return: exit status */
static int failure_print(enum args_command command, const char *name, int error)
{
	bool is_daemon = error == -1;
	int reason = is_daemon ? errno : -error;
	int status = 0;

	if (LIBDLMCONTROL_GENERATION >= 403) {
		/* the field prints -1 as if it were an errno: EPERM */
		fprintf(stderr, "failed: %s\n", strerror(-error));
		status = 1;
	} else if (command != ARGS_PLOCKS) {
		printf("\n");
	}
	if (is_daemon)
		say_daemon(reason);
	else if (name && reason == ENOENT)
		say_lockspace_absent(name);
	else if (reason == ENOSPC)
		say("the text is longer than the %d bytes that the daemon can give",
			DLMC_DUMP_SIZE);
	else
		say("dlm_controld refuses: %s", strerror(reason));
	return status;
}

int cmd_dump(const struct args *args)
{
	char *name = NULL, *text;
	struct dlmc_lockspace ls;
	int data, rv, status = 0;

	if (args->command == ARGS_PLOCKS) {
		if (!word_first(args, "lockspace name"))
			return 1;
		name = args->words[0];
	}
	text = calloc(1, DLMC_DUMP_SIZE + 1);
	if (!text) {
		say("no memory for the text of the daemon (%d bytes)", DLMC_DUMP_SIZE);
		return 1;
	}
	rv = text_get(args->command, name, text, &data);
	/* The library of 4.2 does not tell an unknown lockspace from one without posix locks. */
	if (rv == 0 && data == 0 && name && !*text && dlmc_lockspace_info(name, &ls) == -ENOENT)
		data = -ENOENT;
	if (rv < 0 || data < 0) {
		status = failure_print(args->command, name, rv < 0 ? rv : data);
	} else {
		fputs(text, stdout);
		if (args->command != ARGS_PLOCKS)
			printf("\n");
	}
	free(text);
	return status;
}
