/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command line of dlm_tool, all commands but `lock` (lockargs.h): options may stand before and
 * after the command, and words of a `run` command that begin with '-' are protected by "--". The
 * first word that is a command is the command; words before it are skipped.
 * Owns nothing: the result points into argv.
 */
#include <stdbool.h>
#include <sys/types.h>

enum args_command {
	ARGS_NONE,
	ARGS_JOIN,
	ARGS_LEAVE,
	ARGS_JOINLEAVE,
	ARGS_LS,
	ARGS_STATUS,
	ARGS_DEADLOCK_CHECK,
	ARGS_FENCE_ACK,
	ARGS_DUMP,
	ARGS_DUMP_CONFIG,
	ARGS_RELOAD_CONFIG,
	ARGS_SET_CONFIG,
	ARGS_PLOCKS,
	ARGS_LOG_PLOCK,
	ARGS_RUN,
	ARGS_RUN_START,
	ARGS_RUN_CHECK,
	ARGS_RUN_CANCEL,
	ARGS_RUN_LIST,
	ARGS_LOCKDUMP,
	ARGS_LOCKDEBUG,
	ARGS_LOST_ACK, /* ours from here */
	ARGS_LOCK,
};

/* Why the parser ended. */
enum args_end {
	ARGS_OK,         /* the command is to be run */
	ARGS_HELP,       /* -h */
	ARGS_VERSION,    /* -V */
	ARGS_NO_COMMAND, /* usage, as a failure */
	ARGS_BAD,        /* getopt has complained */
	ARGS_BAD_VALUE,  /* `bad_option` has a value that it does not take: `bad_value` */
};

struct args {
	enum args_command command;
	bool all_nodes;     /* -n */
	bool everywhere;    /* --all */
	bool verbose;       /* -v */
	bool wide;          /* -w */
	bool summary;       /* -s */
	bool master_copies; /* -M */
	bool exclusive;     /* -e 1 */
	bool file_system;   /* -f 1 */
	mode_t mode;        /* -m, 0600 */
	int wait_seconds;   /* -i, 0 */
	bool option_given;  /* any of those */
	int word_count;     /* after the command */
	char **words;
	char bad_option; /* ARGS_BAD_VALUE */
	const char *bad_value;
};

/**
 * args_parse() - read the whole command line
 * @argv: its words are reordered, options first
 *
 * `--all` is taken with `ls` and `status` alone; elsewhere it is an unknown option.
 * For ARGS_LOCK the words after `lock` are not looked at, nor reordered: they are for lockargs.
 */
enum args_end args_parse(int argc, char **argv, struct args *ret);

/** args_number_parse() - a decimal number in @min .. @max. Return: 0; -EINVAL; -ERANGE */
int args_number_parse(const char *text, int min, int max, int *ret);
