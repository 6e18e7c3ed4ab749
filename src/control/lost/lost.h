/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The rule of lost rights: before this node grants anything anew, nothing on it may still act on a
 * lock that it had before. For every lease that says that something was held: the right has ended
 * when the file can be locked. Programs have LOST_ACK_MS to acknowledge, then SIGTERM, then
 * LOST_TERM_MS later SIGKILL, then what they wrote goes to disk (sync). One that does not end is
 * named and waited for. Rights that go on without a process (PERSISTENT locks, orphans) end with
 * the boot, or with root's word (lost_ack).
 *
 * A run of it is one struct lost, in the loop, without waiting anywhere.
 * Source: docs/architecture.md, "The rule of lost rights".
 */
#include <qb/qbloop.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/text.h"

#define LOST_ACK_MS  2000u
#define LOST_TERM_MS 5000u

struct lost;

struct lost_settings {
	const char *run_dir; /* borrowed */
	const char *boot_id; /* borrowed */
	bool without_ack;    /* rights beyond a process are left for the next start to wait for */
	void *context;
	/* The rule is met. From the loop; the struct may be freed in it. */
	void (*done)(void *context);
	/* What is waited for is another thing now. */
	void (*changed)(void *context);
};

/** lost_new() - read the leases and begin. Return: 0; -errno of reading the run directory, -ENOMEM
 */
int lost_new(
	qb_loop_t *loop, struct log *log, const struct lost_settings *settings, struct lost **ret);
/** lost_free() - NULL is allowed. What is left of the leases stays for the next run. */
void lost_free(struct lost *lost);
/** lost_needs_ack() - everything else is done: root's word is waited for */
bool lost_needs_ack(const struct lost *lost);
/**
 * lost_ack() - root says that nothing acts on the rights beyond processes any more
 * @by:  who, for the log
 * @ret: what was acknowledged, a line each
 * Return: 0; -ENOENT nothing waits for it
 */
int lost_ack(struct lost *lost, const char *by, struct text *ret);
/** lost_describe() - add a line for each thing waited for: @prefix, sentence, newline */
void lost_describe(const struct lost *lost, const char *prefix, struct text *ret);
