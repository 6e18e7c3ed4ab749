/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A file that says which process is the daemon, locked (fcntl) for as long as that lives. */
#include <sys/types.h>

/**
 * pidfile_open() - lock it and write our process id
 * @mode: of the file. Where others may open it they could hold a lock on it.
 * @reterr_pid: on -EBUSY the process that has the lock, 0: not visible
 * BEFORE that: all forks, since a child has not its parent's lock.
 * Return: the descriptor, to be kept open; -EBUSY; -errno
 */
int pidfile_open(const char *path, mode_t mode, pid_t *reterr_pid);
