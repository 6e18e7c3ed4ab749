/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Starts dlm_lockd: which file, with which descriptors, apart from our terminal and signals. */
#include <sys/types.h>

#include "base/log.h"

#define SPAWN_ERRORS_OURS    -1
#define SPAWN_ERRORS_NOWHERE -2

/**
 * spawn_lockd() - start it with one end of a socket pair as its CONTROL_FD
 * @path:    the file; "": dlm_lockd beside our own executable, else in the installed place
 * @run_dir: passed on in the environment
 * @error_fd: its standard error; SPAWN_ERRORS_OURS, SPAWN_ERRORS_NOWHERE
 * @ret_fd:  our end, non-blocking, for the caller to close
 *
 * It gets a session of its own, so that a signal from our terminal reaches us alone, who may refuse
 * it. Return: 0; -errno, with the sentence logged
 */
int spawn_lockd(struct log *log, const char *path, const char *run_dir, int error_fd,
	pid_t *ret_pid, int *ret_fd);
