/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/again.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ENVIRONMENT "UDLM_CONTROLD_AGAIN" /* "PID DETACHED FILES FILE FILE DIRECTORY" */

static char start_directory[PATH_MAX];

void again_remember(void)
{
	if (!getcwd(start_directory, sizeof(start_directory)))
		start_directory[0] = '\0';
}

/* Files must not stay open in what we start. */
static void keep_to_ourselves(const struct again *again, bool is_ours)
{
	for (int i = 0; i < again->file_count; i++)
		(void)fcntl(again->files[i], F_SETFD, is_ours ? FD_CLOEXEC : 0);
}

static bool parse(const char *text, struct again *ret)
{
	int pid, detached, bytes = 0;

	if (sscanf(text, "%d %d %d %d %d %n", &pid, &detached, &ret->file_count, &ret->files[0],
		    &ret->files[1], &bytes) != 5 ||
		pid != getpid())
		return false; /* of another process, which has passed its environment on */
	if (ret->file_count < 0 || ret->file_count > AGAIN_FILES_MAX)
		return false;
	ret->is_again = true;
	ret->is_detached = detached != 0;
	if (text[bytes] && chdir(text + bytes))
		fprintf(stderr, "dlm_controld: cannot go back to %s: %s\n", text + bytes,
			strerror(errno));
	return true;
}

void again_take(struct again *ret)
{
	const char *text = getenv(ENVIRONMENT);

	*ret = (struct again){.files = {-1, -1}};
	if (text && !parse(text, ret))
		*ret = (struct again){.files = {-1, -1}};
	(void)unsetenv(ENVIRONMENT);
	if (!ret->is_again)
		return;
	keep_to_ourselves(ret, true);
	/* It was executed by way of /proc, and would be called by the last part of that path. */
	(void)prctl(PR_SET_NAME, "dlm_controld");
}

int again_execute(char *const argv[], const struct again *again)
{
	char text[PATH_MAX + 64];
	sigset_t none;

	snprintf(text, sizeof(text), "%ld %d %d %d %d %s", (long)getpid(), again->is_detached,
		again->file_count, again->files[0], again->files[1], start_directory);
	if (setenv(ENVIRONMENT, text, 1))
		return -errno;
	keep_to_ourselves(again, false);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv("/proc/self/exe", argv);
	keep_to_ourselves(again, true);
	return -errno;
}
