/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libdlm.h>
#include <stdio.h>

#include "tool/tool.h"

int cmd_join(const struct args *args)
{
	uint32_t flags =
		(args->exclusive ? DLM_LSFL_NEWEXCL : 0) | (args->file_system ? DLM_LSFL_FS : 0);
	const char *name = word_lockspace(args);
	dlm_lshandle_t lockspace;

	if (!name)
		return 1;
	printf("Joining lockspace \"%s\" permission %o ", name, (unsigned)args->mode);
	if (flags)
		printf("flags %s%s", args->exclusive ? "NEWEXCL " : "",
			args->file_system ? "FS " : "");
	printf("\n");
	fflush(stdout);

	lockspace = dlm_new_lockspace(name, args->mode, flags);
	if (!lockspace) {
		int error = errno;

		fprintf(stderr, "dlm_new_lockspace %s error %d\n", name, error);
		say_lockspace(name, error);
		return TOOL_EXIT_REFUSED;
	}
	dlm_close_lockspace(lockspace);
	printf("done\n");
	return 0;
}
