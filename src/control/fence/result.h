/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* RESULT: what became of somebody's attempt to fence, or an administrator's word. */
#include "control/fence/parts.h"

void result_receive(
	struct fence *fence, struct fence_now now, uint32_t sender, const struct cpg_fence *result);
