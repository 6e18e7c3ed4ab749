/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where a lockspace's resources are mastered, by the `lockspace` and `master` lines of dlm.conf:
 *
 *	lockspace NAME nodir=1
 *	master    NAME node=1 weight=2
 *	master    NAME node=2
 *
 * They are read anew each time that a lockspace is joined. All nodes must have the same.
 * Source: docs/protocol/control.md, "Placement".
 */
#include <stddef.h>
#include <stdint.h>

struct placement_weight {
	uint32_t nodeid, weight;
};

struct placement {
	uint32_t nodir;
	struct placement_weight *weights; /* owned; NULL: no node is named */
	uint32_t weight_count;
	unsigned int doubtful_line; /* the first whose number is none, from 1; 0: none */
};

/**
 * placement_read() - what a file says of one lockspace
 * Return: 0, also where the file says nothing of it or there is no file: all is zero then;
 * -ENOMEM; -errno of reading it. @ret is for placement_done() after 0 only.
 */
int placement_read(const char *path, const char *lockspace, struct placement *ret);
/** placement_done() - takes a zeroed struct */
void placement_done(struct placement *placement);
