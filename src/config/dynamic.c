/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/dynamic.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dynamic {
	struct options *options;
	dynamic_report report;
	void *context;
};

__attribute__((format(printf, 2, 3))) static void say(
	const struct dynamic *dynamic, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dynamic->report(dynamic->context, text);
}

/* The next word of *at, unescaped into @ret. Return: false at the end of the text. */
static bool word_next(const char **at, const char *end, char *ret)
{
	while (*at < end && isspace((unsigned char)**at))
		(*at)++;
	if (*at == end || !isgraph((unsigned char)**at))
		return false;
	while (*at < end && isgraph((unsigned char)**at)) {
		if (**at == '\\' && *at + 1 < end &&
			((*at)[1] == '\\' || isspace((unsigned char)(*at)[1])))
			(*at)++;
		*ret++ = *(*at)++;
	}
	*ret = '\0';
	return true;
}

static int restore_all(const struct dynamic *dynamic)
{
	int count = 0;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!options_is_set(dynamic->options, (enum option_id)i, OPTION_LAYER_DYNAMIC))
			continue;
		options_clear(dynamic->options, (enum option_id)i, OPTION_LAYER_DYNAMIC);
		count++;
	}
	say(dynamic, "restore_all: %d options are back at their own values", count);
	return count;
}

static int set_value(const struct dynamic *dynamic, enum option_id id, const char *value)
{
	const char *name = options_definition(id)->name;
	int rv;

	if (!strcmp(value, "restore")) {
		options_clear(dynamic->options, id, OPTION_LAYER_DYNAMIC);
		say(dynamic, "%s: restored", name);
		return 1;
	}
	rv = options_set(dynamic->options, id, OPTION_LAYER_DYNAMIC, value);
	if (rv == -ENOMEM)
		return rv;
	if (rv) {
		say(dynamic, "%s: \"%.64s\" is no value for it, nothing changed", name, value);
		return 0;
	}
	say(dynamic, "%s=%s", name, value);
	return 1;
}

static int set_word(const struct dynamic *dynamic, const char *word)
{
	size_t bytes = strcspn(word, "=");
	enum option_id id = options_find(word, bytes);

	if (id == OPTION_COUNT) {
		say(dynamic, "unknown option \"%.*s\"", bytes > 64 ? 64 : (int)bytes, word);
		return 0;
	}
	if (!options_definition(id)->reloadable) {
		say(dynamic, "%s cannot change while the daemon runs",
			options_definition(id)->name);
		return 0;
	}
	if (!word[bytes]) {
		say(dynamic, "%s: '=' and a value are missing", options_definition(id)->name);
		return 0;
	}
	return set_value(dynamic, id, word + bytes + 1);
}

static int set_words(const struct dynamic *dynamic, const char *text, size_t bytes, char *word)
{
	const char *end = text + bytes;
	int count = 0;

	for (unsigned int i = 0; i < DYNAMIC_WORDS_MAX && word_next(&text, end, word); i++) {
		int rv;

		if (!i && !strcmp(word, "restore_all"))
			return restore_all(dynamic);
		rv = set_word(dynamic, word);
		if (rv < 0)
			return rv;
		count += rv;
	}
	return count;
}

int dynamic_set(struct options *options, const char *text, size_t bytes, dynamic_report report,
	void *context)
{
	struct dynamic dynamic = {.options = options, .report = report, .context = context};
	char *word = malloc(bytes + 1);
	int rv;

	if (!word)
		return -ENOMEM;
	rv = set_words(&dynamic, text, bytes, word);
	free(word);
	return rv;
}
