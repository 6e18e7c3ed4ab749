/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The two names where dlm_controld listens: abstract ones, or files in a run directory. */
#include <sys/types.h>

/**
 * listener_open() - a listening socket, non-blocking
 * @run_dir: where it is a file; NULL: an abstract name
 * @reterr_pid: on -EADDRINUSE the process that listens there, 0: not known, or none listens
 * A file that a former daemon has left is replaced: BEFORE it, the caller has made sure that none
 * lives. Return: the descriptor; -EADDRINUSE; -ENAMETOOLONG; -errno
 */
int listener_open(const char *run_dir, const char *name, pid_t *reterr_pid);
/** listener_remove() - the file, if it is one */
void listener_remove(const char *run_dir, const char *name);
