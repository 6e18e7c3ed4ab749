/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libdlm by hand: reads commands, one a line, and answers each with one line, "RESULT ERRNO ..."
 *first. It knows nothing that the Linux dlm suite's library lacks, so that it can be built against
 *that one. A lock is named by a slot, 0 to 15. Resource names are hexadecimal, NONE is none.
 *
 *	new NAME MODE FLAGS     open NAME     close     release NAME FORCE     thread
 *	lock SLOT MODE FLAGS RESOURCE         asynchronous; also lockw, which waits, and adopt
 *	unlock SLOT FLAGS       unlockw SLOT FLAGS      deadlock SLOT
 *	purge NODE PID          version       idle     (poll says that nothing is there)
 *	lvb SLOT TEXT           show SLOT: STATUS LKID FLAGS LVB COMPLETIONS BLOCKING
 *	wait SLOT COMPLETIONS BLOCKING        until so many callbacks have run; then as show
 */
#include <sys/types.h>

#include <errno.h>
#include <libdlm.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS        16
#define WAIT_S       30
#define VALBLK_BYTES 32

struct slot {
	struct dlm_lksb lksb;
	char lvb[VALBLK_BYTES + 1];
	int completions, blocking;
};

static struct slot slots[SLOTS];
static dlm_lshandle_t ls;
static int has_thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static char *rest; /* of the line */

static const char *next_word(void)
{
	const char *word;

	do {
		word = strsep(&rest, " \n");
	} while (word && !*word);
	return word;
}

static const char *first_word(char *line)
{
	rest = line;
	return next_word();
}

static void completed(void *arg)
{
	struct slot *slot = arg;

	pthread_mutex_lock(&mutex);
	slot->completions++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void blocks(void *arg)
{
	struct slot *slot = arg;

	pthread_mutex_lock(&mutex);
	slot->blocking++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void answer(int result)
{
	printf("%d %d\n", result, result < 0 ? errno : 0);
}

static void answer_slot(const struct slot *slot, int result)
{
	printf("%d %d %d %u %d %s %d %d\n", result, result < 0 ? errno : 0, slot->lksb.sb_status,
		slot->lksb.sb_lkid, slot->lksb.sb_flags, slot->lvb[0] ? slot->lvb : "-",
		slot->completions, slot->blocking);
}

static struct slot *next_slot(void)
{
	unsigned long number = strtoul(next_word(), NULL, 0);

	if (number >= SLOTS)
		exit(2);
	slots[number].lksb.sb_lvbptr = slots[number].lvb;
	return &slots[number];
}

static unsigned long next_number(void)
{
	const char *word = next_word();

	return word ? strtoul(word, NULL, 0) : 0;
}

static size_t next_name(unsigned char *ret)
{
	const char *word = next_word();
	size_t bytes = 0;
	unsigned int byte;

	while (word && sscanf(word + 2 * bytes, "%2x", &byte) == 1)
		ret[bytes++] = (unsigned char)byte;
	return bytes;
}

static void do_lock(const char *command)
{
	struct slot *slot = next_slot();
	uint32_t mode = (uint32_t)next_number();
	uint32_t flags = (uint32_t)next_number();
	unsigned char name[128] = {0};
	unsigned int bytes = (unsigned int)next_name(name);
	void (*none)(void *) = (void (*)(void *))1;
	int result;

	if (!strcmp(command, "lockw"))
		result = dlm_ls_lock_wait(
			ls, mode, &slot->lksb, flags, name, bytes, 0, slot, blocks, NULL);
	else if (!strcmp(command, "adopt"))
		result = dlm_ls_lockx(ls, mode, &slot->lksb, flags, name, bytes, 0, none, (void *)1,
			none, NULL, NULL);
	else
		result = dlm_ls_lock(ls, mode, &slot->lksb, flags, name, bytes, 0, completed, slot,
			blocks, NULL);
	answer_slot(slot, result);
}

static void do_unlock(const char *command)
{
	struct slot *slot = next_slot();
	uint32_t flags = (uint32_t)next_number();
	int result;

	if (!strcmp(command, "unlockw"))
		result = dlm_ls_unlock_wait(ls, slot->lksb.sb_lkid, flags, &slot->lksb);
	else if (!strcmp(command, "deadlock"))
		result = dlm_ls_deadlock_cancel(ls, slot->lksb.sb_lkid, 0);
	else
		result = dlm_ls_unlock(ls, slot->lksb.sb_lkid, flags, &slot->lksb, slot);
	answer_slot(slot, result);
}

static int wait_thread(const struct timespec *until)
{
	return pthread_cond_timedwait(&changed, &mutex, until);
}

static int wait_dispatch(void)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	if (poll(&fd, 1, WAIT_S * 1000) != 1)
		return ETIMEDOUT;
	return dlm_dispatch(fd.fd) ? errno : 0;
}

static void do_wait(void)
{
	struct slot *slot = next_slot();
	int completions = (int)next_number(), blocking = (int)next_number();
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&mutex);
	while (!error && (slot->completions < completions || slot->blocking < blocking)) {
		if (has_thread) {
			error = wait_thread(&until);
			continue;
		}
		pthread_mutex_unlock(&mutex);
		error = wait_dispatch();
		pthread_mutex_lock(&mutex);
	}
	pthread_mutex_unlock(&mutex);
	errno = error;
	answer_slot(slot, error ? -1 : 0);
}

