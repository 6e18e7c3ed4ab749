/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What the library must know of modes to refuse a call without asking the lock engine. */
#include <stdbool.h>

/**
 * mode_compatible() - whether two locks of these modes may be granted together
 * DLM_MODE_IV is compatible with everything.
 * Source: docs/protocol/wire.md, "Modes".
 */
bool mode_compatible(int one, int other);
/** mode_quecvt_legal() - whether a conversion with QUECVT may go from @granted to @wanted */
bool mode_quecvt_legal(int granted, int wanted);
