/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each actor of a row is a program of its own to the engine: a handle with one lock. After a step
 * we first wait for the callbacks that the row names, then let each handle make a round trip of its
 * own, which brings anything that the row does not name, and compare.
 */
#include "exam.h"

#include <errno.h>
#include <libdlm.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 30000
#define SEEN_MAX    16
#define WRONG_ID    0x7ffffff0u

struct actor {
	char letter;
	dlm_lshandle_t handle; /* NULL: not opened, or closed by a step */
	struct dlm_lksb status;
	char block[DLM_LVB_LEN];
	bool has_lock; /* it asked for one, and was not told that it ended */
	char seen[SEEN_MAX][TABLE_WORD_BYTES]; /* callbacks of this step, in order */
	char seen_value[SEEN_MAX][DLM_LVB_LEN];
	unsigned seen_count;
	unsigned expected_count; /* callbacks that this step names */
};

struct exam {
	const char *lockspace;
	int settle_ms;
	unsigned row_count;
	uint32_t row_actors;               /* of this row; others see nothing. Bit 0: A */
	char name[DLM_RESNAME_MAXLEN + 2]; /* of the row's resource */
	struct actor actors[TABLE_ACTORS];
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- callbacks ---- */

static void actor_see(struct actor *actor, const char *what)
{
	if (actor->seen_count == SEEN_MAX)
		return;
	snprintf(actor->seen[actor->seen_count], TABLE_WORD_BYTES, "%s", what);
	memcpy(actor->seen_value[actor->seen_count], actor->block, DLM_LVB_LEN);
	actor->seen_count++;
}

static void actor_completed(void *context)
{
	struct actor *actor = context;
	int status = actor->status.sb_status;
	const char *name = table_errno_name(status);
	char text[TABLE_WORD_BYTES];

	if (status == 0)
		snprintf(text, sizeof(text), "ok%s%s%s",
			actor->status.sb_flags & DLM_SBF_DEMOTED ? "+demoted" : "",
			actor->status.sb_flags & DLM_SBF_ALTMODE ? "+alt" : "",
			actor->status.sb_flags & DLM_SBF_VALNOTVALID ? "+invalid" : "");
	else if (name)
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "status %d", status);
	if (status == EUNLOCK)
		actor->has_lock = false;
	actor_see(actor, text);
}

static void actor_blocks(void *context)
{
	actor_see(context, "bast");
}

static void barrier_completed(void *context)
{
	*(bool *)context = true;
}

/* ---- handles ---- */

static bool actor_open(struct exam *exam, struct actor *actor)
{
	if (!actor->handle)
		actor->handle = dlm_open_lockspace(exam->lockspace);
	if (!actor->handle)
		fprintf(stderr, "cannot open lockspace %s: %s\n", exam->lockspace, strerror(errno));
	return actor->handle;
}

static void actor_take(struct actor *actor, int wait_ms)
{
	struct pollfd ready = {.fd = dlm_ls_get_fd(actor->handle), .events = POLLIN};

	if (poll(&ready, 1, wait_ms) > 0)
		dlm_dispatch(ready.fd);
}

/** actor_barrier() - a round trip: whatever was sent to this handle before it has arrived */
static bool actor_barrier(struct actor *actor)
{
	char name[DLM_RESNAME_MAXLEN];
	struct dlm_lksb status = {0};
	uint64_t end_ms = now_ms() + DEADLINE_MS;
	int bytes = snprintf(
		name, sizeof(name), "conformance-barrier-%d-%c", (int)getpid(), actor->letter);
	bool done = false;

	if (dlm_ls_lock(actor->handle, LKM_NLMODE, &status, 0, name, (unsigned)bytes, 0,
		    barrier_completed, &done, NULL, NULL))
		return false;
	while (!done && now_ms() < end_ms)
		actor_take(actor, 1000);
	if (!done || status.sb_status)
		return false;
	done = false;
	if (dlm_ls_unlock(actor->handle, status.sb_lkid, 0, &status, &done))
		return false;
	while (!done && now_ms() < end_ms)
		actor_take(actor, 1000);
	return done;
}

