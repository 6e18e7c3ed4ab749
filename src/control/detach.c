/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The child's word: a byte when it has started, nothing when it has ended before. */
static _Noreturn void wait_for_child(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int detach_begin(void)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return -errno;
	}
	if (pid) {
		close(pipe_fds[1]);
		wait_for_child(pipe_fds[0]);
	}
	close(pipe_fds[0]);
	(void)setsid();
	return pipe_fds[1];
}

void detach_end(int fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (null_fd >= 0) {
		(void)dup2(null_fd, STDIN_FILENO);
		(void)dup2(null_fd, STDOUT_FILENO);
		(void)dup2(null_fd, STDERR_FILENO);
		close(null_fd);
	}
	n = write(fd, "", 1);
	(void)n; /* the parent is gone: nobody is told */
	close(fd);
}
