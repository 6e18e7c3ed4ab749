/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The control connection: what dlm_controld decides comes in, what happened goes out. It is looked
 * at before any other input of a turn. At its end nothing more is sent, to anybody, and the process
 * ends. Source: proto/control.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "lockd/daemon.h"

struct admin;

/**
 * admin_settings() - wait for the first message
 * @ret_text: on failure why, a sentence
 * Return: 0; -EPIPE dlm_controld went away; -EBADMSG; -errno
 */
int admin_settings(int fd, struct control_settings *ret, char *ret_text, size_t room);
/** admin_new() - @fd: taken, non-blocking from now on. Return: 0; -errno */
int admin_new(struct daemon *daemon, int fd, struct admin **ret);
void admin_free(struct admin *admin);
/**
 * admin_look() - handle what dlm_controld says, if it says something
 * @sure: ask the socket itself, not only what the loop has found
 */
void admin_look(struct admin *admin, bool sure);
/** admin_send() - a message, in order; its `bytes` are @bytes. Waits for room by itself. */
void admin_send(struct daemon *daemon, const void *message, uint32_t bytes);
/** admin_send_fd() - the same with a descriptor, which is taken; -1: none */
void admin_send_fd(struct daemon *daemon, const void *message, uint32_t bytes, int fd);
/** admin_report() - a struct control_ls with @bytes of @text behind it and a descriptor, taken; -1:
 * none */
void admin_report(struct daemon *daemon, enum control_type type, const char *name, uint32_t number,
	int32_t result, const char *text, uint32_t bytes, int fd);
/** admin_fatal() - tell why, at once, and end the process with a failure */
void admin_fatal(struct daemon *daemon, int error, const char *text);
