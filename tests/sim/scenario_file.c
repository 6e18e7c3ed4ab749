/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "scenario.h"
#include "scenario_command.h"

#define SCENARIO_FILE_MARK "----"

struct scenario_file {
	const char *path;
	char **lines; /* without newlines */
	size_t count, room;
	struct scenario scenario;
	struct scenario_text rewritten;
	size_t block_count, wrong_count;
};

/* Lines first..end-1 of the file: commands until mark (or end), then what is expected. */
struct scenario_file_block {
	size_t first, mark, end;
};

static int scenario_file_read(struct scenario_file *file)
{
	FILE *stream = fopen(file->path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;

	if (!stream)
		return -errno;
	while ((bytes = getline(&line, &room, stream)) >= 0) {
		while (bytes && strchr("\n \t", line[bytes - 1]))
			line[--bytes] = 0;
		if (file->count == file->room) {
			file->room = file->room * 2 + 64;
			file->lines = realloc(file->lines, file->room * sizeof(*file->lines));
			must(file->lines);
		}
		file->lines[file->count] = strdup(line);
		must(file->lines[file->count]);
		file->count++;
	}
	free(line);
	fclose(stream);
	return 0;
}

static void scenario_file_done(struct scenario_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		free(file->lines[i]);
	free(file->lines);
	scenario_text_free(&file->rewritten);
	scenario_done(&file->scenario);
}

static void scenario_file_keep(struct scenario_file *file, const char *line)
{
	scenario_text_add(&file->rewritten, line, strlen(line));
	scenario_text_add(&file->rewritten, "\n", 1);
}

/* The next block from line *at on; what is between blocks is kept as it is. */
static bool scenario_file_next(
	struct scenario_file *file, size_t *at, struct scenario_file_block *ret)
{
	size_t i = *at;

	while (i < file->count && (!file->lines[i][0] || file->lines[i][0] == '#'))
		scenario_file_keep(file, file->lines[i++]);
	ret->first = i;
	while (i < file->count && file->lines[i][0] &&
		strcmp(file->lines[i], SCENARIO_FILE_MARK) != 0)
		i++;
	ret->mark = i;
	while (i < file->count && file->lines[i][0])
		i++;
	*at = ret->end = i;
	return ret->first < file->count;
}

static void scenario_file_commands(
	struct scenario_file *file, const struct scenario_file_block *block)
{
	char command[512];
	size_t i = block->first, used;

	scenario_text_clear(&file->scenario.out);
	file->scenario.refused = false;
	while (i < block->mark) {
		used = (size_t)snprintf(command, sizeof(command), "%s", file->lines[i++]);
		while (i < block->mark && strchr(" \t", file->lines[i][0]) &&
			used < sizeof(command))
			used += (size_t)snprintf(
				command + used, sizeof(command) - used, " %s", file->lines[i++]);
		if (command[0] != '#')
			scenario_command_run(&file->scenario, command);
	}
}

static void scenario_file_rewrite(
	struct scenario_file *file, const struct scenario_file_block *block)
{
	const struct scenario_text *out = &file->scenario.out;

	for (size_t i = block->first; i < block->mark; i++)
		scenario_file_keep(file, file->lines[i]);
	if (!out->used)
		return;
	scenario_file_keep(file, SCENARIO_FILE_MARK);
	scenario_text_add(&file->rewritten, out->bytes, out->used);
}

/* What happened, as lines; *ret points into a copy that the caller frees. */
static size_t scenario_file_split(const struct scenario_text *out, char **ret, char ***ret_lines)
{
	size_t count = 0;
	char *rest, *line;

	*ret = strdup(out->used ? out->bytes : "");
	*ret_lines = calloc(out->used + 1, sizeof(**ret_lines));
	must(*ret && *ret_lines);
	rest = *ret;
	while ((line = strsep(&rest, "\n")) && rest)
		(*ret_lines)[count++] = line;
	return count;
}

static void scenario_file_differ(struct scenario_file *file,
	const struct scenario_file_block *block, char **got, size_t got_count)
{
	size_t from = block->mark < block->end ? block->mark + 1 : block->end;
	char **expected = file->lines + from;
	size_t expected_count = block->end - from, head = 0, tail = 0;

	while (head < expected_count && head < got_count && !strcmp(expected[head], got[head]))
		head++;
	if (head == expected_count && head == got_count)
		return;
	while (tail < expected_count - head && tail < got_count - head &&
		!strcmp(expected[expected_count - 1 - tail], got[got_count - 1 - tail]))
		tail++;
	file->wrong_count++;
	printf("%s:%zu: not as expected (- expected, + happened)\n", file->path, from + head + 1);
	for (size_t i = block->first; i < block->mark; i++)
		printf("  > %s\n", file->lines[i]);
	for (size_t i = 0; i < head; i++)
		printf("    %s\n", expected[i]);
	for (size_t i = head; i < expected_count - tail; i++)
		printf("  - %s\n", expected[i]);
	for (size_t i = head; i < got_count - tail; i++)
		printf("  + %s\n", got[i]);
	for (size_t i = expected_count - tail; i < expected_count; i++)
		printf("    %s\n", expected[i]);
}

static void scenario_file_compare(
	struct scenario_file *file, const struct scenario_file_block *block)
{
	char *text, **lines;
	size_t count = scenario_file_split(&file->scenario.out, &text, &lines);

	scenario_file_differ(file, block, lines, count);
	free(lines);
	free(text);
}

/* Commands that make no sense, and messages without end, are never what is expected. */
static void scenario_file_refuse(
	struct scenario_file *file, const struct scenario_file_block *block)
{
	const struct scenario *scenario = &file->scenario;

	if (!scenario->refused)
		return;
	file->wrong_count++;
	printf("%s:%zu: cannot be expected:\n%s", file->path, block->first + 1,
		scenario->out.bytes);
}

static int scenario_file_write(const struct scenario_file *file)
{
	FILE *stream = fopen(file->path, "we");
	bool good;

	if (!stream)
		return -errno;
	good = fwrite(file->rewritten.bytes, 1, file->rewritten.used, stream) ==
	       file->rewritten.used;
	return fclose(stream) || !good ? -EIO : 0;
}

int scenario_file_play(const char *path, bool rewrite)
{
	struct scenario_file file = {.path = path};
	struct scenario_file_block block;
	size_t at = 0;
	int r;

	scenario_init(&file.scenario);
	r = scenario_file_read(&file);
	while (!r && scenario_file_next(&file, &at, &block)) {
		scenario_file_commands(&file, &block);
		scenario_file_rewrite(&file, &block);
		if (!rewrite)
			scenario_file_compare(&file, &block);
		scenario_file_refuse(&file, &block);
		file.block_count++;
	}
	if (!r && rewrite && !file.wrong_count)
		r = scenario_file_write(&file);
	if (!r && !rewrite)
		printf("%s: %zu blocks, %zu not as expected\n", path, file.block_count,
			file.wrong_count);
	if (!r && (!file.block_count || file.wrong_count))
		r = 1;
	scenario_file_done(&file);
	return r;
}
