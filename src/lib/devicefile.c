/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of the kernel's dlm: its control device, and the device of each lockspace. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib/device.h"
#include "lib/deviceabi.h"

#define MISC_LIST    "/proc/misc"
#define MISC_DIR     "/dev/misc"
#define CONTROL      "dlm-control"
#define PREFIX       "dlm_"
#define CUT_BYTES    19 /* some udev rules cut names of devices here */
#define WAIT_MS      10000
#define WAIT_STEP_MS 20
#define PATH_BYTES   (sizeof(MISC_DIR) + sizeof(PREFIX) + DLM_LOCKSPACE_LEN + 2)

static const struct device_io kernel_io = {write, read};

static void pause_ms(long ms)
{
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&span, NULL);
}

/* A line of the list is: minor, name. */
static bool is_control_line(const char *line)
{
	char name[64];
	unsigned int minor;

	return sscanf(line, "%u %63s", &minor, name) == 2 && !strcmp(name, CONTROL);
}

bool device_present(void)
{
	FILE *list = fopen(MISC_LIST, "re");
	bool found = false;
	char line[256];

	if (!list)
		return false;
	while (!found && fgets(line, sizeof(line), list))
		found = is_control_line(line);
	fclose(list);
	return found;
}

static int version_read(int fd, uint32_t ret[3])
{
	uint32_t version[3];

	if (read(fd, version, sizeof(version)) != sizeof(version))
		return -EPROTO;
	if (version[0] != DEVICE_VERSION_MAJOR)
		return -EPROTONOSUPPORT;
	memcpy(ret, version, sizeof(version));
	return 0;
}

static int control_open(uint32_t ret_version[3])
{
	int waited_ms, fd, result;

	for (waited_ms = 0;; waited_ms += WAIT_STEP_MS) {
		fd = open(MISC_DIR "/" CONTROL, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT || waited_ms >= WAIT_MS)
			break;
		pause_ms(WAIT_STEP_MS);
	}
	if (fd < 0)
		return -errno;
	result = version_read(fd, ret_version);
	if (result)
		close(fd);
	return result ? result : fd;
}

int device_version(uint32_t ret[3])
{
	int fd = control_open(ret);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Return: what write() gives, or -errno */
static int lockspace_write(
	enum device_command command, const char *name, uint32_t flags, uint32_t minor)
{
	struct {
		struct device_request request;
		char room[DLM_LOCKSPACE_LEN + 1];
	} data;
	size_t bytes = sizeof(data.request) + strlen(name);
	ssize_t result;
	int fd;

	memset(&data, 0, sizeof(data));
	fd = control_open(data.request.version);
	if (fd < 0)
		return fd;
	data.request.command = (uint8_t)command;
	data.request.is64bit = sizeof(void *) == 8;
	data.request.u.lockspace.flags = flags;
	data.request.u.lockspace.minor = minor;
	memcpy((char *)&data + offsetof(struct device_request, u.lockspace.name), name,
		strlen(name));
	result = write(fd, &data, bytes);
	result = result < 0 ? -errno : result;
	close(fd);
	return (int)result;
}

static void path_of(const char *name, char ret[PATH_BYTES])
{
	snprintf(ret, PATH_BYTES, "%s/%s%s", MISC_DIR, PREFIX, name);
}

static bool is_minor(const char *path, uint32_t wanted)
{
	struct stat status;

	return !stat(path, &status) && S_ISCHR(status.st_mode) && minor(status.st_rdev) == wanted;
}

/* A device whose name was cut: link the whole name to it. */
static bool link_cut_name(const char *path, uint32_t minor)
{
	const char *file = path + sizeof(MISC_DIR);
	DIR *dir = opendir(MISC_DIR);
	struct dirent *entry;
	char other[sizeof(MISC_DIR) + sizeof(entry->d_name)];
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, file, CUT_BYTES))
			continue;
		snprintf(other, sizeof(other), "%s/%s", MISC_DIR, entry->d_name);
		found = is_minor(other, minor) && !symlink(entry->d_name, path);
	}
	closedir(dir);
	return found;
}

static int wait_for_device(const char *path, uint32_t minor)
{
	bool may_be_cut = strlen(path + sizeof(MISC_DIR)) >= CUT_BYTES;
	int waited_ms;

	for (waited_ms = 0; waited_ms < WAIT_MS; waited_ms += WAIT_STEP_MS) {
		if (is_minor(path, minor) || (may_be_cut && link_cut_name(path, minor)))
			return 0;
		pause_ms(WAIT_STEP_MS);
	}
	return -ENODEV;
}

/* Return: the descriptor, or -errno */
static int lockspace_open(const char *path, uint32_t ret_version[3])
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int result;

	if (fd < 0)
		return -errno;
	result = version_read(fd, ret_version);
	if (!result)
		return fd;
	close(fd);
	return result;
}

static int open_and_attach(const char *path, mode_t mode, struct handle **ret)
{
	uint32_t version[3];
	int fd = lockspace_open(path, version);
	int result = 0;

	if (fd < 0)
		return fd;
	if (mode && fchmod(fd, mode))
		result = -errno;
	if (!result)
		result = device_attach(fd, version, &kernel_io, ret);
	if (result)
		close(fd);
	return result;
}

int device_open(const char *name, struct handle **ret)
{
	char path[PATH_BYTES];

	path_of(name, path);
	return open_and_attach(path, 0, ret);
}

int device_create(const char *name, mode_t mode, uint32_t flags, struct handle **ret)
{
	char path[PATH_BYTES];
	int minor = lockspace_write(DEVICE_CREATE_LOCKSPACE, name, flags, 0);
	int result;

	if (minor < 0)
		return minor;
	path_of(name, path);
	result = wait_for_device(path, (uint32_t)minor);
	return result ? result : open_and_attach(path, mode, ret);
}

static void unlink_cut_name(const char *path)
{
	struct stat status;

	if (!lstat(path, &status) && S_ISLNK(status.st_mode))
		(void)unlink(path); /* a link to nothing harms nobody */
}

int device_release(const char *name, uint32_t minor, bool force)
{
	char path[PATH_BYTES];
	int result = lockspace_write(
		DEVICE_REMOVE_LOCKSPACE, name, force ? DEVICE_REMOVE_FORCE : 0, minor);

	if (result < 0)
		return result;
	path_of(name, path);
	if (!is_minor(path, minor))
		unlink_cut_name(path);
	return 0;
}

int device_release_name(const char *name, bool force)
{
	char path[PATH_BYTES];
	struct stat status;

	path_of(name, path);
	if (stat(path, &status))
		return -errno;
	return device_release(name, minor(status.st_rdev), force);
}
