/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/realtime.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REALTIME_ABOVE_LOWEST 1 /* dlm_lockd takes the lowest */

static void files_raise(struct log *log)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_info(
			log, "cannot raise the limit of open files: %s, going on", strerror(errno));
}

static bool may_lock_without_limit(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (!setrlimit(RLIMIT_MEMLOCK, &limit))
		return true;
	return !syscall(SYS_capget, &head, data) && data[0].effective & 1u << CAP_IPC_LOCK;
}

/* Under a limit, what is locked now is an allocation that fails later. */
static void memory_lock(struct log *log)
{
	if (!may_lock_without_limit())
		log_info(log, "memory is not locked: there is a limit to it, going on");
	else if (mlockall(MCL_CURRENT | MCL_FUTURE))
		log_info(log, "memory is not locked: %s, going on", strerror(errno));
}

void realtime_begin(struct log *log)
{
	struct sched_param param = {
		.sched_priority = sched_get_priority_min(SCHED_RR) + REALTIME_ABOVE_LOWEST};

	files_raise(log);
	memory_lock(log);
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param))
		log_info(log, "no real-time priority: %s, going on", strerror(errno));
}
