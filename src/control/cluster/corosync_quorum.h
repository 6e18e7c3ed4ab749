/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Who is in the cluster, and whether it has quorum. */
#include "control/cluster/corosync_worker.h"

/** corosync_quorum_connect() - Return: CS_ERR_NOT_SUPPORTED where nobody decides on quorum */
cs_error_t corosync_quorum_connect(struct worker *worker);
/** corosync_quorum_dispatch() - what it has to say now, told to the loop */
void corosync_quorum_dispatch(struct worker *worker);
