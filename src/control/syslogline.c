/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/syslogline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

void syslogline_open(struct syslogline *to, const char *path)
{
	*to = (struct syslogline){.path = path, .fd = -1};
}

void syslogline_close(struct syslogline *to)
{
	if (to->fd >= 0)
		close(to->fd);
	to->fd = -1;
}

static bool is_connected(struct syslogline *to)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (to->fd >= 0)
		return true;
	if (strlen(to->path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, to->path, strlen(to->path));
	to->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (to->fd >= 0 && connect(to->fd, (struct sockaddr *)&address, sizeof(address)))
		syslogline_close(to);
	return to->fd >= 0;
}

void syslogline_write(struct syslogline *to, enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX + 96], stamp[32] = "";
	time_t now = time(NULL);
	struct tm local;
	int bytes;

	if (!to->path)
		return;
	if (localtime_r(&now, &local))
		(void)strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);
	bytes = snprintf(line, sizeof(line), "<%d>%s dlm_controld[%ld]: %s",
		LOG_LOCAL4 | (int)level, stamp, (long)getpid(), text);
	if (bytes >= (int)sizeof(line))
		bytes = (int)sizeof(line) - 1;
	/* Who read may have ended, and another one be there. */
	for (int i = 0; i < 2 && bytes > 0 && is_connected(to); i++) {
		if (send(to->fd, line, (size_t)bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
			errno == EAGAIN || errno == ENOBUFS)
			return;
		syslogline_close(to);
	}
}
