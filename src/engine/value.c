/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/value.h"

#include <string.h>

#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/resource.h"

/* Return: true: the caller takes part in the value, and may be told that it is not valid */
static bool give(struct lock *lock)
{
	const struct resource *resource = lock->resource;
	uint8_t *lvb = lock_lvb(lock);

	if (!lvb || !(lock->exflags & DLM_LKF_VALBLK))
		return false;
	if (!resource->lvb)
		return resource->flags & RESOURCE_VALUE_LOST;
	memcpy(lvb, resource->lvb, resource->ls->lvb_bytes);
	lock->lvbseq = resource->lvbseq;
	return true;
}

/*
 * The caller's block becomes the resource's. Without memory to keep it in, the value is lost, and
 * says so: a reader must never take an older one for the last one written.
 * Return: as give()
 */
static bool take(struct lock *lock)
{
	struct resource *resource = lock->resource;
	const uint8_t *lvb = lock_lvb(lock);

	if (lock->exflags & DLM_LKF_IVVALBLK) {
		resource->flags |= RESOURCE_VALNOTVALID;
		return false;
	}
	if (!lvb || !(lock->exflags & DLM_LKF_VALBLK))
		return false;
	if (resource_lvb_make(resource)) {
		resource->flags |= RESOURCE_VALNOTVALID | RESOURCE_VALUE_LOST;
		return true;
	}
	memcpy(resource->lvb, lvb, resource->ls->lvb_bytes);
	lock->lvbseq = ++resource->lvbseq;
	resource->flags &= (uint16_t) ~(RESOURCE_VALNOTVALID | RESOURCE_VALUE_LOST);
	return true;
}

void value_on_grant(struct lock *lock)
{
	bool takes_part = true;

	switch (mode_value(lock->grmode, lock->rqmode)) {
	case MODE_VALUE_READ:
		takes_part = give(lock);
		break;
	case MODE_VALUE_WRITE:
		takes_part = take(lock);
		break;
	case MODE_VALUE_KEEP:
		break;
	}
	if (takes_part && (lock->resource->flags & RESOURCE_VALNOTVALID))
		lock->sbflags |= DLM_SBF_VALNOTVALID_BIT;
}

void value_on_unlock(struct lock *lock)
{
	if (lock->grmode >= DLM_MODE_PW)
		(void)take(lock);
}

void value_seen(struct lock *lock, bool given)
{
	enum mode_value what = mode_value(lock->grmode, lock->rqmode);
	bool takes_part = (lock->exflags & DLM_LKF_VALBLK) && lock_lvb(lock);
	bool fresh = lock->flags & LOCK_VALUE_FRESH;

	if (what == MODE_VALUE_READ)
		fresh = takes_part ? given : fresh && lock->grmode > DLM_MODE_CR;
	else if (what == MODE_VALUE_WRITE && (lock->exflags & DLM_LKF_IVVALBLK))
		fresh = false;
	else if (what == MODE_VALUE_WRITE && takes_part)
		fresh = true;
	if (lock->sbflags & DLM_SBF_VALNOTVALID_BIT)
		fresh = false;
	lock->flags &= (uint16_t)~LOCK_VALUE_FRESH;
	if (fresh)
		lock->flags |= LOCK_VALUE_FRESH;
}

void value_replaced(struct lock *lock, const uint8_t *lvb)
{
	uint8_t *own = lock_lvb(lock);
	uint32_t bytes = lock->resource->ls->lvb_bytes;

	if (!own || !lvb || !memcmp(own, lvb, bytes))
		return;
	memcpy(own, lvb, bytes);
	lock->flags &= (uint16_t)~LOCK_VALUE_FRESH;
}
