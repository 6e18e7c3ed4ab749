/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "check.h"
#include "cluster.h"

/* ---- resources and their names ---- */

/* Names of all lengths, with zero bytes in them but not at their end; the number is in front. */
static void model_name(struct model_resource *resource)
{
	int bytes = snprintf((char *)resource->name, 8, "r%03u", resource->number);
	int total = bytes + (int)(resource->number * 7 % (DLM_NAME_BYTES_MAX - 3));

	for (int i = bytes; i < total; i++)
		resource->name[i] = (uint8_t)(i % 5 ? resource->number + (uint32_t)i : 0);
	if (total > bytes)
		resource->name[total - 1] = 'z';
	resource->name_bytes = (uint8_t)total;
}

void model_init(struct model *model, struct cluster *cluster, uint32_t resources)
{
	memset(model, 0, sizeof(*model));
	model->cluster = cluster;
	model->resource_count = resources;
	model->locks = calloc(MODEL_LOCKS_MAX, sizeof(*model->locks));
	model->free_locks = calloc(MODEL_LOCKS_MAX, sizeof(*model->free_locks));
	if (!model->locks || !model->free_locks)
		abort();
	for (uint32_t i = 0; i < MODEL_LOCKS_MAX; i++)
		model->free_locks[i] = MODEL_LOCKS_MAX - 1 - i;
	model->free_count = MODEL_LOCKS_MAX;
	for (uint32_t space = 0; space < 2; space++) {
		for (uint32_t i = 0; i < MODEL_RESOURCES_MAX; i++) {
			struct model_resource *resource = &model->resources[space][i];

			resource->space = space;
			resource->number = i;
			resource->value.next = 1;
			list_init(&resource->rights);
			model_name(resource);
		}
		for (uint32_t node = 0; node <= CLUSTER_NODES_MAX; node++)
			list_init(&model->nodes[node][space]);
	}
}

void model_done(struct model *model)
{
	free(model->locks);
	free(model->free_locks);
}

struct model_resource *model_resource_by_name(
	struct model *model, uint32_t space, const void *name, size_t bytes)
{
	const char *text = name;
	struct model_resource *resource;
	uint32_t number;

	if (bytes < 4 || text[0] != 'r')
		return NULL;
	number = (uint32_t)(text[1] - '0') * 100 + (uint32_t)(text[2] - '0') * 10 +
		 (uint32_t)(text[3] - '0');
	if (number >= MODEL_RESOURCES_MAX)
		return NULL;
	resource = &model->resources[space][number];
	if (resource->name_bytes != bytes || memcmp(resource->name, name, bytes))
		return NULL;
	return resource;
}

struct model_lock *model_lock_find(
	struct model *model, uint32_t node, uint32_t space, uint32_t lkid)
{
	struct model_lock *lock;

	list_for_each (lock, &model->nodes[node][space], node_entry)
		if (lock->lkid == lkid)
			return lock;
	return NULL;
}

/* ---- value blocks ---- */

void model_value_write(
	const struct model_resource *resource, uint32_t serial, uint8_t ret[MODEL_LVB_BYTES])
{
	memset(ret, 0, MODEL_LVB_BYTES);
	if (!serial)
		return;
	for (uint32_t i = 0; i < MODEL_LVB_BYTES; i += 8) {
		put_le32(ret + i, serial ^ i * 0x01010101u);
		put_le32(ret + i + 4, resource->space << 16 | resource->number | 0x5a000000u);
	}
}

bool model_value_read(const struct model_resource *resource, const uint8_t bytes[MODEL_LVB_BYTES],
	uint32_t *ret_serial)
{
	uint8_t expected[MODEL_LVB_BYTES];
	uint32_t serial = get_le32(bytes);

	model_value_write(resource, serial, expected);
	if (memcmp(bytes, expected, MODEL_LVB_BYTES))
		return false;
	*ret_serial = serial;
	return true;
}

static uint32_t model_bit(int mode)
{
	return mode >= 0 ? 1u << mode : 0;
}

