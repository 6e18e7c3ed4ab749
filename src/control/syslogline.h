/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Lines to the machine's syslog that never wait: syslog(3) does, when who reads is stopped or slow,
 * and writes to the console, which may be held, where nobody reads. A line that is not taken at
 * once is dropped; the log's ring and file have it.
 */
#include "base/log.h"

#define SYSLOGLINE_PATH "/dev/log"

struct syslogline {
	const char *path; /* of the socket; borrowed; NULL: no line goes anywhere */
	int fd;           /* -1: not connected */
};

/** syslogline_open() - nothing is connected before the first line */
void syslogline_open(struct syslogline *to, const char *path);
void syslogline_close(struct syslogline *to);
void syslogline_write(struct syslogline *to, enum log_level level, const char *text);
