/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lock+unlock pairs a second through libdlm, on whatever engine the lockspace has, beside what the
 * machine does without locks.
 *
 *	dlm_bench [-l LOCKSPACE] [-t MILLISECONDS] [-r RATIO]
 *
 * It uses the public library alone, so that the same program measures a kernel lockspace. A pair is
 *an EX request and its unlock, on a resource of its own unless said otherwise. "D in flight": D
 *locks at once in one process, each step taken from the completion of the one before.
 *
 * 64 in flight are compared with a pipe in ROUNDS rounds, one right after the other in each, since
 *both depend on what else the machine does. Exit status: 0; 1 something failed, or in no round 64
 *in flight made RATIO times the pairs that the pipe made round trips (default 5); 2 wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdlm.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baseline.h"

#define DEPTH_MAX     4096
#define PROCESSES_MAX 64
#define ROUNDS        5
#define RECORD_BYTES  64 /* about what a lock request is on the program's path */

struct worker_result {
	uint64_t pairs, ns;
	uint64_t user_us, system_us; /* of the worker's processor time */
	bool good;
};

struct shared {
	atomic_uint ready; /* workers that may begin */
	atomic_bool go, stop;
	struct worker_result results[PROCESSES_MAX];
};

/* One measurement. */
struct run {
	const char *lockspace;
	unsigned ms;
	unsigned processes;
	unsigned depth; /* 0: synchronous calls */
	bool contended; /* all on one resource */
	struct shared *shared;
};

struct figures {
	double pairs;              /* a second, all processes */
	double user_us, system_us; /* of the programs, for a pair */
	double daemon_us; /* of the process behind the lockspace's descriptor, for a pair; 0: none
			   */
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "dlm_bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* ---- a worker ---- */

struct worker {
	const struct run *run;
	dlm_lshandle_t lockspace;
	uint64_t pairs;
	unsigned busy; /* slots with an operation in progress */
	struct slot *slots;
};

struct slot {
	struct worker *worker;
	struct dlm_lksb status;
	bool locked;
	int name_bytes;
	char name[DLM_RESNAME_MAXLEN];
};

static void slot_name(const struct run *run, struct slot *slot, unsigned index)
{
	if (run->contended)
		slot->name_bytes = snprintf(slot->name, sizeof(slot->name), "bench");
	else
		slot->name_bytes = snprintf(
			slot->name, sizeof(slot->name), "bench-%010d-%06u", (int)getpid(), index);
}

static void slot_step(void *context);

static void slot_lock(struct slot *slot)
{
	if (dlm_ls_lock(slot->worker->lockspace, LKM_EXMODE, &slot->status, 0, slot->name,
		    (unsigned)slot->name_bytes, 0, slot_step, slot, NULL, NULL))
		fail("lock: %s", strerror(errno));
}

/* A completion: the lock was granted, or it is gone. */
static void slot_step(void *context)
{
	struct slot *slot = context;
	struct worker *worker = slot->worker;

	if (slot->status.sb_status != (slot->locked ? EUNLOCK : 0))
		fail("completion with status %d", slot->status.sb_status);
	slot->locked = !slot->locked;
	if (slot->locked) {
		if (dlm_ls_unlock(worker->lockspace, slot->status.sb_lkid, 0, &slot->status, slot))
			fail("unlock: %s", strerror(errno));
		return;
	}
	worker->pairs++;
	if (atomic_load_explicit(&worker->run->shared->stop, memory_order_relaxed))
		worker->busy--;
	else
		slot_lock(slot);
}

static void worker_in_flight(struct worker *worker)
{
	struct pollfd ready = {.fd = dlm_ls_get_fd(worker->lockspace), .events = POLLIN};

	for (unsigned i = 0; i < worker->run->depth; i++) {
		worker->busy++;
		slot_lock(&worker->slots[i]);
	}
	while (worker->busy) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			fail("poll: %s", strerror(errno));
		dlm_dispatch(ready.fd);
	}
}

static void worker_synchronous(struct worker *worker)
{
	struct slot *slot = &worker->slots[0];

	while (!atomic_load_explicit(&worker->run->shared->stop, memory_order_relaxed)) {
		if (dlm_ls_lock_wait(worker->lockspace, LKM_EXMODE, &slot->status, 0, slot->name,
			    (unsigned)slot->name_bytes, 0, NULL, NULL, NULL) ||
			slot->status.sb_status)
			fail("lock: %s", strerror(errno));
		if (dlm_ls_unlock_wait(worker->lockspace, slot->status.sb_lkid, 0, &slot->status) ||
			slot->status.sb_status != EUNLOCK)
			fail("unlock: %s", strerror(errno));
		worker->pairs++;
	}
}

static uint64_t timeval_us(struct timeval value)
{
	return (uint64_t)value.tv_sec * 1000000u + (uint64_t)value.tv_usec;
}

