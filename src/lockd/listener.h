/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A socket that programs connect to: RUN/control, or one in RUN/lockspaces (the working directory).
 * A lockspace's is made under a hidden name before the lockspace comes up, so that a full disk is
 * found early, and appears under its own name with its own mode when the lockspace is ready.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lockd/loop.h"

struct listener {
	struct loop_source source; /* ready: given by whoever made the listener */
	struct loop *loop;         /* borrowed */
	int fd;                    /* -1: none */
	bool published;            /* seen under its name */
	uint64_t id;               /* of the hidden name */
	char name[72];
};

/** listener_init() - none yet */
void listener_init(struct listener *listener);
/**
 * listener_adopt() - listen on a socket that is bound already
 * @fd: taken on success
 * Return: 0; -errno
 */
int listener_adopt(struct listener *listener, struct loop *loop, int fd,
	void (*ready)(struct loop_source *source, uint32_t events));
/**
 * listener_prepare() - bind under a hidden name
 * @id: not used by another listener
 * Return: 0; -errno
 */
int listener_prepare(struct listener *listener, struct loop *loop, uint64_t id, const char *name,
	void (*ready)(struct loop_source *source, uint32_t events));
/**
 * listener_publish() - appear under its name and take connections; again after listener_hide()
 * @mode: permission bits
 * Return: 0; -errno
 */
int listener_publish(struct listener *listener, uint32_t mode);
/** listener_hide() - nobody finds it any more; those who are connecting are still taken */
void listener_hide(struct listener *listener);
/** listener_mode() - change the permission. Return: 0; -errno */
int listener_mode(struct listener *listener, uint32_t mode);
/** listener_done() - close and remove. Takes one that was never prepared. */
void listener_done(struct listener *listener);
/**
 * listener_accept() - the next connection, non-blocking and close-on-exec
 * Return: descriptor, the caller's; -EAGAIN none waits; -EMFILE, -ENFILE, -ENOMEM
 */
int listener_accept(struct listener *listener);
/** listener_pause() - take no connections until listener_resume(); they wait in the queue */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
