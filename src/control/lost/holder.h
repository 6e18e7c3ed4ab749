/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who has a file open: found in /proc by device and inode, never by what a file says. A descriptor
 * that is under way in a message, and not yet received, is in no process: its holder shows up when
 * it takes it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct holder_key {
	const char *name; /* last part of the file's path; borrowed */
	dev_t dev;
	ino_t ino;
	size_t index; /* the caller's; given back */
};

typedef void (*holder_found)(void *context, size_t index, pid_t pid, const char *command);

/**
 * holder_find() - call @found for each process that has one of the files open, or mapped
 * @keys: will be sorted
 * @with_maps: look at mappings too; slower
 * Our own process is left out. A process may be found more than once.
 * Return: 0; -errno of opening /proc
 */
int holder_find(struct holder_key *keys, size_t key_count, bool with_maps, holder_found found,
	void *context);
/** holder_signal() - to that process and no other that has got its number meanwhile. Return: 0;
 * -errno */
int holder_signal(pid_t pid, const struct holder_key *key, int signal);
/** holder_command() - the name of a process; "?" where it cannot be read. @ret has room for 32
 * bytes */
void holder_command(pid_t pid, char ret[32]);
/** holder_of_name() - who has bound an abstract AF_UNIX name, though it may not listen. Return: its
 * pid; 0: nobody that can be seen */
pid_t holder_of_name(const char *name);
