/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/logfile.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void logfile_open(
	struct logfile *logfile, const char *directory, bool with_syslog, enum log_level level)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/dlm_controld.log", directory);

	*logfile = (struct logfile){.fd = -1, .level = level};
	syslogline_open(&logfile->syslog, with_syslog ? SYSLOGLINE_PATH : NULL);
	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	(void)mkdir(directory, 0755);
	logfile->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
}

void logfile_close(struct logfile *logfile)
{
	if (logfile->fd >= 0)
		close(logfile->fd);
	logfile->fd = -1;
	syslogline_close(&logfile->syslog);
}

static void file_write(int fd, const char *text)
{
	struct timespec mono;
	time_t now = time(NULL);
	char line[LOG_LINE_MAX + 64], stamp[32];
	struct tm local;
	int bytes;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	if (!localtime_r(&now, &local) || !strftime(stamp, sizeof(stamp), "%b %d %H:%M:%S", &local))
		stamp[0] = '\0';
	bytes = snprintf(line, sizeof(line), "%s %lld %s\n", stamp, (long long)mono.tv_sec, text);
	if (bytes < 0)
		return;
	if ((size_t)bytes >= sizeof(line))
		bytes = (int)sizeof(line) - 1;
	if (write(fd, line, (size_t)bytes) < 0)
		return; /* a full disk is no reason to stop locking */
}

void logfile_sink(void *context, enum log_level level, const char *text)
{
	struct logfile *logfile = context;

	if (logfile->fd >= 0 && level <= logfile->level)
		file_write(logfile->fd, text);
	if (logfile->echoes_errors && level <= LOG_LEVEL_ERROR)
		fprintf(stderr, "dlm_controld: %s\n", text);
	if (level <= LOG_LEVEL_INFO)
		syslogline_write(&logfile->syslog, level, text);
}
