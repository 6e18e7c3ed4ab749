/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What corosync's map of its configuration says of the cluster. */
#include <corosync/corotypes.h>

#include "control/cluster/cluster.h"

/** corosync_map_read() - all but the node id; what the map does not have stays as it is */
cs_error_t corosync_map_read(struct cluster_facts *facts);
