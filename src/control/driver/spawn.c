/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/control.h"

#ifndef UDLM_LIBEXEC_DIR
#define UDLM_LIBEXEC_DIR "/usr/sbin"
#endif

extern char **environ;

static const char *const places[] = {
	"dlm_lockd",          /* installed, or copied somewhere together */
	"../lockd/dlm_lockd", /* a build directory */
};

static int executable_directory(char *ret, size_t room)
{
	ssize_t bytes = readlink("/proc/self/exe", ret, room - 1);
	char *slash;

	if (bytes < 0)
		return -errno;
	ret[bytes] = '\0';
	slash = strrchr(ret, '/');
	if (!slash)
		return -ENOENT;
	slash[1] = '\0';
	return 0;
}

static int lockd_find(struct log *log, const char *path, char *ret, size_t room)
{
	char directory[PATH_MAX];

	if (path[0]) {
		snprintf(ret, room, "%s", path);
		if (!access(ret, X_OK))
			return 0;
		log_error(log, "lockd_path: cannot run %s: %s", path, strerror(errno));
		return -ENOENT;
	}
	if (executable_directory(directory, sizeof(directory)))
		directory[0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(ret, room, "%s%s", directory, places[i]);

		if (directory[0] && n > 0 && (size_t)n < room && !access(ret, X_OK))
			return 0;
	}
	snprintf(ret, room, "%s/dlm_lockd", UDLM_LIBEXEC_DIR);
	if (!access(ret, X_OK))
		return 0;
	log_error(log,
		"dlm_lockd is neither beside this program (%s) nor %s: install it, or say where it "
		"is with --lockd_path",
		directory, ret);
	return -ENOENT;
}

/* The environment with UDLM_RUN_DIR. Return: NULL without memory; the caller frees it and its last
 * string */
static char **environment_new(const char *run_dir, char **ret_text)
{
	static const char prefix[] = CLIENT_RUN_DIR_ENV "=";
	size_t count = 0, at = 0;
	char **list;

	while (environ[count])
		count++;
	list = calloc(count + 2, sizeof(*list));
	if (!list || asprintf(ret_text, "%s%s", prefix, run_dir) < 0) {
		free(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], prefix, sizeof(prefix) - 1) &&
			strncmp(environ[i], "NOTIFY_SOCKET=", 14))
			list[at++] = environ[i];
	}
	list[at] = *ret_text;
	return list;
}

static int attributes_set(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setsigmask(attributes, &none) ||
	       posix_spawnattr_setsigdefault(attributes, &all) ||
	       posix_spawnattr_setflags(attributes,
		       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

/* Nothing of ours stays open in it. A descriptor put onto itself loses its close-on-exec flag. */
static int descriptors_set(posix_spawn_file_actions_t *actions, int fd, int error_fd)
{
	int rv = posix_spawn_file_actions_adddup2(actions, fd, CONTROL_FD);

	if (!rv && error_fd >= 0)
		rv = posix_spawn_file_actions_adddup2(actions, error_fd, STDERR_FILENO);
	if (!rv && error_fd == SPAWN_ERRORS_NOWHERE)
		rv = posix_spawn_file_actions_addopen(
			actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!rv)
		rv = posix_spawn_file_actions_addopen(
			actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rv)
		rv = posix_spawn_file_actions_addopen(
			actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	return rv;
}

static int start(const char *path, int fd, int error_fd, char *const *environment, pid_t *ret_pid)
{
	char *const argv[] = {"dlm_lockd", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rv;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	rv = -ENOMEM;
	if (!descriptors_set(&actions, fd, error_fd) && !attributes_set(&attributes))
		rv = -posix_spawn(ret_pid, path, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rv;
}

static int pair_open(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret))
		return -errno;
	if (!fcntl(ret[0], F_SETFL, O_NONBLOCK))
		return 0;
	close(ret[0]);
	close(ret[1]);
	return -errno;
}

int spawn_lockd(struct log *log, const char *path, const char *run_dir, int error_fd,
	pid_t *ret_pid, int *ret_fd)
{
	char file[PATH_MAX + 32], *text = NULL;
	char **environment;
	int pair[2], rv;

	rv = lockd_find(log, path, file, sizeof(file));
	if (rv)
		return rv;
	environment = environment_new(run_dir, &text);
	if (!environment)
		return -ENOMEM;
	rv = pair_open(pair);
	if (!rv) {
		rv = start(file, pair[1], error_fd, environment, ret_pid);
		close(pair[1]);
		if (rv)
			close(pair[0]);
		else
			*ret_fd = pair[0];
	}
	free(environment);
	free(text);
	if (rv)
		log_error(log, "cannot start %s: %s", file, strerror(-rv));
	else
		log_info(log, "started %s (pid %ld)", file, (long)*ret_pid);
	return rv;
}
