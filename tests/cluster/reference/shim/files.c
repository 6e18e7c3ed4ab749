/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define KERNEL_PATH "/sys/kernel/"
#define DEBUG_PATH  "/sys/kernel/debug/dlm/"
#define DEVICE_PATH "/dev/misc/"
#define MISC_MAJOR  10
#define FILES_MAX   1024

/* Paths of the kernel's files that are open for writing, by descriptor; owned. */
static char *open_paths[FILES_MAX];

static bool begins(const char *path, const char *with)
{
	return !strncmp(path, with, strlen(with));
}

static int result(int rv)
{
	if (!rv)
		return 0;
	errno = -rv;
	return -1;
}

/* A device is a connection that lives as long as it is open. */
static int device_open(const char *name, int flags)
{
	if (strcmp(name, "dlm-monitor") && strcmp(name, "dlm_plock"))
		return result(-ENOENT);
	return kernel_channel(name, flags & O_CLOEXEC);
}

static int debug_open(const char *path)
{
	int fd, rv = kernel_request("dump", path, NULL, 0, &fd);

	if (!rv && fd < 0)
		rv = -EIO;
	if (rv)
		return result(rv);
	return lseek(fd, 0, SEEK_SET) < 0 ? -1 : fd;
}

static int attribute_open(const char *path, int flags)
{
	int (*next)(const char *, int, ...) = place_next("open");
	char room[PATH_MAX];
	int fd = next(place_map(path, room), flags & ~(O_CREAT | O_TRUNC));

	if (fd >= 0 && fd < FILES_MAX && (flags & O_ACCMODE) != O_RDONLY)
		open_paths[fd] = strdup(path);
	return fd;
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = place_next("open");
	char room[PATH_MAX];
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (begins(path, DEVICE_PATH))
		return device_open(path + strlen(DEVICE_PATH), flags);
	if (begins(path, DEBUG_PATH))
		return debug_open(path);
	if (begins(path, KERNEL_PATH))
		return attribute_open(path, flags);
	return next(place_map(path, room), flags, mode);
}

/* The name of it that programs with 64-bit offsets call. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
	ssize_t (*next)(int, const void *, size_t) = place_next("write");
	const char *path = fd >= 0 && fd < FILES_MAX ? open_paths[fd] : NULL;
	int64_t began;
	int rv;

	if (!path)
		return next(fd, data, bytes);
	began = now_ms();
	rv = kernel_request("write", path, data, bytes, NULL);
	trace_write(data, bytes, "write %s %d %lld", path, -rv, (long long)(now_ms() - began));
	return rv ? result(rv) : (ssize_t)bytes;
}

int close(int fd)
{
	int (*next)(int) = place_next("close");

	if (fd >= 0 && fd < FILES_MAX && open_paths[fd]) {
		free(open_paths[fd]);
		open_paths[fd] = NULL;
	}
	return next(fd);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = place_next("fopen");
	char room[PATH_MAX];
	int fd;

	if (!begins(path, DEBUG_PATH))
		return next(place_map(path, room), mode);
	fd = debug_open(path);
	return fd < 0 ? NULL : fdopen(fd, mode);
}

DIR *opendir(const char *path)
{
	DIR *(*next)(const char *) = place_next("opendir");
	char room[PATH_MAX];

	return next(place_map(path, room));
}

static int change(const char *verb, const char *path)
{
	int rv = kernel_request(verb, path, NULL, 0, NULL);

	trace_write(NULL, 0, "%s %s %d", verb, path, -rv);
	return result(rv);
}

int mkdir(const char *path, mode_t mode)
{
	int (*next)(const char *, mode_t) = place_next("mkdir");
	char room[PATH_MAX];

	if (begins(path, KERNEL_PATH))
		return change("mkdir", path);
	return next(place_map(path, room), mode);
}

int rmdir(const char *path)
{
	int (*next)(const char *) = place_next("rmdir");
	char room[PATH_MAX];

	if (begins(path, KERNEL_PATH))
		return change("rmdir", path);
	return next(place_map(path, room));
}

int unlink(const char *path)
{
	int (*next)(const char *) = place_next("unlink");
	char room[PATH_MAX];

	return next(place_map(path, room));
}

/* As udev would have made it: a character device with the minor number of /proc/misc. */
static int device_stat(const char *name, struct stat *ret)
{
	FILE *misc = fopen("/proc/misc", "re");
	char line[128], each[64];
	unsigned number;
	int rv = -ENOENT;

	if (!misc)
		return -1;
	while (fgets(line, sizeof(line), misc)) {
		if (sscanf(line, "%u %63s", &number, each) != 2 || strcmp(each, name))
			continue;
		*ret = (struct stat){
			.st_mode = S_IFCHR | 0600, .st_rdev = makedev(MISC_MAJOR, number)};
		rv = 0;
	}
	fclose(misc);
	return result(rv);
}

int stat(const char *path, struct stat *ret)
{
	int (*next)(const char *, struct stat *) = place_next("stat");
	char room[PATH_MAX];

	if (begins(path, DEVICE_PATH))
		return device_stat(path + strlen(DEVICE_PATH), ret);
	return next(place_map(path, room), ret);
}
