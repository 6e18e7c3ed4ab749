/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The "key = value" lines of dlm.conf. What the reference reads is read: blanks around '=', text
 * after the value, later lines over earlier ones. What it would read wrongly (a key without '=', a
 * word where a number belongs) is refused with its place. Lines of the other sections (lockspace,
 * node, device ...) are for other readers and are passed over here. Source:
 * docs/protocol/control.md, "dlm.conf".
 */
#include "config/options.h"

struct parse_finding {
	const char *path;          /* borrowed */
	unsigned int line, column; /* from 1 */
	bool is_error;             /* else: said, and gone on */
	char text[320];            /* one sentence, with the place in front */
};

typedef void (*parse_report)(void *context, const struct parse_finding *finding);

/**
 * parse_file() - take a file into OPTION_LAYER_FILE, whole or not at all
 * @is_reload: only reloadable options are touched, and those that the file no longer has are
 * cleared; a value that the file changed also ends what set_config had said, unless the command
 *             line had the option
 * @report:    is called for each finding, in the order of lines, while this function runs
 *
 * Return: how many options changed (in that layer); -ENOENT no such file (nothing changed);
 * -EINVAL there was an error among the findings (nothing changed); -ENOMEM; -errno of reading it
 */
int parse_file(struct options *options, const char *path, bool is_reload, parse_report report,
	void *context);
