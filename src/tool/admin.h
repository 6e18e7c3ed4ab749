/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A small client of dlm_controld's local sockets for udlm's own commands (1000 and above), which
 * libdlmcontrol, whose functions are given, does not have. The sockets and their rules are in
 * proto/dlmc.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "proto/dlmc.h"

struct admin_request {
	enum dlmc_command command;
	bool is_change; /* for DLMC_SOCKET, else DLMC_QUERY_SOCKET */
	int option;
	uint32_t flags;
	const char *name;    /* NULL: none */
	const void *payload; /* NULL: none */
	uint32_t payload_bytes;
	uint32_t timeout_ms; /* for each step, 0: none */
};

struct admin_answer {
	int result; /* the daemon's: 0 or a negative errno, then the text is a sentence */
	char *text; /* ends with NUL; admin_answer_done() frees it */
	size_t bytes;
};

/**
 * admin_ask() - one request and its answer
 * Return: 0 and @ret; -errno the daemon could not be asked (-ECONNREFUSED, -ENOENT not there;
 * -EPERM who answers is neither root nor our user; -ECONNRESET it hung up; -EAGAIN timeout; ...)
 */
int admin_ask(const struct admin_request *request, struct admin_answer *ret);
/** admin_answer_done() - a zeroed answer is allowed */
void admin_answer_done(struct admin_answer *answer);

/**
 * admin_open() - the same for an answer that may be long
 * Return: 0, and @ret_stream (to be closed) reads the text, which is @ret_result's sentence if that
 * is not 0; -errno as admin_ask()
 */
int admin_open(const struct admin_request *request, int *ret_result, FILE **ret_stream);

/**
 * admin_daemon() - is the daemon udlm's?
 * @ret: DAEMON_INFO, for admin_value(); untouched unless 1. NULL: not wanted
 * Return: 1 yes; 0 it is another dlm_controld; -errno as admin_ask(), none is there
 */
int admin_daemon(uint32_t timeout_ms, struct admin_answer *ret);
/**
 * admin_server() - who listens in the daemon's place, by the kernel's word
 * @ret_pid: 0: not visible here
 * Return: 0; -errno of connecting
 */
int admin_server(pid_t *ret_pid, uid_t *ret_uid);
/**
 * admin_value() - a value of "key=value" lines
 * @key: with its '='
 * @index: 0 for the first line of that key, 1 for the second ...
 * Return: false: there is none
 */
bool admin_value(const char *text, const char *key, unsigned index, char *ret, size_t room);
