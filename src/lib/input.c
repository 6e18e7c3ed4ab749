/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/input.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/handle.h"

/* At once, so that a call returns under any load. */
#define TAKE_PACKETS 256

static int gone(const struct handle *handle)
{
	return handle->closed || handle->lost.happened ? -ENOTCONN : 0;
}

static int wait_for_others(struct handle *handle, int wait_ms)
{
	struct timespec until;

	if (wait_ms < 0)
		return -pthread_cond_wait(&handle->changed, &handle->mutex);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	return -pthread_cond_timedwait(&handle->changed, &handle->mutex, &until);
}

/* Return: whether the descriptor has something for us */
static bool wait_for_descriptor(struct handle *handle, short events, int wait_ms)
{
	struct pollfd fds[2] = {
		{.fd = handle->fd, .events = events}, {.fd = handle->wake_fd, .events = POLLIN}};
	eventfd_t count;
	int ready;

	handle->waiting_input = true;
	pthread_mutex_unlock(&handle->mutex);
	ready = poll(fds, 2, wait_ms);
	if (ready > 0 && fds[1].revents)
		(void)eventfd_read(handle->wake_fd, &count); /* EAGAIN: somebody else did */
	pthread_mutex_lock(&handle->mutex);
	handle->waiting_input = false;
	return ready > 0 && fds[0].revents && !handle->closed;
}

static void tell_others(struct handle *handle)
{
	handle->news = false;
	pthread_cond_broadcast(&handle->changed);
}

static int wait_for_input(struct handle *handle, int wait_ms)
{
	bool there = wait_for_descriptor(handle, POLLIN, wait_ms);

	if (there)
		(void)handle->ops->receive(handle); /* what it found is in the handle */
	tell_others(handle);
	return there || wait_ms < 0 ? 0 : -ETIMEDOUT;
}

void input_wait_hangup(struct handle *handle)
{
	if (handle->waiting_input)
		pthread_cond_wait(&handle->changed, &handle->mutex);
	else if (wait_for_descriptor(handle, 0, -1))
		lost_enter(handle);
	tell_others(handle);
}

bool input_hung_up(struct handle *handle)
{
	struct pollfd fd = {.fd = handle->fd, .events = 0};

	if (poll(&fd, 1, 0) == 1)
		lost_enter(handle);
	return handle->lost.happened;
}

int input_wait_ms(struct handle *handle, int wait_ms)
{
	int result = gone(handle);

	if (!result)
		result = handle->ops->flush(handle);
	if (!result)
		result = handle->ops->check(handle);
	if (result)
		return result;
	if (handle->waiting_input)
		result = wait_for_others(handle, wait_ms);
	else
		result = wait_for_input(handle, wait_ms);
	return gone(handle) ? gone(handle) : result;
}

int input_wait(struct handle *handle)
{
	return input_wait_ms(handle, -1);
}

void input_take(struct handle *handle)
{
	int count = 0;

	while (!handle->closed && !handle->lost.happened && handle->ops->receive(handle) > 0 &&
		++count < TAKE_PACKETS)
		;
	input_notify(handle);
}

void input_wake(struct handle *handle)
{
	tell_others(handle);
	if (handle->waiting_input)
		(void)eventfd_write(handle->wake_fd, 1);
}

void input_notify(struct handle *handle)
{
	if (handle->news)
		input_wake(handle);
}
