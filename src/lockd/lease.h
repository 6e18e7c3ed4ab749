/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Leases: one file in RUN/leases for each connection, which says what its program holds, and whose
 * lock (flock) says whether somebody still has the right to act on it. dlm_controld reads them when
 * dlm_lockd is gone: so they say "held" before the program learns that it holds.
 *
 * The program gets a read-only descriptor that carries the flock; this side keeps a mapping to
 * write to and no descriptor, so that the flock ends with the program's last copy. Source:
 * docs/architecture.md, "The rule of lost rights".
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/client.h"

struct lease_file {
	struct lease *map; /* NULL: no lease */
	uint64_t id;       /* names the file: PID.ID, pid of this dlm_lockd */
};

/** lease_init() - no lease yet */
static inline void lease_init(struct lease_file *lease)
{
	*lease = (struct lease_file){0};
}

/**
 * lease_open() - make a lease
 * @dir_fd:    RUN/leases
 * @id:        not used before by this process
 * @owner_pid: the program
 * @ret_fd:    to be sent to the program and then closed by the caller
 * Return: 0; -errno: -ENOSPC no room in the run directory, -EMFILE, -ENOMEM ...
 */
int lease_open(int dir_fd, uint64_t id, uint32_t owner_pid, const char *boot_id,
	const char *lockspace, struct lease_file *ret, int *ret_fd);
/** lease_owner() - another process has taken the connection over */
void lease_owner(struct lease_file *lease, uint32_t owner_pid);
/** lease_held() - what it holds from now on. BEFORE the completion of a grant is sent. */
void lease_held(struct lease_file *lease, uint32_t held, uint32_t persistent_held);
/** lease_right_ended() - whether nobody has the program's descriptor any more */
bool lease_right_ended(const struct lease_file *lease, int dir_fd);
/** lease_remove() - the connection ended in order and holds nothing. Takes one without a lease. */
void lease_remove(struct lease_file *lease, int dir_fd);
/** lease_leave() - forget it and leave the file as it is: what it says is still true */
void lease_leave(struct lease_file *lease);

/**
 * lease_orphans_write() - how many locks above NL have survived their owners, in all lockspaces
 *
 * The file comes into being with the first of them. BEFORE the lease of the owner is removed.
 * Return: 0; -errno
 */
int lease_orphans_write(int dir_fd, const char *boot_id, uint32_t held);
