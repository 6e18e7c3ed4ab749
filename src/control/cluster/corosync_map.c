/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_map.h"

#include <corosync/cmap.h>
#include <stdio.h>
#include <stdlib.h>

static void read_name(cmap_handle_t map, struct cluster_facts *facts)
{
	char *name = NULL;

	if (cmap_get_string(map, "totem.cluster_name", &name) != CS_OK)
		return;
	snprintf(facts->name, sizeof(facts->name), "%s", name);
	free(name);
}

static void read_nodes(cmap_handle_t map, struct cluster_facts *facts)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];

	while (facts->configured_count < CLUSTER_NODES_MAX) {
		snprintf(key, sizeof(key), "nodelist.node.%u.nodeid", facts->configured_count);
		if (cmap_get_uint32(map, key, &facts->configured[facts->configured_count]) != CS_OK)
			return;
		facts->configured_count++;
	}
}

cs_error_t corosync_map_read(struct cluster_facts *facts)
{
	uint8_t two_node = 0;
	cmap_handle_t map;
	cs_error_t error = cmap_initialize(&map);

	if (error != CS_OK)
		return error;
	read_name(map, facts);
	read_nodes(map, facts);
	if (cmap_get_uint8(map, "quorum.two_node", &two_node) != CS_OK)
		two_node = 0;
	facts->is_two_node = two_node && facts->configured_count == 2;
	(void)cmap_finalize(map);
	return CS_OK;
}