/** actor_next() - the row's next actor with an open handle after @actor, NULL: the first */
static struct actor *actor_next(struct exam *exam, struct actor *actor)
{
	for (actor = actor ? actor + 1 : exam->actors; actor < exam->actors + TABLE_ACTORS; actor++)
		if (actor->handle && exam->row_actors & 1u << (actor - exam->actors))
			return actor;
	return NULL;
}

#define for_each_actor(actor, exam)                                                                \
	for (actor = actor_next(exam, NULL); actor; actor = actor_next(exam, actor))

static bool everything_came(struct exam *exam)
{
	struct actor *actor;

	for_each_actor (actor, exam)
		if (actor->seen_count < actor->expected_count)
			return false;
	return true;
}

/** exam_settle() - wait for what the step names, then for what it does not name */
static bool exam_settle(struct exam *exam)
{
	uint64_t end_ms = now_ms() + DEADLINE_MS, settled_ms;
	struct actor *actor;

	while (!everything_came(exam) && now_ms() < end_ms)
		for_each_actor (actor, exam)
			if (actor->seen_count < actor->expected_count)
				actor_take(actor, 10);
	settled_ms = now_ms() + (uint64_t)exam->settle_ms;
	do
		for_each_actor (actor, exam)
			if (!actor_barrier(actor))
				return false;
	while (now_ms() < settled_ms);
	return true;
}

/* ---- steps ---- */

static int step_lock(struct exam *exam, struct actor *actor, const struct step *step)
{
	unsigned bytes =
		step->name_bytes < 0 ? (unsigned)strlen(exam->name) : (unsigned)step->name_bytes;
	uint32_t flags = step->flags | (step->verb == STEP_CONVERT ? LKF_CONVERT : 0) |
			 (step->verb == STEP_ADOPT ? LKF_ORPHAN : 0);
	char name[DLM_RESNAME_MAXLEN + 2];
	int result;

	memset(name, 'n', sizeof(name));
	memcpy(name, exam->name, strlen(exam->name));
	actor->status.sb_lvbptr = step->no_block ? NULL : actor->block;
	if (step->wrong_id)
		actor->status.sb_lkid = WRONG_ID;
	result = dlm_ls_lock(actor->handle, step->mode, &actor->status, flags, name, bytes, 0,
		actor_completed, actor, actor_blocks, NULL);
	if (!result)
		actor->has_lock = true;
	return result;
}

static int step_call(struct exam *exam, struct actor *actor, const struct step *step)
{
	uint32_t lkid = step->wrong_id ? WRONG_ID : actor->status.sb_lkid;

	switch (step->verb) {
	case STEP_LOCK:
	case STEP_CONVERT:
	case STEP_ADOPT:
		return step_lock(exam, actor, step);
	case STEP_UNLOCK:
		actor->status.sb_lvbptr = step->no_block ? NULL : actor->block;
		return dlm_ls_unlock(actor->handle, lkid, step->flags, &actor->status, actor);
	case STEP_CANCEL:
		return dlm_ls_unlock(
			actor->handle, lkid, step->flags | LKF_CANCEL, &actor->status, actor);
	case STEP_DEADLOCK:
		return dlm_ls_deadlock_cancel(actor->handle, lkid, step->flags);
	case STEP_PURGE:
		return dlm_ls_purge(actor->handle, 0, 0);
	case STEP_CLOSE:
		dlm_close_lockspace(actor->handle);
		actor->handle = NULL;
		actor->has_lock = false;
		return 0;
	case STEP_VERB_MAX:
		break;
	}
	errno = EINVAL;
	return -1;
}

static void step_prepare(struct exam *exam, const struct step *step)
{
	struct actor *actor;

	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		exam->actors[i].seen_count = exam->actors[i].expected_count = 0;
	for (unsigned i = 0; i < step->event_count; i++)
		exam->actors[step->events[i].actor - 'A'].expected_count++;
	actor = &exam->actors[step->actor - 'A'];
	if (step->verb == STEP_LOCK)
		memset(actor->block, 0, sizeof(actor->block));
	if (step->value[0]) {
		memset(actor->block, 0, sizeof(actor->block));
		memcpy(actor->block, step->value, strlen(step->value));
	}
}

/* ---- comparing ---- */

