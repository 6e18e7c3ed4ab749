/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/admin/listener.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* Return: the length of the address; 0: the run directory is too long */
static socklen_t address_make(struct sockaddr_un *address, const char *run_dir, const char *name)
{
	int bytes;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (!run_dir) {
		memcpy(address->sun_path + 1, name, strlen(name));
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	}
	bytes = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", run_dir, name);
	return bytes < 0 || (size_t)bytes >= sizeof(address->sun_path) ? 0 : sizeof(*address);
}

/* Anyone may connect: what each may do is decided by who it is. */
static int bind_open(int fd, const struct sockaddr_un *address, socklen_t bytes)
{
	mode_t mask = umask(0111);
	int rv = bind(fd, (const struct sockaddr *)address, bytes) ? -errno : 0;

	umask(mask);
	return rv;
}

static pid_t owner_of(const struct sockaddr_un *address, socklen_t bytes)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = {0};
	socklen_t peer_bytes = sizeof(peer);

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)address, bytes) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes))
		peer.pid = 0;
	close(fd);
	return peer.pid;
}

int listener_open(const char *run_dir, const char *name, pid_t *reterr_pid)
{
	struct sockaddr_un address;
	socklen_t bytes = address_make(&address, run_dir, name);
	int fd, rv;

	if (!bytes)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	listener_remove(run_dir, name);
	rv = bind_open(fd, &address, bytes);
	if (rv == -EADDRINUSE)
		*reterr_pid = owner_of(&address, bytes);
	if (!rv && listen(fd, BACKLOG))
		rv = -errno;
	if (rv) {
		close(fd);
		return rv;
	}
	return fd;
}

void listener_remove(const char *run_dir, const char *name)
{
	struct sockaddr_un address;

	if (run_dir && address_make(&address, run_dir, name))
		(void)unlink(address.sun_path);
}
