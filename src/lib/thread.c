/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/thread.h"

#include <errno.h>
#include <signal.h>

#include "lib/handle.h"
#include "lib/input.h"

static void wait_or_end(struct handle *handle)
{
	int result = input_wait(handle);

	if (result == -EPERM)
		input_wait_hangup(handle);
	else if (result && !dispatch_pending(handle))
		handle->thread.stop = true;
	else if (dispatch_pending(handle))
		input_take(handle); /* see dlm_dispatch() */
}

static void *thread_main(void *arg)
{
	struct handle *handle = arg;
	bool last;

	pthread_mutex_lock(&handle->mutex);
	while (!handle->thread.stop && !handle->closed) {
		if (dispatch_pending(handle) && dispatch_elsewhere(handle))
			pthread_cond_wait(&handle->changed, &handle->mutex);
		else if (dispatch_pending(handle))
			dispatch_run(handle);
		else
			wait_or_end(handle);
	}
	last = --handle->users == 0;
	pthread_mutex_unlock(&handle->mutex);
	if (last)
		handle_free(handle);
	return NULL;
}

/* The program's signal handlers run on its own threads. */
static int create(struct handle *handle)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = -pthread_create(&handle->thread.id, NULL, thread_main, handle);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

int thread_start(struct handle *handle)
{
	int result;

	if (handle->thread.started)
		return -EEXIST;
	handle->thread.stop = false;
	handle->users++;
	result = create(handle);
	if (result)
		handle->users--;
	else
		handle->thread.started = true;
	return result;
}

void thread_stop(struct handle *handle)
{
	pthread_t id;
	bool started;

	pthread_mutex_lock(&handle->mutex);
	started = handle->thread.started;
	id = handle->thread.id;
	handle->thread.started = false;
	handle->thread.stop = true;
	input_wake(handle);
	pthread_mutex_unlock(&handle->mutex);
	if (!started)
		return;
	if (pthread_equal(id, pthread_self()))
		pthread_detach(id);
	else
		pthread_join(id, NULL);
}

bool thread_running(const struct handle *handle)
{
	return handle->thread.started;
}
