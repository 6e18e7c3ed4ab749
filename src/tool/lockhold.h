/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The lock that `dlm_tool lock` takes: opening the lockspace, waiting, giving back. It knows
 * nothing of the command that runs under it.
 */
#include <libdlm.h>
#include <stdbool.h>
#include <stdint.h>

#include "tool/lockargs.h"

/* Exit statuses: sysexits(3) where it has a meaning. */
#define LOCK_EXIT_USAGE         64
#define LOCK_EXIT_UNAVAILABLE   69 /* no daemon, no lockspace */
#define LOCK_EXIT_SYSTEM        71
#define LOCK_EXIT_LOST          76
#define LOCK_EXIT_NO_PERMISSION 77

struct lockhold {
	const struct lockargs *args;
	dlm_lshandle_t lockspace; /* NULL: not open */
	struct dlm_lksb lksb;
	bool completed; /* the operation in progress has ended, its status is in lksb */
	bool granted;
	bool lost; /* the right has ended; set before on_lost is called */
	/* Called once, when the right is lost while the lock is granted: ends what runs under it.
	 */
	void (*on_lost)(void *context);
	void *context;
	uint64_t begin_ms; /* CLOCK_BOOTTIME, when the waiting began: what -w counts from */
};

/**
 * lockhold_take() - open the lockspace and get the lock, as @args says
 * @hold: zeroed; args is kept
 *
 * Blocks; signals have their usual effect meanwhile. Says why where it fails.
 * Return: 0 granted; else the exit status of the tool
 */
int lockhold_take(struct lockhold *hold, const struct lockargs *args);

/** lockhold_fd() - readable or hung up: call lockhold_dispatch() */
int lockhold_fd(const struct lockhold *hold);
/** lockhold_dispatch() - take in what has come; may call on_lost */
void lockhold_dispatch(struct lockhold *hold);

/** lockhold_inherit() - programs that are executed keep the lock. Return: 0; -errno */
int lockhold_inherit(struct lockhold *hold);

/**
 * lockhold_give() - unlock in order and close
 * @status: that the process ends with if the lock engine does not answer within some seconds. The
 *	lock then ends with the connection.
 */
void lockhold_give(struct lockhold *hold, int status);

/** lockhold_lost_say() - the sentence for a lost lock */
void lockhold_lost_say(const struct lockhold *hold);
