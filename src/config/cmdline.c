/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/cmdline.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct cmdline {
	struct options *options;
	char *const *argv;
	int argc, index; /* of the word that is looked at */
	unsigned int letter_count;
	struct cmdline_result result;
	char *error;
	size_t error_room;
};

__attribute__((format(printf, 2, 3))) static int fail(struct cmdline *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line->error, line->error_room, format, args);
	va_end(args);
	return -EINVAL;
}

static int set(struct cmdline *line, enum option_id id, const char *value)
{
	const struct option_definition *option = options_definition(id);
	const char *word = line->argv[line->index];
	int rv;

	rv = options_set(line->options, id, OPTION_LAYER_CLI, value);
	if (rv == -EINVAL && option->choice)
		return fail(line, "option %s: \"%s\" is none of: %s", word, value, option->choice);
	if (rv == -EINVAL)
		return fail(line, "option %s requires digit number", word);
	if (rv == -ERANGE)
		return fail(line, "option %s: %s is out of range", word, value);
	return rv;
}

/* The next word, if it can be a value; NULL where it cannot. */
static const char *next_value(const struct cmdline *line)
{
	const char *next = line->index + 1 < line->argc ? line->argv[line->index + 1] : NULL;

	return next && next[0] != '-' ? next : NULL;
}

/* Letters after the first of a bundle: each is switched on. */
static int parse_bundle(struct cmdline *line, const char *letters)
{
	for (; isalpha((unsigned char)*letters); letters++) {
		enum option_id id = options_find_letter(*letters);
		int rv;

		if (id == OPTION_COUNT)
			return fail(line, "unknown option char %c", *letters);
		if (++line->letter_count > CMDLINE_LETTERS_MAX)
			return fail(line, "more than %u letters behind others, at %c",
				CMDLINE_LETTERS_MAX, *letters);
		rv = set(line, id, "1");
		if (rv)
			return rv;
	}
	return 0;
}

/* @rest: what follows the name in the same word */
static int parse_bool(struct cmdline *line, enum option_id id, const char *rest)
{
	const char *value = next_value(line);
	int rv;

	if (*rest == '=')
		return set(line, id, rest + 1);
	if (isdigit((unsigned char)*rest))
		return set(line, id, rest);
	if (*rest) {
		rv = parse_bundle(line, rest);
		return rv ? rv : set(line, id, "1");
	}
	if (!value)
		return set(line, id, "1");
	rv = set(line, id, value);
	line->index++;
	return rv;
}

static int parse_value(struct cmdline *line, enum option_id id, const char *rest)
{
	const char *word = line->argv[line->index];
	const char *value;
	bool is_apart = false;
	int rv;

	if (*rest == '=')
		value = rest + 1;
	else if (isdigit((unsigned char)*rest))
		value = rest;
	else if (line->index + 1 < line->argc)
		value = line->argv[line->index + 1], is_apart = true;
	else
		return fail(line, "option %s no arg", word);
	if (!value[0] || value[0] == '-')
		return fail(line, "option %s requires arg", word);
	rv = set(line, id, value);
	line->index += is_apart;
	return rv;
}

static int parse_option(struct cmdline *line, enum option_id id, const char *rest)
{
	switch (options_definition(id)->type) {
	case OPTION_BOOL:
		return parse_bool(line, id, rest);
	case OPTION_INT:
	case OPTION_UINT:
	case OPTION_STRING:
		return parse_value(line, id, rest);
	case OPTION_NONE:
		break;
	}
	line->result.wish = id == OPTION_HELP ? CMDLINE_HELP : CMDLINE_VERSION;
	return 0;
}

static int parse_word(struct cmdline *line)
{
	const char *word = line->argv[line->index];
	const char *rest;
	enum option_id id;

	if (word[0] != '-')
		return fail(line, "unknown option arg %s", word);
	if (!strcmp(word, "--debug_options")) {
		line->result.debug_options = true;
		return 0;
	}
	if (word[1] == '-') {
		size_t bytes = strcspn(word + 2, "= ");

		id = options_find(word + 2, bytes);
		rest = word + 2 + bytes;
	} else {
		id = options_find_letter(word[1]);
		rest = word[1] ? word + 2 : word + 1;
	}
	if (id == OPTION_COUNT)
		return fail(line, "unknown option %s", word);
	return parse_option(line, id, rest);
}

/* Only as the first word do these need no dashes. */
static enum cmdline_wish first_word(int argc, char *const argv[])
{
	if (argc > 1 && !strcmp(argv[1], "help"))
		return CMDLINE_HELP;
	if (argc > 1 && !strcmp(argv[1], "version"))
		return CMDLINE_VERSION;
	return CMDLINE_RUN;
}

int cmdline_parse(struct options *options, int argc, char *const argv[], struct cmdline_result *ret,
	char *reterr_text, size_t room)
{
	struct cmdline line = {.options = options,
		.argv = argv,
		.argc = argc,
		.index = 1,
		.error = reterr_text,
		.error_room = room};

	line.result.wish = first_word(argc, argv);
	while (line.result.wish == CMDLINE_RUN && line.index < argc) {
		int rv = parse_word(&line);

		if (rv)
			return rv;
		line.index++;
	}
	*ret = line.result;
	return 0;
}
