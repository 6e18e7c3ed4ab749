/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlm_scenario: stories of a few nodes as readable text. A file of tests/sim/scenarios is a list of
 * commands, each with the output that is expected of it; the engines are driven through engine.h
 * and a carrier that delivers only when it is told to.
 *
 * After a change that is meant, --rewrite puts what happens now into the files. Commit that only if
 * you understand every line that changed, and want it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "scenario_command.h"
#include "scenario_file.h"

static int dlm_scenario_usage(FILE *stream)
{
	fputs("usage: dlm_scenario [--rewrite] FILE...\n"
	      "       dlm_scenario --commands\n",
		stream);
	return stream == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	bool rewrite = argc > 1 && !strcmp(argv[1], "--rewrite");
	int first = rewrite ? 2 : 1, status = 0, r;

	if (argc > 1 && !strcmp(argv[1], "--help"))
		return dlm_scenario_usage(stdout);
	if (argc > 1 && !strcmp(argv[1], "--commands")) {
		scenario_command_help();
		return 0;
	}
	if (first >= argc || argv[first][0] == '-')
		return dlm_scenario_usage(stderr);
	for (int i = first; i < argc; i++) {
		r = scenario_file_play(argv[i], rewrite);
		if (r < 0)
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
		if (r)
			status = 1;
	}
	return status;
}
