/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * S3: a value block that is read is the last one written since the resource last came into being,
 * or is marked not valid; and it is marked not valid only where something took its validity away.
 *
 * A reader whose mode excludes PW and EX (CW and above) must see exactly the last write, since that
 * was carried out before the reader could be granted. NL and CR readers may see any write that
 * could be the last one at some moment of their operation.
 */
#include "check.h"
#include "cluster.h"

/* 'R': granted the requested mode, a lock gets the resource's block; 'W': it gives its own. */
static const char check_value_table[7][7] = {
	/*	 NL CR CW PR PW EX */
	"RRRRRR", /* new */
	"RRRRRR", /* NL */
	".RRRRR", /* CR */
	"..RRRR", /* CW */
	"...RRR", /* PR */
	"WWWWWR", /* PW */
	"WWWWWW", /* EX */
};

bool check_value_reads(int granted, int requested)
{
	return check_value_table[granted + 1][requested] == 'R';
}

bool check_value_writes(int granted, int requested)
{
	return check_value_table[granted + 1][requested] == 'W';
}

static void check_value_wrong(struct model *model, const struct model_lock *lock, int now,
	uint32_t serial, bool invalid, const char *why)
{
	const struct model_value *value = &lock->resource->value;

	cluster_fail(model->cluster, "S3",
		"resource %u of lockspace %u: lock %x of node %u is granted %s and sees write "
		"%u%s; "
		"writes %u..%u may be there (since its call %u), loose %d none %d/%d invalid may "
		"%d "
		"must %d: %s",
		lock->resource->number, lock->space, lock->lkid, lock->node, trace_mode_name(now),
		serial, invalid ? " marked not valid" : "", value->low, value->high, lock->read_low,
		value->loose, value->none_allowed, lock->read_none, value->invalid_allowed,
		value->invalid_must, why);
}

/* An exclusive reader: now it is known what the block is. */
static void check_value_settle(const struct model *model, struct model_lock *lock, uint32_t serial)
{
	struct model_value *value = &lock->resource->value;

	if (serial < value->high)
		value->resets++;
	value->low = value->high = serial;
	value->loose = value->unknown = false;
	value->none_before = value->none_allowed;
	/* what was granted before a recovery says nothing about the block after it */
	if (lock->recovery == model->recoveries[lock->space])
		value->invalid_allowed = false;
}

/* The grant alone proves that what writers asked for before was carried out. */
static void check_value_excluded(struct model_value *value)
{
	if (value->loose || value->unknown || value->doubts)
		return;
	value->low = value->high;
	value->none_before = value->none_allowed;
}

/* Nothing there: the caller has zeros, or his own bytes back. */
static bool check_value_none(const struct model_lock *lock, uint32_t serial, bool allowed)
{
	return allowed && (serial == 0 || serial == lock->buffer);
}

static void check_value_exclusive(
	struct model *model, struct model_lock *lock, int now, uint32_t serial, bool invalid)
{
	struct model_value *value = &lock->resource->value;
	bool none = value->none_allowed || !value->high || (value->loose && value->none_before);

	if (value->doubts)
		return;
	if (invalid) {
		if (!value->invalid_allowed && !value->unknown && !model->cluster->faulty)
			check_value_wrong(
				model, lock, now, serial, invalid, "nothing invalidated it");
		return;
	}
	if (value->invalid_must && !value->unknown)
		check_value_wrong(model, lock, now, serial, invalid, "it was invalidated");
	if (value->unknown && serial == lock->buffer)
		return; /* his own bytes back, or the block: who knows */
	if (value->unknown || serial == value->high ||
		(value->loose && serial >= value->low && serial <= value->high)) {
		check_value_settle(model, lock, serial);
	} else if (check_value_none(lock, serial, none)) {
		check_value_settle(model, lock, 0);
	} else {
		check_value_wrong(model, lock, now, serial, invalid, "not the last write");
	}
}

static void check_value_shared(
	struct model *model, const struct model_lock *lock, int now, uint32_t serial, bool invalid)
{
	const struct model_value *value = &lock->resource->value;
	bool none = lock->read_none || value->none_before || !lock->read_low ||
		    lock->read_gaps != value->gaps;

	if (invalid || lock->read_unknown || value->unknown ||
		lock->read_doubts != value->doubt_count || value->doubts ||
		lock->read_resets != value->resets)
		return;
	if (serial >= lock->read_low && serial <= value->high)
		return;
	if (!check_value_none(lock, serial, none))
		check_value_wrong(model, lock, now, serial, invalid, "no recent write");
}

void check_value(struct model *model, struct model_lock *lock, int before, int now,
	const struct engine_callback *callback)
{
	bool exclusive = now >= DLM_MODE_CW;
	bool invalid = callback->sbflags & DLM_SBF_VALNOTVALID_BIT;
	uint32_t serial = 0;

	if (callback->lvb && !model_value_read(lock->resource, callback->lvb, &serial)) {
		cluster_fail(model->cluster, "S3",
			"resource %u: lock %x of node %u got bytes that nobody wrote",
			lock->resource->number, lock->lkid, lock->node);
		return;
	}
	if (lock->force) {
		/* given up already: others may have written since */
		lock->buffer = serial;
		return;
	}
	if (!(lock->exflags & DLM_LKF_VALBLK) || !check_value_reads(before, now)) {
		/* a down-conversion completes before the master knows of it, and of its block */
		if (exclusive && !check_value_writes(before, now))
			check_value_excluded(&lock->resource->value);
	} else {
		model->read_count++;
		model->invalid_count += invalid;
		if (!callback->lvb)
			serial = lock->buffer;
		if (exclusive)
			check_value_exclusive(model, lock, now, serial, invalid);
		else
			check_value_shared(model, lock, now, serial, invalid);
	}
	if (callback->lvb)
		lock->buffer = serial;
}
