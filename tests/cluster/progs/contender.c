/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One process that locks a few hot names and many cold ones in all ways, and writes down what it
 * saw: its history, a line an event, which history.py checks against those of all others.
 *
 * usage: contender LOCKSPACE HISTORY NUMBER [-a] [-h HOT] [-c COLD] [-s SLOTS] [-x]
 *	NUMBER: another one for each process
 *	-a: acknowledges when its rights are lost, and ends with 5; else the daemon ends it, if it
 *	    holds something
 *	-x: only EX, held for longer
 *
 * It works until its standard input ends; then it gives up what it has, waits for what it has asked
 * for, and ends with 0. Ends with 4 where something does not come, with 3 where something comes
 * that nobody has asked for.
 *
 * Lines: TIME EVENT SLOT ..., TIME in ns of the monotonic clock. What is given up is written down
 * before the call, what is granted after it was seen.
 *	call SLOT NAME KIND FROM TO FLAGS VALUE	KIND new, convert, unlock; VALUE is what is written
 *	done SLOT STATUS SBFLAGS VALUE		VALUE is what was read
 *	cancel SLOT, blocks SLOT, refused SLOT ERRNO, beat, lost, stop, end
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdlm.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS_MAX   64
#define KEPT_MAX    16
#define MS          1000000ull
#define BEAT_NS     (5 * MS)
#define LONG_NS     (100 * MS)
#define STARVED_NS  (45000 * MS)
#define CONVERSIONS 4 /* at most, until a lock is given up */
#define NEVER       UINT64_MAX

struct slot {
	struct dlm_lksb lksb;
	char lvb[DLM_LVB_LEN];
	char name[24];
	int mode, wanted; /* granted, -1: none */
	char busy;        /* n, c, u: what is under way; 0: nothing */
	bool kept;        /* NL, so that the resource lives and its value with it */
	unsigned conversions;
	uint64_t act_ns, cancel_ns;
	uint32_t value_flag; /* the same for all that is done with one lock, until it is given up */
};

