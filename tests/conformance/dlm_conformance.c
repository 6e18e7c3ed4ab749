/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exam: does the lockspace behind libdlm follow the lock rules?
 *
 *	dlm_conformance [-s MILLISECONDS] [-r ROW] LOCKSPACE TABLE...
 *	dlm_conformance --node COMMAND --node COMMAND [--master 1|2] [--directory 1|2] [-r ROW]
 *		LOCKSPACE TABLE...
 *
 * Any lockspace may sit it, a kernel's too. It is created if it is absent, and released then. -s:
 * after each step wait so long for callbacks that should not come (for masters on other nodes). -r:
 * only rows whose names begin so. --node: the programs of a row are in turn on two nodes, in the
 * order of their ids, that have this lockspace, or get it, alone and with equal weights; COMMAND
 * runs a command on one ("ssh node1"). Exit status: 0 all rows right; 1 some not, or none was run;
 * 2 wrong use.
 */
#include <errno.h>
#include <getopt.h>
#include <libdlm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "exam.h"

struct options {
	struct exam_options exam;
	const char *only;  /* NULL: all rows */
	const char *agent; /* the lockspace; NULL: this is none */
	unsigned nodes;
};

struct totals {
	unsigned passed, failed;
};

static bool table_run(
	struct exam *exam, const struct options *options, const char *path, struct totals *totals)
{
	struct row *row = malloc(sizeof(*row));
	FILE *file = fopen(path, "re");
	struct totals mine = {0};
	unsigned line = 0;
	int result = -errno;

	while (row && file && !exam_broken(exam) &&
		(result = table_next(file, path, &line, row)) == 1) {
		if (options->only && strncmp(row->name, options->only, strlen(options->only)) != 0)
			continue;
		if (exam_row(exam, row, stdout))
			mine.passed++;
		else
			mine.failed++;
	}
	if (!file)
		fprintf(stderr, "dlm_conformance: %s: %s\n", path, strerror(-result));
	else
		fclose(file);
	free(row);
	printf("%s: %u rows right, %u wrong\n", path, mine.passed, mine.failed);
	totals->passed += mine.passed;
	totals->failed += mine.failed;
	return result == 0;
}

static bool tables_run(const struct options *options, char **paths)
{
	struct exam *exam = exam_new(&options->exam);
	struct totals totals = {0};
	bool read = exam;

	for (; exam && *paths; paths++)
		read &= table_run(exam, options, *paths, &totals);
	exam_free(exam);
	printf("%u passed, %u failed\n", totals.passed, totals.failed);
	return read && totals.passed && !totals.failed;
}

static bool in_agent(const char *lockspace)
{
	struct place *place = place_new(lockspace, 0);
	bool good = place && agent_main(place) == 0;

	place_free(place);
	return good;
}

/** in_lockspace() - open or create it for what there is to do. Return: exit status */
static int in_lockspace(const char *name, const struct options *options, char **paths)
{
	dlm_lshandle_t lockspace = dlm_open_lockspace(name), created = NULL;
	bool good;

	if (!lockspace)
		lockspace = created = dlm_create_lockspace(name, 0600);
	if (!lockspace) {
		fprintf(stderr, "dlm_conformance: cannot open or create lockspace %s: %s\n", name,
			strerror(errno));
		return 1;
	}
	good = options->agent ? in_agent(name) : tables_run(options, paths);
	if (created && dlm_release_lockspace(name, created, 0))
		fprintf(stderr, "dlm_conformance: cannot release lockspace %s: %s\n", name,
			strerror(errno));
	else if (!created)
		dlm_close_lockspace(lockspace);
	return good ? 0 : 1;
}

static unsigned node_number(const char *text)
{
	return !strcmp(text, "1") ? 1 : !strcmp(text, "2") ? 2 : 0;
}

static bool options_parse(int argc, char **argv, struct options *ret)
{
	static const struct option names[] = {
		{"node", required_argument, NULL, 'n'},
		{"master", required_argument, NULL, 'm'},
		{"directory", required_argument, NULL, 'd'},
		{"agent", required_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	int option;
	bool good = true;

	ret->exam.master = ret->exam.directory = 1;
	while ((option = getopt_long(argc, argv, "s:r:", names, NULL)) != -1) {
		if (option == 's')
			ret->exam.settle_ms = (int)strtol(optarg, NULL, 10);
		else if (option == 'r')
			ret->only = optarg;
		else if (option == 'a')
			ret->agent = optarg;
		else if (option == 'm')
			good &= (ret->exam.master = node_number(optarg)) != 0;
		else if (option == 'd')
			good &= (ret->exam.directory = node_number(optarg)) != 0;
		else if (option == 'n' && ret->nodes < EXAM_NODES)
			ret->exam.nodes[ret->nodes++] = optarg;
		else
			good = false;
	}
	if (!ret->agent && optind < argc)
		ret->exam.lockspace = argv[optind++];
	return good && (ret->agent ? optind == argc : optind < argc) &&
	       (ret->nodes == 0 || ret->nodes == EXAM_NODES);
}

int main(int argc, char **argv)
{
	struct options options = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!options_parse(argc, argv, &options)) {
		fprintf(stderr,
			"usage: dlm_conformance [-s MILLISECONDS] [-r ROW] LOCKSPACE TABLE...\n"
			"       dlm_conformance --node COMMAND --node COMMAND [--master 1|2] "
			"[--directory 1|2] [-r ROW] LOCKSPACE TABLE...\n");
		return 2;
	}
	if (options.nodes)
		return tables_run(&options, argv + optind) ? 0 : 1;
	return in_lockspace(
		options.agent ? options.agent : options.exam.lockspace, &options, argv + optind);
}
