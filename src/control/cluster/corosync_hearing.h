/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What corosync tells of a group, as letters to the loop. */
#include "control/cluster/corosync_group.h"

/** corosync_hearing_open() - a connection for the group, in no group yet */
cs_error_t corosync_hearing_open(struct corosync_group *group);
/** corosync_hearing_dispatch() - what there is to tell now, within bounds */
void corosync_hearing_dispatch(struct worker *worker, struct corosync_group *group);
/** corosync_hearing_nodes() - ids of the nodes in a list of corosync's. @ret: CLUSTER_NODES_MAX */
uint32_t corosync_hearing_nodes(
	const struct worker *worker, const struct cpg_address *list, size_t count, uint32_t *ret);
