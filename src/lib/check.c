/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/check.h"

#include <errno.h>
#include <stdbool.h>

#include "base/pure/dlmconst.h"
#include "lib/ops.h"

#define UNLOCK_FLAGS (LKF_CANCEL | LKF_VALBLK | LKF_IVVALBLK | LKF_FORCEUNLOCK)

static bool has(const struct lock_call *call, uint32_t flag)
{
	return call->flags & flag;
}

static bool expedite_illegal(const struct lock_call *call)
{
	return has(call, LKF_CONVERT | LKF_QUECVT | LKF_NOQUEUE) || call->mode != LKM_NLMODE;
}

int check_lock(const struct lock_call *call)
{
	bool convert = has(call, LKF_CONVERT);

	if (call->mode > LKM_EXMODE || has(call, LKF_CANCEL))
		return -EINVAL;
	if (!convert &&
		(call->name_bytes > DLM_NAME_BYTES_MAX || (call->name_bytes && !call->name)))
		return -EINVAL;
	if (!convert && has(call, LKF_QUECVT | LKF_CONVDEADLK))
		return -EINVAL;
	if (has(call, LKF_CONVDEADLK) && has(call, LKF_NOQUEUE))
		return -EINVAL;
	if (has(call, LKF_EXPEDITE) && expedite_illegal(call))
		return -EINVAL;
	if (!call->lksb || (!call->ast && !call->wait))
		return -EINVAL;
	if (has(call, LKF_VALBLK) && !call->lksb->sb_lvbptr)
		return -EINVAL;
	return 0;
}

int check_unlock(const struct unlock_call *call)
{
	if (call->flags & ~UNLOCK_FLAGS)
		return -EINVAL;
	if (call->flags & LKF_CANCEL && call->flags & LKF_FORCEUNLOCK)
		return -EINVAL;
	return 0;
}
