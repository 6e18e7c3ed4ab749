/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Who has the lock that we wait for, as far as this node knows and this user may know. */
#include <stddef.h>
#include <stdio.h>

#include "tool/lockargs.h"

/** lockwho_say() - "waiting for EX on ..., held by ..." on standard error. Takes a second at most.
 */
void lockwho_say(const struct lockargs *args);

/**
 * lockwho_read() - holders from a NAME_locks text
 * @resource: its name
 * @ret: "pid 12 (EX), pid 13 on node 2 (PR)", "" if none is known; cut where there are many
 */
void lockwho_read(FILE *in, const char *resource, char *ret, size_t room);
