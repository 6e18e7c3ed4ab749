/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One record of a program that is served: what it asks the engine, or of lockspaces.
 */
#include <sys/types.h>

#include "lockd/connection.h"

/**
 * record_handle() - carry out one record that client_record_check() passed
 * @pid: of the sender, 0: not visible
 * @reterr_reason: on -EBADMSG what is wrong with it; constant text
 * BEFORE: output_reserve().
 * Return: 0 done, answered or refused; -EBADMSG it may not be here, or a field is out of range:
 * nothing was done, and nothing that follows can be trusted
 */
int record_handle(struct connection *c, const struct client_head *head, pid_t pid,
	const char **reterr_reason);
