/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exam: does the lockspace behind libdlm follow the lock rules?
 *
 *	dlm_conformance [-s MILLISECONDS] [-r ROW] LOCKSPACE TABLE...
 *
 * Any lockspace may sit it, a kernel's too. It is created if it is absent, and released then. -s:
 *after each step wait so long for callbacks that should not come (for masters on other nodes). -r:
 *only rows whose names begin so. Exit status: 0 all rows right; 1 some not, or none was run; 2
 *wrong use.
 */
#include <errno.h>
#include <libdlm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exam.h"

struct options {
	const char *lockspace;
	const char *only; /* NULL: all rows */
	int settle_ms;
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

	while (row && file && (result = table_next(file, path, &line, row)) == 1) {
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
	struct exam *exam = exam_new(options->lockspace, options->settle_ms);
	struct totals totals = {0};
	bool read = exam;

	for (; exam && *paths; paths++)
		read &= table_run(exam, options, *paths, &totals);
	exam_free(exam);
	printf("%u passed, %u failed\n", totals.passed, totals.failed);
	return read && totals.passed && !totals.failed;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	dlm_lshandle_t lockspace, created = NULL;
	bool good;
	bool wrong = false;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "s:r:")) != -1) {
		if (option == 's')
			options.settle_ms = (int)strtol(optarg, NULL, 10);
		else if (option == 'r')
			options.only = optarg;
		else
			wrong = true;
	}
	if (wrong || optind + 2 > argc) {
		fprintf(stderr,
			"usage: dlm_conformance [-s MILLISECONDS] [-r ROW] LOCKSPACE TABLE...\n");
		return 2;
	}
	options.lockspace = argv[optind];
	lockspace = dlm_open_lockspace(options.lockspace);
	if (!lockspace)
		lockspace = created = dlm_create_lockspace(options.lockspace, 0600);
	if (!lockspace) {
		fprintf(stderr, "dlm_conformance: cannot open or create lockspace %s: %s\n",
			options.lockspace, strerror(errno));
		return 1;
	}
	good = tables_run(&options, argv + optind + 1);
	if (created)
		dlm_release_lockspace(options.lockspace, created, 0);
	else
		dlm_close_lockspace(lockspace);
	return good ? 0 : 1;
}
