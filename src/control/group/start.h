/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The agreement on a change: START, NACK, and what follows when all have said START. */
#include "control/group/lockspace.h"

/** start_advance() - the newest change goes as far as it can */
void start_advance(struct lockspace *ls);
/** start_receive() - a START or NACK. Return: 0; -EBADMSG; -ENOMEM */
int start_receive(
	struct lockspace *ls, const struct cpg_header *header, const void *data, size_t bytes);
