/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection, two processes. The parent locks, forks, and then each locks when it is told to,
 *by a byte on a pipe; what came of it is printed.
 *
 * usage: forker LOCKSPACE ORDER [thread]
 *	ORDER: letters, c the child's turn, p the parent's. A turn converts the lock that the parent
 *	had to NL or back to EX, and takes and gives back a lock of its own.
 * Output: a line for each turn: LETTER RESULT ERRNO STATUS of the conversion, then of the own lock
 */
#include <errno.h>
#include <libdlm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static dlm_lshandle_t ls;
static struct dlm_lksb shared;

static int lock_wait(struct dlm_lksb *lksb, uint32_t mode, uint32_t flags, const char *name)
{
	return dlm_ls_lock_wait(
		ls, mode, lksb, flags, name, (unsigned int)strlen(name), 0, NULL, NULL, NULL);
}

static void turn(char who, const char *name)
{
	static uint32_t mode = LKM_EXMODE;
	struct dlm_lksb own = {0};
	int first, first_errno, second, second_errno;

	mode = mode == LKM_EXMODE ? LKM_NLMODE : LKM_EXMODE;
	first = lock_wait(&shared, mode, LKF_CONVERT, "");
	first_errno = first ? errno : 0;
	second = lock_wait(&own, LKM_EXMODE, 0, name);
	second_errno = second ? errno : 0;
	printf("%c %d %d %d %d %d %d\n", who, first, first_errno, shared.sb_status, second,
		second_errno, own.sb_status);
	fflush(stdout);
	if (!second)
		dlm_ls_unlock_wait(ls, own.sb_lkid, 0, &own);
}

static void child(int orders, int done)
{
	char byte;

	while (read(orders, &byte, 1) == 1) {
		turn('c', "child");
		if (write(done, "d", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int orders[2], done[2], status;
	const char *order;
	char byte;
	pid_t pid;

	ls = dlm_open_lockspace(argv[1]);
	if (!ls || pipe(orders) || pipe(done))
		return 1;
	if (argc > 3 && dlm_ls_pthread_init(ls))
		return 1;
	if (lock_wait(&shared, LKM_EXMODE, 0, "shared") || shared.sb_status)
		return 1;
	pid = fork();
	if (!pid) {
		close(orders[1]);
		child(orders[0], done[1]);
	}
	close(orders[0]);
	for (order = argv[2]; *order; order++) {
		if (*order == 'p')
			turn('p', "parent");
		else if (write(orders[1], "x", 1) != 1 || read(done[0], &byte, 1) != 1)
			return 1;
	}
	close(orders[1]);
	waitpid(pid, &status, 0);
	return status ? 1 : 0;
}
