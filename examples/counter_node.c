/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One node's part in a job that several nodes do together: processes that add 1 to a number in a
 * file that all of them share, each only while it holds an EX lock.
 *
 *	counter_node new   DIRECTORY			begin: number 0, nobody has added anything
 *	counter_node work  DIRECTORY FIRST WRITERS	writers in the slots from FIRST on, under
 *the lock counter_node loss  DIRECTORY FIRST WRITERS	the same without a lock counter_node read
 *DIRECTORY			one reader that compares file and value block under PR counter_node
 *books DIRECTORY			what has been done, as "key=value" lines counter_node stop
 *DIRECTORY			all of them, on every node, end after their addition
 *
 * `work`, `loss` and `read` run until `stop`. The lockspace is "counter". Exit status: 0; 1
 *something failed; 2 wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdlm.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counter.h"

static int file_open(const struct job *job, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", job->directory, name);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		counter_fail("%s: %s", path, strerror(errno));
	return fd;
}

/** job_open() - the three files. @flags: O_CREAT | O_TRUNC to begin anew */
static void job_open(struct job *job, int flags)
{
	int fd = file_open(job, "shared", flags);

	if (ftruncate(fd, sizeof(*job->shared)))
		counter_fail("%s/shared: %s", job->directory, strerror(errno));
	job->shared = mmap(NULL, sizeof(*job->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (job->shared == MAP_FAILED)
		counter_fail("%s/shared: %s", job->directory, strerror(errno));
	close(fd);
	job->number_fd = file_open(job, "number", flags);
	job->log_fd = file_open(job, "log", flags | O_APPEND);
}

/** writers_run() - until they end. Return: whether all of them ended as they should */
static bool writers_run(
	const struct job *job, unsigned first, void (*run)(const struct job *, struct slot *))
{
	bool good = true;
	int status;

	for (unsigned i = first; i < first + job->writers; i++) {
		struct slot *slot = &job->shared->writers[i];
		pid_t pid = counter_child();

		if (pid == 0) {
			slot->pid = getpid();
			run(job, slot);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return good;
}

static unsigned number_argument(const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < least || value > most) {
		fprintf(stderr, "counter_node: \"%s\" is no number from %u to %u\n", text, least,
			most);
		exit(2);
	}
	return (unsigned)value;
}

static dlm_lshandle_t lockspace_join(const struct job *job)
{
	dlm_lshandle_t lockspace = dlm_create_lockspace(job->lockspace, 0600);

	if (!lockspace)
		counter_fail("cannot create lockspace %s: %s", job->lockspace, strerror(errno));
	return lockspace;
}

static bool lockspace_leave(const struct job *job, dlm_lshandle_t lockspace)
{
	/* by force: this node may be master of locks that programs of other nodes hold */
	if (!dlm_release_lockspace(job->lockspace, lockspace, 1))
		return true;
	fprintf(stderr, "counter_node: cannot release lockspace %s: %s\n", job->lockspace,
		strerror(errno));
	return false;
}

static bool under_lock(struct job *job, unsigned first, bool is_reader)
{
	dlm_lshandle_t lockspace = lockspace_join(job);
	bool good = true;

	if (is_reader)
		counter_read(job);
	else
		good = writers_run(job, first, counter_write);
	return lockspace_leave(job, lockspace) && good;
}

static void job_new(struct job *job)
{
	job_open(job, O_CREAT | O_TRUNC);
	counter_number_set(job->number_fd, 0);
}

static void books_print(const struct job *job)
{
	const struct shared *shared = job->shared;
	uint64_t sum = 0;

	for (unsigned i = 0; i < COUNTER_WRITERS_MAX; i++) {
		const struct slot *slot = &shared->writers[i];
		uint64_t own = atomic_load(&slot->acknowledged);

		sum += own;
		if (slot->pid)
			printf("writer=%u %" PRIu64 "\n", i, own);
	}
	printf("acknowledged=%" PRIu64 "\nnumber=%" PRIu64 "\nread=%" PRIu64 "\nwrong=%" PRIu64
	       "\ntold=%" PRIu64 "\n",
		sum, counter_number(job->number_fd), atomic_load(&shared->read_count),
		atomic_load(&shared->wrong_count), atomic_load(&shared->told_count));
}

static bool is_verb(int argc, char **argv, const char *verb, int words)
{
	return argc == words && !strcmp(argv[1], verb);
}

static int usage(void)
{
	fprintf(stderr, "usage: counter_node new|read|books|stop DIRECTORY\n"
			"       counter_node work|loss DIRECTORY FIRST WRITERS\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct job job = {.lockspace = "counter"};
	unsigned first = 0;
	bool good = true;

	if (argc != 3 && argc != 5)
		return usage();
	job.directory = argv[2];
	if (argc == 5) {
		first = number_argument(argv[3], 0, COUNTER_WRITERS_MAX - 1);
		job.writers = number_argument(argv[4], 1, COUNTER_WRITERS_MAX - first);
	}
	if (is_verb(argc, argv, "new", 3)) {
		job_new(&job);
		return 0;
	}
	job_open(&job, 0);
	if (is_verb(argc, argv, "work", 5))
		good = under_lock(&job, first, false);
	else if (is_verb(argc, argv, "loss", 5))
		good = writers_run(&job, first, counter_write_unlocked);
	else if (is_verb(argc, argv, "read", 3))
		good = under_lock(&job, 0, true);
	else if (is_verb(argc, argv, "books", 3))
		books_print(&job);
	else if (is_verb(argc, argv, "stop", 3))
		atomic_store(&job.shared->stop, true);
	else
		return usage();
	return good ? 0 : 1;
}