static void do_thread(void)
{
#ifdef WITHOUT_THREADS
	errno = ENOSYS;
	answer(-1);
#else
	int result = dlm_ls_pthread_init(ls);

	has_thread |= !result;
	answer(result);
#endif
}

static void do_open(const char *command)
{
	const char *name = next_word();
	mode_t mode = (mode_t)next_number();
	uint32_t flags = (uint32_t)next_number();

	ls = strcmp(command, "new") ? dlm_open_lockspace(name)
				    : dlm_new_lockspace(name, mode, flags);
	answer(ls ? 0 : -1);
}

static void do_release(void)
{
	const char *name = next_word();

	answer(dlm_release_lockspace(name, ls, (int)next_number()));
	ls = NULL;
}

static void do_version(void)
{
	uint32_t maj = 0, min = 0, patch = 0;
	int result = dlm_kernel_version(&maj, &min, &patch);

	printf("%d %d %u %u %u\n", result, result < 0 ? errno : 0, maj, min, patch);
}

static void do_idle(void)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	answer(poll(&fd, 1, 0) ? -1 : 0);
}

static void do_lvb(void)
{
	struct slot *slot = next_slot();
	const char *text = next_word();

	memset(slot->lvb, 0, sizeof(slot->lvb));
	if (text)
		memcpy(slot->lvb, text, strnlen(text, VALBLK_BYTES));
	answer(0);
}

static void do_purge(void)
{
	int nodeid = (int)next_number();
	int pid = (int)next_number();

	answer(dlm_ls_purge(ls, nodeid, pid));
}

static void command(const char *word)
{
	if (!strcmp(word, "open") || !strcmp(word, "new")) {
		do_open(word);
	} else if (!strcmp(word, "close")) {
		answer(dlm_close_lockspace(ls));
		ls = NULL;
	} else if (!strcmp(word, "release")) {
		do_release();
	} else if (!strcmp(word, "thread")) {
		do_thread();
	} else if (!strcmp(word, "lock") || !strcmp(word, "lockw") || !strcmp(word, "adopt")) {
		do_lock(word);
	} else if (!strcmp(word, "wait")) {
		do_wait();
	} else if (!strcmp(word, "show")) {
		answer_slot(next_slot(), 0);
	} else if (!strcmp(word, "lvb")) {
		do_lvb();
	} else if (!strcmp(word, "purge")) {
		do_purge();
	} else if (!strcmp(word, "version")) {
		do_version();
	} else if (!strcmp(word, "idle")) {
		do_idle();
	} else {
		do_unlock(word);
	}
}

int main(void)
{
	char line[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		const char *word = first_word(line);

		if (word)
			command(word);
	}
	return 0;
}
