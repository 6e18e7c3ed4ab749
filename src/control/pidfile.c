/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int lock(int fd, pid_t *reterr_pid)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (!fcntl(fd, F_SETLK, &whole))
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	*reterr_pid = 0;
	if (!fcntl(fd, F_GETLK, &whole) && whole.l_type != F_UNLCK)
		*reterr_pid = whole.l_pid;
	return -EBUSY;
}

static int write_pid(int fd)
{
	char text[32];
	int bytes = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0))
		return -errno;
	if (pwrite(fd, text, (size_t)bytes, 0) != bytes)
		return -EIO;
	return 0;
}

int pidfile_open(const char *path, mode_t mode, pid_t *reterr_pid)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
	int rv;

	if (fd < 0)
		return -errno;
	rv = lock(fd, reterr_pid);
	if (!rv)
		rv = write_pid(fd);
	if (!rv)
		return fd;
	close(fd);
	return rv;
}
