/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes a lock in EX and works under it, as far as it knows, without end: a line "work NANOSECONDS"
 *in a file every few milliseconds. The tests look when the last of them was written.
 *
 * usage: keeper [-afdpi] LOCKSPACE RESOURCE FILE
 *	-a  has a lost callback, which stops the work and so acknowledges; lives on
 *	-f  a child of its works, and it waits
 *	-d  goes on in the background (daemon(3))
 *	-p  the lock is PERSISTENT
 *	-i  ignores SIGTERM
 * Writes "locked PID" to standard output when the work begins.
 */
#include <fcntl.h>
#include <libdlm.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct wishes {
	bool acknowledges, forks, daemonises, persistent, ignores;
};

static int log_fd;
static atomic_bool has_stopped;

static void note(const char *word)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	dprintf(log_fd, "%s %lld\n", word, (long long)now.tv_sec * 1000000000 + now.tv_nsec);
}

static void lost(void *arg)
{
	(void)arg;
	has_stopped = true;
	note("acknowledged");
}

static void work(void)
{
	struct timespec pause_time = {.tv_nsec = 5000000};

	printf("locked %ld\n", (long)getpid());
	fflush(stdout);
	for (;;) {
		if (!has_stopped)
			note("work");
		nanosleep(&pause_time, NULL);
	}
}

static dlm_lshandle_t take(const char *lockspace, const char *resource, const struct wishes *wishes)
{
	static struct dlm_lksb lksb;
	dlm_lshandle_t ls = dlm_open_lockspace(lockspace);

	if (!ls || dlm_ls_pthread_init(ls)) {
		perror("open");
		exit(1);
	}
	if (wishes->acknowledges && dlm_ls_set_lost_callback(ls, lost, NULL)) {
		perror("lost callback");
		exit(1);
	}
	if (dlm_ls_lock_wait(ls, LKM_EXMODE, &lksb, wishes->persistent ? LKF_PERSISTENT : 0,
		    resource, (unsigned int)strlen(resource), 0, NULL, NULL, NULL) ||
		lksb.sb_status) {
		perror("lock");
		exit(1);
	}
	return ls;
}

int main(int argc, char *argv[])
{
	struct wishes wishes = {false};
	int option;

	while ((option = getopt(argc, argv, "afdpi")) >= 0) {
		wishes.acknowledges |= option == 'a';
		wishes.forks |= option == 'f';
		wishes.daemonises |= option == 'd';
		wishes.persistent |= option == 'p';
		wishes.ignores |= option == 'i';
	}
	if (argc - optind != 3)
		return 2;
	log_fd = open(argv[optind + 2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (wishes.ignores)
		sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	take(argv[optind], argv[optind + 1], &wishes);
	if (wishes.daemonises && daemon(1, 1))
		return 1;
	if (wishes.forks && fork()) {
		wait(NULL);
		return 0;
	}
	work();
	return 0;
}
