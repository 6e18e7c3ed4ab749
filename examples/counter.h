/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the processes of the counter share: counter.c watches them, counter_locks.c is their work.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNTER_WRITERS_MAX 64

/* What all processes share besides the file. Each writer writes its own slot only. */
struct slot {
	atomic_uint_fast64_t acknowledged; /* additions that are in the file, as the writer says */
	atomic_bool inside;                /* it holds the lock and has read the number */
	pid_t pid;
	bool killed;
};

struct shared {
	atomic_bool stop;
	atomic_uint_fast64_t read_count;  /* times that the reader compared file and value block */
	atomic_uint_fast64_t wrong_count; /* times that they differed */
	atomic_uint_fast64_t told_count;  /* times that anyone was told: block not valid */
	struct slot writers[COUNTER_WRITERS_MAX];
};

struct job {
	const char *lockspace;
	const char *directory; /* where the files are */
	unsigned writers, kills;
	uint64_t additions;
	int number_fd, log_fd;
	struct shared *shared;
	pid_t reader_pid;
};

/** counter_fail() - say why on stderr and end the process with status 1 */
void counter_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/** counter_number() - the number in the file */
uint64_t counter_number(int fd);
/** counter_number_set() - write it */
void counter_number_set(int fd, uint64_t number);

/** counter_child() - fork(); the child ends with its parent, so that nothing is left behind */
pid_t counter_child(void);

/** counter_write() - a writer's life: additions under EX, until they stop it */
void counter_write(const struct job *job, struct slot *me);
/** counter_write_unlocked() - the same without a lock */
void counter_write_unlocked(const struct job *job, struct slot *me);
/** counter_read() - the reader's life: comparing file and value block under PR */
void counter_read(const struct job *job);
