/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* From nothing to a node of the cluster. */
#include "control/cluster/corosync_worker.h"

#define COROSYNC_CONF "/etc/corosync/corosync.conf"

/**
 * corosync_connect() - one attempt: every service is connected, the facts are read, LETTER_UP is
 * told; or what is missing is told, and nothing stays open
 * Return: whether we are a node of the cluster
 */
bool corosync_connect(struct worker *worker);
/** corosync_connect_end() - whatever is open; groups are not looked at */
void corosync_connect_end(struct worker *worker);
/** corosync_connect_dispatch() - whether corosync asks to be shut down, told to the loop */
void corosync_connect_dispatch(struct worker *worker);
/**
 * corosync_connect_addresses() - of a node, for connections of our own
 * @ret: with port 0
 * Return: how many, 0 also where they are not known
 */
uint32_t corosync_connect_addresses(
	struct worker *worker, uint32_t nodeid, struct sockaddr_storage ret[CLUSTER_ADDRESSES_MAX]);
