/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the process may do: as little as it needs. It parses bytes from programs and from the
 * network, so it leaves root for the user `dlm` where that user exists, keeps only CAP_IPC_LOCK
 * (and CAP_NET_ADMIN where packets are to be marked), and can gain nothing by execve(). Whatever
 * cannot be had is said in one sentence each, and the daemon goes on without.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PRIVS_USER "dlm"

struct privs {
	uid_t uid; /* to become; (uid_t)-1: stay who we are */
	gid_t gid;
	bool memory_locked; /* all of it, now and later */
	int priority;       /* of SCHED_RR, 0: none */
	uint32_t files_max; /* open descriptors */
	char text[128];     /* what could not be had and why, "" if nothing */
};

/** privs_find() - whom to become. BEFORE all else of this room. */
void privs_find(struct privs *ret);
/** privs_limits() - ask for @files_wanted open descriptors and memory that may be locked; as root
 */
void privs_limits(struct privs *privs, uint32_t files_wanted);
/** privs_schedule() - real-time priority, above nobody's who is not, and never above the parent's
 */
void privs_schedule(struct privs *privs);
/** privs_lock_memory() - lock all memory, now and later, where there is no limit to it */
void privs_lock_memory(struct privs *privs);
/**
 * privs_drop() - become the user, keep the capabilities that are needed
 * @mark: packets are to be marked: keep CAP_NET_ADMIN
 * Return: 0; -errno: nothing must be served as half a root, the caller ends
 */
int privs_drop(struct privs *privs, bool mark);
