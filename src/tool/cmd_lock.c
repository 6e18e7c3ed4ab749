/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lock: flock(1) for a cluster. */
#include "tool/lockargs.h"
#include "tool/lockhold.h"
#include "tool/lockrun.h"
#include "tool/tool.h"

int cmd_lock(const struct args *args)
{
	struct lockargs lock;
	struct lockhold hold = {0};
	char error[512];
	int status;

	if (args->option_given) {
		say("the options of lock come after the word lock; see dlm_tool lock -h");
		return LOCK_EXIT_USAGE;
	}
	if (lockargs_parse(args->word_count, args->words, &lock, error, sizeof(error))) {
		say("%s", error);
		return LOCK_EXIT_USAGE;
	}
	if (lock.help) {
		usage_lock_print();
		return 0;
	}
	status = lockhold_take(&hold, &lock);
	if (status)
		return status;
	return lock.command ? lockrun_command(&hold) : lockrun_hold(&hold);
}
