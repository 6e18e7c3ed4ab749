/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum lease_meaning lease_judge(
	const struct lease *lease, size_t bytes, const char *boot_id, bool is_orphans)
{
	/* The magic is written last, and before the program gets anything. */
	if (bytes < sizeof(lease->magic) || !lease->magic)
		return LEASE_NOTHING;
	if (bytes < sizeof(*lease) || lease->magic != LEASE_MAGIC || lease->version != 1)
		return is_orphans ? LEASE_ORPHANS : LEASE_HELD;
	/* Where one of them was not to be had it may be this boot. */
	if (lease->boot_id[0] && boot_id[0] &&
		strncmp(lease->boot_id, boot_id, sizeof(lease->boot_id)))
		return LEASE_NOTHING;
	if (is_orphans)
		return lease->held ? LEASE_ORPHANS : LEASE_NOTHING;
	if (lease->closed)
		return LEASE_NOTHING;
	if (lease->persistent_held)
		return LEASE_HELD_BEYOND;
	return lease->held || lease->range_held ? LEASE_HELD : LEASE_NOTHING;
}

static void strings_end(struct lease *lease)
{
	lease->boot_id[sizeof(lease->boot_id) - 1] = '\0';
	lease->lockspace[sizeof(lease->lockspace) - 1] = '\0';
	lease->command[sizeof(lease->command) - 1] = '\0';
}

/* Whether the file is what dlm_lockd makes, and no way to have another file's users ended. */
static bool is_plain(const struct stat *file, const struct stat *directory)
{
	return S_ISREG(file->st_mode) && file->st_nlink == 1 &&
	       (file->st_uid == directory->st_uid || file->st_uid == 0) &&
	       file->st_dev == directory->st_dev;
}

/* Others of lease_read()'s errors are of a file that may well be a lease. */
static bool is_no_lease(int error)
{
	return error == -ENAMETOOLONG || error == -EBADF || error == -ELOOP || error == -ENXIO;
}

static int lease_read(int dir_fd, const char *name, const char *boot_id, struct lease_found *ret)
{
	struct stat file, directory;
	ssize_t bytes;

	memset(ret, 0, sizeof(*ret));
	if (strlen(name) >= sizeof(ret->name))
		return -ENAMETOOLONG;
	memcpy(ret->name, name, strlen(name));
	ret->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (ret->fd < 0)
		return -errno;
	if (fstat(ret->fd, &file) || fstat(dir_fd, &directory) || !is_plain(&file, &directory)) {
		close(ret->fd);
		return -EBADF;
	}
	bytes = pread(ret->fd, &ret->lease, sizeof(ret->lease), 0);
	if (bytes < 0) {
		int rv = -errno;

		close(ret->fd);
		return rv;
	}
	ret->dev = file.st_dev;
	ret->ino = file.st_ino;
	ret->meaning =
		lease_judge(&ret->lease, (size_t)bytes, boot_id, !strcmp(name, LEASE_ORPHANS_FILE));
	strings_end(&ret->lease);
	return 0;
}

static int directory_open(const char *run_dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", run_dir, CLIENT_LEASE_DIR);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int lease_scan(struct log *log, const char *run_dir, const char *boot_id,
	void (*found)(void *context, const struct lease_found *found), void *context)
{
	int fd = directory_open(run_dir);
	struct lease_found each;
	struct dirent *entry;
	DIR *directory;
	int rv = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	while (!rv && (entry = readdir(directory))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		rv = lease_read(fd, entry->d_name, boot_id, &each);
		if (!rv)
			found(context, &each);
		else if (is_no_lease(rv))
			log_warning(log, "%s/%s/%.64s is no lease (%s): it is left alone", run_dir,
				CLIENT_LEASE_DIR, entry->d_name, strerror(-rv));
		if (rv == -ENOENT || is_no_lease(rv))
			rv = 0;
	}
	closedir(directory);
	return rv;
}

int lease_remove_file(const char *run_dir, const char *name)
{
	int fd = directory_open(run_dir);
	int rv;

	if (fd < 0)
		return fd;
	rv = unlinkat(fd, name, 0) ? -errno : 0;
	close(fd);
	return rv;
}

void lease_boot_id(char ret[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd < 0 ? 0 : read(fd, ret, 39);

	if (fd >= 0)
		close(fd);
	ret[bytes < 0 ? 0 : bytes] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}