static void difference(FILE *out, const struct row *row, unsigned index, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void difference(FILE *out, const struct row *row, unsigned index, const char *format, ...)
{
	va_list args;

	fprintf(out, "%s: step %u \"%s\": ", row->name, index + 1, row->steps[index].text);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fprintf(out, "\n");
}

static bool value_matches(const char *expected, const char *seen)
{
	char want[DLM_LVB_LEN] = {0};

	if (!expected[0])
		return true;
	if (strcmp(expected, "0") != 0)
		memcpy(want, expected, strlen(expected));
	return !memcmp(want, seen, sizeof(want));
}

/* The callbacks of one actor are in order; between actors there is none. */
static bool actor_compare(
	struct exam *exam, const struct row *row, unsigned index, char letter, FILE *out)
{
	const struct step *step = &row->steps[index];
	const struct actor *actor = &exam->actors[letter - 'A'];
	unsigned place = 0;
	bool good = true;

	for (unsigned i = 0; i < step->event_count; i++) {
		const struct step_event *want = &step->events[i];

		if (want->actor != letter)
			continue;
		if (place >= actor->seen_count) {
			difference(
				out, row, index, "%c got nothing, expected %s", letter, want->what);
			good = false;
		} else if (strcmp(actor->seen[place], want->what) != 0) {
			difference(out, row, index, "%c got %s, expected %s", letter,
				actor->seen[place], want->what);
			good = false;
		} else if (!value_matches(want->value, actor->seen_value[place])) {
			difference(out, row, index, "%c got value %.*s, expected %s", letter,
				DLM_LVB_LEN, actor->seen_value[place], want->value);
			good = false;
		}
		place++;
	}
	for (; place < actor->seen_count; place++) {
		difference(
			out, row, index, "%c got %s, expected nothing", letter, actor->seen[place]);
		good = false;
	}
	return good;
}

static bool step_run(struct exam *exam, const struct row *row, unsigned index, FILE *out)
{
	const struct step *step = &row->steps[index];
	struct actor *actor = &exam->actors[step->actor - 'A'];
	bool good = true;
	int error;

	if (!actor_open(exam, actor))
		return false;
	step_prepare(exam, step);
	error = step_call(exam, actor, step) ? errno : 0;
	if (error != step->call_errno) {
		const char *name = table_errno_name(error);

		difference(out, row, index, "the call gave %s, expected %s",
			error ? (name ? name : strerror(error)) : "success",
			step->call_errno ? table_errno_name(step->call_errno) : "success");
		good = false;
	}
	if (!exam_settle(exam)) {
		difference(out, row, index, "a handle does not answer: %s", strerror(errno));
		return false;
	}
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		if (row->actors & 1u << i)
			good &= actor_compare(exam, row, index, (char)('A' + i), out);
	return good;
}

/* Whatever the row left or a failure left behind: handles with locks are closed, which frees them.
 */
static void row_clean(struct exam *exam)
{
	struct actor *actor;

	for_each_actor (actor, exam) {
		if (actor->has_lock) {
			dlm_close_lockspace(actor->handle);
			actor->handle = NULL;
		}
		actor->has_lock = false;
	}
}

bool exam_row(struct exam *exam, const struct row *row, FILE *out)
{
	bool good = true;

	exam->row_actors = row->actors;
	snprintf(exam->name, sizeof(exam->name), "conformance-%d-%u", (int)getpid(),
		exam->row_count++);
	for (unsigned i = 0; i < row->step_count && good; i++)
		good = step_run(exam, row, i, out);
	row_clean(exam);
	return good;
}

struct exam *exam_new(const char *lockspace, int settle_ms)
{
	struct exam *exam = calloc(1, sizeof(*exam));

	if (!exam)
		return NULL;
	exam->lockspace = lockspace;
	exam->settle_ms = settle_ms;
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		exam->actors[i].letter = (char)('A' + i);
	if (actor_open(exam, &exam->actors[0]))
		return exam;
	free(exam);
	return NULL;
}

void exam_free(struct exam *exam)
{
	struct actor *actor;

	if (!exam)
		return;
	exam->row_actors = UINT32_MAX;
	for_each_actor (actor, exam)
		dlm_close_lockspace(actor->handle);
	free(exam);
}
