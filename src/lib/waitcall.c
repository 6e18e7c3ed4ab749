/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/waitcall.h"

#include <errno.h>
#include <string.h>

#include "lib/completion.h"
#include "lib/handle.h"
#include "lib/input.h"
#include "lib/lksb.h"

void waitcall_end(struct waitcall *wait, const struct completion *completion, bool with_lvb)
{
	struct dlm_lksb *lksb = wait->lksb;

	wait->done = true;
	wait->status = -completion->status;
	if (!lksb)
		return;
	if (with_lvb && completion->lvb && lksb->sb_lvbptr)
		memcpy(lksb->sb_lvbptr, completion->lvb, DLM_LVB_LEN);
	lksb_lkid(lksb, completion->lkid);
	lksb->sb_flags = (char)completion->sbflags;
	lksb_status(lksb, wait->status);
}

/* Nobody will end it: its lock must not point to a stack frame that is gone. */
static void give_up(struct handle *handle, uint32_t lkid, struct waitcall *wait)
{
	struct lock *lock = table_find(&handle->table, lkid);
	struct waitcall **at;

	if (!lock)
		return;
	for (at = &lock->waiters; *at; at = &(*at)->next) {
		if (*at == wait) {
			*at = wait->next;
			return;
		}
	}
}

int waitcall_run(struct handle *handle, uint32_t lkid, struct waitcall *wait)
{
	bool delivers = dispatch_inside(handle) || !thread_running(handle);
	int result = 0;

	while (!wait->done && !result) {
		if (delivers && dispatch_pending(handle) && !dispatch_elsewhere(handle))
			dispatch_run(handle);
		else
			result = input_wait(handle);
	}
	if (delivers && !handle->closed && dispatch_pending(handle))
		dispatch_run(handle);
	if (wait->done)
		return handle->lost.happened && wait->status == ENOTCONN ? -ENOTCONN : 0;
	give_up(handle, lkid, wait);
	return result;
}
