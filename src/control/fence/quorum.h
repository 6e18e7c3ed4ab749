/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What corosync's quorum says of the cluster: members, ring, and whether they may go on. */
#include "control/fence/parts.h"

void quorum_done(struct fence *fence);
