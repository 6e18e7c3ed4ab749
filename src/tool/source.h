/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where the dumps of a lockspace come from: the kernel's debugfs if the lockspace is the kernel's,
 * else udlm's daemon, which gives the user engine's dump in the same text.
 */
#include <stdio.h>

#include "proto/dlmc.h"

#define SOURCE_DEBUG_DIR "/sys/kernel/debug/dlm"

/**
 * source_open() - a dump to read
 * @lockspace: a name that has been checked
 * @kind: _all, _locks, _toss or _waiters
 *
 * Return: 0 and a stream to be closed; -errno neither has it: why is to be said with source_say()
 */
int source_open(const char *lockspace, enum dlmc_dump_kind kind, FILE **ret);

/** source_say() - why source_open() failed, as the field does first, then in a sentence */
void source_say(const char *lockspace, enum dlmc_dump_kind kind, int error);
