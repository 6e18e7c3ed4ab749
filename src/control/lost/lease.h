/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The leases that a dlm_lockd has left: what each means, and reading them from the run directory.
 * They were written by an unprivileged process, so that they are believed for what was held and for
 * nothing else.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "proto/client.h"

enum lease_meaning {
	LEASE_NOTHING,     /* no right goes with it: it can be removed */
	LEASE_HELD,        /* a right, until the file can be locked */
	LEASE_HELD_BEYOND, /* the same, and a PERSISTENT lock: it goes on when the process has ended
			    */
	LEASE_ORPHANS,     /* locks that have outlived their programs */
};

struct lease_found {
	char name[64];
	int fd; /* owned by whoever takes it */
	dev_t dev;
	ino_t ino;
	enum lease_meaning meaning;
	struct lease
		lease; /* strings end with a NUL; all zero where the file could not be understood */
};

/**
 * lease_judge() - PURE. What a lease means
 * @bytes:      that the file has, of which the first sizeof(struct lease) at most are in @lease
 * @boot_id:    of this boot
 * @is_orphans: it is the file LEASE_ORPHANS_FILE
 *
 * A file that cannot be understood is LEASE_HELD: who has it open may have a right.
 */
enum lease_meaning lease_judge(
	const struct lease *lease, size_t bytes, const char *boot_id, bool is_orphans);

/**
 * lease_scan() - all leases of a run directory
 * @found: called for each, and takes fd
 * What is no plain file of the directory's owner is logged and left alone.
 * Return: 0, with no such directory too; -errno, and there may be more than @found was told of
 */
int lease_scan(struct log *log, const char *run_dir, const char *boot_id,
	void (*found)(void *context, const struct lease_found *found), void *context);
/** lease_remove_file() - of the run directory. Return: 0; -errno */
int lease_remove_file(const char *run_dir, const char *name);
/** lease_boot_id() - of this boot; "" where the system does not say. @ret has room for 40 bytes */
void lease_boot_id(char ret[40]);
