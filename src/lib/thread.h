/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The thread of libdlm that takes in and runs callbacks. libdlm_lt is built with thread_none.c,
 * where there never is one.
 */
#include <pthread.h>
#include <stdbool.h>

struct handle;

struct thread {
	pthread_t id; /* only valid if started */
	bool started;
	bool stop;
};

/** thread_start() - with the mutex held. Return: 0; -EEXIST; -EAGAIN... of pthread_create */
int thread_start(struct handle *handle);
/** thread_stop() - without the mutex; waits for its end, unless it is the caller */
void thread_stop(struct handle *handle);
/** thread_running() - with the mutex held: whether somebody delivers what is taken in */
bool thread_running(const struct handle *handle);