static struct slot slots[SLOTS_MAX + KEPT_MAX];
static unsigned slot_count = 6, hot_count = 3, cold_count = 500;
static dlm_lshandle_t ls;
static unsigned number, seed, written;
static int history;
static bool only_ex, stopping, is_lost;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define note(format, ...) dprintf(history, "%" PRIu64 " " format "\n", now_ns(), ##__VA_ARGS__)

static unsigned pick(unsigned count)
{
	return (unsigned)rand_r(&seed) / 7 % count;
}

static unsigned slot_number(const struct slot *slot)
{
	return (unsigned)(slot - slots);
}

static void blocks(void *arg)
{
	struct slot *slot = arg;

	note("blocks %u", slot_number(slot));
	if (!slot->busy && !slot->kept)
		slot->act_ns = 0;
}

/* How long it is held: mostly for a moment, at times for long, unless somebody wants it. */
static uint64_t hold_until(void)
{
	if (stopping)
		return now_ns();
	if (only_ex)
		return now_ns() + (1 + pick(30)) * MS;
	return now_ns() + (pick(4) ? pick(3000) * MS / 1000 : LONG_NS);
}

static void settle(struct slot *slot, int status)
{
	bool is_there = slot->busy == 'c' || status == 0;

	if (status == 0)
		slot->mode = slot->wanted;
	else if (is_there && slot->lksb.sb_flags & DLM_SBF_DEMOTED)
		slot->mode = LKM_NLMODE;
	else if (!is_there || slot->busy == 'u')
		slot->mode = -1;
	if (slot->mode >= 0)
		slot->act_ns = slot->kept ? NEVER : hold_until();
	else
		slot->act_ns = now_ns() + pick(2000) * MS / 1000;
	slot->busy = 0;
	slot->cancel_ns = NEVER;
}

static void completed(void *arg)
{
	struct slot *slot = arg;
	int status = slot->lksb.sb_status;

	note("done %u %d %d %.*s", slot_number(slot), status, slot->lksb.sb_flags,
		(int)sizeof(slot->lvb), slot->lvb[0] ? slot->lvb : "-");
	if (!slot->busy) {
		fprintf(stderr, "slot %u: a completion that nobody waits for\n", slot_number(slot));
		_exit(3);
	}
	if (status != ENOTCONN)
		settle(slot, status);
}

static void lost(void *arg)
{
	(void)arg;
	is_lost = true;
	note("lost");
}

static void call(struct slot *slot, const char *kind, int to, uint32_t flags)
{
	int result, from = slot->mode;

	if (from < 0)
		memset(slot->lvb, 0, sizeof(slot->lvb));
	if (from >= LKM_PWMODE && flags & LKF_VALBLK && to < from)
		snprintf(slot->lvb, sizeof(slot->lvb), "%u.%u", number, ++written);
	note("call %u %s %s %d %d %u %s", slot_number(slot), slot->name, kind, from, to, flags,
		from >= LKM_PWMODE && flags & LKF_VALBLK && to < from ? slot->lvb : "-");
	slot->busy = kind[0];
	slot->wanted = to;
	slot->act_ns = NEVER;
	if (kind[0] == 'u')
		result = dlm_ls_unlock(ls, slot->lksb.sb_lkid, flags, &slot->lksb, slot);
	else
		result = dlm_ls_lock(ls, (uint32_t)to, &slot->lksb, flags, slot->name,
			(unsigned)strlen(slot->name), 0, completed, slot, blocks, NULL);
	if (!result)
		return;
	note("refused %u %d", slot_number(slot), errno);
	if (errno != ENOTCONN) {
		fprintf(stderr, "%s: %s\n", kind, strerror(errno));
		_exit(1);
	}
}

static void slot_ask(struct slot *slot)
{
	uint32_t flags = pick(6) ? 0 : LKF_NOQUEUE;
	int mode = only_ex ? LKM_EXMODE : (int)pick(6);

	if (pick(4))
		snprintf(slot->name, sizeof(slot->name), "hot%u", pick(hot_count));
	else
		snprintf(slot->name, sizeof(slot->name), "cold%u", pick(cold_count));
	slot->conversions = 0;
	slot->value_flag = pick(3) ? LKF_VALBLK : 0;
	if (!only_ex && !pick(8))
		slot->cancel_ns = now_ns() + pick(3000) * MS / 1000;
	call(slot, "new", mode, flags | slot->value_flag);
}

static void slot_convert(struct slot *slot)
{
	uint32_t flags = LKF_CONVERT | slot->value_flag |
			 (!pick(6)          ? LKF_NOQUEUE
				 : !pick(3) ? LKF_CONVDEADLK
					    : 0);
	int mode = (int)pick(6);

	if (mode == slot->mode)
		mode = LKM_NLMODE;
	slot->conversions++;
	if (!pick(8))
		slot->cancel_ns = now_ns() + pick(3000) * MS / 1000;
	call(slot, "convert", mode, flags);
}

static void slot_act(struct slot *slot)
{
	if (slot->mode < 0) {
		slot->act_ns = NEVER;
		if (!stopping)
			slot_ask(slot);
	} else if (slot->kept || stopping || only_ex || slot->conversions >= CONVERSIONS ||
		   pick(2)) {
		call(slot, "unlock", -1, slot->value_flag);
	} else {
		slot_convert(slot);
	}
}

static void slot_cancel(struct slot *slot)
{
	slot->cancel_ns = NEVER;
	note("cancel %u", slot_number(slot));
	if (dlm_ls_unlock(ls, slot->lksb.sb_lkid, LKF_CANCEL, &slot->lksb, slot) &&
		errno != ENOTCONN && errno != EBUSY && errno != ENOENT) {
		fprintf(stderr, "cancel: %s\n", strerror(errno));
		_exit(1);
	}
}

/* Return: when there is something to do next, NEVER: nothing is left */
static uint64_t turn(void)
{
	uint64_t next = NEVER, now = now_ns();
	bool is_left = false;

	for (unsigned i = 0; i < SLOTS_MAX + KEPT_MAX; i++) {
		struct slot *slot = &slots[i];

		if (!slot->name[0] && i >= slot_count)
			continue;
		if (!slot->busy && slot->act_ns <= now)
			slot_act(slot);
		else if (slot->busy && slot->busy != 'u' && slot->cancel_ns <= now)
			slot_cancel(slot);
		is_left |= slot->busy || slot->mode >= 0;
		if (!slot->busy && slot->act_ns < next)
			next = slot->act_ns;
	}
	return stopping && !is_left ? NEVER : next < now + BEAT_NS ? next : now + BEAT_NS;
}

/* Whether there is a lock that was neither given up nor is being given up. */
static bool holds(void)
{
	for (unsigned i = 0; i < SLOTS_MAX + KEPT_MAX; i++) {
		const struct slot *slot = &slots[i];

		if (slot->mode > LKM_NLMODE && !(slot->busy && slot->wanted <= LKM_NLMODE))
			return true;
	}
	return false;
}

static void stop(void)
{
	stopping = true;
	note("stop");
	for (unsigned i = 0; i < SLOTS_MAX + KEPT_MAX; i++)
		if (!slots[i].busy && slots[i].mode >= 0)
			slots[i].act_ns = 0;
}

static void start(void)
{
	for (unsigned i = 0; i < SLOTS_MAX + KEPT_MAX; i++) {
		slots[i].lksb.sb_lvbptr = slots[i].lvb;
		slots[i].mode = -1;
		slots[i].cancel_ns = NEVER;
	}
	for (unsigned i = 0; i < hot_count; i++) {
		struct slot *slot = &slots[SLOTS_MAX + i];

		slot->kept = true;
		snprintf(slot->name, sizeof(slot->name), "hot%u", i);
		call(slot, "new", LKM_NLMODE, LKF_VALBLK);
	}
}

/* Return: the exit status */
static int work(void)
{
	struct pollfd fds[] = {{.fd = dlm_ls_get_fd(ls), .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN}};
	uint64_t next, stopped_ns = NEVER, beat_ns = 0;

	while (!is_lost && (fds[0].fd >= 0 || holds()) && (next = turn()) != NEVER) {
		uint64_t now = now_ns();
		struct timespec wait = {0};

		if (stopping && stopped_ns == NEVER)
			stopped_ns = now;
		if (stopping && now > stopped_ns && now - stopped_ns > STARVED_NS)
			return 4;
		if (now >= beat_ns) {
			note("beat");
			beat_ns = now + BEAT_NS;
		}
		wait.tv_nsec = next > now ? (long)(next - now) : 0;
		if (ppoll(fds, stopping ? 1 : 2, &wait, NULL) < 0)
			continue;
		if (fds[0].revents && dlm_dispatch(fds[0].fd))
			fds[0].fd = -1; /* lost: what follows is the callback's or the daemon's */
		if (!stopping && fds[1].revents)
			stop();
	}
	if (is_lost || fds[0].fd < 0)
		return 5;
	note("end");
	return 0;
}

static bool options_read(int argc, char **argv, bool *acknowledges)
{
	int letter;

	while ((letter = getopt(argc, argv, "ah:c:s:x")) != -1) {
		if (letter == 'a')
			*acknowledges = true;
		else if (letter == 'x')
			only_ex = true;
		else if (letter == 'h')
			hot_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (letter == 'c')
			cold_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (letter == 's')
			slot_count = (unsigned)strtoul(optarg, NULL, 10);
		else
			return false;
	}
	return argc - optind == 3 && slot_count <= SLOTS_MAX && hot_count && cold_count &&
	       hot_count <= KEPT_MAX;
}

int main(int argc, char **argv)
{
	bool acknowledges = false;

	if (!options_read(argc, argv, &acknowledges)) {
		fprintf(stderr, "usage: contender LOCKSPACE HISTORY NUMBER [-a] [-h HOT] [-c COLD] "
				"[-s SLOTS] [-x]\n");
		return 2;
	}
	history = open(argv[optind + 1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	number = (unsigned)strtoul(argv[optind + 2], NULL, 10);
	seed = number * 7919;
	ls = dlm_open_lockspace(argv[optind]);
	if (history < 0 || !ls || (acknowledges && dlm_ls_set_lost_callback(ls, lost, NULL))) {
		fprintf(stderr, "%s, %s: %s\n", argv[optind], argv[optind + 1], strerror(errno));
		return 1;
	}
	start();
	return work();
}
