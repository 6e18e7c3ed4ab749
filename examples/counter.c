/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many processes add 1 to a number in one file, and a distributed lock keeps them apart.
 *
 *	counter [-l LOCKSPACE] [-w WRITERS] [-n ADDITIONS] [-k KILLS] [-d DIRECTORY]
 *
 * First the writers work without a lock for a moment, and additions are lost. Then each of them
 *reads and writes the number only while it holds an EX lock, some are killed by SIGKILL while they
 *hold it, and a reader under a PR lock compares the file with the value block of the lock. In the
 *end the books must balance. It is also an example of how a program uses libdlm: see writer_run().
 *
 * Exit status: 0 all held; 1 something did not; 2 wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdlm.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"

#define SECONDS_MAX    90 /* for the whole job under the lock */
#define LOSS_SECONDS   10 /* at most, until the job without the lock has lost something */
#define LOSS_ADDITIONS 2000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the parent: starts, kills, watches, checks ---- */

static void writers_start(struct job *job, void (*run)(const struct job *, struct slot *))
{
	for (unsigned i = 0; i < job->writers; i++) {
		struct slot *slot = &job->shared->writers[i];
		pid_t pid = counter_child();

		if (pid == 0) {
			run(job, slot);
			exit(0);
		}
		slot->pid = pid;
	}
}

static uint64_t acknowledged(const struct job *job)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < job->writers; i++)
		sum += atomic_load(&job->shared->writers[i].acknowledged);
	return sum;
}

/** child_wait() - Return: whether it ended as it should */
static bool child_wait(pid_t pid, bool killed)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (killed)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool writers_wait(struct job *job)
{
	bool good = true;

	atomic_store(&job->shared->stop, true);
	for (unsigned i = 0; i < job->writers; i++) {
		const struct slot *slot = &job->shared->writers[i];

		if (!slot->killed && !child_wait(slot->pid, false)) {
			printf("  writer %d ended badly\n", (int)slot->pid);
			good = false;
		}
	}
	return good;
}

/** files_new() - the number 0 and an empty log, opened anew */
static void files_new(struct job *job)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/number", job->directory);
	job->number_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (job->number_fd < 0)
		counter_fail("%s: %s", path, strerror(errno));
	counter_number_set(job->number_fd, 0);
	snprintf(path, sizeof(path), "%s/log", job->directory);
	job->log_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (job->log_fd < 0)
		counter_fail("%s: %s", path, strerror(errno));
}

static void files_done(struct job *job)
{
	close(job->number_fd);
	close(job->log_fd);
}

static void shared_reset(struct job *job)
{
	memset(job->shared, 0, sizeof(*job->shared));
}

static void wait_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

/** part_unlocked() - the same job without the lock. Return: whether it was seen to lose additions
 */
static bool part_unlocked(struct job *job)
{
	uint64_t end_ms = now_ms() + LOSS_SECONDS * 1000, count, sum;
	bool good;

	printf("Without a lock: %u processes add 1 to a number in %s/number\n", job->writers,
		job->directory);
	files_new(job);
	shared_reset(job);
	writers_start(job, counter_write_unlocked);
	while (now_ms() < end_ms && (acknowledged(job) < LOSS_ADDITIONS ||
					    counter_number(job->number_fd) >= acknowledged(job)))
		wait_ms(10);
	good = writers_wait(job);
	sum = acknowledged(job);
	count = counter_number(job->number_fd);
	printf("  additions made %" PRIu64 ", number in the file %" PRIu64 ": %" PRIu64 " lost\n\n",
		sum, count, sum > count ? sum - count : 0);
	files_done(job);
	return good && count < sum;
}

/** victim_stop() - stop it, in the middle of an addition or not. Return: whether in the middle */
static bool victim_stop(struct slot *victim)
{
	int status;

	if (kill(victim->pid, SIGSTOP) || waitpid(victim->pid, &status, WUNTRACED) < 0 ||
		!WIFSTOPPED(status))
		return false;
	if (atomic_load(&victim->inside))
		return true;
	kill(victim->pid, SIGCONT);
	return false;
}

