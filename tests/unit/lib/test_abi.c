/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The public header: layouts and numbers that programs have compiled in, and that they are those of
 * the engine's own constants. A compiler is the test.
 */
#include <libdlm.h>

#include <assert.h>
#include <stddef.h>

#include "base/pure/dlmconst.h"

#define SAME(name, value) static_assert((name) == (value), #name)

#if UINTPTR_MAX == UINT64_MAX
SAME(sizeof(struct dlm_lksb), 24);
SAME(offsetof(struct dlm_lksb, sb_lvbptr), 16);
#else
SAME(sizeof(struct dlm_lksb), 16);
#endif
SAME(offsetof(struct dlm_lksb, sb_status), 0);
SAME(offsetof(struct dlm_lksb, sb_lkid), 4);
SAME(offsetof(struct dlm_lksb, sb_flags), 8);
SAME(sizeof(dlm_lshandle_t), sizeof(void *));

SAME(DLM_LVB_LEN, DLM_USER_LVB_BYTES);
SAME(DLM_LOCKSPACE_LEN, DLM_NAME_BYTES_MAX);
SAME(DLM_RESNAME_MAXLEN, DLM_NAME_BYTES_MAX);
SAME(DLM_LSFL_TIMEWARN, DLM_LSFL_BIT_TIMEWARN);
SAME(DLM_LSFL_FS, DLM_LSFL_BIT_FS);
SAME(DLM_LSFL_NEWEXCL, DLM_LSFL_BIT_NEWEXCL);
SAME(DLM_SBF_DEMOTED, DLM_SBF_DEMOTED_BIT);
SAME(DLM_SBF_VALNOTVALID, DLM_SBF_VALNOTVALID_BIT);
SAME(DLM_SBF_ALTMODE, DLM_SBF_ALTMODE_BIT);
SAME(LKM_NLMODE, DLM_MODE_NL);
SAME(LKM_CRMODE, DLM_MODE_CR);
SAME(LKM_CWMODE, DLM_MODE_CW);
SAME(LKM_PRMODE, DLM_MODE_PR);
SAME(LKM_PWMODE, DLM_MODE_PW);
SAME(LKM_EXMODE, DLM_MODE_EX);
#define SAME_FLAG(flag) SAME(LKF_##flag, DLM_LKF_##flag)
SAME_FLAG(NOQUEUE);
SAME_FLAG(CANCEL);
SAME_FLAG(CONVERT);
SAME_FLAG(VALBLK);
SAME_FLAG(QUECVT);
SAME_FLAG(IVVALBLK);
SAME_FLAG(CONVDEADLK);
SAME_FLAG(PERSISTENT);
SAME_FLAG(NODLCKWT);
SAME_FLAG(NODLCKBLK);
SAME_FLAG(EXPEDITE);
SAME_FLAG(NOQUEUEBAST);
SAME_FLAG(HEADQUE);
SAME_FLAG(NOORDER);
SAME_FLAG(ORPHAN);
SAME_FLAG(ALTPR);
SAME_FLAG(ALTCW);
SAME_FLAG(FORCEUNLOCK);
SAME_FLAG(TIMEOUT);
SAME(LKF_WAIT, 0x80000000);
SAME(ECANCEL, DLM_STATUS_ECANCEL);
SAME(EUNLOCK, DLM_STATUS_EUNLOCK);
SAME(EINPROG, DLM_STATUS_EINPROG);

int main(void)
{
	return 0;
}
