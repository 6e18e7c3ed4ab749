/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Makes sure that the dlm_lockd of a former dlm_controld has ended: the lock of RUN/lockd.lock can
 * be had. It ends by itself when its control connection does; one that does not (it is stopped, it
 * hangs) is found by who has that file open, and killed.
 */
#include <qb/qbloop.h>

#include "base/log.h"
#include "base/text.h"

#define FORMER_LOCK_FILE "lockd.lock"

struct former;

struct former_settings {
	const char *run_dir; /* borrowed */
	void *context;
	void (*done)(void *context); /* none lives. From the loop; the struct may be freed in it. */
	void (*changed)(void *context); /* there is one, and it is waited for */
};

/** former_new() - Return: 0; -errno of opening the lock file, -ENOMEM */
int former_new(qb_loop_t *loop, struct log *log, const struct former_settings *settings,
	struct former **ret);
/** former_free() - NULL is allowed */
void former_free(struct former *former);
/** former_describe() - add what is waited for, if anything: @prefix, sentence, newline */
void former_describe(const struct former *former, const char *prefix, struct text *ret);
