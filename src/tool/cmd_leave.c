/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libdlm.h>
#include <stdio.h>

#include "tool/tool.h"

#define RELEASE_FORCED 2 /* with locks of other programs on it */

int cmd_leave(const struct args *args)
{
	const char *name = word_lockspace(args);
	dlm_lshandle_t lockspace;
	int error;

	if (!name)
		return 1;
	printf("Leaving lockspace \"%s\"\n", name);
	fflush(stdout);
	lockspace = dlm_open_lockspace(name);
	if (!lockspace) {
		error = errno;
		fprintf(stderr, "dlm_open_lockspace %s error (nil) %d\n", name, error);
		say_lockspace(name, error);
		return TOOL_EXIT_REFUSED;
	}
	if (dlm_release_lockspace(name, lockspace, RELEASE_FORCED)) {
		error = errno;
		fprintf(stderr, "dlm_release_lockspace %s error -1 %d\n", name, error);
		say_lockspace(name, error);
		return TOOL_EXIT_REFUSED;
	}
	printf("done\n");
	return 0;
}
