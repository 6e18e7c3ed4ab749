/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct search {
	struct holder_key *keys;
	size_t key_count;
	bool with_maps;
	holder_found found;
	void *context;
	pid_t pid; /* the process that is looked at */
};

static int key_order(const void *a, const void *b)
{
	const struct holder_key *left = a, *right = b;

	return strcmp(left->name, right->name);
}

void holder_command(pid_t pid, char ret[32])
{
	char path[64];
	ssize_t bytes;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? 0 : read(fd, ret, 31);
	if (fd >= 0)
		close(fd);
	ret[bytes < 0 ? 0 : bytes] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (!ret[0])
		memcpy(ret, "?", 2);
}

static void report(const struct search *search, const struct holder_key *key)
{
	char command[32];

	holder_command(search->pid, command);
	search->found(search->context, key->index, search->pid, command);
}

/* The last part of a link's text, which the kernel may have ended with " (deleted)". */
static const char *link_name(char *text)
{
	static const char deleted[] = " (deleted)";
	size_t bytes = strlen(text), tail = sizeof(deleted) - 1;
	char *slash;

	if (bytes > tail && !strcmp(text + bytes - tail, deleted))
		text[bytes - tail] = '\0';
	slash = strrchr(text, '/');
	return slash ? slash + 1 : text;
}

/*
 * The name is compared first: asking for the inode of every open file of the machine would wait for
 * those on a disk or server that does not answer.
 */
static const struct holder_key *key_of_fd(
	const struct search *search, int dir_fd, const char *number)
{
	struct holder_key wanted = {0};
	const struct holder_key *key;
	char text[PATH_MAX];
	struct stat st;
	ssize_t bytes = readlinkat(dir_fd, number, text, sizeof(text) - 1);

	if (bytes <= 0)
		return NULL;
	text[bytes] = '\0';
	wanted.name = link_name(text);
	key = bsearch(&wanted, search->keys, search->key_count, sizeof(*key), key_order);
	if (!key || fstatat(dir_fd, number, &st, 0))
		return NULL;
	return st.st_dev == key->dev && st.st_ino == key->ino ? key : NULL;
}

static DIR *proc_open(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return opendir(path);
}

static void search_fds(const struct search *search)
{
	DIR *directory = proc_open(search->pid, "fd");
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		const struct holder_key *key = NULL;

		if (entry->d_name[0] != '.')
			key = key_of_fd(search, dirfd(directory), entry->d_name);
		if (key)
			report(search, key);
	}
	closedir(directory);
}

static void search_map_line(const struct search *search, const char *line)
{
	unsigned long inode;
	unsigned int major, minor;

	if (sscanf(line, "%*s %*s %*s %x:%x %lu", &major, &minor, &inode) != 3 || !inode)
		return;
	for (size_t i = 0; i < search->key_count; i++) {
		const struct holder_key *key = &search->keys[i];

		if (key->ino == inode && key->dev == makedev(major, minor))
			report(search, key);
	}
}

/* A mapping keeps a file open that no descriptor names any more. */
static void search_maps(const struct search *search)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)search->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &room, file) >= 0)
		search_map_line(search, line);
	free(line);
	fclose(file);
}

int holder_find(struct holder_key *keys, size_t key_count, bool with_maps, holder_found found,
	void *context)
{
	struct search search = {.keys = keys,
		.key_count = key_count,
		.with_maps = with_maps,
		.found = found,
		.context = context};
	DIR *directory;
	struct dirent *entry;

	if (!key_count)
		return 0;
	directory = opendir("/proc");
	if (!directory)
		return -errno;
	qsort(keys, key_count, sizeof(*keys), key_order);
	while ((entry = readdir(directory))) {
		search.pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (search.pid <= 0 || search.pid == getpid())
			continue;
		search_fds(&search);
		if (with_maps)
			search_maps(&search);
	}
	closedir(directory);
	return 0;
}

static int pidfd_open_raw(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int pidfd_signal_raw(int fd, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

static void look_found(void *context, size_t index, pid_t pid, const char *command)
{
	*(bool *)context = true;
}

/* The process is pinned first; then it must still have the file. */
int holder_signal(pid_t pid, const struct holder_key *key, int signal)
{
	struct holder_key copy = *key;
	bool is_there = false;
	struct search search = {.keys = &copy,
		.key_count = 1,
		.found = look_found,
		.context = &is_there,
		.pid = pid};
	int fd, rv = 0;

	if (pid <= 1)
		return -EPERM;
	fd = pidfd_open_raw(pid);
	if (fd < 0 && errno != ENOSYS)
		return -errno;
	search_fds(&search);
	if (!is_there)
		search_maps(&search);
	if (!is_there)
		rv = -ESRCH;
	else if (fd < 0 ? kill(pid, signal) : pidfd_signal_raw(fd, signal))
		rv = -errno;
	if (fd >= 0)
		close(fd);
	return rv;
}

/* ---- sockets ---- */

/* Return: of the socket that has an abstract name and is no end of a connection; 0: none */
static unsigned long inode_of(const char *name)
{
	unsigned long inode = 0, found;
	char line[512], at[128];
	FILE *file = fopen("/proc/net/unix", "re");
	unsigned int state;

	while (file && !inode && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %*s %*s %x %lu @%127s", &state, &found, at) == 3 &&
			state == 1 && !strcmp(at, name))
			inode = found;
	}
	if (file)
		fclose(file);
	return inode;
}

static void pid_take(void *context, size_t index, pid_t pid, const char *command)
{
	*(pid_t *)context = pid;
}

pid_t holder_of_name(const char *name)
{
	int any = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* all are on one device */
	unsigned long inode = inode_of(name);
	struct stat st = {0};
	struct holder_key key;
	char text[48];
	pid_t pid = 0;
	int rv = fstat(any, &st);

	if (any >= 0)
		close(any);
	if (!inode || rv)
		return 0;
	snprintf(text, sizeof(text), "socket:[%lu]", inode);
	key = (struct holder_key){.name = text, .dev = st.st_dev, .ino = inode};
	(void)holder_find(&key, 1, false, pid_take, &pid);
	return pid;
}
