/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static const char *const places[] = {
	"/sys/kernel/config",
	"/sys/kernel/dlm",
	"/dev/misc",
	"/proc/misc",
};

static const char *place(void)
{
	static const char *path;

	if (!path)
		path = getenv(SHIM_PLACE_ENV);
	if (!path) {
		fprintf(stderr, "shim: " SHIM_PLACE_ENV " is not set\n");
		_Exit(1);
	}
	return path;
}

static bool begins(const char *path, const char *with)
{
	size_t bytes = strlen(with);

	return !strncmp(path, with, bytes) && (!path[bytes] || path[bytes] == '/');
}

static const char *print(char room[PATH_MAX], const char *middle, const char *path)
{
	int n = snprintf(room, PATH_MAX, "%s%s%s", place(), middle, path);

	if (n < 0 || n >= PATH_MAX) {
		fprintf(stderr, "shim: %s: too long a path\n", path);
		_Exit(1);
	}
	return room;
}

const char *place_map(const char *path, char room[PATH_MAX])
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (begins(path, places[i]))
			return print(room, "/root", path);
	}
	return path;
}

const char *place_path(const char *name, char room[PATH_MAX])
{
	return print(room, "/", name);
}

void *place_next(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	if (!next) {
		fprintf(stderr, "shim: no %s() behind us\n", name);
		_Exit(1);
	}
	return next;
}