static void worker_measure(struct worker *worker, struct worker_result *ret)
{
	struct rusage before, after;
	uint64_t begin;

	atomic_fetch_add(&worker->run->shared->ready, 1);
	while (!atomic_load(&worker->run->shared->go))
		(void)poll(NULL, 0, 1);
	getrusage(RUSAGE_SELF, &before);
	begin = clock_ns();
	if (worker->run->depth)
		worker_in_flight(worker);
	else
		worker_synchronous(worker);
	ret->ns = clock_ns() - begin;
	getrusage(RUSAGE_SELF, &after);
	ret->pairs = worker->pairs;
	ret->user_us = timeval_us(after.ru_utime) - timeval_us(before.ru_utime);
	ret->system_us = timeval_us(after.ru_stime) - timeval_us(before.ru_stime);
	ret->good = true;
}

static void worker_run(const struct run *run, struct worker_result *ret)
{
	unsigned slots = run->depth ? run->depth : 1;
	struct worker worker = {.run = run, .slots = calloc(slots, sizeof(*worker.slots))};

	if (!worker.slots)
		fail("no memory");
	for (unsigned i = 0; i < slots; i++) {
		worker.slots[i].worker = &worker;
		slot_name(run, &worker.slots[i], i);
	}
	worker.lockspace = dlm_open_lockspace(run->lockspace);
	if (!worker.lockspace)
		fail("cannot open lockspace %s: %s", run->lockspace, strerror(errno));
	worker_measure(&worker, ret);
	dlm_close_lockspace(worker.lockspace);
	free(worker.slots);
}

/* ---- the daemon's share ---- */

