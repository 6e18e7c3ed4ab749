/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlm_sim: whole clusters in one process, each a function of a seed.
 *
 *	dlm_sim --seed N [--trace] [--hash]	one seed; exit 1 and a report if a rule is broken
 *	dlm_sim --seeds N [--first F] [--jobs J] [--keep-going]
 *
 * Each seed runs in a process of its own, so that a crash of one is a report like any other.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "knobs.h"
#include "run.h"

#define SIM_JOBS_MAX 64

struct sim_options {
	uint64_t seed, first, seeds;
	uint32_t jobs;
	uint32_t seconds_max; /* of CPU time for one seed */
	bool trace, hash, keep_going, quiet, knobs;
	uint8_t fill;
	const char *program;
};

/* One seed that runs. */
struct sim_job {
	uint64_t seed;
	pid_t pid;   /* 0: unused */
	int results; /* pipe: struct run_totals when it ended */
	int report;  /* what it has to say */
};

struct sim {
	const struct sim_options *options;
	struct sim_job jobs[SIM_JOBS_MAX];
	struct run_totals totals;
	uint64_t started, ended, failed;
	uint64_t failed_seeds[64];
	time_t began, shown;
};

static void sim_signal(int number)
{
	signal(number, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	signal(SIGXCPU, SIG_DFL);
	alarm(20); /* the report itself may hang in what is broken */
	run_report_abort(number == SIGXCPU ? "hang: too much CPU time"
			 : number == SIGABRT
				 ? "crash: an assertion of the engine (or of the simulator)"
				 : "crash: bad memory access");
	_exit(1);
}

static void sim_catch(const struct sim_options *options)
{
	struct rlimit limit = {options->seconds_max, options->seconds_max + 30};

	signal(SIGSEGV, sim_signal);
	signal(SIGABRT, sim_signal);
	signal(SIGXCPU, sim_signal);
	setrlimit(RLIMIT_CPU, &limit);
}

static int sim_one(const struct sim_options *options)
{
	struct run_options run = {
		.seed = options->seed,
		.print = options->trace ? stdout : NULL,
		.report = stderr,
		.fill = options->fill,
		.quiet = options->quiet,
		.program = options->program,
	};
	struct run_totals totals;
	struct knobs knobs;
	bool ok;

	if (options->knobs) {
		knobs_draw(&knobs, options->seed);
		knobs_print(&knobs, stdout);
	}
	sim_catch(options);
	ok = run_seed(&run, &totals);
	if (options->hash)
		printf("seed %llu hash %016llx\n", (unsigned long long)options->seed,
			(unsigned long long)totals.hash);
	else
		run_print_totals(&totals, stdout);
	return ok ? 0 : 1;
}

/* ---- many ---- */

static void sim_child(const struct sim_options *options, const struct sim_job *job, int results)
{
	FILE *report = fdopen(job->report, "w");
	struct run_options run = {
		.seed = job->seed,
		.report = report,
		.fill = options->fill,
		.quiet = options->quiet,
		.program = options->program,
	};
	struct run_totals totals;
	bool ok;

	dup2(job->report, STDERR_FILENO);
	sim_catch(options);
	ok = run_seed(&run, &totals);
	fflush(report);
	if (write(results, &totals, sizeof(totals)) != sizeof(totals))
		ok = false;
	_exit(ok ? 0 : 1);
}

static void sim_start(struct sim *sim, struct sim_job *job)
{
	int ends[2];

	job->seed = sim->options->first + sim->started++;
	job->report = memfd_create("report", MFD_CLOEXEC);
	if (job->report < 0 || pipe(ends) < 0) {
		perror("dlm_sim");
		exit(2);
	}
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0) {
		perror("dlm_sim: fork");
		exit(2);
	}
	if (job->pid == 0)
		sim_child(sim->options, job, ends[1]);
	close(ends[1]);
	job->results = ends[0];
}