/* The next writer to die is killed while it holds the lock and has read, not written, the number.
 */
static bool victim_kill(struct job *job, unsigned index)
{
	struct slot *victim = &job->shared->writers[index];
	uint64_t end_ms = now_ms() + 10000;

	while (!atomic_load(&victim->inside) || !victim_stop(victim))
		if (now_ms() > end_ms)
			return false;
	victim->killed = !kill(victim->pid, SIGKILL) && child_wait(victim->pid, true);
	return victim->killed;
}

/* Whether a process ended that nobody killed. */
static bool someone_failed(void)
{
	siginfo_t info = {0};

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static void progress_print(const struct job *job, uint64_t begin_ms)
{
	const struct shared *shared = job->shared;
	uint64_t sum = acknowledged(job), ms = now_ms() - begin_ms;

	printf("  %5.1f s  %6" PRIu64 " additions, %6.0f/s   reader: %" PRIu64
	       " looks under PR, %" PRIu64 " differ\n",
		(double)ms / 1000, sum, ms ? (double)sum * 1000 / (double)ms : 0,
		atomic_load(&shared->read_count), atomic_load(&shared->wrong_count));
}

static void victim_print(const struct job *job, uint64_t begin_ms, unsigned index)
{
	printf("  %5.1f s  kill -9 of writer %d, in the middle of an addition\n",
		(double)(now_ms() - begin_ms) / 1000, (int)job->shared->writers[index].pid);
}

/** work_watch() - until enough was added: print, and kill. Return: whether it got there in time */
static bool work_watch(struct job *job, uint64_t begin_ms)
{
	uint64_t next_ms = begin_ms + 500, end_ms = begin_ms + SECONDS_MAX * 1000;
	unsigned killed = 0;

	while (acknowledged(job) < job->additions || killed < job->kills) {
		if (now_ms() > end_ms || someone_failed())
			return false;
		if (now_ms() >= next_ms) {
			progress_print(job, begin_ms);
			next_ms += 500;
		}
		if (killed < job->kills &&
			acknowledged(job) >= job->additions * (killed + 1) / (job->kills + 1)) {
			if (!victim_kill(job, killed))
				return false;
			victim_print(job, begin_ms, killed++);
		}
		wait_ms(5);
	}
	progress_print(job, begin_ms);
	return true;
}

/* ---- the books ---- */

static bool verdict(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool verdict(bool good, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("  %s  ", good ? "ok    " : "FAILED");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	return good;
}

/** log_check() - each sum stands in the log at most once. Return: lines that say one twice */
static uint64_t log_check(const struct job *job, uint64_t count, uint64_t *ret_lines)
{
	char line[64];
	uint64_t lines = 0, twice = 0;
	unsigned char *seen = calloc(count + 1, 1);
	FILE *log = fdopen(dup(job->log_fd), "r");

	if (!seen || !log)
		counter_fail("cannot read the log: %s", strerror(errno));
	rewind(log);
	while (fgets(line, sizeof(line), log)) {
		uint64_t sum = strtoull(line, NULL, 10);

		lines++;
		if (sum == 0 || sum > count || seen[sum]++)
			twice++;
	}
	fclose(log);
	free(seen);
	*ret_lines = lines;
	return twice;
}

static bool shares_check(const struct job *job, uint64_t sum)
{
	bool good = true;

	for (unsigned i = 0; i < job->writers; i++) {
		const struct slot *slot = &job->shared->writers[i];
		uint64_t own = atomic_load(&slot->acknowledged);

		printf("          writer %d: %" PRIu64 "%s\n", (int)slot->pid, own,
			slot->killed ? ", killed" : "");
		if (!slot->killed && own * 20 < sum)
			good = false;
	}
	return verdict(good, "each surviving writer made at least a twentieth of the additions");
}

static bool books_check(const struct job *job)
{
	const struct shared *shared = job->shared;
	uint64_t sum = acknowledged(job), count = counter_number(job->number_fd), lines;
	uint64_t twice = log_check(job, count, &lines);
	bool good = true;

	printf("\nThe books:\n");
	good &= verdict(sum >= job->additions,
		"%" PRIu64 " additions acknowledged, %" PRIu64 " wanted", sum, job->additions);
	good &= verdict(sum <= count && count <= sum + job->kills,
		"the number is %" PRIu64 ": acknowledged %" PRIu64
		" <= number <= acknowledged + killed %" PRIu64,
		count, sum, sum + job->kills);
	good &= verdict(twice == 0 && lines >= sum,
		"the log of additions has %" PRIu64 " lines, %" PRIu64 " duplicates", lines, twice);
	good &= verdict(shared->read_count && !shared->wrong_count,
		"the reader looked %" PRIu64 " times: value block and file differed %" PRIu64
		" times",
		atomic_load(&shared->read_count), atomic_load(&shared->wrong_count));
	good &= verdict(shared->told_count >= job->kills,
		"%u died in the middle; %" PRIu64
		" times the next was told that the value block is not valid",
		job->kills, atomic_load(&shared->told_count));
	return shares_check(job, sum) && good;
}

static bool part_locked(struct job *job)
{
	uint64_t begin_ms;
	bool good, in_time;

	printf("With a lock: the same under EX in lockspace %s; %u writers will be killed\n",
		job->lockspace, job->kills);
	files_new(job);
	shared_reset(job);
	begin_ms = now_ms();
	job->reader_pid = counter_child();
	if (job->reader_pid == 0) {
		counter_read(job);
		exit(0);
	}
	writers_start(job, counter_write);
	in_time = work_watch(job, begin_ms);
	good = writers_wait(job) && child_wait(job->reader_pid, false);
	printf("  %.0f additions a second\n",
		(double)acknowledged(job) * 1000 / (double)(now_ms() - begin_ms));
	good &= books_check(job);
	if (!in_time)
		good = verdict(false, "not done within %d s, or a process failed", SECONDS_MAX);
	files_done(job);
	return good;
}

/* ---- command line ---- */

static uint64_t number_option(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || value < least || value > most) {
		fprintf(stderr, "counter: \"%s\" is no number from %" PRIu64 " to %" PRIu64 "\n",
			text, least, most);
		exit(2);
	}
	return value;
}

static void options_read(struct job *job, int argc, char **argv)
{
	bool wrong = false;
	int option;

	while ((option = getopt(argc, argv, "l:w:n:k:d:")) != -1) {
		if (option == 'l')
			job->lockspace = optarg;
		else if (option == 'w')
			job->writers = (unsigned)number_option(optarg, 1, COUNTER_WRITERS_MAX);
		else if (option == 'n')
			job->additions = number_option(optarg, 1, 1000000000);
		else if (option == 'k')
			job->kills = (unsigned)number_option(optarg, 0, COUNTER_WRITERS_MAX - 1);
		else if (option == 'd')
			job->directory = optarg;
		else
			wrong = true;
	}
	if (wrong || optind != argc || job->kills >= job->writers) {
		fprintf(stderr,
			"usage: counter [-l LOCKSPACE] [-w WRITERS] [-n ADDITIONS] [-k KILLS]"
			" [-d DIRECTORY]\n       fewer kills than writers\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct job job = {.lockspace = "counter",
		.directory = ".",
		.writers = 10,
		.kills = 2,
		.additions = 50000};
	dlm_lshandle_t lockspace;
	bool lost, kept;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options_read(&job, argc, argv);
	job.shared = mmap(NULL, sizeof(*job.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.shared == MAP_FAILED)
		counter_fail("no shared memory: %s", strerror(errno));
	lost = part_unlocked(&job);
	lockspace = dlm_create_lockspace(job.lockspace, 0600);
	if (!lockspace)
		counter_fail("cannot create lockspace %s: %s", job.lockspace, strerror(errno));
	kept = part_locked(&job);
	verdict(lost, "without the lock additions were lost");
	if (dlm_release_lockspace(job.lockspace, lockspace, 0))
		counter_fail("cannot release lockspace %s: %s", job.lockspace, strerror(errno));
	return lost && kept ? 0 : 1;
}
