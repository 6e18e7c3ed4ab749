/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/dlmcontrol_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* An abstract address ends where its length says: a NUL at its end would be another name. */
static socklen_t address_abstract(struct sockaddr_un *address, const char *name)
{
	size_t bytes = strlen(name);

	memcpy(address->sun_path + 1, name, bytes);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + bytes);
}

/* Return: the length of the address; 0: the run directory is too long */
static socklen_t address_make(struct sockaddr_un *address, const char *name)
{
	const char *run_dir = secure_getenv(CLIENT_RUN_DIR_ENV);
	int bytes;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (!run_dir || !run_dir[0] || !strcmp(run_dir, CLIENT_RUN_DIR))
		return address_abstract(address, name);
	bytes = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", run_dir, name);
	if (bytes < 0 || (size_t)bytes >= sizeof(address->sun_path))
		return 0;
	return sizeof(*address);
}

/* Any local user can take an abstract name and answer in the daemon's place. */
static int server_check(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return -1;
	if (peer.uid == 0 || peer.uid == geteuid())
		return 0;
	errno = EPERM;
	return -1;
}

static int connect_whole(int fd, const struct sockaddr_un *address, socklen_t bytes)
{
	int rv;

	do
		rv = connect(fd, (const struct sockaddr *)address, bytes);
	while (rv && errno == EINTR);
	return rv;
}

int dlmcontrol_socket_open(const char *name)
{
	struct sockaddr_un address;
	socklen_t bytes = address_make(&address, name);
	int fd;

	if (!bytes) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect_whole(fd, &address, bytes) || server_check(fd)) {
		dlmcontrol_socket_close(fd);
		return -1;
	}
	return fd;
}

void dlmcontrol_socket_close(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

int dlmcontrol_socket_write(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int dlmcontrol_socket_read(int fd, void *ret, size_t bytes)
{
	char *at = ret;

	while (bytes) {
		ssize_t n = recv(fd, at, bytes, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n) {
			errno = ECONNRESET;
			return -1;
		}
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int dlmcontrol_socket_read_header(int fd, struct dlmc_header *ret)
{
	if (dlmcontrol_socket_read(fd, ret, sizeof(*ret)))
		return -1;
	if (dlmc_header_check(ret, UINT32_MAX)) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}
