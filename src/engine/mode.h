/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The six lock modes: which go together, which conversions go down, what a conversion does with
 * the value block.
 * Source: docs/protocol/wire.md, "Modes" and "Value blocks".
 */
#include <stdbool.h>

#include "base/pure/dlmconst.h"

enum mode_value {
	MODE_VALUE_KEEP = 0, /* nothing is copied */
	MODE_VALUE_READ,     /* the resource's block goes to the caller */
	MODE_VALUE_WRITE,    /* the caller's block goes to the resource */
};

/** mode_valid() - one of the six, not IV */
bool mode_valid(int mode);
/** mode_compatible() - may both be granted at once? IV goes with everything. Symmetric. */
bool mode_compatible(int one, int other);
/** mode_goes_down() - a conversion that is always granted at once, and gets no reply on the wire */
bool mode_goes_down(int granted, int requested);
/** mode_is_middle_pair() - PR and CW, of which neither is above the other */
bool mode_is_middle_pair(int one, int other);
/** mode_quecvt_allowed() - conversions that may be asked to wait behind others */
bool mode_quecvt_allowed(int granted, int requested);
enum mode_value mode_value(int granted, int requested);
