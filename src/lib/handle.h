/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * An open lockspace, which is what dlm_lshandle_t points to, and the list of all of them.
 *
 * One mutex guards everything of a handle and is never held while the program's functions run. A
 * call enters the handle, which makes sure that this process may use it, works, and leaves it,
 * which sends what the call has gathered. Which lock engine is behind it is known to `ops` alone.
 *
 * What the handle does not own: the meaning of requests (user.c, device.c), of what arrives
 * (completion.c), and when callbacks run (dispatch.c).
 */
#include <libdlm.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/pure/list.h"
#include "lib/dispatch.h"
#include "lib/lost.h"
#include "lib/ops.h"
#include "lib/table.h"
#include "lib/thread.h"

struct handle {
	const struct engine_ops *ops;
	void *engine; /* of the kind that ops knows */
	int fd;       /* what dlm_ls_get_fd() gives */
	int wake_fd;  /* eventfd, ends a wait for input */
	struct list registered;
	pid_t pid; /* the process that may use it; another one that calls was forked */

	pthread_mutex_t mutex;
	pthread_cond_t changed; /* something was taken in, or the waiter for input has left */
	uint32_t users;         /* the opener, and calls that are inside; the last one frees */
	bool closed;            /* callers that are still inside must leave */
	bool thread_wanted;     /* forked: the parent had one */
	bool waiting_input;     /* a thread waits for input with the mutex released */
	bool news;              /* something that a waiting thread may look for was taken in */
	struct table table;
	struct dispatch dispatch;
	struct lost lost;
	struct thread thread;
};

/** handle_close() - end the thread, close all descriptors, drop what has not been delivered */
void handle_close(struct handle *handle);

/**
 * handle_enter() - begin a call
 *
 * Return: 0, the mutex is held, to be followed by handle_leave(); without the mutex: -ENOTCONN NULL
 * or lost; -EPERM another process uses it now; -ENOMEM.
 */
int handle_enter(struct handle *handle);
/**
 * handle_enter_lost() - as handle_enter(), but a lost handle may be entered too, also by a process
 * that had to leave it to another one: each lets its own lease go
 */
int handle_enter_lost(struct handle *handle);
/** handle_leave() - end a call: see that what it took in gets delivered; release the mutex */
void handle_leave(struct handle *handle);
/** handle_enter_fd() - as handle_enter_lost(), by descriptor. Return: -EBADF none of ours, too */
int handle_enter_fd(int fd, struct handle **ret);

/**
 * handle_new() - what all engines share; ops, engine and fd are the caller's to fill
 * Return: 0; -ENOMEM; -EMFILE...
 */
int handle_new(struct handle **ret);
/** handle_register() - make it known to dlm_dispatch() and to fork; when it is complete */
void handle_register(struct handle *handle);
/** handle_free() - of one that was never registered, or that the last user has left */
void handle_free(struct handle *handle);

/*
 * For fork.c, around a fork: all mutexes are held while it happens, so that the child finds every
 * handle whole.
 */
void handle_lock_all(void);
void handle_unlock_all(void);
/** handle_forked_all() - in the child, before handle_unlock_all(): other threads are no more */
void handle_forked_all(void);
