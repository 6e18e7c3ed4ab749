/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Where log lines go beside standard error and the ring: a file, and syslog for the default daemon.
 */
#include <stdbool.h>

#include "base/log.h"
#include "control/syslogline.h"

struct logfile {
	int fd; /* -1: none */
	struct syslogline syslog;
	bool echoes_errors;   /* to standard error, while somebody still reads it */
	enum log_level level; /* of the file */
};

/**
 * logfile_open() - append to @directory/dlm_controld.log, making the directory where it is absent
 * What cannot be opened is left out: a daemon without a log file is better than none.
 */
void logfile_open(
	struct logfile *logfile, const char *directory, bool with_syslog, enum log_level level);
void logfile_close(struct logfile *logfile);
/** logfile_sink() - for log_settings.sink; @context: the logfile */
void logfile_sink(void *context, enum log_level level, const char *text);
