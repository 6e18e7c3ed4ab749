/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/client.h"

#define RUNDIR_LOCK_FILE "lockd.lock"

static int directory_open(int at_fd, const char *name, mode_t mode)
{
	int fd;

	if (mkdirat(at_fd, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A directory of ours in RUN, with the right owner and mode whoever made it. */
static int directory_own(int run_fd, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	int fd = directory_open(run_fd, name, mode);

	if (fd < 0)
		return fd;
	if ((uid != (uid_t)-1 && fchown(fd, uid, gid) < 0) || fchmod(fd, mode) < 0) {
		int rv = -errno;

		close(fd);
		return rv;
	}
	return fd;
}

static long pid_read(int fd)
{
	char text[32] = {0};

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static int lock_take(int run_fd, int *ret_fd, long *reterr_pid)
{
	int fd = openat(run_fd, RUNDIR_LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	char text[32];
	int bytes;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int rv = errno == EWOULDBLOCK ? -EBUSY : -errno;

		*reterr_pid = pid_read(fd);
		close(fd);
		return rv;
	}
	bytes = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)bytes, 0) != bytes) {
		int rv = errno ? -errno : -EIO;

		close(fd);
		return rv;
	}
	*ret_fd = fd;
	return 0;
}

/* Only sockets: whatever else is there is not ours. */
static int sockets_remove(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			S_ISSOCK(st.st_mode))
			(void)unlinkat(dir_fd, entry->d_name, 0);
	closedir(dir);
	return 0;
}

/* Anyone may connect; who may do what is decided by credentials. Working directory: RUN. */
static int control_bind(int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = CLIENT_CONTROL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int rv;

	if (fd < 0)
		return -errno;
	(void)unlink(CLIENT_CONTROL_SOCKET);
	mask = umask(0111);
	rv = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (rv) {
		close(fd);
		return rv;
	}
	*ret_fd = fd;
	return 0;
}

static int rundir_fill(int run_fd, uid_t uid, gid_t gid, struct rundir *rundir, long *reterr_pid)
{
	int sockets_fd;
	int rv = lock_take(run_fd, &rundir->lock_fd, reterr_pid);

	if (rv)
		return rv;
	if (fchdir(run_fd) < 0)
		return -errno;
	rv = control_bind(&rundir->control_fd);
	if (rv)
		return rv;
	rundir->leases_fd = directory_own(run_fd, CLIENT_LEASE_DIR, 0700, uid, gid);
	if (rundir->leases_fd < 0)
		return rundir->leases_fd;
	sockets_fd = directory_own(run_fd, CLIENT_SOCKET_DIR, 0755, uid, gid);
	if (sockets_fd < 0)
		return sockets_fd;
	rv = sockets_remove(sockets_fd);
	if (!rv && fchdir(sockets_fd) < 0)
		rv = -errno;
	close(sockets_fd);
	return rv;
}

int rundir_open(
	const char *path, uid_t owner_uid, gid_t owner_gid, struct rundir *ret, long *reterr_pid)
{
	struct rundir rundir = {.lock_fd = -1, .leases_fd = -1, .control_fd = -1};
	int run_fd = directory_open(AT_FDCWD, path, 0755);
	int rv;

	if (run_fd < 0)
		return run_fd;
	rv = rundir_fill(run_fd, owner_uid, owner_gid, &rundir, reterr_pid);
	close(run_fd);
	if (rv) {
		rundir_done(&rundir);
		return rv;
	}
	*ret = rundir;
	return 0;
}

void rundir_done(struct rundir *rundir)
{
	if (rundir->control_fd >= 0)
		close(rundir->control_fd);
	if (rundir->leases_fd >= 0)
		close(rundir->leases_fd);
	if (rundir->lock_fd >= 0)
		close(rundir->lock_fd);
	*rundir = (struct rundir){.lock_fd = -1, .leases_fd = -1, .control_fd = -1};
}
