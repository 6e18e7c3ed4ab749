/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *path;
	unsigned int line;
	bool is_reload, failed;
	parse_report report;
	void *context;
	char *words[OPTION_COUNT]; /* owned: the last value of each option in the file */
};

__attribute__((format(printf, 4, 5))) static void finding(
	struct parser *parser, bool is_error, size_t column, const char *format, ...)
{
	struct parse_finding found = {.path = parser->path,
		.line = parser->line,
		.column = (unsigned int)column + 1,
		.is_error = is_error};
	va_list args;
	int n;

	n = snprintf(found.text, sizeof(found.text), "%s:%u:%u: ", parser->path, found.line,
		found.column);
	if (n < 0 || (size_t)n >= sizeof(found.text))
		n = 0;
	va_start(args, format);
	(void)vsnprintf(found.text + n, sizeof(found.text) - (size_t)n, format, args);
	va_end(args);
	parser->failed |= is_error;
	parser->report(parser->context, &found);
}

/* First words of lines that are not options. */
static bool is_section(const char *key, size_t bytes)
{
	static const char *const sections[] = {"lockspace", "master", "node", "device", "connect",
		"unfence", "fence_all", "unfence_all"};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (strlen(sections[i]) == bytes && !memcmp(sections[i], key, bytes))
			return true;
	}
	return false;
}

static void unknown_key(struct parser *parser, const char *key, size_t bytes)
{
	const char *near = options_nearest(key, bytes);
	int shown = bytes > 64 ? 64 : (int)bytes;

	if (near)
		finding(parser, false, 0,
			"unknown option \"%.*s\" is passed over; did you mean %s?", shown, key,
			near);
	else
		finding(parser, false, 0, "unknown option \"%.*s\" is passed over", shown, key);
}

/* What the reference makes of a word where a number belongs. */
static long reference_reads(enum option_type type, const char *word)
{
	long number = strtol(word, NULL, type == OPTION_UINT ? 0 : 10);

	return type == OPTION_BOOL ? number != 0 : number;
}

static void wrong_value(
	struct parser *parser, enum option_id id, int error, size_t column, const char *word)
{
	const struct option_definition *option = options_definition(id);

	if (option->choice)
		finding(parser, true, column, "%s: \"%.64s\" is none of: %s", option->name, word,
			option->choice);
	else if (error == -ERANGE)
		finding(parser, true, column, "%s: %.64s is out of range", option->name, word);
	else
		finding(parser, true, column,
			"%s: \"%.64s\" is not a number (the reference would have read %ld)",
			option->name, word, reference_reads(option->type, word));
}

static void take_value(struct parser *parser, enum option_id id, size_t column, const char *word)
{
	const struct option_definition *option = options_definition(id);
	int rv;

	if (option->type == OPTION_NONE)
		return;
	if (option->cli_only) {
		finding(parser, true, 0, "%s can be given on the command line only", option->name);
		return;
	}
	rv = options_check(id, word);
	if (rv) {
		wrong_value(parser, id, rv, column, word);
		return;
	}
	if (parser->is_reload && !option->reloadable)
		return;
	free(parser->words[id]);
	parser->words[id] = strdup(word);
	if (!parser->words[id])
		finding(parser, true, 0, "no memory");
}

/* @text: one line, without its newline; changed */
static void parse_line(struct parser *parser, char *text)
{
	size_t key_bytes = strcspn(text, " \t=");
	char *at = text + key_bytes;
	enum option_id id;
	size_t column;

	if (text[0] == '#' || !key_bytes || is_section(text, key_bytes))
		return;
	id = options_find(text, key_bytes);
	if (id == OPTION_COUNT) {
		unknown_key(parser, text, key_bytes);
		return;
	}
	at += strspn(at, " \t");
	if (*at != '=') {
		finding(parser, true, (size_t)(at - text), "%s: '=' and a value are missing",
			options_definition(id)->name);
		return;
	}
	at++;
	at += strspn(at, " \t");
	column = (size_t)(at - text);
	at[strcspn(at, " \t")] = '\0';
	if (!at[0]) {
		finding(parser, true, column, "%s: no value", options_definition(id)->name);
		return;
	}
	take_value(parser, id, column, at);
}

static int read_lines(struct parser *parser, FILE *file)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t bytes;
	int rv;

	while ((bytes = getline(&text, &room, file)) >= 0) {
		parser->line++;
		if (memchr(text, '\0', (size_t)bytes)) {
			finding(parser, true, strlen(text), "a NUL byte: this is not a text file");
			continue;
		}
		text[strcspn(text, "\r\n")] = '\0';
		parse_line(parser, text);
	}
	rv = ferror(file) ? -EIO : 0;
	free(text);
	return rv;
}

static int apply_one(struct options *options, enum option_id id, const char *word, bool is_reload)
{
	const struct option_definition *option = options_definition(id);
	int rv;

	if (!word && (!is_reload || !option->reloadable))
		return 0;
	if (word ? options_same(options, id, OPTION_LAYER_FILE, word)
		 : !options_is_set(options, id, OPTION_LAYER_FILE))
		return 0;
	if (!options_is_set(options, id, OPTION_LAYER_CLI))
		options_clear(options, id, OPTION_LAYER_DYNAMIC);
	if (!word) {
		options_clear(options, id, OPTION_LAYER_FILE);
		return 1;
	}
	rv = options_set(options, id, OPTION_LAYER_FILE, word);
	return rv ? rv : 1;
}

static int apply(struct parser *parser, struct options *options)
{
	int count = 0;

	for (int i = 0; i < OPTION_COUNT; i++) {
		int rv = apply_one(options, (enum option_id)i, parser->words[i], parser->is_reload);

		if (rv < 0)
			return rv;
		count += rv;
	}
	return count;
}

int parse_file(struct options *options, const char *path, bool is_reload, parse_report report,
	void *context)
{
	struct parser parser = {
		.path = path, .is_reload = is_reload, .report = report, .context = context};
	FILE *file = fopen(path, "re");
	int rv;

	if (!file)
		return -errno;
	rv = read_lines(&parser, file);
	fclose(file);
	if (!rv && parser.failed)
		rv = -EINVAL;
	if (!rv)
		rv = apply(&parser, options);
	for (int i = 0; i < OPTION_COUNT; i++)
		free(parser.words[i]);
	return rv;
}
