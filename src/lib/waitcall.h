/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A call that returns when its request has completed. Where a thread delivers, it only waits; where
 * none does, and in callbacks, it delivers itself what arrives meanwhile.
 */
#include <libdlm.h>
#include <stdbool.h>

struct handle;
struct completion;

/* On the caller's stack, linked to the lock until it has completed. */
struct waitcall {
	struct waitcall *next;
	struct dlm_lksb *lksb;
	bool done;
	int status; /* only valid if done; positive, as in lksb */
};

/** waitcall_end() - the request has completed; called by whoever takes that in */
void waitcall_end(struct waitcall *wait, const struct completion *completion, bool with_lvb);
/**
 * waitcall_run() - wait for it; the mutex is held at the call and at the return
 * Return: 0, wait->status says the rest; -ENOTCONN; -EPERM
 */
int waitcall_run(struct handle *handle, uint32_t lkid, struct waitcall *wait);
