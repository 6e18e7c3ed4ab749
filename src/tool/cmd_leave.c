/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leave: the lock engine lets a lockspace go when every program that has it open has closed it, and
 * that may take long. So somebody says meanwhile who they are.
 */
#include <errno.h>
#include <libdlm.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "tool/lockwho.h"
#include "tool/tool.h"

#define RELEASE_FORCED    2 /* with locks of other programs on it */
#define SAY_AFTER_SECONDS 1

struct watch {
	const char *name;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool over; /* under the mutex */
};

static void users_say(const char *name)
{
	char users[512] = "";

	if (lockwho_users(name, users, sizeof(users)) && *users)
		say("waiting for programs that use lockspace \"%s\": %s", name, users);
	else
		say("waiting for lockspace \"%s\"; `dlm_tool ls %s` says what it is doing", name,
			name);
}

static void *watch_run(void *arg)
{
	struct watch *watch = arg;
	struct timespec when;
	int rv = 0;

	clock_gettime(CLOCK_REALTIME, &when);
	when.tv_sec += SAY_AFTER_SECONDS;
	pthread_mutex_lock(&watch->mutex);
	while (!watch->over && rv == 0)
		rv = pthread_cond_timedwait(&watch->changed, &watch->mutex, &when);
	if (!watch->over)
		users_say(watch->name);
	pthread_mutex_unlock(&watch->mutex);
	return NULL;
}

/* Return: whether it runs; without it nothing is said */
static bool watch_begin(struct watch *watch, const char *name)
{
	*watch = (struct watch){.name = name,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER};
	return pthread_create(&watch->thread, NULL, watch_run, watch) == 0;
}

static void watch_end(struct watch *watch)
{
	pthread_mutex_lock(&watch->mutex);
	watch->over = true;
	pthread_cond_signal(&watch->changed);
	pthread_mutex_unlock(&watch->mutex);
	pthread_join(watch->thread, NULL);
}

static int release(const char *name, dlm_lshandle_t lockspace)
{
	struct watch watch;
	bool watched = watch_begin(&watch, name);
	int error = dlm_release_lockspace(name, lockspace, RELEASE_FORCED) ? errno : 0;

	if (watched)
		watch_end(&watch);
	return error;
}

int cmd_leave(const struct args *args)
{
	const char *name = word_lockspace(args);
	dlm_lshandle_t lockspace;
	int error;

	if (!name)
		return 1;
	printf("Leaving lockspace \"%s\"\n", name);
	fflush(stdout);
	lockspace = dlm_open_lockspace(name);
	if (!lockspace) {
		error = errno;
		fprintf(stderr, "dlm_open_lockspace %s error (nil) %d\n", name, error);
		say_lockspace(name, error);
		return TOOL_EXIT_REFUSED;
	}
	error = release(name, lockspace);
	if (error) {
		fprintf(stderr, "dlm_release_lockspace %s error -1 %d\n", name, error);
		say_lockspace(name, error);
		return TOOL_EXIT_REFUSED;
	}
	printf("done\n");
	return 0;
}
