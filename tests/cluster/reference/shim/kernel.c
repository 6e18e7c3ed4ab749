/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets to fakekernel.py. A new channel says first what it is for. A request is "VERB PATH", a
 * NUL and the data; its answer is an errno, an int. One request at a time: the caller is inside a
 * system call, as it thinks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define SOCKET_NAME  "kernel"
#define WAIT_S       30 /* for a fake kernel that is started beside us */
#define PAUSE_NS     10000000
#define REQUEST_ROOM 8192

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int request_fd = -1;

static int fail(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

/* By way of the directory's descriptor: the place's path may be longer than an address. */
static int connect_once(int fd)
{
	int (*next)(const char *, int, ...) = place_next("open");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char room[PATH_MAX];
	int rv, error, directory = next(place_path(".", room), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
		directory);
	rv = connect(fd, (struct sockaddr *)&address, sizeof(address));
	error = errno;
	close(directory);
	errno = error;
	return rv;
}

static int connect_waiting(int fd)
{
	time_t end = time(NULL) + WAIT_S;

	while (connect_once(fd)) {
		if ((errno != ENOENT && errno != ECONNREFUSED) || time(NULL) > end)
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	return 0;
}

int kernel_channel(const char *kind, bool close_on_exec)
{
	int (*next)(int, int, int) = place_next("socket");
	int fd = next(AF_UNIX, SOCK_SEQPACKET | (close_on_exec ? SOCK_CLOEXEC : 0), 0);

	if (fd < 0)
		return -1;
	if (connect_waiting(fd) || send(fd, kind, strlen(kind), MSG_NOSIGNAL) < 0)
		return fail(fd);
	return fd;
}

static int send_request(const char *verb, const char *path, const void *data, size_t bytes)
{
	char room[REQUEST_ROOM];
	int n = snprintf(room, sizeof(room), "%s %s", verb, path);

	if (n < 0 || (size_t)n + 1 + bytes > sizeof(room))
		return -E2BIG;
	if (bytes)
		memcpy(room + n + 1, data, bytes);
	return send(request_fd, room, (size_t)n + 1 + bytes, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_answer(int *ret_fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} parts;
	int error = 0;
	struct iovec piece = {.iov_base = &error, .iov_len = sizeof(error)};
	struct msghdr message = {.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = parts.room,
		.msg_controllen = sizeof(parts.room)};
	ssize_t n;

	do
		n = recvmsg(request_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(error))
		return n < 0 ? -errno : -EIO;
	if (ret_fd && CMSG_FIRSTHDR(&message))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*ret_fd));
	return -error;
}

int kernel_request(const char *verb, const char *path, const void *data, size_t bytes, int *ret_fd)
{
	int rv;

	if (ret_fd)
		*ret_fd = -1;
	pthread_mutex_lock(&mutex);
	rv = send_request(verb, path, data, bytes);
	if (!rv)
		rv = receive_answer(ret_fd);
	pthread_mutex_unlock(&mutex);
	return rv;
}

/*
 * Before the program looks for a kernel there has to be one. What the program executes is none of
 * ours.
 */
__attribute__((constructor)) static void kernel_find(void)
{
	request_fd = kernel_channel("requests", true);
	if (request_fd < 0) {
		fprintf(stderr, "shim: no fake kernel answers: %m\n");
		_Exit(1);
	}
	unsetenv("LD_PRELOAD");
}
