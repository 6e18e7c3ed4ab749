/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many threads on one handle do everything at once: requests, conversions, unlocks, cancels and
 * force-unlocks, with callbacks and waiting, on a few resources.
 *
 * usage: hammer LOCKSPACE THREADS OPERATIONS SEED thread|dispatch
 *	thread: the library's own thread runs callbacks; dispatch: one of ours, with poll(2)
 *
 * It ends with 1 where a completion comes that nobody waits for, one does not come within 30 s, or
 * two threads have the same lock (resources below SAFE are not cancelled or forced, so that who
 * has them is known).
 */
#include <errno.h>
#include <libdlm.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS     6 /* of each thread */
#define RESOURCES 8
#define SAFE      4
#define WAIT_S    30

struct slot {
	struct dlm_lksb lksb;
	char lvb[DLM_LVB_LEN];
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int due_least, due_most; /* completions that must, and that may still come */
	unsigned resource;
	uint32_t lkid; /* lksb is also the library's, as long as something is in progress */
	uint32_t mode_wanted;
	int mode; /* counted as held on a safe resource; -1: none */
	bool exists, granted;
};

struct worker {
	pthread_t thread;
	unsigned seed, operations;
	struct slot slots[SLOTS];
};

static dlm_lshandle_t ls;
static atomic_int writers[SAFE], readers[SAFE];
static atomic_uint completions, blocked, calls_done, refused;
static atomic_bool stop;

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	_exit(1);
}

/* What has been granted is counted after, what is given up before, it really is. */
static void hold(struct slot *slot, uint32_t mode)
{
	if (slot->resource >= SAFE)
		return;
	if (mode == LKM_EXMODE) {
		if (atomic_fetch_add(&writers[slot->resource], 1) ||
			atomic_load(&readers[slot->resource]))
			fail("resource %u: EX beside another lock\n", slot->resource);
	} else if (mode == LKM_PRMODE) {
		atomic_fetch_add(&readers[slot->resource], 1);
		if (atomic_load(&writers[slot->resource]))
			fail("resource %u: PR beside EX\n", slot->resource);
	}
	slot->mode = (int)mode;
}

static void let_go(struct slot *slot)
{
	if (slot->resource < SAFE && slot->mode == LKM_EXMODE)
		atomic_fetch_sub(&writers[slot->resource], 1);
	if (slot->resource < SAFE && slot->mode == LKM_PRMODE)
		atomic_fetch_sub(&readers[slot->resource], 1);
	slot->mode = -1;
}

static void completed(void *arg)
{
	struct slot *slot = arg;
	int status;

	pthread_mutex_lock(&slot->mutex);
	status = __atomic_load_n(&slot->lksb.sb_status, __ATOMIC_ACQUIRE);
	atomic_fetch_add(&completions, 1);
	if (!slot->due_most)
		fail("a completion that nobody waits for: lock %x status %d\n", slot->lkid, status);
	slot->due_most--;
	if (slot->due_least)
		slot->due_least--;
	if (status == EINPROG) {
		slot->granted = true; /* the lock was there for another call before we looked */
	} else if (status == 0) {
		slot->granted = true;
		hold(slot, slot->mode_wanted);
	} else if (status == EUNLOCK || !slot->granted) {
		slot->exists = false; /* only now may another lock have this lksb */
	}
	pthread_cond_broadcast(&slot->changed);
	pthread_mutex_unlock(&slot->mutex);
}

static void blocks(void *arg)
{
	atomic_fetch_add(&blocked, 1);
}

static unsigned pick(struct worker *worker, unsigned count)
{
	return (unsigned)rand_r(&worker->seed) / 7 % count;
}

static void accepted(struct slot *slot, int result, bool sure)
{
	if (result) {
		atomic_fetch_add(&refused, 1);
		if (errno != EBUSY && errno != ENOENT && errno != EINVAL)
			fail("refused: %s\n", strerror(errno));
		return;
	}
	atomic_fetch_add(&calls_done, 1);
	slot->due_most++;
	slot->due_least += sure;
}

static void wait_settled(struct slot *slot)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (slot->due_least)
		if (pthread_cond_timedwait(&slot->changed, &slot->mutex, &until))
			fail("lock %x: its completion does not come\n", slot->lkid);
}

/* All with the slot's mutex, which completed() takes: a call must not run callbacks itself. */

static void request(struct worker *worker, struct slot *slot)
{
	static const uint32_t modes[] = {LKM_NLMODE, LKM_PRMODE, LKM_EXMODE};
	uint32_t flags = (pick(worker, 2) ? LKF_NOQUEUE : 0) | (pick(worker, 2) ? LKF_VALBLK : 0);
	char name[16];

	slot->resource = pick(worker, RESOURCES);
	slot->mode_wanted = modes[pick(worker, 3)];
	if (slot->resource < SAFE)
		flags |= LKF_NOQUEUE; /* so that nobody waits for himself */
	snprintf(name, sizeof(name), "resource%u", slot->resource);
	accepted(slot,
		dlm_ls_lock(ls, slot->mode_wanted, &slot->lksb, flags, name, (unsigned)strlen(name),
			0, completed, slot, blocks, NULL),
		true);
	slot->lkid = slot->lksb.sb_lkid;
	slot->exists = true;
	slot->granted = false;
}

