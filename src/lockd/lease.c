/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pure/must.h"

#define LEASE_NAME_MAX 48

static void lease_name(uint64_t id, char ret[LEASE_NAME_MAX])
{
	snprintf(ret, LEASE_NAME_MAX, "%ld.%" PRIu64, (long)getpid(), id);
}

/* Another process may read at any time: single fields are written whole. */
static void field_write(uint32_t *field, uint32_t value)
{
	__atomic_store_n(field, value, __ATOMIC_SEQ_CST);
}

static void command_read(uint32_t pid, char *ret, size_t room)
{
	char path[64];
	ssize_t bytes;
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? 0 : read(fd, ret, room - 1);
	if (fd >= 0)
		close(fd);
	ret[bytes < 0 ? 0 : bytes] = 0;
	ret[strcspn(ret, "\n")] = 0;
}

/* The file has its pages before it is mapped: writing to it may not fail later. */
static int lease_map(int dir_fd, const char *name, struct lease **ret)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	void *map;
	int rv;

	if (fd < 0)
		return -errno;
	rv = -posix_fallocate(fd, 0, sizeof(struct lease));
	if (!rv) {
		map = mmap(NULL, sizeof(struct lease), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		rv = map == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (rv) {
		(void)unlinkat(dir_fd, name, 0);
		return rv;
	}
	*ret = map;
	return 0;
}

static void lease_fill(
	struct lease *map, uint32_t owner_pid, const char *boot_id, const char *lockspace)
{
	map->version = 1;
	snprintf(map->boot_id, sizeof(map->boot_id), "%s", boot_id);
	snprintf(map->lockspace, sizeof(map->lockspace), "%s", lockspace);
	command_read(owner_pid, map->command, sizeof(map->command));
	field_write(&map->owner_pid, owner_pid);
	field_write(&map->magic, LEASE_MAGIC);
}

int lease_open(int dir_fd, uint64_t id, uint32_t owner_pid, const char *boot_id,
	const char *lockspace, struct lease_file *ret, int *ret_fd)
{
	char name[LEASE_NAME_MAX];
	struct lease *map = NULL;
	int fd, rv;

	lease_name(id, name);
	rv = lease_map(dir_fd, name, &map);
	if (rv)
		return rv;
	/* The flock belongs to this open file description alone, which goes to the program. */
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	rv = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (rv) {
		if (fd >= 0)
			close(fd);
		munmap(map, sizeof(*map));
		(void)unlinkat(dir_fd, name, 0);
		return rv;
	}
	lease_fill(map, owner_pid, boot_id, lockspace);
	*ret = (struct lease_file){.map = map, .id = id};
	*ret_fd = fd;
	return 0;
}

void lease_owner(struct lease_file *lease, uint32_t owner_pid)
{
	if (lease->map)
		field_write(&lease->map->owner_pid, owner_pid);
}

void lease_held(struct lease_file *lease, uint32_t held, uint32_t persistent_held)
{
	struct lease *map = lease->map;

	if (!map || (map->held == held && map->persistent_held == persistent_held))
		return;
	field_write(&map->held, held);
	field_write(&map->persistent_held, persistent_held);
}

bool lease_right_ended(const struct lease_file *lease, int dir_fd)
{
	char name[LEASE_NAME_MAX];
	bool ended;
	int fd;

	if (!lease->map)
		return true;
	lease_name(lease->id, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* it cannot be known */
	ended = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return ended;
}

void lease_remove(struct lease_file *lease, int dir_fd)
{
	char name[LEASE_NAME_MAX];

	if (!lease->map)
		return;
	lease_held(lease, 0, 0);
	field_write(&lease->map->closed, 1);
	munmap(lease->map, sizeof(*lease->map));
	lease->map = NULL;
	lease_name(lease->id, name);
	(void)unlinkat(dir_fd, name, 0); /* one that stays says that it is closed */
}

void lease_leave(struct lease_file *lease)
{
	if (lease->map)
		munmap(lease->map, sizeof(*lease->map));
	lease->map = NULL;
}

/* In place and in one write: whoever reads it sees the old count or the new one. */
int lease_orphans_write(int dir_fd, const char *boot_id, uint32_t held)
{
	struct lease lease = {
		.magic = LEASE_MAGIC, .version = 1, .held = held, .persistent_held = held};
	int fd = openat(dir_fd, LEASE_ORPHANS_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t bytes;
	int rv;

	if (fd < 0)
		return -errno;
	snprintf(lease.boot_id, sizeof(lease.boot_id), "%s", boot_id);
	bytes = pwrite(fd, &lease, sizeof(lease), 0);
	rv = bytes < 0 ? -errno : bytes == (ssize_t)sizeof(lease) ? 0 : -EIO;
	close(fd);
	return rv;
}