static void model_value_put(struct model_resource *resource, uint32_t serial, uint32_t writer)
{
	struct model_value *value = &resource->value;

	if (serial >= value->next)
		value->next = serial + 1;
	value->high = serial;
	value->writer = writer;
	value->none_allowed = false;
	value->invalid_must = false;
	if (!value->loose)
		value->invalid_allowed = false;
}

static void model_value_invalid(struct model_resource *resource)
{
	resource->value.invalid_allowed = true;
	/* where there is surely a block: without one nobody is told that it is not valid */
	resource->value.invalid_must =
		!resource->value.none_allowed && !resource->value.loose && resource->value.low;
}

/*
 * A PW or EX lock is given up, or converted to a mode by which it writes: with IVVALBLK the block
 * loses its validity, with VALBLK it becomes what the program gave, or what it saw last.
 */
static void model_value_given(struct model_lock *lock, bool with_lvb, uint32_t serial)
{
	struct model_resource *resource = lock->resource;

	if (lock->exflags & DLM_LKF_IVVALBLK) {
		model_value_invalid(resource);
	} else if (with_lvb && lock->has_buffer && (lock->exflags & DLM_LKF_VALBLK)) {
		model_value_put(resource, serial, lock->node);
	}
}

/* ---- who surely has a lock, and with which rights ---- */

static void model_sure(struct model_lock *lock, bool sure)
{
	struct model_resource *resource = lock->resource;

	if (lock->sure == sure)
		return;
	lock->sure = sure;
	if (sure) {
		resource->sure_count++;
		return;
	}
	if (--resource->sure_count == 0) {
		resource->value.none_allowed = resource->value.none_before = true;
		resource->value.gaps++;
		resource->value.invalid_must = false;
	}
}

static void model_rights(struct model_lock *lock, uint32_t rights)
{
	if (!lock->rights && rights)
		list_add_tail(&lock->resource->rights, &lock->right_entry);
	else if (lock->rights && !rights)
		list_remove(&lock->right_entry);
	lock->rights = rights;
}

struct model_lock *model_lock_new(struct model *model, uint32_t node, uint32_t space,
	struct model_resource *resource, void *program)
{
	struct model_lock *lock;
	uint32_t index;

	if (!model->free_count)
		abort();
	index = model->free_locks[--model->free_count];
	lock = &model->locks[index];
	memset(lock, 0, sizeof(*lock));
	lock->index = index;
	lock->used = true;
	lock->node = node;
	lock->space = space;
	lock->resource = resource;
	lock->program = program;
	lock->granted = DLM_MODE_IV;
	list_init(&lock->right_entry);
	list_add_tail(&model->nodes[node][space], &lock->node_entry);
	return lock;
}

/* A lock that goes in the middle of an operation may be granted PW or EX first, and write or
 * invalidate. */
static bool model_doubtful(const struct model_lock *lock)
{
	bool may_hold = lock->granted >= DLM_MODE_PW || lock->op_mode >= DLM_MODE_PW;

	return lock->doubtful || (lock->op != MODEL_IDLE && lock->op != MODEL_UNLOCK && may_hold);
}

void model_doubt_over(struct model_resource *resource)
{
	resource->value.doubts--;
	resource->value.unknown = resource->value.invalid_allowed = true;
	resource->value.invalid_must = false;
}

static void model_doubt(struct model_lock *lock)
{
	if (lock->doubt)
		return;
	lock->doubt = true;
	lock->resource->value.doubts++;
	lock->resource->value.doubt_count++;
	lock->resource->value.invalid_must = false;
}

void model_lock_free(struct model *model, struct model_lock *lock)
{
	if (lock->doubt)
		model_doubt_over(lock->resource);
	model_rights(lock, 0);
	model_sure(lock, false);
	list_remove(&lock->node_entry);
	lock->used = false;
	model->free_locks[model->free_count++] = lock->index;
}

/* ---- calls that were accepted ---- */

static void model_begin(struct model *model, struct model_lock *lock, enum model_op op, int mode)
{
	lock->op = op;
	lock->op_mode = mode;
	lock->op_since_us = model->cluster->clock.now_us;
	lock->cancel = lock->deadlock_cancel = lock->answer_due = false;
	lock->read_low = lock->resource->value.low;
	lock->recovery = model->recoveries[lock->space];
	lock->read_resets = lock->resource->value.resets;
	lock->read_none = lock->resource->value.none_before;
	lock->read_unknown = lock->resource->value.unknown || lock->resource->value.doubts;
	lock->read_doubts = lock->resource->value.doubt_count;
	lock->read_gaps = lock->resource->value.gaps;
	model->operation_count++;
}

