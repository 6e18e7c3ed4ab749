/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Who came and who went, as lines of the log: what an administrator looks for first. */
#include "base/log.h"
#include "control/fence/fence.h"

/** changelog_quorum() - the members of the cluster, and whether they are enough */
void changelog_quorum(struct log *log, const struct fence_quorum *quorum);
/**
 * changelog_group() - a change of a group's members
 * @what: of whom: "dlm_controld", "lockspace x"
 */
void changelog_group(struct log *log, const char *what, const struct fence_change *change);
