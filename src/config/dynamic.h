/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * set_config: options changed while the daemon runs, in the reference's words. `restore_all`,
 * `key=restore`, `key=value`; a backslash takes the next character as it is. Source:
 * docs/protocol/control.md, "set_config".
 */
#include "config/options.h"

#define DYNAMIC_WORDS_MAX 32u

typedef void (*dynamic_report)(void *context, const char *text);

/**
 * dynamic_set() - take a request into OPTION_LAYER_DYNAMIC
 * @text, @bytes: from outside; ends at a NUL or at a character that is neither blank nor printable
 * @report:       is called with a sentence for each word that changes something or is refused
 *
 * Words that are no reloadable option or no value are reported and passed over.
 * Return: how many options were named; -ENOMEM
 */
int dynamic_set(struct options *options, const char *text, size_t bytes, dynamic_report report,
	void *context);
