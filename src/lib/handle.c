/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/completion.h"
#include "lib/fork.h"
#include "lib/input.h"

/* Order of mutexes: default_mutex, registry_mutex, then a handle's. */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list registry = {&registry, &registry};

static void conditions_init(struct handle *handle)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&handle->changed, &attr);
	pthread_condattr_destroy(&attr);
}

int handle_new(struct handle **ret)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	int result;

	if (!handle)
		return -ENOMEM;
	fork_prepare();
	handle->fd = -1;
	handle->pid = fork_pid();
	handle->users = 1;
	list_init(&handle->registered);
	pthread_mutex_init(&handle->mutex, NULL);
	conditions_init(handle);
	dispatch_init(&handle->dispatch);
	handle->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = handle->wake_fd < 0 ? -errno : table_init(&handle->table);
	if (result) {
		handle_free(handle);
		return result;
	}
	*ret = handle;
	return 0;
}

void handle_free(struct handle *handle)
{
	if (handle->wake_fd >= 0)
		close(handle->wake_fd);
	table_done(&handle->table);
	dispatch_done(&handle->dispatch);
	pthread_cond_destroy(&handle->changed);
	pthread_mutex_destroy(&handle->mutex);
	free(handle);
}

void handle_register(struct handle *handle)
{
	pthread_mutex_lock(&registry_mutex);
	list_add_tail(&registry, &handle->registered);
	pthread_mutex_unlock(&registry_mutex);
}

void handle_close(struct handle *handle)
{
	bool last;

	pthread_mutex_lock(&registry_mutex);
	list_remove(&handle->registered);
	pthread_mutex_unlock(&registry_mutex);
	thread_stop(handle);
	pthread_mutex_lock(&handle->mutex);
	handle->closed = true;
	handle->ops->close(handle);
	handle->fd = -1;
	input_wake(handle);
	last = --handle->users == 0;
	pthread_mutex_unlock(&handle->mutex);
	if (last)
		handle_free(handle);
}

/* In the child of a fork. Return: 0; -errno, the next call tries again */
static int be_reborn(struct handle *handle)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result;

	if (fd < 0)
		return -errno;
	close(handle->wake_fd);
	handle->wake_fd = fd;
	result = handle->lost.happened ? 0 : handle->ops->takeover(handle);
	if (result && result != -EPERM && !handle->lost.happened)
		return result;
	handle->pid = fork_pid();
	if (result != -EPERM && handle->thread_wanted && !thread_start(handle))
		handle->thread_wanted = false;
	return result == -EPERM ? -EPERM : 0;
}

/* The mutex is held; on failure it is not any more. */
static int enter_checked(struct handle *handle, bool even_lost)
{
	int result = 0;

	if (handle->pid != fork_pid())
		result = be_reborn(handle);
	if (!result)
		result = handle->ops->check(handle);
	if (result == -EPERM && even_lost && input_hung_up(handle))
		result = 0;
	if (!even_lost && !result && handle->lost.happened)
		result = -ENOTCONN;
	if (result)
		pthread_mutex_unlock(&handle->mutex);
	else
		handle->users++;
	return result;
}

int handle_enter(struct handle *handle)
{
	if (!handle)
		return -ENOTCONN;
	pthread_mutex_lock(&handle->mutex);
	return enter_checked(handle, false);
}

int handle_enter_lost(struct handle *handle)
{
	if (!handle)
		return -ENOTCONN;
	pthread_mutex_lock(&handle->mutex);
	return enter_checked(handle, true);
}

/* What was taken in must reach the program, though it sees nothing in the descriptor any more. */
static void see_delivered(struct handle *handle)
{
	if (!dispatch_pending(handle) || handle->dispatch.depth)
		return;
	if (thread_running(handle))
		input_wake(handle);
	else if (!handle->lost.happened)
		handle->ops->poke(handle);
}

void handle_leave(struct handle *handle)
{
	bool last;

	if (!handle->closed) {
		input_notify(handle);
		see_delivered(handle);
	}
	last = --handle->users == 0;
	pthread_mutex_unlock(&handle->mutex);
	if (last)
		handle_free(handle);
}

static bool same_file(int fd, int other)
{
	struct stat one, two;

	return !fstat(fd, &one) && !fstat(other, &two) && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino && one.st_rdev == two.st_rdev;
}

/* The descriptor itself, or else a copy that the program made of it. */
static struct handle *registry_find(int fd)
{
	struct handle *handle;

	list_for_each (handle, &registry, registered)
		if (handle->fd == fd)
			return handle;
	list_for_each (handle, &registry, registered)
		if (same_file(fd, handle->fd))
			return handle;
	return NULL;
}

int handle_enter_fd(int fd, struct handle **ret)
{
	struct handle *handle;
	int result;

	pthread_mutex_lock(&registry_mutex);
	handle = registry_find(fd);
	if (handle)
		pthread_mutex_lock(&handle->mutex);
	pthread_mutex_unlock(&registry_mutex);
	if (!handle)
		return -EBADF;
	result = enter_checked(handle, true);
	if (!result)
		*ret = handle;
	return result;
}

void handle_lock_all(void)
{
	struct handle *handle;

	pthread_mutex_lock(&registry_mutex);
	list_for_each (handle, &registry, registered)
		pthread_mutex_lock(&handle->mutex);
}

void handle_unlock_all(void)
{
	struct handle *handle;

	list_for_each (handle, &registry, registered)
		pthread_mutex_unlock(&handle->mutex);
	pthread_mutex_unlock(&registry_mutex);
}

void handle_forked_all(void)
{
	struct handle *handle;

	list_for_each (handle, &registry, registered) {
		conditions_init(handle);
		handle->waiting_input = false;
		if (!dispatch_inside(handle))
			handle->dispatch.depth = 0; /* another thread was in a callback */
		handle->thread_wanted |= handle->thread.started;
		handle->thread.started = false;
		handle->ops->forked(handle);
	}
}
