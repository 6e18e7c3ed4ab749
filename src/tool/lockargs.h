/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command line of `dlm_tool lock`:
 *	lock [-m MODE] [-n] [-w SECONDS] [-k SECONDS] [-E STATUS] [-l LOCKSPACE] [-o] RESOURCE
 *	     [[--] COMMAND...]
 * Options stand before or after RESOURCE, but before "--" and before COMMAND. Owns nothing: the
 * result points into the words.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKARGS_KILL_SECONDS_MAX 5 /* what the daemon gives the users of a lost lock */

struct lockargs {
	int mode;               /* enum dlm_mode */
	bool no_wait;           /* -n, or -w 0 */
	bool has_deadline;      /* -w above 0 */
	uint64_t wait_ms;       /* -w */
	uint64_t kill_ms;       /* -k */
	int not_granted_status; /* -E, 1 */
	const char *lockspace;  /* -l, "default" */
	bool close_in_command;  /* -o */
	const char *resource;
	char **command; /* ends with NULL; NULL: none */
	bool help;      /* -h: nothing else is to be used */
};

/**
 * lockargs_parse() - read the words after `lock`
 * @words: ends with NULL
 * @reterr: on failure one sentence, without newline
 * Return: 0; -EINVAL
 */
int lockargs_parse(int count, char **words, struct lockargs *ret, char *reterr, size_t room);

/** lockargs_mode_parse() - NL .. EX in any case, shared, exclusive. Return: 0; -EINVAL */
int lockargs_mode_parse(const char *text, int *ret);
/** lockargs_seconds_parse() - "2", "0.5". Return: 0 and milliseconds (rounded up); -EINVAL */
int lockargs_seconds_parse(const char *text, uint64_t *ret_ms);
