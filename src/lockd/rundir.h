/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The run directory: who owns what in it, and the lock file that says that a dlm_lockd lives.
 *
 *	RUN/lockd.lock		locked (flock) by the living dlm_lockd; holds its pid
 *	RUN/control		socket: create and release lockspaces
 *	RUN/lockspaces/		a socket for each lockspace; the working directory of dlm_lockd, so
 *that a socket's name is short wherever the run directory is RUN/leases/		see lease.h
 */
#include <stdint.h>
#include <sys/types.h>

struct rundir {
	int lock_fd;    /* open for the life of the process */
	int leases_fd;  /* RUN/leases */
	int control_fd; /* bound to RUN/control, not listening yet; owned by whoever takes it */
};

/**
 * rundir_open() - lock and prepare the run directory, and make RUN/lockspaces the working directory
 * @path: made with mode 0755 where it is absent
 * @owner_uid, @owner_gid: who will own what dlm_lockd makes, -1: whoever we are
 * @reterr_pid: on -EBUSY the pid that the lock file names, 0: none
 *
 * BEFORE privileges are dropped. Sockets that a former dlm_lockd left are removed, leases are not:
 * they are dlm_controld's to judge. Return: 0; -EBUSY another dlm_lockd lives; -errno
 */
int rundir_open(
	const char *path, uid_t owner_uid, gid_t owner_gid, struct rundir *ret, long *reterr_pid);
void rundir_done(struct rundir *rundir);
