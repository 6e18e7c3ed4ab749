/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockargs.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/pure/dlmconst.h"
#include "proto/client.h"
#include "tool/args.h"

#define SECONDS_MAX 1000000000u

/* Where the parser is, and where its complaint goes. */
struct parser {
	char **words;
	int count, next;
	const char *letters; /* the rest of an option word such as -no */
	char *error;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static int refuse(
	struct parser *parser, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->error, parser->room, format, args);
	va_end(args);
	return -EINVAL;
}

int lockargs_mode_parse(const char *text, int *ret)
{
	static const struct {
		const char *word;
		int mode;
	} modes[] = {
		{"NL", DLM_MODE_NL},
		{"CR", DLM_MODE_CR},
		{"CW", DLM_MODE_CW},
		{"PR", DLM_MODE_PR},
		{"PW", DLM_MODE_PW},
		{"EX", DLM_MODE_EX},
		{"shared", DLM_MODE_PR},
		{"exclusive", DLM_MODE_EX},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcasecmp(text, modes[i].word) == 0) {
			*ret = modes[i].mode;
			return 0;
		}
	}
	return -EINVAL;
}

int lockargs_seconds_parse(const char *text, uint64_t *ret_ms)
{
	uint64_t seconds = 0, ms = 0, unit = 100;
	bool digits = false, rest = false;

	for (; isdigit((unsigned char)*text) && seconds <= SECONDS_MAX; text++, digits = true)
		seconds = seconds * 10 + (uint64_t)(*text - '0');
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++, digits = true) {
			ms += unit * (uint64_t)(*text - '0');
			rest = rest || (unit == 0 && *text != '0');
			unit /= 10;
		}
	}
	if (!digits || *text || seconds > SECONDS_MAX)
		return -EINVAL;
	*ret_ms = seconds * 1000 + ms + (rest ? 1 : 0);
	return 0;
}

static int lockspace_take(struct parser *parser, const char *value, struct lockargs *args)
{
	int rv = client_lockspace_name_check(value);

	if (rv == -ENAMETOOLONG)
		return refuse(parser,
			"the lockspace name \"%s\" has %zu bytes; at most %d are allowed", value,
			strlen(value), DLM_NAME_BYTES_MAX);
	if (rv)
		return refuse(parser,
			"\"%s\" cannot be the name of a lockspace: it must not be empty, contain "
			"'/' or "
			"control characters, or begin with '.'",
			value);
	args->lockspace = value;
	return 0;
}

static int kill_take(struct parser *parser, const char *value, struct lockargs *args)
{
	if (lockargs_seconds_parse(value, &args->kill_ms) ||
		args->kill_ms > LOCKARGS_KILL_SECONDS_MAX * 1000u)
		return refuse(parser,
			"-k takes seconds from 0 to %d, not \"%s\": the daemon kills the users of "
			"a "
			"lost lock after that time",
			LOCKARGS_KILL_SECONDS_MAX, value);
	return 0;
}

static int wait_take(struct parser *parser, const char *value, struct lockargs *args)
{
	if (lockargs_seconds_parse(value, &args->wait_ms))
		return refuse(parser, "-w takes seconds, such as 10 or 0.5, not \"%s\"", value);
	args->has_deadline = args->wait_ms > 0;
	if (args->wait_ms == 0)
		args->no_wait = true;
	return 0;
}

static int value_take(struct parser *parser, char option, const char *value, struct lockargs *args)
{
	switch (option) {
	case 'm':
		if (lockargs_mode_parse(value, &args->mode))
			return refuse(parser,
				"\"%s\" is not a lock mode; the modes are NL CR CW PR PW EX, and "
				"shared "
				"(PR), exclusive (EX)",
				value);
		return 0;
	case 'w':
		return wait_take(parser, value, args);
	case 'k':
		return kill_take(parser, value, args);
	case 'E':
		if (args_number_parse(value, 0, 255, &args->not_granted_status))
			return refuse(
				parser, "-E takes an exit status from 0 to 255, not \"%s\"", value);
		return 0;
	default:
		return lockspace_take(parser, value, args);
	}
}

/* One letter of an option word; its value may be the rest of the word, or the next one. */
static int letter_take(struct parser *parser, struct lockargs *args)
{
	char option = *parser->letters++;
	const char *value;

	switch (option) {
	case 'n':
		args->no_wait = true;
		return 0;
	case 'o':
		args->close_in_command = true;
		return 0;
	case 'h':
		args->help = true;
		return 0;
	case 'm':
	case 'w':
	case 'k':
	case 'E':
	case 'l':
		break;
	default:
		return refuse(parser, "lock has no option -%c; see dlm_tool lock -h", option);
	}
	value = parser->letters;
	parser->letters = "";
	if (!*value && parser->next == parser->count)
		return refuse(parser, "-%c needs a value; see dlm_tool lock -h", option);
	if (!*value)
		value = parser->words[parser->next++];
	return value_take(parser, option, value, args);
}

static int resource_take(struct parser *parser, const char *word, struct lockargs *args)
{
	size_t bytes = strlen(word);

	if (bytes == 0)
		return refuse(parser, "the resource name is empty; it has 1 to %d bytes",
			DLM_NAME_BYTES_MAX);
	if (bytes > DLM_NAME_BYTES_MAX)
		return refuse(parser,
			"the resource name \"%s\" has %zu bytes; at most %d are allowed", word,
			bytes, DLM_NAME_BYTES_MAX);
	args->resource = word;
	return 0;
}

/* Options and RESOURCE, up to "--", the command, or the end. */
static int words_take(struct parser *parser, struct lockargs *args)
{
	int rv = 0;

	while (!rv && !args->help && parser->next < parser->count) {
		char *word = parser->words[parser->next];

		if (strcmp(word, "--") == 0 && args->resource) {
			parser->next++;
			args->command = parser->words + parser->next;
			if (parser->next == parser->count)
				return refuse(parser, "there is no command after --");
			return 0;
		}
		if (args->resource && (word[0] != '-' || !word[1])) {
			args->command = parser->words + parser->next;
			return 0;
		}
		parser->next++;
		if (strcmp(word, "--") == 0 && parser->next < parser->count)
			rv = resource_take(parser, parser->words[parser->next++], args);
		else if (word[0] != '-' || !word[1])
			rv = resource_take(parser, word, args);
		else if (word[1] == '-')
			rv = refuse(parser, "lock has no option %s; see dlm_tool lock -h", word);
		else
			for (parser->letters = word + 1; !rv && *parser->letters;)
				rv = letter_take(parser, args);
	}
	return rv;
}

int lockargs_parse(int count, char **words, struct lockargs *ret, char *reterr, size_t room)
{
	struct parser parser = {.words = words, .count = count, .error = reterr, .room = room};
	struct lockargs args = {
		.mode = DLM_MODE_EX,
		.kill_ms = LOCKARGS_KILL_SECONDS_MAX * 1000u,
		.not_granted_status = 1,
		.lockspace = "default",
	};
	int rv = words_take(&parser, &args);

	if (!rv && !args.help && !args.resource)
		rv = refuse(&parser,
			"the name of the resource to lock is missing; see dlm_tool lock -h");
	if (!rv && args.has_deadline && args.no_wait)
		args.has_deadline = false;
	if (!rv)
		*ret = args;
	return rv;
}