static void convert(struct worker *worker, struct slot *slot)
{
	uint32_t before = slot->mode_wanted;
	int result;

	if (slot->due_least)
		return; /* EBUSY, or it would be two */
	let_go(slot);
	slot->mode_wanted = LKM_NLMODE;
	result = dlm_ls_lock(ls, LKM_NLMODE, &slot->lksb, LKF_CONVERT, NULL, 0, 0, completed, slot,
		blocks, NULL);
	if (result)
		slot->mode_wanted = before;
	accepted(slot, result, true);
}

static void unlock(struct slot *slot)
{
	/* It may be taken, with the grant not told yet: then it would be counted as held
	 * afterwards. */
	if (slot->due_least && slot->resource < SAFE)
		return;
	let_go(slot);
	accepted(slot, dlm_ls_unlock(ls, slot->lkid, 0, &slot->lksb, slot), !slot->due_least);
}

/* A second completion comes only if the request had just got its own. */
static void overtake(struct worker *worker, struct slot *slot)
{
	uint32_t flags = pick(worker, 2) ? LKF_CANCEL : LKF_FORCEUNLOCK;

	if (slot->resource < SAFE)
		return;
	if (pick(worker, 3))
		accepted(slot, dlm_ls_unlock(ls, slot->lkid, flags, &slot->lksb, slot), false);
	else
		accepted(slot, dlm_ls_deadlock_cancel(ls, slot->lkid, 0), false);
}

static void one_wait(struct worker *worker)
{
	struct dlm_lksb lksb = {0};
	int result = dlm_ls_lock_wait(
		ls, LKM_CRMODE, &lksb, LKF_NOQUEUE, "shared", 6, 0, NULL, NULL, NULL);

	if (result || lksb.sb_status)
		fail("lock_wait: %d %d\n", result, lksb.sb_status);
	result = dlm_ls_unlock_wait(ls, lksb.sb_lkid, 0, &lksb);
	if (result || lksb.sb_status != EUNLOCK)
		fail("unlock_wait: %d %d\n", result, lksb.sb_status);
}

static void one(struct worker *worker)
{
	struct slot *slot = &worker->slots[pick(worker, SLOTS)];

	if (!pick(worker, 16)) {
		one_wait(worker);
		return;
	}
	pthread_mutex_lock(&slot->mutex);
	if (!slot->exists)
		request(worker, slot);
	else if (!pick(worker, 3))
		convert(worker, slot);
	else if (pick(worker, 2))
		overtake(worker, slot);
	else
		unlock(slot);
	pthread_mutex_unlock(&slot->mutex);
}

/* Whatever is left: force it, until its end is told. */
static void finish(struct slot *slot)
{
	struct timespec until;

	pthread_mutex_lock(&slot->mutex);
	if (slot->resource < SAFE)
		wait_settled(slot);
	let_go(slot);
	if (slot->exists && !dlm_ls_unlock(ls, slot->lkid, LKF_FORCEUNLOCK, &slot->lksb, slot))
		slot->due_most++;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (slot->exists)
		if (pthread_cond_timedwait(&slot->changed, &slot->mutex, &until))
			fail("lock %x: its end is not told\n", slot->lkid);
	wait_settled(slot);
	pthread_mutex_unlock(&slot->mutex);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	int i;

	while (worker->operations--)
		one(worker);
	for (i = 0; i < SLOTS; i++)
		finish(&worker->slots[i]);
	return NULL;
}

static void *dispatch(void *arg)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	while (!stop)
		if (poll(&fd, 1, 100) == 1 && dlm_dispatch(fd.fd))
			fail("dispatch: %s\n", strerror(errno));
	return NULL;
}

static void worker_start(struct worker *worker, unsigned operations, unsigned seed)
{
	int i;

	worker->operations = operations;
	worker->seed = seed;
	for (i = 0; i < SLOTS; i++) {
		worker->slots[i].mode = -1;
		worker->slots[i].lksb.sb_lvbptr = worker->slots[i].lvb;
		pthread_mutex_init(&worker->slots[i].mutex, NULL);
		pthread_cond_init(&worker->slots[i].changed, NULL);
	}
	if (pthread_create(&worker->thread, NULL, work, worker))
		fail("no thread\n");
}

int main(int argc, char **argv)
{
	unsigned i, count = argc == 6 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	bool own = argc == 6 && !strcmp(argv[5], "dispatch");
	struct worker *workers = calloc(count ? count : 1, sizeof(*workers));
	pthread_t dispatcher;

	if (!count || !workers)
		return 2;
	ls = dlm_open_lockspace(argv[1]);
	if (!ls)
		fail("open: %s\n", strerror(errno));
	if (own ? pthread_create(&dispatcher, NULL, dispatch, NULL) : dlm_ls_pthread_init(ls))
		fail("no dispatcher\n");
	for (i = 0; i < count; i++)
		worker_start(&workers[i], (unsigned)strtoul(argv[3], NULL, 10),
			(unsigned)strtoul(argv[4], NULL, 10) * 1000 + i);
	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	stop = true;
	if (own)
		pthread_join(dispatcher, NULL);
	printf("%u calls, %u completions, %u refused, %u blocking\n", calls_done, completions,
		refused, blocked);
	dlm_close_lockspace(ls);
	free(workers);
	return 0;
}
