/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One seed from its first node to its last: faults, then rest and comparison, then everybody gives
 * up what he has and leaves.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct run_totals {
	uint64_t seeds, operations, completions, basts;
	uint64_t changes, recovery_changes, recoveries;
	uint64_t probes, messages, breaks, refused;
	uint64_t held_acks, gaps, lost;
	uint64_t granted, no_queue, cancelled, deadlocks, reads, invalid_reads;
	uint64_t memory_faults;
	uint64_t events;
	uint64_t simulated_ms;
	uint64_t hash; /* of the trace; sum over seeds */
	bool failed;
};

struct run_options {
	uint64_t seed;
	FILE *print;         /* every event; NULL: none */
	FILE *report;        /* where a broken rule is reported */
	uint8_t fill;        /* of fresh memory */
	bool quiet;          /* no dumps of the nodes in a report */
	const char *program; /* for the command in a report */
};

/** run_seed() - Return: true: all rules held */
bool run_seed(const struct run_options *options, struct run_totals *ret);
/** run_report_abort() - from a signal handler: what the seed in progress was about to do */
void run_report_abort(const char *why);
void run_add(struct run_totals *totals, const struct run_totals *more);
void run_print_totals(const struct run_totals *totals, FILE *file);
