/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A whole dlm_lockd inside the fuzzer's process, with the fuzzer in dlm_controld's place and
 * programs connected over real sockets. Its run directory is made once and removed at exit.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockd/daemon.h"

struct input {
	const uint8_t *at;
	size_t left;
};

struct lockd_world {
	struct daemon *daemon;
	struct log *log;
	int admin_fd; /* dlm_controld's end */
	int home_fd;  /* the working directory that the fuzzer had */
	bool serves;  /* ONLINE and OFFLINE are answered as on a machine that is alone */
};

uint8_t input_byte(struct input *input);
uint32_t input_word(struct input *input);
/** input_bytes() - up to @size bytes. Return: how many, @ret_at points into the input */
size_t input_bytes(struct input *input, size_t size, const uint8_t **ret_at);

void lockd_world_begin(struct lockd_world *world, bool serves);
/** lockd_world_end() - nothing is left: descriptors, leases, memory */
void lockd_world_end(struct lockd_world *world);
/** lockd_world_turns() - until the daemon has nothing to do, at most @count turns */
void lockd_world_turns(struct lockd_world *world, unsigned count);
/** lockd_world_admin() - a message of dlm_controld's */
void lockd_world_admin(struct lockd_world *world, const void *message, size_t bytes);
/** lockd_world_connect() - a program; @lockspace NULL: to RUN/control. Return: descriptor, -1
 * refused */
int lockd_world_connect(const char *lockspace);
/** lockd_world_hello() - say HELLO */
void lockd_world_hello(int fd);
/** lockd_world_read() - take everything that is there, close what descriptors came. Return: packets
 */
unsigned lockd_world_read(int fd);
/** lockd_world_create() - a lockspace, through a program of its own */
void lockd_world_create(struct lockd_world *world, const char *name);
