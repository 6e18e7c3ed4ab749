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

/**
 * lockwho_users_read() - programs that have a lockspace open, from ENGINE_INFO's text
 * @except_pid: is left out
 * @ret: "pid 12 a, pid 13 b", "" if none
 */
void lockwho_users_read(
	const char *info, const char *lockspace, uint32_t except_pid, char *ret, size_t room);
/** lockwho_users() - the same, asked for now. Return: false: the daemon does not say */
bool lockwho_users(const char *lockspace, char *ret, size_t room);
