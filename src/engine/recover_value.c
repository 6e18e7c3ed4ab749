/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/recover_value.h"

#include <string.h>

#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/resource.h"

void recover_value_begin(struct recover_value *value)
{
	memset(value, 0, sizeof(*value));
}

static bool has_value(const struct lock *lock)
{
	return (lock->exflags & DLM_LKF_VALBLK) && lock_lvb(lock);
}

void recover_value_see(struct recover_value *value, struct lock *lock)
{
	value->any = true;
	if (lock->status == LOCK_WAITING || !has_value(lock) || value->holder)
		return;
	if (lock->grmode > DLM_MODE_CR) {
		if (lock->flags & LOCK_VALUE_FRESH)
			value->holder = lock;
	} else if (!value->newest || (int32_t)(lock->lvbseq - value->newest->lvbseq) >= 0)
		value->newest = lock;
}

static void take(struct resource *resource, const struct lock *lock)
{
	if (resource_lvb_make(resource)) {
		resource->flags |= RESOURCE_VALNOTVALID | RESOURCE_VALUE_LOST;
		return;
	}
	memcpy(resource->lvb, lock_lvb(lock), resource->ls->lvb_bytes);
	resource->lvbseq = lock->lvbseq;
}

/*
 * Between NL and CR locks others may have written. A new master that was sent no block at all does
 * not know what the old one had: it says so, where a kernel would hand out nothing as if it were
 * valid.
 */
static void settle_new_master(const struct recover_value *value, struct resource *resource)
{
	if (value->holder) {
		take(resource, value->holder);
		return;
	}
	if (value->any)
		resource->flags |= RESOURCE_VALNOTVALID;
	if (value->newest)
		take(resource, value->newest);
	else if (value->any)
		resource->flags |= RESOURCE_VALUE_LOST;
}

void recover_value_settle(const struct recover_value *value, struct resource *resource)
{
	if (!resource_is_master(resource)) {
		resource->flags &= (uint16_t) ~(RESOURCE_VALNOTVALID | RESOURCE_VALUE_LOST);
		resource_lvb_drop(resource);
	} else if (resource->flags & RESOURCE_NEW_MASTER2) {
		settle_new_master(value, resource);
	} else if (resource->flags & RESOURCE_LVB_INVALID) {
		resource->flags |= RESOURCE_VALNOTVALID;
	}
}
