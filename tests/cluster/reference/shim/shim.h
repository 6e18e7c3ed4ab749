/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Loaded in front of the C library (LD_PRELOAD) of Debian's unmodified dlm_controld and dlm_tool,
 * so that they meet fakekernel.py where they look for a kernel: what they read of /sys/kernel,
 * /proc/misc and /dev/misc is in PLACE/root; what they write, make and remove there is a request to
 * the fake kernel, which answers with the errno, after as long as the real one would take. What
 * dlm_controld says to the cluster and hears from it is written to PLACE/trace.
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SHIM_PLACE_ENV "UDLM_REFERENCE_PLACE"

/** place_map() - where @path is in this place: @path itself, or in @room */
const char *place_map(const char *path, char room[PATH_MAX]);
/** place_path() - of a file of the place itself; in @room */
const char *place_path(const char *name, char room[PATH_MAX]);
/** place_next() - the C library's own function of that name */
void *place_next(const char *name);

/** trace_write() - one line with the time in front; @data as hex at its end, unless NULL */
__attribute__((format(printf, 3, 4))) void trace_write(
	const void *data, size_t bytes, const char *format, ...);

/** kernel_channel() - a connection to the fake kernel for @kind. Return: a descriptor; -1, errno */
int kernel_channel(const char *kind, bool close_on_exec);
/**
 * kernel_request() - ask and wait for the answer
 * @ret_fd: NULL, or a descriptor that came with the answer, -1: none
 * Return: 0; -errno
 */
int kernel_request(const char *verb, const char *path, const void *data, size_t bytes, int *ret_fd);
