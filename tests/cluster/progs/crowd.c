/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many at once in one process.
 *
 * usage: crowd LOCKSPACE HANDLES LOCKS
 *
 * Opens the lockspace HANDLES times, each with a connection of its own. Each takes LOCKS names of
 * its own in PR, then EX on the one name that all of them want, and gives that one back. Says
 * "locked N" when all have had it, and holds the rest until its standard input ends.
 */
#include <errno.h>
#include <libdlm.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 1000u

struct handle {
	dlm_lshandle_t ls;
	struct dlm_lksb all;
};

static unsigned handle_count, lock_count, in_flight;
static struct handle *handles;
static struct dlm_lksb *lksbs;

static void fail(const char *what, int error)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(error));
	exit(1);
}

static void completed(void *arg)
{
	const struct dlm_lksb *lksb = arg;

	if (lksb->sb_status && lksb->sb_status != EUNLOCK)
		fail("a lock", lksb->sb_status);
	in_flight--;
}

static void had(void *arg)
{
	struct handle *handle = arg;

	if (handle->all.sb_status == 0) {
		if (dlm_ls_unlock(handle->ls, handle->all.sb_lkid, 0, &handle->all, handle))
			fail("unlock", errno);
		return;
	}
	if (handle->all.sb_status != EUNLOCK)
		fail("the lock of all", handle->all.sb_status);
	in_flight--;
}

/* Until no more than @most are in flight. */
static void wait_for(unsigned most, struct pollfd *fds)
{
	while (in_flight > most) {
		if (poll(fds, handle_count, 60000) <= 0)
			fail("nothing comes", ETIMEDOUT);
		for (unsigned i = 0; i < handle_count; i++)
			if (fds[i].revents && dlm_dispatch(fds[i].fd))
				fail("dispatch", errno);
	}
}

static struct pollfd *open_all(const char *name)
{
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
	struct pollfd *fds = calloc(handle_count, sizeof(*fds));

	handles = calloc(handle_count, sizeof(*handles));
	lksbs = calloc((size_t)handle_count * lock_count + 1, sizeof(*lksbs));
	if (!fds || !handles || !lksbs || setrlimit(RLIMIT_NOFILE, &limit))
		fail("start", errno);
	for (unsigned i = 0; i < handle_count; i++) {
		handles[i].ls = dlm_open_lockspace(name);
		if (!handles[i].ls)
			fail(name, errno);
		fds[i] = (struct pollfd){.fd = dlm_ls_get_fd(handles[i].ls), .events = POLLIN};
	}
	return fds;
}

static void lock_own(const char *prefix, struct pollfd *fds)
{
	for (unsigned i = 0; i < handle_count * lock_count; i++) {
		char name[64];
		int bytes = snprintf(name, sizeof(name), "%s-%u", prefix, i);

		if (dlm_ls_lock(handles[i % handle_count].ls, LKM_PRMODE, &lksbs[i], 0, name,
			    (unsigned)bytes, 0, completed, &lksbs[i], NULL, NULL))
			fail("lock", errno);
		in_flight++;
		wait_for(IN_FLIGHT_MAX, fds);
	}
	wait_for(0, fds);
}

int main(int argc, char **argv)
{
	struct pollfd *fds;
	char name[65], byte;

	if (argc != 4)
		return 2;
	handle_count = (unsigned)strtoul(argv[2], NULL, 10);
	lock_count = (unsigned)strtoul(argv[3], NULL, 10);
	fds = open_all(argv[1]);
	gethostname(name, sizeof(name));
	lock_own(name, fds);
	for (unsigned i = 0; i < handle_count; i++) {
		if (dlm_ls_lock(handles[i].ls, LKM_EXMODE, &handles[i].all, 0, "all", 3, 0, had,
			    &handles[i], NULL, NULL))
			fail("lock", errno);
		in_flight++;
	}
	wait_for(0, fds);
	printf("locked %u\n", handle_count * (lock_count + 1));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
