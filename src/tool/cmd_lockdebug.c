/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockdebug.h"
#include "tool/source.h"
#include "tool/tool.h"

int cmd_lockdebug(const struct args *args)
{
	const struct lockdebug_options options = {.verbose = args->verbose, .wide = args->wide};
	struct lockdebug_counts counts = {0};
	const char *name = word_lockspace(args);
	FILE *in;
	int rv;

	if (!name)
		return 1;
	rv = source_open(name, DLMC_DUMP_ALL, &in);
	if (rv) {
		source_say(name, DLMC_DUMP_ALL, rv);
		return 0; /* as ever */
	}
	lockdebug_print_all(in, stdout, &options, &counts);
	fclose(in);
	/* The other two are extra: a kernel may be built without them. */
	if (source_open(name, DLMC_DUMP_TOSS, &in) == 0) {
		lockdebug_print_toss(in, stdout, &counts);
		fclose(in);
	}
	if (source_open(name, DLMC_DUMP_WAITERS, &in) == 0) {
		lockdebug_print_waiters(in, stdout, &counts);
		fclose(in);
	}
	if (args->summary)
		lockdebug_print_summary(stdout, &counts);
	return 0;
}
