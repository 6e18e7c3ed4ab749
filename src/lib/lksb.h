/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* The program's struct dlm_lksb, which it may look at while another thread of it is in a call of
 * ours. */
#include <libdlm.h>

/** lksb_status() - say how far a request is; what was written to @lksb before is seen with it */
static inline void lksb_status(struct dlm_lksb *lksb, int status)
{
	__atomic_store_n(&lksb->sb_status, status, __ATOMIC_RELEASE);
}

/** lksb_lkid() - which lock it is of; not written where it says so, since it may be read just now
 */
static inline void lksb_lkid(struct dlm_lksb *lksb, uint32_t lkid)
{
	if (lksb->sb_lkid != lkid)
		lksb->sb_lkid = lkid;
}
