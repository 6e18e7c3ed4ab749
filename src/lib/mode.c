/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/mode.h"

#include "base/pure/dlmconst.h"

#define M(mode) (1u << DLM_MODE_##mode)

static const unsigned char compatible[] = {
	[DLM_MODE_NL] = M(NL) | M(CR) | M(CW) | M(PR) | M(PW) | M(EX),
	[DLM_MODE_CR] = M(NL) | M(CR) | M(CW) | M(PR) | M(PW),
	[DLM_MODE_CW] = M(NL) | M(CR) | M(CW),
	[DLM_MODE_PR] = M(NL) | M(CR) | M(PR),
	[DLM_MODE_PW] = M(NL) | M(CR),
	[DLM_MODE_EX] = M(NL),
};

static const unsigned char quecvt[] = {
	[DLM_MODE_NL] = M(CR) | M(CW) | M(PR) | M(PW) | M(EX),
	[DLM_MODE_CR] = M(CW) | M(PR) | M(PW) | M(EX),
	[DLM_MODE_CW] = M(PR) | M(PW) | M(EX),
	[DLM_MODE_PR] = M(CW) | M(PW) | M(EX),
	[DLM_MODE_PW] = M(EX),
	[DLM_MODE_EX] = 0,
};

static bool is_mode(int mode)
{
	return mode >= DLM_MODE_NL && mode <= DLM_MODE_EX;
}

bool mode_compatible(int one, int other)
{
	if (!is_mode(one) || !is_mode(other))
		return true;
	return compatible[one] >> other & 1;
}

bool mode_quecvt_legal(int granted, int wanted)
{
	return is_mode(granted) && is_mode(wanted) && (quecvt[granted] >> wanted & 1);
}
