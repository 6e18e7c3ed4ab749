/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/admin/connection.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pure/must.h"

#define TURN_SENDS 8 /* in one turn, so that a fast reader of a long text does not keep us */

int connection_init(struct connection *connection, int fd, bool is_query)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return -errno;
	connection->fd = fd;
	connection->pid = peer.pid;
	connection->uid = peer.uid;
	connection->is_query = is_query;
	connection->is_trusted = peer.uid == 0 || peer.uid == geteuid();
	connection->state = CONNECTION_READING;
	connection->in_bytes = 0;
	connection->in_wanted = sizeof(struct dlmc_header);
	connection->out = (struct text){0};
	connection->out_at = 0;
	connection->out_fd = -1;
	return 0;
}

void connection_done(struct connection *connection)
{
	close(connection->fd);
	text_done(&connection->out);
	if (connection->out_fd >= 0)
		close(connection->out_fd);
}

/* Return: CONNECTION_MORE nothing is there now; CONNECTION_END; CONNECTION_REQUEST what was wanted
 * has come */
static enum connection_result receive(struct connection *connection)
{
	while (connection->in_bytes < connection->in_wanted) {
		ssize_t n = recv(connection->fd, connection->in.bytes + connection->in_bytes,
			connection->in_wanted - connection->in_bytes, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return CONNECTION_MORE;
		if (n <= 0)
			return CONNECTION_END;
		connection->in_bytes += (uint32_t)n;
	}
	return CONNECTION_REQUEST;
}

enum connection_result connection_read(struct connection *connection)
{
	enum connection_result result;

	must(connection->state == CONNECTION_READING);
	result = receive(connection);
	if (result != CONNECTION_REQUEST)
		return result;
	if (connection->in_wanted == sizeof(struct dlmc_header)) {
		if (dlmc_header_check(&connection->in.header, DLMC_PAYLOAD_MAX))
			return CONNECTION_MALFORMED;
		connection->in_wanted = connection->in.header.len;
		result = receive(connection);
	}
	if (result == CONNECTION_REQUEST)
		connection->state = CONNECTION_WAITING;
	return result;
}

static void read_on(struct connection *connection)
{
	connection->state = CONNECTION_READING;
	connection->in_bytes = 0;
	connection->in_wanted = sizeof(struct dlmc_header);
}

int connection_answer(struct connection *connection, struct text *answer, int fd)
{
	struct stat st;

	must(connection->state == CONNECTION_WAITING);
	if (fd >= 0 && fstat(fd, &st)) {
		int rv = -errno;

		close(fd);
		return rv;
	}
	connection->out = *answer;
	*answer = (struct text){0};
	connection->out_at = 0;
	connection->out_fd = fd;
	connection->out_fd_at = 0;
	connection->out_fd_bytes = fd < 0 ? 0 : st.st_size;
	connection->state = CONNECTION_WRITING;
	return 0;
}

void connection_accept(struct connection *connection)
{
	must(connection->state == CONNECTION_WAITING);
	read_on(connection);
}

size_t connection_unsent(const struct connection *connection)
{
	return connection->out.bytes;
}

/* Return: bytes sent; 0 nothing more is to be sent; -errno */
static ssize_t send_part(struct connection *connection)
{
	ssize_t n;

	if (connection->out_at < connection->out.bytes) {
		n = send(connection->fd, connection->out.data + connection->out_at,
			connection->out.bytes - connection->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			connection->out_at += (size_t)n;
		return n < 0 ? -errno : n;
	}
	if (connection->out_fd_at >= connection->out_fd_bytes)
		return 0;
	n = sendfile(connection->fd, connection->out_fd, &connection->out_fd_at,
		(size_t)(connection->out_fd_bytes - connection->out_fd_at));
	if (!n)
		return -EIO; /* the file has become shorter */
	return n < 0 ? -errno : n;
}

enum connection_result connection_write(struct connection *connection)
{
	ssize_t n = 1;

	must(connection->state == CONNECTION_WRITING);
	for (int i = 0; i < TURN_SENDS && (n > 0 || n == -EINTR); i++)
		n = send_part(connection);
	if (n > 0 || n == -EAGAIN || n == -EINTR)
		return CONNECTION_MORE;
	if (n < 0)
		return CONNECTION_END;
	text_done(&connection->out);
	if (connection->out_fd >= 0)
		close(connection->out_fd);
	connection->out_fd = -1;
	read_on(connection);
	return CONNECTION_SENT;
}
