/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A text that grows, for answers of the daemons. Where memory runs out it stays as it was and says
 * so. */
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* owned; NULL while empty; ends with a NUL that bytes does not count */
	size_t bytes, room;
	bool failed; /* something could not be added: the text is not whole */
};

/** text_done() - takes a zeroed struct */
void text_done(struct text *text);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const void *data, size_t bytes);
