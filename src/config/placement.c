/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/placement.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *lockspace;
	struct placement *placement;
	unsigned int line;
	bool is_inside; /* of a section of this lockspace */
	uint32_t room;
};

/* What stands behind "KEYWORD NAME" where the line begins so; NULL: it does not. */
static const char *line_rest(const char *line, const char *keyword, const char *name)
{
	size_t bytes = strlen(keyword);

	if (strncmp(line, keyword, bytes))
		return NULL;
	line += bytes;
	bytes = strspn(line, " \t");
	if (!bytes)
		return NULL;
	line += bytes;
	bytes = strcspn(line, " \t");
	if (bytes != strlen(name) || memcmp(line, name, bytes))
		return NULL;
	return line + bytes;
}

/* The number behind a key, if that is there; what is no number is 0, or what it begins with. */
static bool number_find(struct reader *reader, const char *rest, const char *key, uint32_t *ret)
{
	const char *at = strstr(rest, key);
	char *end;
	long number;

	if (!at)
		return false;
	at += strlen(key);
	errno = 0;
	number = strtol(at, &end, 10);
	if (end == at || !strchr(" \t", *end) || errno || number < 0 || number > INT_MAX) {
		if (!reader->placement->doubtful_line)
			reader->placement->doubtful_line = reader->line;
	}
	*ret = number < 0 || number > INT_MAX ? 0 : (uint32_t)number;
	return true;
}

static int weight_add(struct reader *reader, uint32_t nodeid, uint32_t weight)
{
	struct placement *placement = reader->placement;
	struct placement_weight *list = placement->weights;
	uint32_t room = reader->room ? reader->room * 2 : 16;

	if (placement->weight_count == reader->room) {
		list = reallocarray(list, room, sizeof(*list));
		if (!list)
			return -ENOMEM;
		placement->weights = list;
		reader->room = room;
	}
	list[placement->weight_count++] =
		(struct placement_weight){.nodeid = nodeid, .weight = weight};
	return 0;
}

/* Return: 1 the line is one of the section; 0 the section ends before it; -ENOMEM */
static int master_take(struct reader *reader, const char *line)
{
	const char *rest = line_rest(line, "master", reader->lockspace);
	uint32_t nodeid, weight = 1;
	int rv;

	if (!rest || !number_find(reader, rest, "node=", &nodeid) || !nodeid)
		return 0;
	(void)number_find(reader, rest, "weight=", &weight);
	rv = weight_add(reader, nodeid, weight);
	return rv ? rv : 1;
}

static int line_take(struct reader *reader, const char *line)
{
	const char *rest;
	int rv = 0;

	if (line[0] == '#')
		return 0;
	if (reader->is_inside)
		rv = master_take(reader, line);
	if (rv)
		return rv < 0 ? rv : 0;
	rest = line_rest(line, "lockspace", reader->lockspace);
	reader->is_inside = rest != NULL;
	if (rest)
		(void)number_find(reader, rest, "nodir=", &reader->placement->nodir);
	return 0;
}

static int lines_read(struct reader *reader, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	int rv = 0;

	while (!rv && getline(&line, &room, file) >= 0) {
		reader->line++;
		line[strcspn(line, "\r\n")] = '\0';
		rv = line_take(reader, line);
	}
	if (!rv && ferror(file))
		rv = -EIO;
	free(line);
	return rv;
}

int placement_read(const char *path, const char *lockspace, struct placement *ret)
{
	struct placement placement = {0};
	struct reader reader = {.lockspace = lockspace, .placement = &placement};
	FILE *file = fopen(path, "re");
	int rv;

	if (!file && errno != ENOENT)
		return -errno;
	rv = file ? lines_read(&reader, file) : 0;
	if (file)
		fclose(file);
	if (rv)
		placement_done(&placement);
	else
		*ret = placement;
	return rv;
}

void placement_done(struct placement *placement)
{
	free(placement->weights);
	*placement = (struct placement){0};
}
