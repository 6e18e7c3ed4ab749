/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Sitting the exam: one row after the other through libdlm, comparing what is seen. */
#include <stdbool.h>
#include <stdio.h>

#include "table.h"

#define EXAM_NODES 2

struct exam;

struct exam_options {
	const char *lockspace;
	int settle_ms; /* waited for late callbacks after each step; 0 is right where this node is
			  the master of everything, and between two nodes of these: */
	const char *nodes[EXAM_NODES]; /* what runs a command there; NULL: all programs are here */
	unsigned master;               /* of the rows' resources, by number of the node, from 1 */
	unsigned directory;            /* which node has their directory entries, from 1 */
};

/** exam_new() - on a lockspace that exists, except on nodes: there it is created if it is absent.
 * @options: borrowed. Return: NULL, said on stderr */
struct exam *exam_new(const struct exam_options *options);
void exam_free(struct exam *exam);
/** exam_row() - Return: whether all was as the row says; if not, what differs went to @out */
bool exam_row(struct exam *exam, const struct row *row, FILE *out);
/** exam_broken() - whether no further row can be run */
bool exam_broken(const struct exam *exam);
