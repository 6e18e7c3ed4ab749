/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "control/fence/parts.h"

/** note_line() - a line for the log, if anybody wants it */
void note_line(struct fence *fence, enum fence_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** note_refused() - a message was dropped: counted and said. Return: -EBADMSG */
int note_refused(struct fence *fence, uint32_t sender, const char *why);
