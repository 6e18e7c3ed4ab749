/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The first packet of a program, and the answer that makes it served: WELCOME, its first lock ids,
 * and its lease.
 */
#include <stdint.h>
#include <sys/types.h>

#include "lockd/connection.h"

/**
 * handshake_hello() - a checked record came while none was served
 * @pid: of the sender, 0: not visible from here
 * It is served afterwards, or it has heard BYE and may be gone.
 */
void handshake_hello(struct connection *c, const struct client_head *head, pid_t pid);