void model_requested(struct model *model, struct model_lock *lock, int mode, uint32_t flags)
{
	model_begin(model, lock, MODEL_REQUEST, mode);
	lock->exflags = flags;
	lock->has_buffer = flags & DLM_LKF_VALBLK;
}

/* While a conversion is under way the lock may have its old mode, a new one, or NL by demotion. */
static uint32_t model_convert_rights(const struct model_lock *lock, int mode, uint32_t flags)
{
	uint32_t rights = lock->rights | model_bit(mode);

	if (flags & DLM_LKF_ALTPR)
		rights |= model_bit(DLM_MODE_PR);
	if (flags & DLM_LKF_ALTCW)
		rights |= model_bit(DLM_MODE_CW);
	if (flags & DLM_LKF_CONVDEADLK)
		rights |= model_bit(DLM_MODE_NL);
	return rights;
}

uint32_t model_converting(struct model_lock *lock, int mode, uint32_t flags)
{
	uint32_t before = lock->rights;

	model_rights(lock, model_convert_rights(lock, mode, flags));
	return before;
}

uint32_t model_unlocking(struct model_lock *lock)
{
	uint32_t before = lock->rights;

	model_rights(lock, 0);
	return before;
}

void model_kept(struct model_lock *lock, uint32_t rights)
{
	model_rights(lock, rights);
}

void model_converted(
	struct model *model, struct model_lock *lock, int mode, uint32_t flags, uint32_t lvb_serial)
{
	model_begin(model, lock, MODEL_CONVERT, mode);
	lock->exflags = flags;
	if (flags & DLM_LKF_VALBLK) {
		lock->has_buffer = true;
		lock->buffer = lvb_serial;
	}
	if (check_value_writes(lock->granted, mode))
		model_value_given(lock, true, lvb_serial);
	else if (lock->granted >= DLM_MODE_PW && (flags & (DLM_LKF_ALTPR | DLM_LKF_ALTCW)))
		model_doubt(lock); /* PW to EX reads, but PW to an alternative writes */
}

void model_unlocked(struct model *model, struct model_lock *lock, uint32_t flags, bool with_lvb,
	uint32_t lvb_serial)
{
	model->operation_count++;
	lock->exflags |= flags;
	if (lock->op != MODEL_IDLE)
		lock->force = true;
	if (model_doubtful(lock))
		model_doubt(lock);
	else if (lock->granted >= DLM_MODE_PW && lock->op == MODEL_IDLE)
		model_value_given(lock, with_lvb, lvb_serial);
	if (lock->op == MODEL_IDLE)
		model_begin(model, lock, MODEL_UNLOCK, DLM_MODE_IV);
	model_rights(lock, 0);
	model_sure(lock, false);
}

void model_cancelled(struct model *model, struct model_lock *lock, bool deadlock)
{
	model->operation_count++;
	lock->exflags |= DLM_LKF_CANCEL;
	lock->cancel = true;
	if (deadlock)
		lock->deadlock_cancel = true;
}

/* ---- what programs are told ---- */

/* The rights that an operation leaves when it did not give a new mode. */
static void model_reverted(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback)
{
	if (lock->op != MODEL_CONVERT)
		return;
	lock->granted = callback->mode;
	if (!lock->force) {
		model_rights(lock, model_bit(callback->mode));
		check_exclusion(model, lock);
	}
}

static void model_granted(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback)
{
	int before = lock->op == MODEL_REQUEST ? DLM_MODE_IV : lock->granted;
	int now = callback->mode;

	if (callback->sbflags & DLM_SBF_DEMOTED_BIT)
		before = DLM_MODE_NL;
	model->granted_count++;
	lock->granted = now;
	lock->told = false;
	lock->jumped = lock->op == MODEL_REQUEST && (lock->exflags & DLM_LKF_NOORDER);
	if (!lock->force) {
		model_rights(lock, model_bit(now));
		model_sure(lock, true);
		check_exclusion(model, lock);
	}
	check_value(model, lock, before, now, callback);
}

