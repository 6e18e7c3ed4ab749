/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Dumps of a lockspace for people, in the kernel's text, written into a memfd a piece a turn, so
 * that a million locks do not keep programs waiting.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lockd/daemon.h"

struct dumpjob;

/** dumpjob_begin() - CONTROL_DUMP; DUMP_IS follows, with the text or an error */
void dumpjob_begin(struct daemon *daemon, const struct control_ls *message);
/** dumpjob_work() - one piece. Return: there is more */
bool dumpjob_work(struct daemon *daemon);
/** dumpjob_free_all() - at the end of a test */
void dumpjob_free_all(struct daemon *daemon);
