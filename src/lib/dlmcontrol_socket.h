/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A conversation of libdlmcontrol with the daemon: where its sockets are, whether it is to be
 * trusted, whole headers and payloads. Nothing here raises SIGPIPE. Errors are given as errno.
 */
#include <stddef.h>

#include "proto/dlmc.h"

/**
 * dlmcontrol_socket_open() - connect to DLMC_SOCKET or DLMC_QUERY_SOCKET
 * Return: a descriptor; -1 with errno: EPERM the one who listens there is neither root nor our own
 * user; ENAMETOOLONG UDLM_RUN_DIR is too long for a socket; those of connect(2)
 */
int dlmcontrol_socket_open(const char *name);
/** dlmcontrol_socket_close() - keeps errno */
void dlmcontrol_socket_close(int fd);
/** dlmcontrol_socket_write() - all of it. Return: 0; -1 with errno */
int dlmcontrol_socket_write(int fd, const void *data, size_t bytes);
/** dlmcontrol_socket_read() - all of it. Return: 0; -1 with errno, ECONNRESET at an early end */
int dlmcontrol_socket_read(int fd, void *ret, size_t bytes);
/** dlmcontrol_socket_read_header() - and check it. Return: 0; -1 with errno, EPROTO if it is none
 */
int dlmcontrol_socket_read_header(int fd, struct dlmc_header *ret);
