/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/args.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS            "MhVnm:e:f:vwsi:"
#define OPTIONS_WITH_VALUE "mefi"

static const struct {
	const char *word;
	enum args_command command;
} commands[] = {
	{"join", ARGS_JOIN},
	{"leave", ARGS_LEAVE},
	{"joinleave", ARGS_JOINLEAVE},
	{"ls", ARGS_LS},
	{"status", ARGS_STATUS},
	{"deadlock_check", ARGS_DEADLOCK_CHECK},
	{"fence_ack", ARGS_FENCE_ACK},
	{"dump", ARGS_DUMP},
	{"dump_config", ARGS_DUMP_CONFIG},
	{"reload_config", ARGS_RELOAD_CONFIG},
	{"set_config", ARGS_SET_CONFIG},
	{"plocks", ARGS_PLOCKS},
	{"log_plock", ARGS_LOG_PLOCK},
	{"run", ARGS_RUN},
	{"run_start", ARGS_RUN_START},
	{"run_check", ARGS_RUN_CHECK},
	{"run_cancel", ARGS_RUN_CANCEL},
	{"run_list", ARGS_RUN_LIST},
	{"lockdump", ARGS_LOCKDUMP},
	{"lockdebug", ARGS_LOCKDEBUG},
	{"lost_ack", ARGS_LOST_ACK},
	{"lock", ARGS_LOCK},
};

static enum args_command command_find(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, word) == 0)
			return commands[i].command;
	}
	return ARGS_NONE;
}

int args_number_parse(const char *text, int min, int max, int *ret)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end)
		return -EINVAL;
	if (errno || number < min || number > max)
		return -ERANGE;
	*ret = (int)number;
	return 0;
}

static int mode_parse(const char *text, mode_t *ret)
{
	char *end;
	long mode = strtol(text, &end, 8);

	if (end == text || *end || mode < 0 || mode > 07777)
		return -EINVAL;
	*ret = (mode_t)mode;
	return 0;
}

static int switch_parse(const char *text, bool *ret)
{
	int number, rv = args_number_parse(text, 0, 1, &number);

	if (rv == 0)
		*ret = number == 1;
	return rv;
}

static int option_take(struct args *args, int option, const char *value)
{
	args->option_given = true;
	switch (option) {
	case 'M':
		args->master_copies = true;
		return 0;
	case 'n':
		args->all_nodes = true;
		return 0;
	case 'v':
		args->verbose = true;
		return 0;
	case 'w':
		args->wide = true;
		return 0;
	case 's':
		args->summary = true;
		return 0;
	case 'm':
		return mode_parse(value, &args->mode);
	case 'e':
		return switch_parse(value, &args->exclusive);
	case 'f':
		return switch_parse(value, &args->file_system);
	case 'i':
		return args_number_parse(value, 0, INT_MAX, &args->wait_seconds);
	default:
		return -EINVAL;
	}
}

/* Whether the option word @word takes the next word as its value. */
static bool option_takes_next(const char *word)
{
	for (word++; *word; word++) {
		if (strchr(OPTIONS_WITH_VALUE, *word))
			return word[1] == 0;
	}
	return false;
}

/*
 * getopt would take the options of `lock` for our own. So look for the word first, in the way that
 * getopt will walk. Return: its index, @argc: another command or none.
 */
static int lock_find(int argc, char **argv)
{
	bool options_end = false;

	for (int i = 1; i < argc; i++) {
		enum args_command command;

		if (!options_end && argv[i][0] == '-' && argv[i][1]) {
			if (strcmp(argv[i], "--") == 0)
				options_end = true;
			else if (option_takes_next(argv[i]))
				i++;
			continue;
		}
		command = command_find(argv[i]);
		if (command != ARGS_NONE)
			return command == ARGS_LOCK ? i : argc;
	}
	return argc;
}

static enum args_end options_parse(int argc, char **argv, struct args *args)
{
	int option;

	optind = 0; /* glibc: begin anew, whatever was parsed before */
	while ((option = getopt(argc, argv, OPTIONS)) != -1) {
		if (option == 'h')
			return ARGS_HELP;
		if (option == 'V')
			return ARGS_VERSION;
		if (option == '?')
			return ARGS_BAD;
		if (option_take(args, option, optarg)) {
			args->bad_option = (char)option;
			args->bad_value = optarg;
			return ARGS_BAD_VALUE;
		}
	}
	return ARGS_OK;
}

/* getopt knows no long options: take "--all" out before it looks. Return: how many words are left.
 */
static int everywhere_take(int argc, char **argv, struct args *args)
{
	int kept = 1;
	bool options_end = false;

	for (int i = 1; i < argc; i++) {
		options_end |= strcmp(argv[i], "--") == 0;
		if (!options_end && strcmp(argv[i], "--all") == 0)
			args->everywhere = true;
		else
			argv[kept++] = argv[i];
	}
	if (kept < argc)
		argv[kept] = NULL;
	return argc ? kept : 0;
}

/* Whether the command line is one of those that know "--all". */
static bool knows_everywhere(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		enum args_command command = command_find(argv[i]);

		if (command != ARGS_NONE)
			return command == ARGS_LS || command == ARGS_STATUS;
	}
	return false;
}

enum args_end args_parse(int argc, char **argv, struct args *ret)
{
	struct args args = {.mode = 0600};
	enum args_end end;
	int lock;

	if (knows_everywhere(argc, argv))
		argc = everywhere_take(argc, argv, &args);
	lock = lock_find(argc, argv);
	end = options_parse(lock, argv, &args);

	if (end == ARGS_OK && lock < argc) {
		args.command = ARGS_LOCK;
		args.words = argv + lock + 1;
		args.word_count = argc - lock - 1;
	}
	for (; end == ARGS_OK && args.command == ARGS_NONE && optind < argc; optind++) {
		args.command = command_find(argv[optind]);
		args.words = argv + optind + 1;
		args.word_count = argc - optind - 1;
	}
	if (end == ARGS_OK && args.command == ARGS_NONE)
		end = ARGS_NO_COMMAND;
	*ret = args;
	return end;
}