static void sim_show_report(const struct sim_job *job)
{
	char text[4096];
	ssize_t bytes;

	lseek(job->report, 0, SEEK_SET);
	while ((bytes = read(job->report, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)bytes, stderr);
}

static void sim_end(struct sim *sim, struct sim_job *job)
{
	struct run_totals totals;
	int status;

	if (read(job->results, &totals, sizeof(totals)) == sizeof(totals))
		run_add(&sim->totals, &totals);
	else
		sim->totals.seeds++;
	close(job->results);
	waitpid(job->pid, &status, 0);
	if (status) {
		fprintf(stderr, "\n");
		sim_show_report(job);
		if (!WIFEXITED(status))
			fprintf(stderr, "FAILED seed %llu: ended by signal %d\n",
				(unsigned long long)job->seed, WTERMSIG(status));
		if (sim->failed < 64)
			sim->failed_seeds[sim->failed] = job->seed;
		sim->failed++;
	}
	close(job->report);
	job->pid = 0;
	sim->ended++;
}

static void sim_progress(struct sim *sim, bool last)
{
	time_t now = time(NULL);

	if (!last && now == sim->shown)
		return;
	if (!last && !isatty(STDOUT_FILENO) && now - sim->shown < 15)
		return;
	sim->shown = now;
	printf("%s%llu of %llu seeds, %llu failed, %llu operations, %llu s%s",
		isatty(STDOUT_FILENO) ? "\r" : "", (unsigned long long)sim->ended,
		(unsigned long long)sim->options->seeds, (unsigned long long)sim->failed,
		(unsigned long long)sim->totals.operations, (unsigned long long)(now - sim->began),
		isatty(STDOUT_FILENO) && !last ? "" : "\n");
	fflush(stdout);
}

static bool sim_more(const struct sim *sim)
{
	return sim->started < sim->options->seeds && (!sim->failed || sim->options->keep_going);
}

static int sim_wait(struct sim *sim)
{
	struct pollfd polls[SIM_JOBS_MAX];
	struct sim_job *jobs[SIM_JOBS_MAX];
	nfds_t count = 0;

	for (uint32_t i = 0; i < sim->options->jobs; i++) {
		if (!sim->jobs[i].pid)
			continue;
		jobs[count] = &sim->jobs[i];
		polls[count++] = (struct pollfd){.fd = sim->jobs[i].results, .events = POLLIN};
	}
	if (!count)
		return 0;
	if (poll(polls, count, 1000) < 0 && errno != EINTR)
		return -errno;
	for (nfds_t i = 0; i < count; i++)
		if (polls[i].revents)
			sim_end(sim, jobs[i]);
	return 1;
}

static int sim_many(const struct sim_options *options)
{
	struct sim sim = {.options = options, .began = time(NULL)};

	for (;;) {
		for (uint32_t i = 0; i < options->jobs; i++)
			if (!sim.jobs[i].pid && sim_more(&sim))
				sim_start(&sim, &sim.jobs[i]);
		if (sim_wait(&sim) <= 0)
			break;
		sim_progress(&sim, false);
	}
	sim_progress(&sim, true);
	run_print_totals(&sim.totals, stdout);
	if (sim.failed) {
		printf("%llu seeds FAILED:", (unsigned long long)sim.failed);
		for (uint64_t i = 0; i < sim.failed && i < 64; i++)
			printf(" %llu", (unsigned long long)sim.failed_seeds[i]);
		printf("\n");
	}
	return sim.failed || !sim.ended ? 1 : 0;
}

/* ---- options ---- */

static void sim_usage(FILE *file)
{
	fprintf(file, "usage: dlm_sim --seed N [--trace] [--hash] [--knobs] [--fill BYTE]\n"
		      "       dlm_sim --seeds N [--first F] [--jobs J] [--keep-going] [--quiet]\n");
}

static int sim_parse(int argc, char **argv, struct sim_options *options)
{
	static const struct option table[] = {
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"first", required_argument, NULL, 'f'},
		{"jobs", required_argument, NULL, 'j'},
		{"seconds", required_argument, NULL, 'c'},
		{"fill", required_argument, NULL, 'b'},
		{"trace", no_argument, NULL, 't'},
		{"hash", no_argument, NULL, 'h'},
		{"knobs", no_argument, NULL, 'k'},
		{"keep-going", no_argument, NULL, 'g'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, '?'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		unsigned long long number = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (option) {
		case 's':
			options->seed = number;
			break;
		case 'n':
			options->seeds = number;
			break;
		case 'f':
			options->first = number;
			break;
		case 'j':
			options->jobs = (uint32_t)number;
			break;
		case 'c':
			options->seconds_max = (uint32_t)number;
			break;
		case 'b':
			options->fill = (uint8_t)number;
			break;
		case 't':
			options->trace = true;
			break;
		case 'h':
			options->hash = true;
			break;
		case 'k':
			options->knobs = true;
			break;
		case 'g':
			options->keep_going = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (options->jobs < 1 || options->jobs > SIM_JOBS_MAX || optind != argc)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	struct sim_options options = {
		.seed = 1,
		.first = 1,
		.jobs = 1,
		.seconds_max = 60,
		.fill = 0xa5,
		.program = argv[0],
	};

	if (sim_parse(argc, argv, &options) < 0) {
		sim_usage(stderr);
		return 2;
	}
	return options.seeds ? sim_many(&options) : sim_one(&options);
}
