/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/former.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <qb/qbutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/lost/holder.h"

#define TICK_MS  20u
#define KILL_MS  500u  /* for its own end; then SIGKILL */
#define AGAIN_MS 1000u /* between further looks for it */

struct former {
	qb_loop_t *loop;
	struct log *log;
	struct former_settings settings;
	qb_loop_timer_handle timer;
	int fd; /* of the lock file; -1: there is none */
	struct holder_key key;
	uint32_t waited_ms, next_kill_ms;
	pid_t pid; /* that was found last; 0: none */
};

static void tick(void *data);

static void tick_set(struct former *former, uint32_t ms)
{
	(void)qb_loop_timer_add(
		former->loop, QB_LOOP_MED, ms * QB_TIME_NS_IN_MSEC, former, tick, &former->timer);
}

static void found(void *context, size_t index, pid_t pid, const char *command)
{
	struct former *former = context;
	int rv = holder_signal(pid, &former->key, SIGKILL);

	former->pid = pid;
	log_warning(former->log,
		"%s (pid %ld) of a former dlm_controld still lives: it is killed%s%s", command,
		(long)pid, rv ? ": " : "", rv ? strerror(-rv) : "");
}

static void kill_it(struct former *former)
{
	struct holder_key key = former->key;
	int rv = holder_find(&key, 1, false, found, former);

	if (rv)
		log_error(former->log, "cannot look for the former dlm_lockd: %s", strerror(-rv));
	former->settings.changed(former->settings.context);
}

static void tick(void *data)
{
	struct former *former = data;

	former->timer = 0;
	if (former->fd < 0 || !flock(former->fd, LOCK_EX | LOCK_NB)) {
		former->settings.done(former->settings.context);
		return;
	}
	if (former->waited_ms >= former->next_kill_ms) {
		kill_it(former);
		former->next_kill_ms = former->waited_ms + AGAIN_MS;
	}
	former->waited_ms += TICK_MS;
	tick_set(former, TICK_MS);
}

static int lock_file_open(struct former *former)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", former->settings.run_dir, FORMER_LOCK_FILE);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	former->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (former->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(former->fd, &st))
		return -errno;
	former->key =
		(struct holder_key){.name = FORMER_LOCK_FILE, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

int former_new(qb_loop_t *loop, struct log *log, const struct former_settings *settings,
	struct former **ret)
{
	struct former *former = calloc(1, sizeof(*former));
	int rv;

	if (!former)
		return -ENOMEM;
	former->loop = loop;
	former->log = log;
	former->settings = *settings;
	former->fd = -1;
	former->next_kill_ms = KILL_MS;
	rv = lock_file_open(former);
	if (rv) {
		former_free(former);
		return rv;
	}
	tick_set(former, 0);
	*ret = former;
	return 0;
}

void former_free(struct former *former)
{
	if (!former)
		return;
	if (former->timer)
		(void)qb_loop_timer_del(former->loop, former->timer);
	if (former->fd >= 0)
		close(former->fd);
	free(former);
}

void former_describe(const struct former *former, const char *prefix, struct text *ret)
{
	if (former->waited_ms < KILL_MS)
		return;
	if (former->pid)
		text_add(ret, "%sthe former dlm_lockd (pid %ld) to end after SIGKILL\n", prefix,
			(long)former->pid);
	else
		text_add(ret, "%sthe former dlm_lockd, which is not visible, to end\n", prefix);
}
