/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/note.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define SAID_ALWAYS 64u /* refused messages; of more, fewer and fewer */

void note_line(struct fence *fence, enum fence_level level, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!fence->note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fence->note(fence->context, level, text);
}

int note_refused(struct fence *fence, uint32_t sender, const char *why)
{
	uint64_t count = ++fence->refused_count;
	bool is_seldom = count <= SAID_ALWAYS || !(count & (count - 1));

	note_line(fence, is_seldom ? FENCE_WARNING : FENCE_DEBUG,
		"node %u: message of the daemon group refused: %s", sender, why);
	return -EBADMSG;
}
