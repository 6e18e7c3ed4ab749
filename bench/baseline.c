/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each baseline is a loop that runs until the time is over, looked at every BATCH rounds. The other
 * side is a child that ends when its input ends.
 */
#include "baseline.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH      64
#define BYTES_MAX  4096
#define SPIN_COUNT 2000 /* looks at the shared word before the processor is given away */

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Rounds a second of @round, which returns false where it cannot go on. */
static double rate(unsigned ms, bool (*round)(void *context), void *context)
{
	uint64_t begin = clock_ns(), end = begin + (uint64_t)ms * 1000000u, now = begin, rounds = 0;

	while (now < end) {
		for (int i = 0; i < BATCH; i++)
			if (!round(context))
				return 0;
		rounds += BATCH;
		now = clock_ns();
	}
	return (double)rounds * 1e9 / (double)(now - begin);
}

static bool getppid_round(void *context)
{
	return syscall(SYS_getppid) >= 0;
}

double baseline_getppid(unsigned ms)
{
	return rate(ms, getppid_round, NULL);
}

/* Two descriptors of one side: what it reads from and writes to. */
struct ends {
	int in, out;
	unsigned bytes;
	bool polls;
};

static bool ends_read(const struct ends *ends, char *buffer)
{
	struct pollfd ready = {.fd = ends->in, .events = POLLIN};

	if (ends->polls && poll(&ready, 1, -1) != 1)
		return false;
	return read(ends->in, buffer, ends->bytes) == ends->bytes;
}

static bool ends_round(void *context)
{
	const struct ends *ends = context;
	char buffer[BYTES_MAX] = {0};

	return write(ends->out, buffer, ends->bytes) == ends->bytes && ends_read(ends, buffer);
}

static void ends_echo(const struct ends *ends)
{
	char buffer[BYTES_MAX];

	while (ends_read(ends, buffer))
		if (write(ends->out, buffer, ends->bytes) != ends->bytes)
			break;
}

static double ends_rate(unsigned ms, struct ends mine, struct ends theirs)
{
	pid_t pid = fork();
	double result;

	if (pid == 0) {
		close(mine.in);
		close(mine.out);
		ends_echo(&theirs);
		_exit(0);
	}
	close(theirs.in);
	if (theirs.out != theirs.in)
		close(theirs.out);
	result = pid < 0 ? 0 : rate(ms, ends_round, &mine);
	close(mine.in);
	if (mine.out != mine.in)
		close(mine.out);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result;
}

double baseline_pipe(unsigned ms)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		return 0;
	return ends_rate(ms, (struct ends){.in = back[0], .out = there[1], .bytes = 1},
		(struct ends){.in = there[0], .out = back[1], .bytes = 1});
}

double baseline_socket(unsigned ms, unsigned bytes)
{
	int pair[2];

	if (bytes > BYTES_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 0;
	return ends_rate(ms,
		(struct ends){.in = pair[0], .out = pair[0], .bytes = bytes, .polls = true},
		(struct ends){.in = pair[1], .out = pair[1], .bytes = bytes, .polls = true});
}

#define TURN_END UINT32_MAX

static bool turn_wait(atomic_uint *turn, unsigned odd)
{
	for (unsigned looks = 1;; looks++) {
		unsigned now = atomic_load(turn);

		if (now == TURN_END)
			return false;
		if (now % 2 == odd)
			return true;
		if (looks % SPIN_COUNT == 0)
			sched_yield();
	}
}

static bool turn_round(void *context)
{
	atomic_uint *turn = context;

	atomic_fetch_add(turn, 1);
	return turn_wait(turn, 0);
}

double baseline_memory(unsigned ms)
{
	atomic_uint *turn = mmap(
		NULL, sizeof(*turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double result = 0;
	pid_t pid;

	if (turn == MAP_FAILED)
		return 0;
	atomic_store(turn, 0);
	pid = fork();
	if (pid == 0) {
		while (turn_wait(turn, 1))
			atomic_fetch_add(turn, 1);
		_exit(0);
	}
	if (pid > 0) {
		result = rate(ms, turn_round, turn);
		atomic_store(turn, TURN_END);
		waitpid(pid, NULL, 0);
	}
	munmap(turn, sizeof(*turn));
	return result;
}