/** daemon_pid() - who serves the lockspace; 0 where it is the kernel */
static pid_t daemon_pid(dlm_lshandle_t lockspace)
{
	struct ucred peer = {0};
	socklen_t bytes = sizeof(peer);

	if (getsockopt(dlm_ls_get_fd(lockspace), SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		return 0;
	return peer.pid;
}

/** process_ns() - processor time of the main thread of a process */
static uint64_t process_ns(pid_t pid)
{
	char path[64];
	uint64_t ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	file = pid ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

/* ---- one measurement ---- */

static void workers_start(const struct run *run, pid_t *ret_pids)
{
	memset(run->shared, 0, sizeof(*run->shared));
	for (unsigned i = 0; i < run->processes; i++) {
		ret_pids[i] = fork();
		if (ret_pids[i] < 0)
			fail("cannot start a process: %s", strerror(errno));
		if (ret_pids[i] == 0) {
			worker_run(run, &run->shared->results[i]);
			_exit(0);
		}
	}
}

static struct figures run_measure(const struct run *run, pid_t daemon)
{
	struct figures sum = {0};
	pid_t pids[PROCESSES_MAX];
	uint64_t daemon_ns, pairs = 0;
	bool good = true;

	workers_start(run, pids);
	while (atomic_load(&run->shared->ready) < run->processes) {
		(void)poll(NULL, 0, 1);
		if (waitpid(-1, NULL, WNOHANG) > 0)
			fail("a worker ended before it began");
	}
	daemon_ns = process_ns(daemon);
	atomic_store(&run->shared->go, true);
	(void)poll(NULL, 0, (int)run->ms);
	atomic_store(&run->shared->stop, true);
	for (unsigned i = 0; i < run->processes; i++) {
		const struct worker_result *result = &run->shared->results[i];

		waitpid(pids[i], NULL, 0);
		good &= result->good;
		pairs += result->pairs;
		sum.user_us += (double)result->user_us;
		sum.system_us += (double)result->system_us;
		sum.pairs += (double)result->pairs * 1e9 / (double)(result->ns ? result->ns : 1);
	}
	if (!good || !pairs)
		fail("a worker failed");
	sum.user_us /= (double)pairs;
	sum.system_us /= (double)pairs;
	sum.daemon_us = (double)(process_ns(daemon) - daemon_ns) / 1000 / (double)pairs;
	return sum;
}

static struct figures run_print(const struct run *run, pid_t daemon, double pipe_rate)
{
	struct figures figures = run_measure(run, daemon);
	char what[64], depth[32];

	snprintf(depth, sizeof(depth), run->depth ? "%u in flight" : "synchronous", run->depth);
	snprintf(what, sizeof(what), "%u process%s, %s%s", run->processes,
		run->processes == 1 ? "" : "es", depth, run->contended ? ", one resource" : "");
	printf("%-42s %9.0f pairs/s  %6.2f x pipe   program %5.2f us, daemon %5.2f us a pair\n",
		what, figures.pairs, pipe_rate > 0 ? figures.pairs / pipe_rate : 0,
		figures.user_us + figures.system_us, figures.daemon_us);
	return figures;
}

/* ---- the report ---- */

struct baselines {
	double getppid, pipe, socket, memory;
};

static struct baselines baselines_print(unsigned ms)
{
	struct baselines rates = {
		.getppid = baseline_getppid(ms),
		.pipe = baseline_pipe(ms),
		.socket = baseline_socket(ms, RECORD_BYTES),
		.memory = baseline_memory(ms),
	};

	printf("%-42s %9.0f calls/s\n", "getppid", rates.getppid);
	printf("%-42s %9.0f round trips/s\n", "pipe ping-pong, 1 byte", rates.pipe);
	printf("%-42s %9.0f round trips/s\n", "socket ping-pong, 64 bytes, poll", rates.socket);
	printf("%-42s %9.0f round trips/s\n", "shared memory ping-pong", rates.memory);
	return rates;
}

/* A synchronous pair waits for the other side twice; what two waits cost anyway is the socket's. */
static void synchronous_explain(
	const struct figures *figures, const struct baselines *rates, pid_t daemon)
{
	double pair_us = 1e6 / figures->pairs;
	double program_us = figures->user_us + figures->system_us;

	printf("\nA synchronous pair takes %.1f us:\n", pair_us);
	printf("  program   %5.2f us of processor time (%.2f user, %.2f system)\n", program_us,
		figures->user_us, figures->system_us);
	if (daemon)
		printf("  dlm_lockd %5.2f us of processor time\n", figures->daemon_us);
	printf("  waiting   %5.2f us: wake-ups and switches between the two\n",
		pair_us - program_us - figures->daemon_us);
	printf("  two round trips over a bare socket, with poll, take %.1f us on this machine: "
	       "%.0f %% "
	       "of it\n",
		2e6 / rates->socket, 200e6 / rates->socket / pair_us);
}

static int ratio_compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/** ratios_measure() - 64 in flight against the pipe, round after round; sorted */
static void ratios_measure(struct run run, pid_t daemon, double ret[ROUNDS])
{
	run.processes = 1;
	run.depth = 64;
	run.contended = false;
	run.ms /= 2;
	for (int i = 0; i < ROUNDS; i++) {
		double pipe_rate = baseline_pipe(run.ms);

		ret[i] = run_measure(&run, daemon).pairs / pipe_rate;
	}
	qsort(ret, ROUNDS, sizeof(*ret), ratio_compare);
}

static bool report(struct run run, pid_t daemon, double ratio)
{
	static const struct {
		unsigned processes, depth;
		bool contended;
	} rows[] = {{1, 1, false}, {1, 8, false}, {1, 64, false}, {1, 512, false}, {4, 0, false},
		{4, 64, false}, {4, 0, true}, {1, 0, false}};
	struct baselines rates = baselines_print(run.ms / 2);
	struct figures figures = {0};
	double ratios[ROUNDS];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run.processes = rows[i].processes;
		run.depth = rows[i].depth;
		run.contended = rows[i].contended;
		figures = run_print(&run, daemon, rates.pipe);
	}
	synchronous_explain(&figures, &rates, daemon);
	ratios_measure(run, daemon, ratios);
	printf("\nratios to this run: synchronous %.2f x pipe, %.3f x getppid\n",
		figures.pairs / rates.pipe, figures.pairs / rates.getppid);
	printf("64 in flight, side by side with the pipe, %d rounds: median %.2f x, best %.2f x "
	       "(wanted %.1f)\n",
		ROUNDS, ratios[ROUNDS / 2], ratios[ROUNDS - 1], ratio);
	return ratios[ROUNDS - 1] >= ratio;
}

/* ---- command line ---- */

static double option_number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= least && value <= most)) {
		fprintf(stderr, "dlm_bench: \"%s\" is no number from %g to %g\n", text, least,
			most);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	struct run run = {.lockspace = "bench", .ms = 1000};
	dlm_lshandle_t lockspace;
	bool created = false, wrong = false, good;
	double ratio = 5;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "l:t:r:")) != -1) {
		if (option == 'l')
			run.lockspace = optarg;
		else if (option == 't')
			run.ms = (unsigned)option_number(optarg, 10, 600000);
		else if (option == 'r')
			ratio = option_number(optarg, 0, 1e6);
		else
			wrong = true;
	}
	if (wrong || optind != argc) {
		fprintf(stderr, "usage: dlm_bench [-l LOCKSPACE] [-t MILLISECONDS] [-r RATIO]\n");
		return 2;
	}
	run.shared = mmap(NULL, sizeof(*run.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.shared == MAP_FAILED)
		fail("no shared memory: %s", strerror(errno));
	lockspace = dlm_open_lockspace(run.lockspace);
	if (!lockspace) {
		lockspace = dlm_create_lockspace(run.lockspace, 0600);
		created = true;
	}
	if (!lockspace)
		fail("cannot open or create lockspace %s: %s", run.lockspace, strerror(errno));
	good = report(run, daemon_pid(lockspace), ratio);
	if (created)
		dlm_release_lockspace(run.lockspace, lockspace, 0);
	else
		dlm_close_lockspace(lockspace);
	return good ? 0 : 1;
}
