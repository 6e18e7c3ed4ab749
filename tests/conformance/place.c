/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each actor of a row is a program of its own to the engine: a handle with one lock. After a step
 * we first wait for the callbacks that the row names, then let each handle make a round trip of its
 * own, which brings anything that the row does not name.
 *
 * A round trip is a conversion from NL to NL, which is always granted and always asked of the
 * master: of a lock that nobody else has, it goes to our own engine; of the fence, to the other
 * node's. The longest way of a step is the question who is master, its answer, the request to the
 * master, and what that tells us: two round trips.
 */
#include "place.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS  30000
#define WRONG_ID     0x7ffffff0u
#define FENCE_ROUNDS 2

/* A lock that only makes round trips. */
struct trip {
	struct dlm_lksb status;
	bool done;
};

struct actor {
	char letter;
	dlm_lshandle_t handle; /* NULL: not opened, or closed by a step */
	struct dlm_lksb status;
	char block[DLM_LVB_LEN];
	bool has_lock; /* it asked for one, and was not told that it ended */
	struct seen seen[PLACE_SEEN_MAX];
	unsigned seen_count;
	unsigned expected_count; /* callbacks that this step names */
	struct trip trip;
};

struct place {
	const char *lockspace;
	int settle_ms;
	dlm_lshandle_t own; /* for what is no program's */
	struct trip hold, fence;
	bool has_hold, has_fence;
	uint32_t row_actors;               /* of this row; others see nothing. Bit 0: A */
	char name[DLM_RESNAME_MAXLEN + 2]; /* of the row's resource */
	struct actor actors[TABLE_ACTORS];
	char why[PLACE_WHY_SIZE];
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool failed(struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool failed(struct place *place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(place->why, sizeof(place->why), format, args);
	va_end(args);
	return false;
}

const char *place_why(const struct place *place)
{
	return place->why;
}

/* ---- callbacks ---- */

static void actor_see(struct actor *actor, const char *what)
{
	struct seen *seen = &actor->seen[actor->seen_count];

	if (actor->seen_count == PLACE_SEEN_MAX)
		return;
	snprintf(seen->what, sizeof(seen->what), "%s", what);
	memcpy(seen->value, actor->block, sizeof(seen->value));
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
		snprintf(text, sizeof(text), "status-%d", status);
	if (status == EUNLOCK)
		actor->has_lock = false;
	actor_see(actor, text);
}

static void actor_blocks(void *context)
{
	actor_see(context, "bast");
}

static void trip_completed(void *context)
{
	((struct trip *)context)->done = true;
}

/* ---- handles ---- */

static void handle_take(dlm_lshandle_t handle, int wait_ms)
{
	struct pollfd ready = {.fd = dlm_ls_get_fd(handle), .events = POLLIN};

	if (poll(&ready, 1, wait_ms) > 0)
		dlm_dispatch(ready.fd);
}

static bool trip_wait(dlm_lshandle_t handle, struct trip *trip, int want)
{
	uint64_t end_ms = now_ms() + DEADLINE_MS;

	while (!trip->done && now_ms() < end_ms)
		handle_take(handle, 1000);
	if (!trip->done)
		errno = ETIMEDOUT;
	else
		errno = trip->status.sb_status;
	return trip->done && trip->status.sb_status == want;
}

static bool trip_lock(dlm_lshandle_t handle, struct trip *trip, const char *name)
{
	memset(trip, 0, sizeof(*trip));
	return !dlm_ls_lock(handle, LKM_NLMODE, &trip->status, 0, name, (unsigned)strlen(name), 0,
		       trip_completed, trip, NULL, NULL) &&
	       trip_wait(handle, trip, 0);
}

static bool trip_convert(dlm_lshandle_t handle, struct trip *trip)
{
	trip->done = false;
	return !dlm_ls_lock(handle, LKM_NLMODE, &trip->status, LKF_CONVERT, NULL, 0, 0,
		       trip_completed, trip, NULL, NULL) &&
	       trip_wait(handle, trip, 0);
}

static bool trip_unlock(dlm_lshandle_t handle, struct trip *trip)
{
	trip->done = false;
	return !dlm_ls_unlock(handle, trip->status.sb_lkid, 0, &trip->status, trip) &&
	       trip_wait(handle, trip, EUNLOCK);
}

static void actor_close(struct actor *actor)
{
	dlm_close_lockspace(actor->handle);
	actor->handle = NULL;
	actor->has_lock = false;
}

static bool actor_open(struct place *place, struct actor *actor)
{
	char host[32] = "", name[DLM_RESNAME_MAXLEN];

	if (actor->handle)
		return true;
	actor->handle = dlm_open_lockspace(place->lockspace);
	if (!actor->handle)
		return failed(
			place, "cannot open lockspace %s: %s", place->lockspace, strerror(errno));
	gethostname(host, sizeof(host) - 1); /* process ids may be the same on all nodes */
	snprintf(name, sizeof(name), "barrier-%.20s-%d-%c", host, (int)getpid(), actor->letter);
	if (trip_lock(actor->handle, &actor->trip, name))
		return true;
	failed(place, "a new handle does not answer: %s", strerror(errno));
	actor_close(actor);
	return false;
}

/** actor_barrier() - a round trip: whatever was sent to this handle before it has arrived */
static bool actor_barrier(struct place *place, struct actor *actor)
{
	return trip_convert(actor->handle, &actor->trip) ||
	       failed(place, "the handle of %c does not answer: %s", actor->letter,
		       strerror(errno));
}

/** actor_next() - the row's next actor with an open handle after @actor, NULL: the first */
static struct actor *actor_next(struct place *place, struct actor *actor)
{
	for (actor = actor ? actor + 1 : place->actors; actor < place->actors + TABLE_ACTORS;
		actor++)
		if (actor->handle && place->row_actors & 1u << (actor - place->actors))
			return actor;
	return NULL;
}

#define for_each_actor(actor, place)                                                               \
	for (actor = actor_next(place, NULL); actor; actor = actor_next(place, actor))

static bool everything_came(struct place *place)
{
	struct actor *actor;

	for_each_actor (actor, place)
		if (actor->seen_count < actor->expected_count)
			return false;
	return true;
}

/** place_wait() - until all callbacks have come that the step names */
static void place_wait(struct place *place, const struct step *step)
{
	uint64_t end_ms = now_ms() + DEADLINE_MS;
	struct actor *actor;

	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		place->actors[i].expected_count = 0;
	for (unsigned i = 0; i < step->event_count; i++)
		place->actors[step->events[i].actor - 'A'].expected_count++;
	while (!everything_came(place) && now_ms() < end_ms)
		for_each_actor (actor, place)
			if (actor->seen_count < actor->expected_count)
				handle_take(actor->handle, 10);
}

/* ---- steps ---- */

static int step_lock(struct place *place, struct actor *actor, const struct step *step)
{
	unsigned bytes =
		step->name_bytes < 0 ? (unsigned)strlen(place->name) : (unsigned)step->name_bytes;
	uint32_t flags = step->flags | (step->verb == STEP_CONVERT ? LKF_CONVERT : 0) |
			 (step->verb == STEP_ADOPT ? LKF_ORPHAN : 0);
	char name[DLM_RESNAME_MAXLEN + 2];
	int result;

	memset(name, 'n', sizeof(name));
	memcpy(name, place->name, strlen(place->name));
	actor->status.sb_lvbptr = step->no_block ? NULL : actor->block;
	if (step->wrong_id)
		actor->status.sb_lkid = WRONG_ID;
	result = dlm_ls_lock(actor->handle, step->mode, &actor->status, flags, name, bytes, 0,
		actor_completed, actor, actor_blocks, NULL);
	if (!result)
		actor->has_lock = true;
	return result;
}

static int step_call(struct place *place, struct actor *actor, const struct step *step)
{
	uint32_t lkid = step->wrong_id ? WRONG_ID : actor->status.sb_lkid;

	switch (step->verb) {
	case STEP_LOCK:
	case STEP_CONVERT:
	case STEP_ADOPT:
		return step_lock(place, actor, step);
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
		actor_close(actor);
		return 0;
	case STEP_VERB_MAX:
		break;
	}
	errno = EINVAL;
	return -1;
}

static void step_prepare(struct actor *actor, const struct step *step)
{
	if (step->verb == STEP_LOCK)
		memset(actor->block, 0, sizeof(actor->block));
	if (step->value[0]) {
		memset(actor->block, 0, sizeof(actor->block));
		memcpy(actor->block, step->value, strlen(step->value));
	}
}

bool place_do(struct place *place, const struct step *step, int *ret_error)
{
	struct actor *actor = &place->actors[step->actor - 'A'];

	if (!actor_open(place, actor))
		return false;
	step_prepare(actor, step);
	*ret_error = step_call(place, actor, step) ? errno : 0;
	if (!place->has_fence)
		return true;
	place_wait(place, step);
	for (unsigned i = 0; i < FENCE_ROUNDS; i++)
		if (!trip_convert(place->own, &place->fence))
			return failed(place, "the other node does not answer: %s", strerror(errno));
	return true;
}

bool place_report(struct place *place, const struct step *step, struct report *ret)
{
	uint64_t settled_ms;
	struct actor *actor;

	place_wait(place, step);
	settled_ms = now_ms() + (uint64_t)place->settle_ms;
	do
		for_each_actor (actor, place)
			if (!actor_barrier(place, actor))
				return false;
	while (now_ms() < settled_ms);
	for (unsigned i = 0; i < TABLE_ACTORS; i++) {
		actor = &place->actors[i];
		ret->counts[i] = actor->seen_count;
		memcpy(ret->seen[i], actor->seen, actor->seen_count * sizeof(*actor->seen));
		actor->seen_count = 0;
	}
	return true;
}

/* ---- rows ---- */

/* Whatever the row left or a failure left behind: handles with locks are closed, which frees them.
 */
void place_row(struct place *place, const char *name, uint32_t actors)
{
	struct actor *actor;

	for_each_actor (actor, place) {
		if (actor->has_lock)
			actor_close(actor);
		actor->seen_count = 0;
	}
	place->row_actors = actors;
	snprintf(place->name, sizeof(place->name), "%s", name);
}

bool place_own(struct place *place)
{
	struct trip trip;

	return (trip_lock(place->own, &trip, place->name) && trip_unlock(place->own, &trip)) ||
	       failed(place, "cannot lock %s: %s", place->name, strerror(errno));
}

bool place_hold(struct place *place, const char *name)
{
	place->has_hold = trip_lock(place->own, &place->hold, name);
	return place->has_hold || failed(place, "cannot lock %s: %s", name, strerror(errno));
}

bool place_fence(struct place *place, const char *name)
{
	place->has_fence = trip_lock(place->own, &place->fence, name);
	return place->has_fence || failed(place, "cannot lock %s: %s", name, strerror(errno));
}

bool place_let_go(struct place *place)
{
	bool good = (!place->has_fence || trip_unlock(place->own, &place->fence)) &&
		    (!place->has_hold || trip_unlock(place->own, &place->hold));

	place->has_hold = place->has_fence = false;
	return good || failed(place, "cannot unlock: %s", strerror(errno));
}

struct place *place_new(const char *lockspace, int settle_ms)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->lockspace = lockspace;
	place->settle_ms = settle_ms;
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		place->actors[i].letter = (char)('A' + i);
	place->own = dlm_open_lockspace(lockspace);
	if (place->own)
		return place;
	fprintf(stderr, "cannot open lockspace %s: %s\n", lockspace, strerror(errno));
	free(place);
	return NULL;
}

void place_free(struct place *place)
{
	struct actor *actor;

	if (!place)
		return;
	place->row_actors = UINT32_MAX;
	for_each_actor (actor, place)
		dlm_close_lockspace(actor->handle);
	/* not by the end of the handle: until the other node has answered, the lockspace is in use
	 */
	if (place->has_hold)
		trip_unlock(place->own, &place->hold);
	if (place->has_fence)
		trip_unlock(place->own, &place->fence);
	dlm_close_lockspace(place->own);
	free(place);
}
