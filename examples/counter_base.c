/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both kinds of the counter need: the number in its file, and processes that end in time. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "counter.h"

#define NUMBER_BYTES 21 /* of the number in the file: 20 digits and a newline */

void counter_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "counter: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

uint64_t counter_number(int fd)
{
	char text[NUMBER_BYTES + 1] = "";

	if (pread(fd, text, NUMBER_BYTES, 0) != NUMBER_BYTES)
		counter_fail("cannot read the number: %s", strerror(errno));
	return strtoull(text, NULL, 10);
}

void counter_number_set(int fd, uint64_t number)
{
	char text[NUMBER_BYTES + 1];

	snprintf(text, sizeof(text), "%020" PRIu64 "\n", number);
	if (pwrite(fd, text, NUMBER_BYTES, 0) != NUMBER_BYTES)
		counter_fail("cannot write the number: %s", strerror(errno));
}

pid_t counter_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		counter_fail("cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}
