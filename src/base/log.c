/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring holds whole lines as text, so that a dump is a copy. A new line pushes out as many of
 * the oldest as it needs.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/pure/must.h"

struct log {
	const char *program;
	int fd;
	bool is_socket;  /* fd: sent without waiting */
	bool is_journal; /* fd goes to the journal: <N> instead of the time */
	enum log_level level;
	uint64_t dropped_count;
	void (*sink)(void *context, enum log_level level, const char *text);
	void *sink_context;
	uint32_t ring_bytes;
	uint32_t begin; /* of the oldest line */
	uint32_t used;
	char ring[];
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* systemd tells in JOURNAL_STREAM which stream is the journal's, as DEVICE:INODE. */
static bool journal_stream(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;

	if (!text || sscanf(text, "%ju:%ju", &device, &inode) != 2)
		return false;
	return device == st->st_dev && inode == st->st_ino;
}

int log_new(const struct log_settings *settings, struct log **ret)
{
	uint32_t ring_bytes = settings->ring_bytes ? settings->ring_bytes : LOG_RING_BYTES;
	struct stat st;
	struct log *log;

	if (ring_bytes < 2 * LOG_LINE_MAX)
		ring_bytes = 2 * LOG_LINE_MAX;
	log = calloc(1, sizeof(*log) + ring_bytes);
	if (!log)
		return -ENOMEM;
	log->ring_bytes = ring_bytes;
	log->program = settings->program;
	log->fd = settings->fd;
	log->level = settings->level;
	log->sink = settings->sink;
	log->sink_context = settings->sink_context;
	if (log->fd >= 0 && !fstat(log->fd, &st)) {
		log->is_socket = S_ISSOCK(st.st_mode);
		log->is_journal = journal_stream(&st);
	}
	*ret = log;
	return 0;
}

void log_free(struct log *log)
{
	free(log);
}

void log_level_set(struct log *log, enum log_level level)
{
	log->level = level;
}

enum log_level log_level_get(const struct log *log)
{
	return log->level;
}

uint64_t log_dropped_count(const struct log *log)
{
	return log->dropped_count;
}

/* ---- the ring ---- */

static void ring_drop_oldest(struct log *log)
{
	char c;

	do {
		c = log->ring[log->begin];
		log->begin = (log->begin + 1) % log->ring_bytes;
		log->used--;
	} while (c != '\n' && log->used);
}

static void ring_put(struct log *log, const char *text, uint32_t bytes)
{
	uint32_t end, first;

	must(bytes < log->ring_bytes);
	while (log->ring_bytes - log->used < bytes)
		ring_drop_oldest(log);
	end = (log->begin + log->used) % log->ring_bytes;
	first = log->ring_bytes - end < bytes ? log->ring_bytes - end : bytes;
	memcpy(log->ring + end, text, first);
	memcpy(log->ring, text + first, bytes - first);
	log->used += bytes;
}

size_t log_ring_used(const struct log *log)
{
	return log->used;
}

size_t log_ring_copy(const struct log *log, char *ret, size_t room)
{
	uint32_t skip = log->used > room ? (uint32_t)(log->used - room) : 0;
	uint32_t i;

	/* Where the oldest lines do not fit, begin after the end of a line. */
	while (skip && skip < log->used &&
		log->ring[(log->begin + skip - 1) % log->ring_bytes] != '\n')
		skip++;
	for (i = skip; i < log->used; i++)
		*ret++ = log->ring[(log->begin + i) % log->ring_bytes];
	return log->used - skip;
}

/* ---- standard error ---- */

/* A pipe or terminal that polls as writable takes a line without blocking (PIPE_BUF). */
static bool stream_put(struct log *log, const char *text, size_t bytes)
{
	struct pollfd poll_fd = {.fd = log->fd, .events = POLLOUT};

	if (log->is_socket)
		return send(log->fd, text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes;
	if (poll(&poll_fd, 1, 0) != 1 || !(poll_fd.revents & POLLOUT))
		return false;
	return write(log->fd, text, bytes) == (ssize_t)bytes;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARNING:
		return "warning: ";
	case LOG_LEVEL_NOTICE:
	case LOG_LEVEL_INFO:
	case LOG_LEVEL_DEBUG:
		break;
	}
	return "";
}

static void stream_line(struct log *log, enum log_level level, uint64_t now_ms, const char *text)
{
	char line[LOG_LINE_MAX + 128];
	int bytes;

	if (log->is_journal)
		bytes = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, text);
	else
		bytes = snprintf(line, sizeof(line), "%" PRIu64 ".%03u %s%s%s%s\n", now_ms / 1000,
			(unsigned)(now_ms % 1000), log->program ? log->program : "",
			log->program ? ": " : "", level_word(level), text);
	if (bytes > 0 && (size_t)bytes < sizeof(line) && !stream_put(log, line, (size_t)bytes))
		log->dropped_count++;
}

static void write_text(struct log *log, enum log_level level, uint64_t now_ms, char *text)
{
	char line[LOG_LINE_MAX + 32];
	char *p;
	int bytes;

	for (p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	bytes = snprintf(line, sizeof(line), "%" PRIu64 " %s\n", now_ms / 1000, text);
	if (bytes > 0 && (size_t)bytes < sizeof(line))
		ring_put(log, line, (uint32_t)bytes);
	if (level > log->level)
		return;
	if (log->fd >= 0)
		stream_line(log, level, now_ms, text);
	if (log->sink)
		log->sink(log->sink_context, level, text);
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	if (!log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_text(log, level, clock_ms(), text);
}

void log_write_limited(
	struct log *log, struct log_limit *limit, enum log_level level, const char *format, ...)
{
	uint64_t now_ms = clock_ms();
	char text[LOG_LINE_MAX];
	va_list args;
	size_t used;

	if (!log)
		return;
	if (now_ms >= limit->until_ms) {
		limit->until_ms = now_ms + LOG_LIMIT_WINDOW_MS;
		limit->count = 0;
	}
	if (limit->count >= LOG_LIMIT_LINES) {
		limit->dropped_count++;
		return;
	}
	limit->count++;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	used = strlen(text);
	if (limit->dropped_count)
		snprintf(text + used, sizeof(text) - used, " (and %" PRIu64 " like it, not shown)",
			limit->dropped_count);
	limit->dropped_count = 0;
	write_text(log, level, now_ms, text);
}
