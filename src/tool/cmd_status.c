/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: what the field's tool prints, in its words and order, then what only udlm's daemon knows:
 * which cluster and engine it has, and what it waits for.
 */
#include <errno.h>
#include <libdlmcontrol.h>
#include <stdio.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

#define LINE_BYTES 1024

static void short_print(const char *info)
{
	char engine[32] = "", text[LINE_BYTES] = "";

	if (admin_value(info, DLMC_INFO_CLUSTER_TEXT, 0, text, sizeof(text)) && *text)
		printf("%s\n", text);
	if (admin_value(info, DLMC_INFO_ENGINE, 0, engine, sizeof(engine))) {
		admin_value(info, DLMC_INFO_ENGINE_TEXT, 0, text, sizeof(text));
		printf("engine %s: %s\n", engine, text);
	}
	for (unsigned i = 0; admin_value(info, DLMC_INFO_WARNING, i, text, sizeof(text)); i++)
		printf("warning: %s\n", text);
	for (unsigned i = 0; admin_value(info, DLMC_INFO_WAITING, i, text, sizeof(text)); i++)
		printf("waiting: %s\n", text);
}

/* All of it, set in as the rest of the long form is. */
static void long_print(char *info)
{
	char *line;

	printf("daemon\n");
	while ((line = strsep(&info, "\n"))) {
		if (*line)
			printf("    %s\n", line);
	}
}

static void ours_print(bool verbose)
{
	struct admin_answer info;

	if (admin_daemon(0, &info) <= 0)
		return;
	short_print(info.text);
	if (verbose)
		long_print(info.text);
	admin_answer_done(&info);
}

int cmd_status(const struct args *args)
{
	if (args->everywhere)
		return everywhere_print(args->verbose ? DLMC_ALL_STATUS_VERBOSE : DLMC_ALL_STATUS);
	if (dlmc_print_status(args->verbose ? DLMC_STATUS_VERBOSE : 0) >= 0) {
		ours_print(args->verbose);
		return 0;
	}
	say_daemon(errno);
	return 0; /* as ever: scripts read what the library has printed */
}
