/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_BUFFER_BYTES (4 * CLIENT_PACKET_MAX)

static const char *run_dir(void)
{
	const char *set = secure_getenv(CLIENT_RUN_DIR_ENV);

	return set && *set ? set : UDLM_RUN_DIR;
}

/* A run directory may be deeper than an address has room for: then through its descriptor. */
static int address_set(
	struct sockaddr_un *address, const char *folder, const char *name, int *ret_fd)
{
	char path[4096];
	int bytes = snprintf(path, sizeof(path), "%s/%s", run_dir(), folder ? folder : "");
	size_t room = sizeof(address->sun_path);

	if (bytes < 0 || (size_t)bytes >= sizeof(path))
		return -ENAMETOOLONG;
	address->sun_family = AF_UNIX;
	if ((size_t)snprintf(address->sun_path, room, "%s/%s", path, name) < room)
		return 0;
	*ret_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return -errno;
	if ((size_t)snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", *ret_fd, name) < room)
		return 0;
	return -ENAMETOOLONG;
}

static int connect_to(struct connection *connection, const char *folder, const char *name)
{
	struct sockaddr_un address = {0};
	int send_bytes = SEND_BUFFER_BYTES;
	int folder_fd = -1;
	int result = address_set(&address, folder, name, &folder_fd);

	if (!result) {
		connection->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (connection->fd < 0)
			result = -errno;
	}
	if (!result) {
		/* Refused or cut: then less is under way at a time, going on. */
		(void)setsockopt(
			connection->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
		if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)))
			result = -errno;
	}
	if (folder_fd >= 0)
		close(folder_fd);
	return result;
}

static void say_hello(struct connection *connection)
{
	struct client_hello *hello = connection_append(connection, CLIENT_HELLO, sizeof(*hello));

	hello->magic = CLIENT_MAGIC;
	hello->version_major = CLIENT_VERSION_MAJOR;
	hello->version_minor = CLIENT_VERSION_MINOR;
	hello->pid = (uint32_t)getpid();
}

/* One descriptor, the lease; others are not ours to keep. */
static void take_descriptor(struct connection *connection, struct msghdr *message)
{
	struct cmsghdr *control;
	int fd;

	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
			control->cmsg_len < CMSG_LEN(sizeof(fd)))
			continue;
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
		if (connection->lease_fd >= 0)
			close(fd);
		else
			connection->lease_fd = fd;
	}
}

static int receive_with_descriptor(struct connection *connection)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {connection->in, sizeof(connection->in)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t bytes = recvmsg(connection->fd, &message, MSG_CMSG_CLOEXEC);

	if (bytes < 0)
		return errno == EINTR ? -EINTR : -ENOTCONN;
	take_descriptor(connection, &message);
	connection->in_bytes = (uint32_t)bytes;
	connection->in_done = 0;
	return bytes ? 0 : -ENOTCONN;
}

static int bye_errno(const struct client_head *head)
{
	const struct client_bye *bye = (const struct client_bye *)(const void *)head;

	return bye->error < 0 && bye->error > -4096 ? bye->error : -EPROTO;
}

static int take_welcome(struct connection *connection)
{
	const struct client_head *head;
	const struct client_welcome *welcome;

	if (connection_next(connection, &head))
		return -EPROTO;
	if (head->type == CLIENT_BYE)
		return bye_errno(head);
	if (head->type != CLIENT_WELCOME)
		return -EPROTO;
	welcome = (const struct client_welcome *)(const void *)head;
	if (welcome->magic != CLIENT_MAGIC || welcome->version_major != CLIENT_VERSION_MAJOR ||
		welcome->lvb_bytes != DLM_USER_LVB_BYTES)
		return -EPROTO;
	connection->welcome = *welcome;
	return 0;
}

static int shake_hands(struct connection *connection, bool leased)
{
	int result;

	say_hello(connection);
	/* A daemon that refuses us says BYE and hangs up, maybe before it has heard us. */
	(void)connection_send(connection);
	connection->out_bytes = 0;
	result = receive_with_descriptor(connection);
	if (!result)
		result = take_welcome(connection);
	if (!result && leased)
		result = connection->lease_fd >= 0 ? connection_adopt(connection) : -EPROTO;
	return result;
}

