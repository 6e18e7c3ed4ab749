/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pure/must.h"

#define LISTENER_BACKLOG 512

void listener_init(struct listener *listener)
{
	*listener = (struct listener){.fd = -1, .source.fd = -1};
}

/* A name with a leading dot cannot be a lockspace's. */
static void hidden_name(const struct listener *listener, char *ret, size_t room)
{
	snprintf(ret, room, ".%" PRIu64, listener->id);
}

/* Connections inherit SO_PASSCRED: no packet may come without credentials. */
static int credentials_ask(int fd)
{
	int one = 1;

	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int listener_listen(struct listener *listener)
{
	int rv;

	if (listen(listener->fd, LISTENER_BACKLOG) < 0)
		return -errno;
	if (listener->source.fd >= 0) {
		listener_resume(listener);
		return 0;
	}
	rv = loop_add(listener->loop, &listener->source, listener->fd, EPOLLIN);
	return rv;
}

int listener_adopt(struct listener *listener, struct loop *loop, int fd,
	void (*ready)(struct loop_source *source, uint32_t events))
{
	int rv = credentials_ask(fd);

	if (rv)
		return rv;
	listener->loop = loop;
	listener->source.ready = ready;
	listener->fd = fd;
	rv = listener_listen(listener);
	if (rv)
		listener->fd = -1;
	return rv;
}

int listener_prepare(struct listener *listener, struct loop *loop, uint64_t id, const char *name,
	void (*ready)(struct loop_source *source, uint32_t events))
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rv;

	if (fd < 0)
		return -errno;
	listener->loop = loop;
	listener->source.ready = ready;
	listener->id = id;
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	hidden_name(listener, address.sun_path, sizeof(address.sun_path));
	(void)unlink(address.sun_path);
	rv = credentials_ask(fd);
	if (!rv && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		rv = -errno;
	if (rv) {
		close(fd);
		return rv;
	}
	listener->fd = fd;
	return 0;
}

int listener_publish(struct listener *listener, uint32_t mode)
{
	char hidden[32];
	int rv;

	must(listener->fd >= 0 && !listener->published);
	hidden_name(listener, hidden, sizeof(hidden));
	if (mode && chmod(hidden, (mode_t)mode) < 0)
		return -errno;
	rv = listener_listen(listener);
	if (rv)
		return rv;
	if (rename(hidden, listener->name) < 0)
		return -errno;
	listener->published = true;
	return 0;
}

void listener_hide(struct listener *listener)
{
	char hidden[32];

	if (!listener->published)
		return;
	hidden_name(listener, hidden, sizeof(hidden));
	if (rename(listener->name, hidden) < 0)
		(void)unlink(listener->name);
	listener->published = false;
}

int listener_mode(struct listener *listener, uint32_t mode)
{
	must(listener->published);
	return chmod(listener->name, (mode_t)mode) < 0 ? -errno : 0;
}

void listener_done(struct listener *listener)
{
	char hidden[32];

	if (listener->fd < 0)
		return;
	loop_remove(listener->loop, &listener->source);
	listener_hide(listener);
	hidden_name(listener, hidden, sizeof(hidden));
	if (listener->name[0])
		(void)unlink(hidden);
	close(listener->fd);
	listener->fd = -1;
}

int listener_accept(struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void listener_pause(struct listener *listener)
{
	loop_want(listener->loop, &listener->source, 0);
}

void listener_resume(struct listener *listener)
{
	loop_want(listener->loop, &listener->source, EPOLLIN);
}
