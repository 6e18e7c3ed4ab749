/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (16u * 1024 * 1024) /* of an answer that is kept in memory */

/* Return: length of the address; 0: the run directory is too long */
static socklen_t address_make(struct sockaddr_un *address, const char *name)
{
	const char *run_dir = secure_getenv(CLIENT_RUN_DIR_ENV);
	int bytes;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (!run_dir || !run_dir[0] || strcmp(run_dir, CLIENT_RUN_DIR) == 0) {
		/* an abstract name, and its length is part of it */
		memcpy(address->sun_path + 1, name, strlen(name));
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	}
	bytes = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", run_dir, name);
	if (bytes < 0 || (size_t)bytes >= sizeof(address->sun_path))
		return 0;
	return sizeof(*address);
}

/* Anybody may take an abstract name: believe only root and ourselves. */
static int server_check(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return -errno;
	return peer.uid == 0 || peer.uid == geteuid() ? 0 : -EPERM;
}

int admin_server(pid_t *ret_pid, uid_t *ret_uid)
{
	struct sockaddr_un address;
	socklen_t bytes = address_make(&address, DLMC_QUERY_SOCKET);
	struct ucred peer = {0};
	socklen_t peer_bytes = sizeof(peer);
	int fd, rv = 0;

	if (!bytes)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, bytes) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes))
		rv = -errno;
	close(fd);
	if (rv)
		return rv;
	*ret_pid = peer.pid;
	*ret_uid = peer.uid;
	return 0;
}

static int timeout_set(int fd, uint32_t timeout_ms)
{
	struct timeval time = {
		.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};

	if (!timeout_ms)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)))
		return -errno;
	return 0;
}

static int daemon_connect(const char *name, uint32_t timeout_ms, int *ret_fd)
{
	struct sockaddr_un address;
	socklen_t bytes = address_make(&address, name);
	int fd, rv;

	if (!bytes)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rv = timeout_set(fd, timeout_ms);
	if (!rv && connect(fd, (const struct sockaddr *)&address, bytes))
		rv = -errno;
	if (!rv)
		rv = server_check(fd);
	if (rv) {
		close(fd);
		return rv;
	}
	*ret_fd = fd;
	return 0;
}

static int bytes_send(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		at += sent;
		bytes -= (size_t)sent;
	}
	return 0;
}

static int bytes_receive(int fd, void *ret, size_t bytes)
{
	char *at = ret;

	while (bytes) {
		ssize_t got = recv(fd, at, bytes, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ECONNRESET;
		at += got;
		bytes -= (size_t)got;
	}
	return 0;
}

static int request_send(int fd, const struct admin_request *request)
{
	struct dlmc_header header;
	int rv;

	dlmc_header_init(&header, request->command, request->name);
	header.option = (uint32_t)request->option;
	header.flags = request->flags;
	header.len += request->payload_bytes;
	rv = bytes_send(fd, &header, sizeof(header));
	if (!rv && request->payload_bytes)
		rv = bytes_send(fd, request->payload, request->payload_bytes);
	return rv;
}

/* Ask, and read the answer's header. Return: 0, and the connection stands before the payload. */
static int conversation_begin(
	const struct admin_request *request, struct dlmc_header *ret_header, int *ret_fd)
{
	int fd = -1, rv = daemon_connect(request->is_change ? DLMC_SOCKET : DLMC_QUERY_SOCKET,
			     request->timeout_ms, &fd);

	if (rv)
		return rv;
	rv = request_send(fd, request);
	if (!rv)
		rv = bytes_receive(fd, ret_header, sizeof(*ret_header));
	if (!rv && dlmc_header_check(ret_header, UINT32_MAX))
		rv = -EPROTO;
	if (rv) {
		close(fd);
		return rv;
	}
	*ret_fd = fd;
	return 0;
}

int admin_ask(const struct admin_request *request, struct admin_answer *ret)
{
	struct dlmc_header header;
	size_t bytes;
	char *text;
	int fd, rv = conversation_begin(request, &header, &fd);

	if (rv)
		return rv;
	bytes = header.len - sizeof(header);
	text = bytes <= ANSWER_BYTES_MAX ? malloc(bytes + 1) : NULL;
	rv = text ? bytes_receive(fd, text, bytes) : -ENOMEM;
	close(fd);
	if (rv) {
		free(text);
		return rv;
	}
	text[bytes] = 0;
	*ret = (struct admin_answer){.result = header.data, .text = text, .bytes = bytes};
	return 0;
}

void admin_answer_done(struct admin_answer *answer)
{
	free(answer->text);
	*answer = (struct admin_answer){0};
}

int admin_open(const struct admin_request *request, int *ret_result, FILE **ret_stream)
{
	struct dlmc_header header;
	FILE *stream;
	int fd, rv = conversation_begin(request, &header, &fd);

	if (rv)
		return rv;
	/* The daemon closes a query's connection after its answer, so that the stream ends there.
	 */
	stream = fdopen(fd, "r");
	if (!stream) {
		rv = -errno;
		close(fd);
		return rv;
	}
	*ret_result = header.data;
	*ret_stream = stream;
	return 0;
}

int admin_daemon(uint32_t timeout_ms, struct admin_answer *ret)
{
	struct admin_request request = {.command = DLMC_CMD_DAEMON_INFO, .timeout_ms = timeout_ms};
	struct admin_answer answer;
	int rv = admin_ask(&request, &answer);

	if (rv == -ECONNRESET || rv == -EPIPE)
		return 0; /* it is there, and does not know the question */
	if (rv)
		return rv;
	if (ret)
		*ret = answer;
	else
		admin_answer_done(&answer);
	return 1;
}

bool admin_value(const char *text, const char *key, unsigned index, char *ret, size_t room)
{
	size_t key_bytes = strlen(key);

	for (const char *line = text; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, key_bytes) == 0 && index-- == 0) {
			snprintf(ret, room, "%.*s", (int)(end - line) - (int)key_bytes,
				line + key_bytes);
			return true;
		}
		line = *end ? end + 1 : end;
	}
	return false;
}
