/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Sitting the exam: one row after the other through libdlm, comparing what is seen. */
#include <stdbool.h>
#include <stdio.h>

#include "table.h"

struct exam;

/** exam_new() - on a lockspace that exists. @settle_ms: waited for late callbacks after each step;
 * 0 is right where the one node is the master of everything. Return: NULL, said on stderr */
struct exam *exam_new(const char *lockspace, int settle_ms);
void exam_free(struct exam *exam);
/** exam_row() - Return: whether all was as the row says; if not, what differs went to @out */
bool exam_row(struct exam *exam, const struct row *row, FILE *out);
