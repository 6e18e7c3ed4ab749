/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What has to be true before this node says START for its newest change. */
#include "control/group/lockspace.h"

/** condition_first() - the first that is not met; GROUP_WAIT_NONE: all are */
enum group_wait condition_first(struct lockspace *ls);
