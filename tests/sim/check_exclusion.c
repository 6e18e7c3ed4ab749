/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * S1: no two granted locks on a resource are incompatible, anywhere: over the nodes in the
 * lockspace, and over nodes that were removed and are not fenced yet.
 *
 * A right is a set of modes, one of which the lock has at the moment: two rights break the rule
 * only if every choice does.
 */
#include "check.h"
#include "cluster.h"

/* Bit m of entry n: modes m and n go together. Written down here again, apart from the engine's
 * own. */
static const uint8_t check_goes_with[6] = {
	0x3f, /* NL: all */
	0x1f, /* CR: all but EX */
	0x07, /* CW: NL CR CW */
	0x0b, /* PR: NL CR PR */
	0x03, /* PW: NL CR */
	0x01, /* EX: NL */
};

bool check_exclusion_modes(uint32_t rights, uint32_t others)
{
	uint32_t allowed = 0;

	for (int mode = 0; mode < 6; mode++)
		if (rights & 1u << mode)
			allowed |= check_goes_with[mode];
	return allowed & others;
}

void check_exclusion(struct model *model, const struct model_lock *lock)
{
	const struct model_lock *other;

	if (!lock->rights)
		return;
	list_for_each (other, &lock->resource->rights, right_entry) {
		if (other == lock || check_exclusion_modes(lock->rights, other->rights))
			continue;
		cluster_fail(model->cluster, "S1",
			"resource %u of lockspace %u: lock %x of node %u has %s (rights %x), while "
			"lock %x of node %u has %s (rights %x)",
			lock->resource->number, lock->space, lock->lkid, lock->node,
			trace_mode_name(lock->granted), lock->rights, other->lkid, other->node,
			trace_mode_name(other->granted), other->rights);
	}
}

void check_exclusion_master(
	struct model *model, uint32_t master, const struct engine_trace *event, uint32_t space)
{
	struct model_resource *resource =
		model_resource_by_name(model, space, event->name, event->name_bytes);
	uint32_t owner = event->nodeid ? event->nodeid : master;
	const struct model_lock *other;

	if (!resource || event->mode < 0)
		return;
	list_for_each (other, &resource->rights, right_entry) {
		if (other->node == owner && (owner != master || other->lkid == event->lkid))
			continue;
		if (check_exclusion_modes(1u << event->mode, other->rights))
			continue;
		cluster_fail(model->cluster, "S1",
			"resource %u of lockspace %u: master %u grants %s to node %u, while lock "
			"%x "
			"of node %u has %s (rights %x)",
			resource->number, space, master, trace_mode_name(event->mode), owner,
			other->lkid, other->node, trace_mode_name(other->granted), other->rights);
	}
}