bool model_completed(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback)
{
	model->completion_count++;
	check_completion(model, lock, callback);
	if (callback->ended) {
		model->cancelled_count += callback->status == -DLM_STATUS_ECANCEL;
		model->refused_count += callback->status == -11;
		model_lock_free(model, lock);
		return false;
	}
	if (lock->doubt && !lock->force) {
		lock->doubt = false;
		model_doubt_over(lock->resource);
	}
	if (callback->status == 0)
		model_granted(model, lock, callback);
	else
		model_reverted(model, lock, callback);
	model->cancelled_count += callback->status == -DLM_STATUS_ECANCEL;
	model->refused_count += callback->status == -11;
	model->deadlock_count += callback->status == -35;
	lock->answer_due = lock->cancel;
	lock->op = lock->force ? MODEL_UNLOCK : MODEL_IDLE;
	lock->cancel = lock->deadlock_cancel = false;
	return true;
}

void model_told(
	struct model *model, struct model_lock *lock, const struct engine_callback *callback)
{
	model->bast_count++;
	lock->told = true;
	if (!lock->wants_bast)
		cluster_fail(model->cluster, "BAST", "node %u lock %x wants none, got %s",
			lock->node, lock->lkid, trace_mode_name(callback->mode));
}

/* ---- ends without a completion ---- */

struct model_resource *model_dropped(struct model *model, struct model_lock *lock)
{
	struct model_resource *resource = lock->resource;
	bool doubtful = model_doubtful(lock) || lock->doubt;

	if (doubtful) {
		resource->value.doubts++;
		resource->value.doubt_count++;
	} else if (lock->granted >= DLM_MODE_PW && lock->op == MODEL_IDLE) {
		model_value_invalid(resource);
	}
	model_lock_free(model, lock);
	return doubtful ? resource : NULL;
}

void model_orphaned(struct model *model, struct model_lock *lock)
{
	lock->program = NULL;
	if (lock->op != MODEL_IDLE || model->purged[lock->node][lock->space])
		model_orphan_doubted(model, lock);
}

void model_orphan_doubted(struct model *model, struct model_lock *lock)
{
	(void)model;
	lock->doubtful = true;
	model_doubt(lock);
	model_rights(lock, 0);
	model_sure(lock, false);
}

void model_adopted(struct model *model, struct model_lock *lock, void *program, uint32_t pid,
	uint32_t flags, int mode)
{
	lock->program = program;
	lock->pid = pid;
	lock->exflags = flags;
	lock->granted = mode;
	lock->op = MODEL_IDLE;
	lock->cancel = lock->deadlock_cancel = lock->force = false;
	lock->doubtful = false;
	lock->jumped = true; /* BASTs were sent to the orphan */
	if (lock->doubt)
		model_doubt_over(lock->resource);
	lock->doubt = false;
	lock->told = false;
	model_rights(lock, model_bit(mode));
	model_sure(lock, true);
	check_exclusion(model, lock);
	if (mode >= DLM_MODE_PW)
		lock->resource->value.unknown = true;
}

void model_node_gone(struct model *model, uint32_t node, uint32_t space)
{
	struct model_lock *lock, *next;

	list_for_each_safe (lock, next, &model->nodes[node][space], node_entry) {
		struct model_value *value = &lock->resource->value;

		if (lock->op != MODEL_IDLE || lock->granted >= DLM_MODE_PW || lock->doubtful)
			value->loose = true;
		model_lock_free(model, lock);
	}
	for (uint32_t i = 0; i < model->resource_count; i++) {
		struct model_value *value = &model->resources[space][i].value;

		if (value->writer == node && value->low != value->high)
			value->loose = true;
	}
	model_recovering(model, space);
}

void model_recovering(struct model *model, uint32_t space)
{
	model->recoveries[space]++;
	for (uint32_t i = 0; i < model->resource_count; i++) {
		struct model_value *value = &model->resources[space][i].value;

		value->invalid_allowed = true;
		value->invalid_must = false;
	}
}
