/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The daemons' log: lines on standard error, with levels that say who should read them, and a ring
 * of the newest lines of every level in memory, for `dlm_tool dump`.
 *
 * It never blocks: a line that standard error cannot take at once is counted and dropped there, and
 * stays in the ring. Under systemd each line begins with <N>, else with the seconds since boot. One
 * thread uses a log.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,   /* somebody must act */
	LOG_LEVEL_WARNING = 4, /* it will matter */
	LOG_LEVEL_NOTICE = 5,  /* life of lockspaces and nodes */
	LOG_LEVEL_INFO = 6,    /* steps */
	LOG_LEVEL_DEBUG = 7,   /* kept in the ring; on standard error only where asked for */
};

#define LOG_RING_BYTES (1024u * 1024u)
#define LOG_LINE_MAX   1024u /* longer lines are cut */

/* One cause that may repeat without end. Zeroed to begin; owned by whoever logs it. */
struct log_limit {
	uint64_t until_ms;      /* end of the current window, monotonic */
	uint32_t count;         /* lines let through in it */
	uint64_t dropped_count; /* lines held back since the last one that said so */
};

#define LOG_LIMIT_WINDOW_MS 10000u
#define LOG_LIMIT_LINES     5u /* of one cause in a window */

struct log_settings {
	const char *program;  /* put before each line on standard error, NULL: nothing; borrowed */
	int fd;               /* where lines go, not closed; -1: nowhere */
	enum log_level level; /* lines above this go into the ring only */
	uint32_t ring_bytes;  /* 0: LOG_RING_BYTES */
	/* Another reader of every line up to `level`, without newline; may be NULL. */
	void (*sink)(void *context, enum log_level level, const char *text);
	void *sink_context;
};

struct log;

/** log_new() - Return: 0; -ENOMEM. @ret is freed by log_free(). */
int log_new(const struct log_settings *settings, struct log **ret);
/** log_free() - NULL is allowed */
void log_free(struct log *log);
void log_level_set(struct log *log, enum log_level level);
enum log_level log_level_get(const struct log *log);
/** log_dropped_count() - lines that standard error could not take at once */
uint64_t log_dropped_count(const struct log *log);

/** log_write() - one line; a newline inside becomes a space. @log NULL: nothing happens. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/**
 * log_write_limited() - one line of a cause that may repeat: at most LOG_LIMIT_LINES in
 * LOG_LIMIT_WINDOW_MS; the next one after that says how many were held back
 */
void log_write_limited(struct log *log, struct log_limit *limit, enum log_level level,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_error(log, ...)   log_write(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...)  log_write(log, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_write(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/**
 * log_ring_copy() - the lines in memory, oldest first, each ending with a newline
 * @room: what does not fit of the oldest lines is left out
 * Return: bytes written, no final NUL
 */
size_t log_ring_copy(const struct log *log, char *ret, size_t room);
/** log_ring_used() - bytes that log_ring_copy() would write with room enough */
size_t log_ring_used(const struct log *log);
