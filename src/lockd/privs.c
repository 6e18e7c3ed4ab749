/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY_BIT(cap) (1u << (cap)) /* of those below 32 */

static void privs_say(struct privs *privs, const char *sentence)
{
	size_t used = strlen(privs->text);

	snprintf(
		privs->text + used, sizeof(privs->text) - used, "%s%s", used ? "; " : "", sentence);
}

void privs_find(struct privs *ret)
{
	struct privs privs = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	struct passwd *user = NULL;

	if (geteuid() == 0) {
		user = getpwnam(PRIVS_USER);
		if (!user)
			privs_say(&privs, "no user " PRIVS_USER ": stays root");
	}
	if (user) {
		privs.uid = user->pw_uid;
		privs.gid = user->pw_gid;
	}
	endpwent();
	*ret = privs;
}

/* Capabilities of this process, low word. */
static int capabilities_get(struct __user_cap_data_struct ret[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &head, ret) < 0 ? -errno : 0;
}

static int capabilities_keep(uint32_t bits)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	int rv = capabilities_get(data);

	if (rv)
		return rv;
	bits &= data[0].permitted;
	data[0] = (struct __user_cap_data_struct){.effective = bits, .permitted = bits};
	data[1] = (struct __user_cap_data_struct){0};
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static void limit_raise(int resource, rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max < wanted) {
		struct rlimit higher = {.rlim_cur = wanted, .rlim_max = wanted};

		if (!setrlimit((__rlimit_resource_t)resource, &higher))
			return;
	}
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit((__rlimit_resource_t)resource, &limit);
}

void privs_limits(struct privs *privs, uint32_t files_wanted)
{
	struct rlimit limit;

	limit_raise(RLIMIT_NOFILE, files_wanted);
	limit_raise(RLIMIT_MEMLOCK, RLIM_INFINITY);
	privs->files_max = 256;
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		privs->files_max =
			limit.rlim_cur < files_wanted ? (uint32_t)limit.rlim_cur : files_wanted;
}

/*
 * dlm_controld must be able to run whatever this process does, so it has the higher priority: where
 * it has none, this process takes none.
 */
void privs_schedule(struct privs *privs)
{
	struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_RR)};
	struct sched_param parent = {0};
	int policy = sched_getscheduler(getppid()) & ~SCHED_RESET_ON_FORK;

	if ((policy != SCHED_RR && policy != SCHED_FIFO) ||
		sched_getparam(getppid(), &parent) < 0 ||
		parent.sched_priority < param.sched_priority) {
		privs_say(privs, "no real-time priority: dlm_controld has none");
		return;
	}
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) < 0) {
		privs_say(privs, errno == EPERM ? "real-time priority not permitted"
						: "real-time priority failed");
		return;
	}
	privs->priority = param.sched_priority;
}

static bool memory_unlimited(void)
{
	struct __user_cap_data_struct data[2];
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur == RLIM_INFINITY)
		return true;
	return !capabilities_get(data) && data[0].effective & CAPABILITY_BIT(CAP_IPC_LOCK);
}

/* With a limit, memory that is locked today is an allocation that fails tomorrow. */
void privs_lock_memory(struct privs *privs)
{
	if (!memory_unlimited())
		privs_say(privs, "memory not locked: RLIMIT_MEMLOCK has a limit");
	else if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		privs_say(privs,
			errno == EPERM ? "locking memory not permitted" : "locking memory failed");
	else
		privs->memory_locked = true;
}

static int user_become(const struct privs *privs)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
		setresgid(privs->gid, privs->gid, privs->gid) < 0 ||
		setresuid(privs->uid, privs->uid, privs->uid) < 0)
		return -errno;
	(void)prctl(PR_SET_KEEPCAPS, 0);
	return 0;
}

int privs_drop(struct privs *privs, bool mark)
{
	uint32_t bits = CAPABILITY_BIT(CAP_IPC_LOCK);
	pid_t parent = getppid();
	int rv = 0;

	if (mark)
		bits |= CAPABILITY_BIT(CAP_NET_ADMIN);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (privs->uid != (uid_t)-1) {
		rv = user_become(privs);
		if (!rv)
			rv = capabilities_keep(bits);
	}
	/*
	 * A second line behind the control connection, which is not looked at inside a turn.
	 * (Changing the user clears it, so it comes last.)
	 */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!rv && getppid() != parent)
		rv = -ECHILD;
	return rv;
}
