/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/value.h"

#include <string.h>

#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/resource.h"

static void give(struct lock *lock)
{
	const struct resource *resource = lock->resource;
	uint8_t *lvb = lock_lvb(lock);

	if (!lvb || !(lock->exflags & DLM_LKF_VALBLK) || !resource->lvb)
		return;
	memcpy(lvb, resource->lvb, resource->ls->lvb_bytes);
	lock->lvbseq = resource->lvbseq;
}

/*
 * The caller's block becomes the resource's. Without memory to keep it in, the value is lost, and
 * says so: a reader must never take an older one for the last one written.
 */
static void take(struct lock *lock)
{
	struct resource *resource = lock->resource;
	const uint8_t *lvb = lock_lvb(lock);

	if (lock->exflags & DLM_LKF_IVVALBLK) {
		resource->flags |= RESOURCE_VALNOTVALID;
		return;
	}
	if (!lvb || !(lock->exflags & DLM_LKF_VALBLK))
		return;
	if (resource_lvb_make(resource)) {
		resource->flags |= RESOURCE_VALNOTVALID;
		return;
	}
	memcpy(resource->lvb, lvb, resource->ls->lvb_bytes);
	lock->lvbseq = ++resource->lvbseq;
	resource->flags &= (uint16_t)~RESOURCE_VALNOTVALID;
}

void value_on_grant(struct lock *lock)
{
	bool invalidates = false;

	switch (mode_value(lock->grmode, lock->rqmode)) {
	case MODE_VALUE_READ:
		give(lock);
		break;
	case MODE_VALUE_WRITE:
		invalidates = lock->exflags & DLM_LKF_IVVALBLK;
		take(lock);
		break;
	case MODE_VALUE_KEEP:
		break;
	}
	if (!invalidates && (lock->resource->flags & RESOURCE_VALNOTVALID))
		lock->sbflags |= DLM_SBF_VALNOTVALID_BIT;
}

void value_on_unlock(struct lock *lock)
{
	if (lock->grmode >= DLM_MODE_PW)
		take(lock);
}
