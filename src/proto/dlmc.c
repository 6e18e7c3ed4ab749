/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/dlmc.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static_assert(sizeof(struct dlmc_header) == 96, "header of the local sockets");
static_assert(sizeof(struct dlmc_wire_change) == 32, "dlmc_change");
static_assert(sizeof(struct dlmc_wire_lockspace) == 140, "dlmc_lockspace");
static_assert(offsetof(struct dlmc_wire_lockspace, name) == 72, "dlmc_lockspace.name");
static_assert(sizeof(struct dlmc_wire_node) == 40, "dlmc_node");
static_assert(offsetof(struct dlmc_wire_node, fail_walltime) == 24, "dlmc_node.fail_walltime");
static_assert(sizeof(struct dlmc_state) == 28, "dlmc_state");

void dlmc_header_init(struct dlmc_header *header, uint32_t command, const char *name)
{
	memset(header, 0, sizeof(*header));
	header->magic = DLMC_MAGIC;
	header->version = DLMC_VERSION;
	header->command = command;
	header->len = sizeof(*header);
	if (name)
		memcpy(header->name, name, strnlen(name, sizeof(header->name)));
}

int dlmc_header_check(const struct dlmc_header *header, uint32_t payload_max)
{
	if (header->magic != DLMC_MAGIC || header->len < sizeof(*header))
		return -EBADMSG;
	if (header->version >> 16 != DLMC_VERSION >> 16)
		return -EPROTONOSUPPORT;
	if (header->len - sizeof(*header) > payload_max)
		return -EMSGSIZE;
	return 0;
}

void dlmc_header_name(const struct dlmc_header *header, char ret[DLMC_NAME_BYTES + 1])
{
	memcpy(ret, header->name, DLMC_NAME_BYTES);
	ret[DLMC_NAME_BYTES] = '\0';
}
