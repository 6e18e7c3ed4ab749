/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Prints the dumps of a lockspace (dumpline.h) for people, as `dlm_tool lockdebug` and `lockdump`
 * always have. Lines that are not what they should be are reported on standard error and left out;
 * lines that begin with another word are printed as they are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct lockdebug_options {
	bool verbose; /* a second line (or with wide the rest of the line) for each lock */
	bool wide;    /* value blocks in one line */
};

struct lockdebug_counts {
	uint32_t resource_count, master_count, remote_count, lookup_count, error_count;
	uint32_t lvb_count, empty_count, toss_count;
	uint32_t lock_count, granted_count, convert_count, waiting_count;
	uint32_t local_count, master_copy_count, process_copy_count;
	uint32_t lookup_lock_count, wait_count, expect_count;
};

/** lockdebug_print_all() - print a NAME_all text. @counts is added to. */
void lockdebug_print_all(FILE *in, FILE *out, const struct lockdebug_options *options,
	struct lockdebug_counts *counts);
void lockdebug_print_toss(FILE *in, FILE *out, struct lockdebug_counts *counts);
void lockdebug_print_waiters(FILE *in, FILE *out, struct lockdebug_counts *counts);
void lockdebug_print_summary(FILE *out, const struct lockdebug_counts *counts);
/** lockdebug_print_locks() - print a NAME_locks text (lockdump). @master_copies: those too */
void lockdebug_print_locks(FILE *in, FILE *out, bool master_copies);
