/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_done(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

/* Room for @bytes more and a final NUL. */
static bool text_grow(struct text *text, size_t bytes)
{
	size_t wanted = text->bytes + bytes + 1;
	size_t room = text->room ? text->room : 256;
	char *data;

	if (wanted <= text->room)
		return true;
	while (room < wanted)
		room *= 2;
	data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (bytes < 0 || !text_grow(text, (size_t)bytes))
		return;
	va_start(args, format);
	(void)vsnprintf(text->data + text->bytes, (size_t)bytes + 1, format, args);
	va_end(args);
	text->bytes += (size_t)bytes;
}

void text_add_bytes(struct text *text, const void *data, size_t bytes)
{
	if (!bytes || !text_grow(text, bytes))
		return;
	memcpy(text->data + text->bytes, data, bytes);
	text->bytes += bytes;
	text->data[text->bytes] = '\0';
}
