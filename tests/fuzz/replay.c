/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay PATH...: run a fuzzer's entry once with each file, for compilers without libFuzzer and as
 * a regression test. A directory stands for its files. Fails where it found nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define INPUT_BYTES_MAX (1u << 20)

static unsigned int replayed;

/* A copy of exactly its size, so that a sanitizer sees reads beyond the end. */
static void replay_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		abort();
	memcpy(exact, bytes, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	replayed++;
}

static int replay_file(const char *path)
{
	static uint8_t bytes[INPUT_BYTES_MAX];
	FILE *file = fopen(path, "rbe");
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	replay_bytes(bytes, size);
	return 0;
}

static int replay_directory(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[4096];
	int rc = 0;

	if (!directory) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (!rc && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >=
			sizeof(name))
			rc = -1;
		else
			rc = replay_file(name);
	}
	closedir(directory);
	return rc;
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		struct stat info;
		int rc = stat(argv[i], &info);

		if (rc || !S_ISDIR(info.st_mode))
			rc = replay_file(argv[i]);
		else
			rc = replay_directory(argv[i]);
		if (rc)
			return 1;
	}
	printf("%u inputs replayed\n", replayed);
	return replayed ? 0 : 1;
}
