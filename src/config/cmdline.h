/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command line of dlm_controld, by the reference's rules: letters in bundles, values glued or
 * apart. Source: docs/protocol/control.md, "Command line".
 */
#include "config/options.h"

#define CMDLINE_LETTERS_MAX 8u /* bundled letters on one command line */

enum cmdline_wish {
	CMDLINE_RUN,
	CMDLINE_HELP,
	CMDLINE_VERSION,
};

struct cmdline_result {
	enum cmdline_wish wish;
	bool debug_options; /* --debug_options was there */
};

/**
 * cmdline_parse() - take a command line into OPTION_LAYER_CLI
 * @argv:         argv[0] is not looked at
 * @ret:          what is asked for beside options
 * @reterr_text:  the sentence for standard error; @room bytes, filled on -EINVAL only
 *
 * Return: 0; -EINVAL a word that is no option, or a value that is none; -ENOMEM. What came before
 * the bad word is set then.
 */
int cmdline_parse(struct options *options, int argc, char *const argv[], struct cmdline_result *ret,
	char *reterr_text, size_t room);
