/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Our own attempts to fence: when an agent is started, and when it is not needed any more. */
#include "control/fence/parts.h"

/** attempt_work() - start what is ours to do and may begin */
void attempt_work(struct fence *fence, struct fence_now now);
/** attempt_cancel() - our agent for it, if one runs, is not needed any more */
void attempt_cancel(struct fence *fence, struct fellow *fellow);
