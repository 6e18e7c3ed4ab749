/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockhold.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tool/dumpline.h"
#include "tool/lockwho.h"
#include "tool/tool.h"

#define SAY_AFTER_MS    1000u /* of waiting: say for what */
#define CANCEL_GUARD_MS 2000u
#define GIVE_GUARD_MS   5000u
#define JOIN_MODE       0600

/* ---- a deadline for calls that wait inside the library ---- */

static volatile sig_atomic_t guard_status;

static void guard_expired(int signal)
{
	(void)signal;
	_exit(guard_status);
}

struct guard {
	timer_t timer;
	bool armed;
};

/* After @ms the process ends with @status, wherever it is. CLOCK_BOOTTIME: stopped time counts. */
static void guard_arm(struct guard *guard, uint64_t ms, int status)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ms / 1000),
					  .tv_nsec = (long)(ms % 1000) * 1000000 + 1}};
	struct sigaction action = {.sa_handler = guard_expired};
	sigset_t alarm_only;

	guard_status = status;
	guard->armed = timer_create(CLOCK_BOOTTIME, &event, &guard->timer) == 0;
	if (!guard->armed)
		return;
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	timer_settime(guard->timer, 0, &when, NULL);
}

static void guard_disarm(struct guard *guard, const struct sigaction *alarm_before)
{
	if (guard->armed)
		timer_delete(guard->timer);
	guard->armed = false;
	if (alarm_before)
		sigaction(SIGALRM, alarm_before, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t deadline_ms(const struct lockhold *hold)
{
	return hold->args->has_deadline ? hold->begin_ms + hold->args->wait_ms : UINT64_MAX;
}

/* ---- what the library tells ---- */

static void operation_completed(void *arg)
{
	struct lockhold *hold = arg;

	hold->completed = true;
}

static void right_lost(void *arg)
{
	struct lockhold *hold = arg;

	hold->lost = true;
	if (hold->granted && hold->on_lost)
		hold->on_lost(hold->context);
}

int lockhold_fd(const struct lockhold *hold)
{
	return dlm_ls_get_fd(hold->lockspace);
}

void lockhold_dispatch(struct lockhold *hold)
{
	if (dlm_dispatch(lockhold_fd(hold)) && errno != EAGAIN && errno != EINTR && !hold->lost)
		right_lost(hold); /* a connection that cannot be read any more guards nothing */
}

/* ---- opening ---- */

static int open_failed(const char *name, int error)
{
	say_lockspace(name, error);
	if (error == EACCES || error == EPERM)
		return LOCK_EXIT_NO_PERMISSION;
	return LOCK_EXIT_UNAVAILABLE;
}

static int lockspace_open(struct lockhold *hold)
{
	const char *name = hold->args->lockspace;

	hold->lockspace = dlm_open_lockspace(name);
	if (!hold->lockspace && errno == ENOENT && strcmp(name, "default") == 0 && geteuid() == 0)
		hold->lockspace = dlm_new_lockspace(name, JOIN_MODE, 0);
	if (!hold->lockspace)
		return open_failed(name, errno);
	if (dlm_ls_set_lost_callback(hold->lockspace, right_lost, hold) && errno == ENOTCONN)
		return open_failed(name, ECONNREFUSED);
	return 0;
}

/* ---- waiting ---- */

static int request(struct lockhold *hold)
{
	const struct lockargs *args = hold->args;

	if (dlm_ls_lock(hold->lockspace, (uint32_t)args->mode, &hold->lksb,
		    args->no_wait ? LKF_NOQUEUE : 0, args->resource,
		    (unsigned)strlen(args->resource), 0, operation_completed, hold, NULL,
		    NULL) == 0)
		return 0;
	if (errno == ENOTCONN)
		return open_failed(args->lockspace, ECONNREFUSED);
	say("the lock engine does not take the request for %s on \"%s\" in lockspace \"%s\": %s",
		dumpline_mode_name(args->mode), args->resource, args->lockspace, strerror(errno));
	return LOCK_EXIT_SYSTEM;
}

/* Arm the timer for @at_ms; UINT64_MAX: never */
static void timer_arm(int timer, uint64_t at_ms)
{
	struct itimerspec when = {0};

	if (at_ms != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(at_ms / 1000);
		when.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000 + 1;
	}
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Wait until the request has ended, the right is lost, or the deadline is over. */
static void request_wait(struct lockhold *hold, int timer)
{
	struct pollfd fds[2] = {
		{.fd = lockhold_fd(hold), .events = POLLIN}, {.fd = timer, .events = POLLIN}};
	uint64_t deadline = deadline_ms(hold), say_at = hold->begin_ms + SAY_AFTER_MS;

	while (!hold->completed && !hold->lost && now_ms() < deadline) {
		timer_arm(timer, deadline < say_at ? deadline : say_at);
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			lockhold_dispatch(hold);
		if (!hold->completed && !hold->lost && now_ms() >= say_at && say_at < deadline) {
			lockwho_say(hold->args);
			say_at = UINT64_MAX;
		}
	}
}

/*
 * The deadline is over. Give the request back in order, so that a grant on its way leaves no mark
 * on the value block; where the lock engine cannot answer now, the end of the process does it.
 */
static void request_cancel(struct lockhold *hold)
{
	struct guard guard;

	guard_arm(&guard, CANCEL_GUARD_MS, hold->args->not_granted_status);
	if (!hold->completed)
		(void)dlm_ls_unlock_wait(
			hold->lockspace, hold->lksb.sb_lkid, LKF_CANCEL, &hold->lksb);
	if (hold->lksb.sb_status == 0)
		(void)dlm_ls_unlock_wait(hold->lockspace, hold->lksb.sb_lkid, 0, &hold->lksb);
	dlm_close_lockspace(hold->lockspace);
	hold->lockspace = NULL;
	guard_disarm(&guard, NULL);
}

static int request_end(struct lockhold *hold)
{
	const struct lockargs *args = hold->args;
	int status = hold->lksb.sb_status;

	if (hold->lost) {
		say("the lock engine ended while lockspace \"%s\" was waited for; see the log of "
		    "dlm_controld",
			args->lockspace);
		return LOCK_EXIT_UNAVAILABLE;
	}
	if (now_ms() >= deadline_ms(hold)) {
		request_cancel(hold);
		return args->not_granted_status;
	}
	if (status == 0) {
		hold->granted = true;
		return 0;
	}
	if (status == EAGAIN)
		return args->not_granted_status;
	say("%s on \"%s\" in lockspace \"%s\" was not granted: %s", dumpline_mode_name(args->mode),
		args->resource, args->lockspace,
		status == ECANCEL ? "the request was cancelled" : strerror(status));
	return LOCK_EXIT_SYSTEM;
}

int lockhold_take(struct lockhold *hold, const struct lockargs *args)
{
	struct guard guard = {0};
	struct sigaction alarm_before;
	int timer, rv;

	hold->args = args;
	hold->begin_ms = now_ms();
	timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer < 0) {
		say("cannot make a timer: %s", strerror(errno));
		return LOCK_EXIT_SYSTEM;
	}
	sigaction(SIGALRM, NULL, &alarm_before);
	if (args->has_deadline) /* joining can take long, too */
		guard_arm(&guard, args->wait_ms + CANCEL_GUARD_MS, args->not_granted_status);
	rv = lockspace_open(hold);
	if (!rv)
		rv = request(hold);
	if (!rv) {
		request_wait(hold, timer);
		rv = request_end(hold);
	}
	guard_disarm(&guard, &alarm_before);
	close(timer);
	return rv;
}

int lockhold_inherit(struct lockhold *hold)
{
	return dlm_ls_set_inherit(hold->lockspace, 1) ? -errno : 0;
}

void lockhold_give(struct lockhold *hold, int status)
{
	struct guard guard;

	if (!hold->lockspace)
		return;
	guard_arm(&guard, GIVE_GUARD_MS, status);
	hold->on_lost = NULL;
	if (!hold->lost)
		(void)dlm_ls_unlock_wait(hold->lockspace, hold->lksb.sb_lkid, 0, &hold->lksb);
	dlm_close_lockspace(hold->lockspace);
	hold->lockspace = NULL;
	guard_disarm(&guard, NULL);
}

void lockhold_lost_say(const struct lockhold *hold)
{
	say("lost the lock %s on \"%s\" in lockspace \"%s\": the lock engine has ended; the log of "
	    "dlm_controld says why",
		dumpline_mode_name(hold->args->mode), hold->args->resource, hold->args->lockspace);
}
