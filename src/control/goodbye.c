/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/goodbye.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file: "instance=N", "boot_id=TEXT", "node=N" a peer ---- */

static int number_parse(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return end == text || *end || errno || *text == '-' || *ret > most ? -EBADMSG : 0;
}

static int line_take(struct goodbye *goodbye, const char *line)
{
	size_t bytes = strlen(line);
	uint64_t number;

	if (!strncmp(line, "instance=", 9))
		return number_parse(line + 9, UINT64_MAX, &goodbye->instance);
	if (!strncmp(line, "boot_id=", 8)) {
		if (bytes - 8 >= sizeof(goodbye->boot_id))
			return -EBADMSG;
		memcpy(goodbye->boot_id, line + 8, bytes - 8 + 1);
		return 0;
	}
	if (strncmp(line, "node=", 5) || number_parse(line + 5, UINT32_MAX, &number))
		return -EBADMSG;
	return goodbye_add(goodbye, (uint32_t)number) ? -EBADMSG : 0;
}

static int lines_read(struct goodbye *goodbye, FILE *file)
{
	char line[128];
	int rv = 0;

	while (!rv && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		rv = line_take(goodbye, line);
	}
	return rv;
}

int goodbye_read(const char *run_dir, struct goodbye *ret)
{
	struct goodbye goodbye = {0};
	char path[PATH_MAX];
	FILE *file;
	int fd, rv;

	*ret = goodbye;
	snprintf(path, sizeof(path), "%s/" GOODBYE_FILE, run_dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	rv = lines_read(&goodbye, file);
	fclose(file);
	if (!rv)
		*ret = goodbye;
	return rv;
}

static int file_write(const char *path, const struct goodbye *goodbye)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return -error;
	}
	fprintf(file, "instance=%" PRIu64 "\nboot_id=%s\n", goodbye->instance, goodbye->boot_id);
	for (uint32_t i = 0; i < goodbye->count; i++)
		fprintf(file, "node=%u\n", goodbye->nodes[i]);
	return fclose(file) ? -errno : 0;
}

int goodbye_write(const char *run_dir, const struct goodbye *goodbye)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int rv;

	snprintf(path, sizeof(path), "%s/" GOODBYE_FILE, run_dir);
	if (!goodbye->count)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	snprintf(fresh, sizeof(fresh), "%s/" GOODBYE_FILE ".new", run_dir);
	rv = file_write(fresh, goodbye);
	if (!rv && rename(fresh, path))
		rv = -errno;
	return rv;
}

/* ---- who is in it ---- */

static bool contains(const uint32_t *nodes, uint32_t count, uint32_t nodeid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i] == nodeid)
			return true;
	}
	return false;
}

int goodbye_add(struct goodbye *goodbye, uint32_t nodeid)
{
	if (contains(goodbye->nodes, goodbye->count, nodeid))
		return 0;
	if (goodbye->count == GOODBYE_NODES_MAX)
		return -ENOSPC;
	goodbye->nodes[goodbye->count++] = nodeid;
	return 0;
}

bool goodbye_applies(const struct goodbye *goodbye, uint64_t instance, const char *boot_id)
{
	if (strcmp(goodbye->boot_id, boot_id))
		return false;
	return !goodbye->instance || !instance || goodbye->instance == instance;
}

uint32_t goodbye_keep(struct goodbye *goodbye, const uint32_t *members, uint32_t member_count,
	const uint32_t *rejoined, uint32_t rejoined_count)
{
	uint32_t kept = 0, before = goodbye->count;

	for (uint32_t i = 0; i < before; i++) {
		uint32_t nodeid = goodbye->nodes[i];

		if (contains(members, member_count, nodeid) &&
			!contains(rejoined, rejoined_count, nodeid))
			goodbye->nodes[kept++] = nodeid;
	}
	goodbye->count = kept;
	return before - kept;
}
