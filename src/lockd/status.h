/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What dlm_lockd is doing, as text for people and for dlm_tool: "key=value" lines; then a line for
 * each other node that begins with "peer ", one for each lockspace that begins with "lockspace ",
 * and one for each connection that begins with "client ", each with key=value words, the name (of a
 * peer: the error) last, since it may contain blanks.
 */
#include <stddef.h>

#include "lockd/daemon.h"

/** status_write() - whole lines; what finds no room is counted in the last. Return: bytes, no NUL
 */
size_t status_write(struct daemon *daemon, char *ret, size_t room);
