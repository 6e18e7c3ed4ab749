/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Modes, flags and limits that the lock engine, the library and the local protocols share. The
 * numbers are the field's: programs and other nodes use them. The public header libdlm.h gives the
 * same under its own names; a test compares the two.
 * Source: docs/protocol/wire.md, "Modes" and "API flags".
 */
#include <stdint.h>

enum dlm_mode {
	DLM_MODE_IV = -1, /* none: not granted, or no request */
	DLM_MODE_NL = 0,
	DLM_MODE_CR = 1,
	DLM_MODE_CW = 2,
	DLM_MODE_PR = 3,
	DLM_MODE_PW = 4,
	DLM_MODE_EX = 5,
};

#define DLM_LKF_NOQUEUE     0x00000001u
#define DLM_LKF_CANCEL      0x00000002u
#define DLM_LKF_CONVERT     0x00000004u
#define DLM_LKF_VALBLK      0x00000008u
#define DLM_LKF_QUECVT      0x00000010u
#define DLM_LKF_IVVALBLK    0x00000020u
#define DLM_LKF_CONVDEADLK  0x00000040u
#define DLM_LKF_PERSISTENT  0x00000080u
#define DLM_LKF_NODLCKWT    0x00000100u
#define DLM_LKF_NODLCKBLK   0x00000200u
#define DLM_LKF_EXPEDITE    0x00000400u
#define DLM_LKF_NOQUEUEBAST 0x00000800u
#define DLM_LKF_HEADQUE     0x00001000u
#define DLM_LKF_NOORDER     0x00002000u
#define DLM_LKF_ORPHAN      0x00004000u
#define DLM_LKF_ALTPR       0x00008000u
#define DLM_LKF_ALTCW       0x00010000u
#define DLM_LKF_FORCEUNLOCK 0x00020000u
#define DLM_LKF_TIMEOUT     0x00040000u

#define DLM_SBF_DEMOTED_BIT     0x01u
#define DLM_SBF_VALNOTVALID_BIT 0x02u
#define DLM_SBF_ALTMODE_BIT     0x04u

/* Positive in a caller's status block, negative inside and on the wire. */
#define DLM_STATUS_ECANCEL 0x10001
#define DLM_STATUS_EUNLOCK 0x10002
#define DLM_STATUS_EINPROG 0x10003

#define DLM_LSFL_BIT_TIMEWARN 0x00000002u
#define DLM_LSFL_BIT_FS       0x00000004u
#define DLM_LSFL_BIT_NEWEXCL  0x00000008u

#define DLM_NAME_BYTES_MAX 64 /* of a resource, and of a lockspace without the final NUL */
#define DLM_USER_LVB_BYTES 32 /* value blocks of lockspaces that programs create */
#define DLM_LOCKID_MAX     0x7fffffffu
