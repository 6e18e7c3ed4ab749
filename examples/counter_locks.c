/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a program uses libdlm: writers that take turns, and a reader, on one resource with a value
 * block.
 *
 * A writer asks for its next turn before it gives back the one that it has, so that it is always in
 * the line; the line is first come, first served. It does so with callbacks: dlm_ls_lock() returns
 * at once, and dlm_dispatch() calls turn_granted(). The reader uses the calls that wait.
 */
#include <errno.h>
#include <inttypes.h>
#include <libdlm.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"

#define RESOURCE "counter"

/** addition_make() - the work itself: read the number, add 1, write it, say so. Return: the sum */
static uint64_t addition_make(const struct job *job, struct slot *me)
{
	char line[64];
	uint64_t number = counter_number(job->number_fd);
	struct timespec now;
	int bytes;

	atomic_store(&me->inside, true);
	sched_yield(); /* a real program would think here; others may run */
	counter_number_set(job->number_fd, number + 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	bytes = snprintf(line, sizeof(line), "%" PRIu64 " %d %" PRIu64 "\n", number + 1,
		(int)getpid(), (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
	if (write(job->log_fd, line, (size_t)bytes) != bytes)
		counter_fail("cannot write the log: %s", strerror(errno));
	atomic_fetch_add(&me->acknowledged, 1);
	atomic_store(&me->inside, false);
	return number + 1;
}

static dlm_lshandle_t lockspace_open(const struct job *job)
{
	dlm_lshandle_t lockspace = dlm_open_lockspace(job->lockspace);

	if (!lockspace)
		counter_fail("cannot open lockspace %s: %s", job->lockspace, strerror(errno));
	return lockspace;
}

/** value_valid() - whoever held the lock last may have died before it wrote the value block */
static bool value_valid(const struct job *job, const struct dlm_lksb *status)
{
	if (!(status->sb_flags & DLM_SBF_VALNOTVALID))
		return true;
	atomic_fetch_add(&job->shared->told_count, 1);
	return false;
}

/* ---- writers ---- */

struct turn {
	struct dlm_lksb status;
	char value[DLM_LVB_LEN];
	bool granted;
};

static void turn_granted(void *context)
{
	struct turn *turn = context;

	if (turn->status.sb_status)
		counter_fail("lock %s: %s", RESOURCE, strerror(turn->status.sb_status));
	turn->granted = true;
}

static void turn_ask(dlm_lshandle_t lockspace, struct turn *turn)
{
	turn->granted = false;
	turn->status.sb_lvbptr = turn->value;
	if (dlm_ls_lock(lockspace, LKM_EXMODE, &turn->status, LKF_VALBLK, RESOURCE,
		    strlen(RESOURCE), 0, turn_granted, turn, NULL, NULL))
		counter_fail("lock %s: %s", RESOURCE, strerror(errno));
}

static void turn_wait(dlm_lshandle_t lockspace, const struct turn *turn)
{
	struct pollfd ready = {.fd = dlm_ls_get_fd(lockspace), .events = POLLIN};

	while (!turn->granted) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			counter_fail("poll: %s", strerror(errno));
		if (dlm_dispatch(ready.fd))
			counter_fail("the lock daemon is gone: %s", strerror(errno));
	}
}

/** turn_end() - give it back, with the number for those who come next */
static void turn_end(dlm_lshandle_t lockspace, struct turn *turn, uint64_t number)
{
	memcpy(turn->value, &number, sizeof(number));
	if (dlm_ls_unlock_wait(lockspace, turn->status.sb_lkid, LKF_VALBLK, &turn->status))
		counter_fail("unlock %s: %s", RESOURCE, strerror(errno));
}

void counter_write(const struct job *job, struct slot *me)
{
	dlm_lshandle_t lockspace = lockspace_open(job);
	struct turn turns[2] = {0}, *mine = &turns[0], *next = &turns[1];

	turn_ask(lockspace, mine);
	while (!atomic_load(&job->shared->stop)) {
		struct turn *spare = mine;
		uint64_t number;

		turn_wait(lockspace, mine);
		(void)value_valid(job, &mine->status); /* we write it anyway */
		number = addition_make(job, me);
		turn_ask(lockspace, next);
		turn_end(lockspace, mine, number);
		mine = next;
		next = spare;
	}
	dlm_close_lockspace(lockspace); /* the turn that was not used goes with it */
}

void counter_write_unlocked(const struct job *job, struct slot *me)
{
	while (!atomic_load(&job->shared->stop))
		addition_make(job, me);
}

/* ---- the reader: one lock, from NL to PR and back ---- */

struct look {
	dlm_lshandle_t lockspace;
	struct dlm_lksb status;
	char value[DLM_LVB_LEN];
};

static void look_convert(struct look *look, uint32_t mode, uint32_t flags)
{
	if (dlm_ls_lock_wait(look->lockspace, mode, &look->status, flags | LKF_VALBLK, RESOURCE,
		    strlen(RESOURCE), 0, NULL, NULL, NULL) ||
		look->status.sb_status)
		counter_fail("lock %s, mode %u: %s", RESOURCE, mode,
			strerror(look->status.sb_status ? look->status.sb_status : errno));
}

/** look_once() - under PR the file and the value block say the same, unless it is not valid */
static void look_once(const struct job *job, struct look *look)
{
	uint64_t number, value;

	look_convert(look, LKM_PRMODE, LKF_CONVERT);
	number = counter_number(job->number_fd);
	memcpy(&value, look->value, sizeof(value));
	if (value_valid(job, &look->status) && value != number)
		atomic_fetch_add(&job->shared->wrong_count, 1);
	atomic_fetch_add(&job->shared->read_count, 1);
	look_convert(look, LKM_NLMODE, LKF_CONVERT);
}

void counter_read(const struct job *job)
{
	struct look look = {.lockspace = lockspace_open(job)};

	look.status.sb_lvbptr = look.value;
	look_convert(&look, LKM_NLMODE, 0);
	while (!atomic_load(&job->shared->stop)) {
		look_once(job, &look);
		(void)poll(NULL, 0, 1); /* a conversion goes before those who wait for a new lock */
	}
	dlm_close_lockspace(look.lockspace);
}
