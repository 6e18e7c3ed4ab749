/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a program asks of the daemon itself, over its control socket: one conversation a call.
 *
 * All return -ECONNREFUSED where no daemon runs; -ENOTCONN where it ended during the call; -EINTR
 * after a signal handler without SA_RESTART; the errno of its BYE.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** daemon_probe() - Return: 0 a daemon answers */
int daemon_probe(void);
/** daemon_version() - of the device interface that it imitates */
int daemon_version(uint32_t ret[3]);
/** daemon_create() - join a lockspace, waiting until the cluster has let this node in */
int daemon_create(const char *name, mode_t mode, uint32_t flags);
/** daemon_release() - leave it. Return: -EBUSY others have locks there and not @force, too */
int daemon_release(const char *name, bool force);
