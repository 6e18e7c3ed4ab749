/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written whole, one line a call, so that lines of several threads never mix. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define LINE_MAX_BYTES 16384

static int trace_fd = -1;

static void trace_open(void)
{
	int (*next)(const char *, int, ...) = place_next("open");
	char room[PATH_MAX];

	if (trace_fd < 0)
		trace_fd = next(
			place_path("trace", room), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static size_t hex(char *ret, const uint8_t *data, size_t bytes, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < bytes && at + 2 < room; i++) {
		ret[at++] = digits[data[i] >> 4];
		ret[at++] = digits[data[i] & 15];
	}
	return at;
}

void trace_write(const void *data, size_t bytes, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	struct timespec now;
	struct iovec piece = {.iov_base = line};
	size_t at;
	va_list args;

	trace_open();
	clock_gettime(CLOCK_MONOTONIC, &now);
	at = (size_t)snprintf(
		line, sizeof(line), "%lld ", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	va_start(args, format);
	at += (size_t)vsnprintf(line + at, sizeof(line) / 4, format, args);
	va_end(args);
	if (data) {
		line[at++] = ' ';
		at += hex(line + at, data, bytes, sizeof(line) - at - 2);
		if (!bytes)
			line[at++] = '-';
	}
	line[at++] = '\n';
	piece.iov_len = at;
	if (writev(trace_fd, &piece, 1) < 0)
		fprintf(stderr, "shim: the trace cannot be written: %m\n");
}
