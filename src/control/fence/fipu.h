/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Fencing in progress unknown: whoever has just come does not know whom the others are fencing, and
 * takes it that somebody is, until it has fenced or seen all configured nodes itself, or is told.
 * CLEAR tells it: first that others look after the nodes it has not seen, then that nobody is to be
 * fenced.
 */
#include "control/fence/parts.h"

void fipu_work(struct fence *fence);
void fipu_receive(struct fence *fence, uint32_t sender, const struct cpg_fence *clear);
