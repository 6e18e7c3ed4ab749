/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/mode.h"

#include "base/pure/must.h"

#define NL (1u << DLM_MODE_NL)
#define CR (1u << DLM_MODE_CR)
#define CW (1u << DLM_MODE_CW)
#define PR (1u << DLM_MODE_PR)
#define PW (1u << DLM_MODE_PW)
#define EX (1u << DLM_MODE_EX)

/* For each mode, the set of modes that it goes with. */
static const unsigned char COMPATIBLE[] = {
	[DLM_MODE_NL] = NL | CR | CW | PR | PW | EX,
	[DLM_MODE_CR] = NL | CR | CW | PR | PW,
	[DLM_MODE_CW] = NL | CR | CW,
	[DLM_MODE_PR] = NL | CR | PR,
	[DLM_MODE_PW] = NL | CR,
	[DLM_MODE_EX] = NL,
};

static const unsigned char QUECVT[] = {
	[DLM_MODE_NL] = CR | CW | PR | PW | EX,
	[DLM_MODE_CR] = CW | PR | PW | EX,
	[DLM_MODE_CW] = PR | PW | EX,
	[DLM_MODE_PR] = CW | PW | EX,
	[DLM_MODE_PW] = EX,
	[DLM_MODE_EX] = 0,
};

/* For each granted mode, the requested modes for which the block is read; PW and EX write the rest.
 */
static const unsigned char READS[] = {
	[DLM_MODE_NL] = NL | CR | CW | PR | PW | EX,
	[DLM_MODE_CR] = CR | CW | PR | PW | EX,
	[DLM_MODE_CW] = CW | PR | PW | EX,
	[DLM_MODE_PR] = PR | PW | EX,
	[DLM_MODE_PW] = EX,
	[DLM_MODE_EX] = 0,
};

bool mode_valid(int mode)
{
	return mode >= DLM_MODE_NL && mode <= DLM_MODE_EX;
}

bool mode_compatible(int one, int other)
{
	if (one == DLM_MODE_IV || other == DLM_MODE_IV)
		return true;
	must(mode_valid(one));
	must(mode_valid(other));
	return COMPATIBLE[one] >> other & 1;
}

bool mode_is_middle_pair(int one, int other)
{
	return (one == DLM_MODE_PR && other == DLM_MODE_CW) ||
	       (one == DLM_MODE_CW && other == DLM_MODE_PR);
}

bool mode_goes_down(int granted, int requested)
{
	return requested < granted && !mode_is_middle_pair(granted, requested);
}

bool mode_quecvt_allowed(int granted, int requested)
{
	return mode_valid(granted) && mode_valid(requested) && (QUECVT[granted] >> requested & 1);
}

enum mode_value mode_value(int granted, int requested)
{
	must(mode_valid(requested));
	if (granted == DLM_MODE_IV)
		return MODE_VALUE_READ;
	must(mode_valid(granted));
	if (READS[granted] >> requested & 1)
		return MODE_VALUE_READ;
	return granted >= DLM_MODE_PW ? MODE_VALUE_WRITE : MODE_VALUE_KEEP;
}