int connection_open(const char *folder, const char *name, bool leased, struct connection **ret)
{
	struct connection *connection = malloc(sizeof(*connection));
	int result;

	if (!connection)
		return -ENOMEM;
	memset(connection, 0, offsetof(struct connection, out));
	connection->fd = -1;
	connection->lease_fd = -1;
	result = connect_to(connection, folder, name);
	if (!result)
		result = shake_hands(connection, leased);
	if (result)
		connection_close(connection);
	else
		*ret = connection;
	return result;
}

void connection_close(struct connection *connection)
{
	if (!connection)
		return;
	connection_lease_close(connection);
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection);
}

void *connection_append(struct connection *connection, enum client_record_type type, uint32_t bytes)
{
	struct client_head *head;

	if (bytes > CLIENT_PACKET_MAX - connection->out_bytes)
		return NULL;
	head = (struct client_head *)(void *)(connection->out + connection->out_bytes);
	memset(head, 0, bytes);
	head->bytes = (uint16_t)bytes;
	head->type = (uint8_t)type;
	connection->out_bytes += bytes;
	return head;
}

int connection_send(struct connection *connection)
{
	ssize_t sent;

	if (!connection->out_bytes)
		return 0;
	do {
		sent = send(connection->fd, connection->out, connection->out_bytes,
			MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
		return -EAGAIN;
	if (sent < 0)
		return -ENOTCONN;
	connection->out_bytes = 0;
	return 0;
}

int connection_receive(struct connection *connection, int flags)
{
	ssize_t bytes;

	do {
		bytes = recv(connection->fd, connection->in, sizeof(connection->in), flags);
	} while (bytes < 0 && errno == EINTR && flags & MSG_DONTWAIT);
	connection->in_done = 0;
	connection->in_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	if (bytes > 0)
		return 0;
	return bytes < 0 && (errno == EAGAIN || errno == EINTR) ? -errno : -ENOTCONN;
}

int connection_next(struct connection *connection, const struct client_head **ret)
{
	const uint8_t *at = connection->in + connection->in_done;
	uint32_t there = connection->in_bytes - connection->in_done;

	if (!there)
		return -ENODATA;
	if (client_record_check(at, there))
		return -EBADMSG;
	*ret = (const struct client_head *)(const void *)at;
	connection->in_done += (*ret)->bytes;
	return 0;
}

bool connection_owned(const struct connection *connection)
{
	const struct lease *lease = connection->lease;

	return lease && __atomic_load_n(&lease->owner_pid, __ATOMIC_ACQUIRE) == connection->owner;
}

/* MADV_DONTFORK: a mapping counts as a use of the lease, and a child may close its descriptors. */
int connection_adopt(struct connection *connection)
{
	struct stat status;
	void *map;

	if (!connection->lease) {
		if (fstat(connection->lease_fd, &status))
			return -errno;
		if (status.st_size < (off_t)sizeof(struct lease))
			return -EPROTO;
		map = mmap(
			NULL, sizeof(struct lease), PROT_READ, MAP_SHARED, connection->lease_fd, 0);
		if (map == MAP_FAILED)
			return -errno;
		(void)madvise(map, sizeof(struct lease), MADV_DONTFORK);
		connection->lease = map;
	}
	if (connection->lease->magic != LEASE_MAGIC)
		return -EPROTO;
	connection->owner = __atomic_load_n(&connection->lease->owner_pid, __ATOMIC_ACQUIRE);
	return 0;
}

void connection_lease_close(struct connection *connection)
{
	if (connection->lease)
		munmap((void *)(uintptr_t)connection->lease, sizeof(struct lease));
	connection->lease = NULL;
	if (connection->lease_fd >= 0)
		close(connection->lease_fd);
	connection->lease_fd = -1;
}

static int cloexec_set(int fd, bool inherit)
{
	return fd < 0 || !fcntl(fd, F_SETFD, inherit ? 0 : FD_CLOEXEC) ? 0 : -errno;
}

int connection_set_inherit(struct connection *connection, bool inherit)
{
	int result = cloexec_set(connection->fd, inherit);

	return result ? result : cloexec_set(connection->lease_fd, inherit);
}
