/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* Whether we are still the process that we were. */
#include <sys/types.h>

/** fork_prepare() - see that handles survive a fork; before the first one is made */
void fork_prepare(void);
/** fork_pid() - getpid(), without a system call where that is possible */
pid_t fork_pid(void);
