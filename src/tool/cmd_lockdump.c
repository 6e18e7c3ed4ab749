/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockdebug.h"
#include "tool/source.h"
#include "tool/tool.h"

int cmd_lockdump(const struct args *args)
{
	const char *name = word_lockspace(args);
	FILE *in;
	int rv;

	if (!name)
		return 1;
	rv = source_open(name, DLMC_DUMP_LOCKS, &in);
	if (rv) {
		source_say(name, DLMC_DUMP_LOCKS, rv);
		return 0; /* as ever */
	}
	lockdebug_print_locks(in, stdout, args->master_copies);
	fclose(in);
	return 0;
}
