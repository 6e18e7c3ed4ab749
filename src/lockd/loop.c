/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/pure/must.h"

int loop_init(struct loop *loop)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	*loop = (struct loop){.epoll_fd = fd};
	return 0;
}

void loop_done(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	must(source->ready);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->fd = fd;
	source->events = events;
	return 0;
}

void loop_want(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->fd < 0 || source->events == events)
		return;
	/* Of a descriptor that is in the set, a change needs no memory. */
	must(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0);
	source->events = events;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	int i;

	if (source->fd < 0)
		return;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
	source->events = 0;
	for (i = loop->next; i < loop->count; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

bool loop_pending(const struct loop *loop)
{
	return loop->next < loop->count;
}

void loop_wait(struct loop *loop, int timeout_ms)
{
	int count;

	must(!loop_pending(loop));
	count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_MAX, timeout_ms);
	must(count >= 0 || errno == EINTR);
	loop->count = count > 0 ? count : 0;
	loop->next = 0;
	loop->was_full = loop->count == LOOP_EVENTS_MAX;
}

uint32_t loop_has(const struct loop *loop, const struct loop_source *source)
{
	int i;

	for (i = loop->next; i < loop->count; i++)
		if (loop->events[i].data.ptr == source)
			return loop->events[i].events;
	return 0;
}

struct loop_source *loop_take(struct loop *loop, uint32_t *ret_events)
{
	while (loop_pending(loop)) {
		struct epoll_event *event = &loop->events[loop->next++];

		if (!event->data.ptr)
			continue;
		*ret_events = event->events;
		return event->data.ptr;
	}
	return NULL;
}
