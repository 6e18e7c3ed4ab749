/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock calls of a program, judged by our own table, as records for dlm_lockd. */
#include <errno.h>
#include <string.h>

#include "base/pure/dlmconst.h"
#include "lib/check.h"
#include "lib/completion.h"
#include "lib/fork.h"
#include "lib/handle.h"
#include "lib/input.h"
#include "lib/lksb.h"
#include "lib/mode.h"
#include "lib/user.h"

#define ROUND8(x) (((x) + 7u) & ~7u)

/*
 * A call that the table would refuse may be right by what has arrived and is not taken in yet.
 * What is taken in here is delivered later, in order.
 */
static struct lock *find_idle(struct handle *handle, uint32_t lkid)
{
	struct lock *lock = table_find(&handle->table, lkid);

	if (lock && lock->op == LOCK_IDLE)
		return lock;
	input_take(handle);
	return table_find(&handle->table, lkid);
}

static uint32_t record_bytes(const struct lock_call *call, bool with_lvb)
{
	uint32_t name_bytes = call->flags & LKF_CONVERT ? 0 : call->name_bytes;

	return (uint32_t)sizeof(struct client_lock) + ROUND8(name_bytes) +
	       (with_lvb ? DLM_USER_LVB_BYTES : 0);
}

static void fill_lock(struct client_lock *record, const struct lock_call *call, bool with_lvb)
{
	uint8_t *rest = (uint8_t *)(record + 1);

	record->flags = call->flags;
	record->xid = call->xid;
	record->mode = (uint8_t)call->mode;
	if (call->bast)
		record->head.flags |= CLIENT_LOCK_WANTS_BAST;
	if (!(call->flags & LKF_CONVERT)) {
		record->name_bytes = (uint8_t)call->name_bytes;
		if (call->name_bytes)
			memcpy(rest, call->name, call->name_bytes);
		rest += ROUND8(call->name_bytes);
	}
	if (with_lvb) {
		record->head.flags |= CLIENT_LOCK_HAS_LVB;
		memcpy(rest, call->lksb->sb_lvbptr, DLM_USER_LVB_BYTES);
	}
}

/* A new request starts from an empty value block; only a conversion brings one. */
static int append_lock(struct handle *handle, enum client_record_type type,
	const struct lock_call *call, uint32_t lkid, uint32_t serial)
{
	bool with_lvb = (call->flags & LKF_CONVERT) && (call->flags & LKF_VALBLK);
	struct client_lock *record;
	void *room;
	int result = userlink_append(handle, type, record_bytes(call, with_lvb), &room);

	if (result)
		return result;
	record = room;
	fill_lock(record, call, with_lvb);
	record->lkid = lkid;
	record->head.serial = serial;
	return 0;
}

/* From here on the callback may run in another thread, before this call returns. */
static int post_lock(struct handle *handle, struct lock *lock, const struct lock_call *call,
	struct delivery *reserved)
{
	int result = append_lock(handle, CLIENT_LOCK, call, lock->lkid, 0);

	if (result) {
		dispatch_drop(&handle->dispatch, reserved);
		return result;
	}
	call->lksb->sb_lkid = lock->lkid;
	lksb_status(call->lksb, EINPROG);
	completion_expect_lock(lock, call, reserved);
	result = userlink_post(handle);
	if (result)
		completion_unexpect(handle, lock);
	return result;
}

static int request(struct handle *handle, const struct lock_call *call)
{
	struct user *user = handle->engine;
	struct delivery *reserved;
	struct lock *lock;
	int result = userlink_wait_ids(handle);

	if (!result)
		result = completion_reserve(handle, call->wait, &reserved);
	if (result)
		return result;
	lock = table_add(&handle->table, ids_take(&user->ids));
	if (!lock) {
		dispatch_drop(&handle->dispatch, reserved);
		return -ENOMEM;
	}
	result = post_lock(handle, lock, call, reserved);
	if (result)
		table_remove(&handle->table, lock);
	return result;
}

static int convert(struct handle *handle, const struct lock_call *call)
{
	struct lock *lock = find_idle(handle, call->lksb->sb_lkid);
	struct delivery *reserved;
	int result;

	if (!lock)
		return -ENOENT;
	result = check_lock(call);
	if (!result && lock->op != LOCK_IDLE)
		result = -EBUSY;
	if (!result && call->flags & LKF_QUECVT && !mode_quecvt_legal(lock->mode, (int)call->mode))
		result = -EINVAL;
	if (!result)
		result = completion_reserve(handle, call->wait, &reserved);
	if (!result)
		result = post_lock(handle, lock, call, reserved);
	return result;
}

static void adopt_apply(struct handle *handle, struct answer *answer, uint32_t value)
{
	const struct lock_call *call = answer->call;
	struct lock *lock;

	if (answer->result)
		return;
	lock = table_add_spare(&handle->table, answer->lock, value);
	answer->lock = NULL;
	lock->mode = (int8_t)call->mode;
	lock->value_block = call->flags & LKF_VALBLK;
	lock->ast = call->ast;
	lock->ast_arg = call->ast_arg;
	lock->bast = call->bast;
	lock->bast_arg = call->bast_arg;
	call->lksb->sb_lkid = value;
	lksb_status(call->lksb, 0);
}

static int adopt(struct handle *handle, const struct lock_call *call)
{
	struct answer answer = {.apply = adopt_apply, .call = call};
	int result;

	answer.lock = table_spare(&handle->table);
	if (!answer.lock)
		return -ENOMEM;
	answer.serial = userlink_serial(handle->engine);
	result = append_lock(handle, CLIENT_ADOPT, call, 0, answer.serial);
	if (!result)
		result = userlink_ask(handle, &answer);
	if (answer.lock && !handle->closed)
		table_spare_drop(&handle->table, answer.lock);
	return result ? result : OPS_DONE;
}

/* A call that finds the connection ended fails itself, whatever it was about to say; then the
 * others. */
static int settle(struct handle *handle, int result)
{
	if (result == -ENOTCONN)
		input_take(handle);
	return handle->lost.happened && result < 0 ? -ENOTCONN : result;
}

static int lock_by_kind(struct handle *handle, const struct lock_call *call)
{
	int result;

	if (call->flags & LKF_CONVERT)
		return convert(handle, call);
	result = check_lock(call);
	if (result)
		return result;
	return call->flags & LKF_ORPHAN ? adopt(handle, call) : request(handle, call);
}

int usercall_lock(struct handle *handle, const struct lock_call *call)
{
	return settle(handle, lock_by_kind(handle, call));
}

static int append_unlock(struct handle *handle, const struct unlock_call *call, uint32_t serial)
{
	bool with_lvb = call->flags & LKF_VALBLK && call->lksb && call->lksb->sb_lvbptr;
	uint32_t bytes =
		(uint32_t)sizeof(struct client_unlock) + (with_lvb ? DLM_USER_LVB_BYTES : 0);
	struct client_unlock *record;
	void *room;
	int result = userlink_append(handle, CLIENT_UNLOCK, bytes, &room);

	if (result)
		return result;
	record = room;
	record->lkid = call->lkid;
	record->flags = call->flags;
	record->head.serial = serial;
	if (call->deadlock)
		record->head.flags |= CLIENT_UNLOCK_DEADLOCK;
	if (with_lvb) {
		record->head.flags |= CLIENT_UNLOCK_HAS_LVB;
		memcpy(record + 1, call->lksb->sb_lvbptr, DLM_USER_LVB_BYTES);
	}
	return 0;
}

static int unlock_idle(struct handle *handle, struct lock *lock, const struct unlock_call *call)
{
	struct delivery *reserved;
	int result = completion_reserve(handle, call->wait, &reserved);

	if (result)
		return result;
	result = append_unlock(handle, call, 0);
	if (result) {
		dispatch_drop(&handle->dispatch, reserved);
		return result;
	}
	lksb_status(call->lksb, EINPROG);
	completion_expect_unlock(handle, lock, call, reserved);
	result = userlink_post(handle);
	if (result)
		completion_unexpect(handle, lock);
	return result;
}

static bool is_cancel(const struct unlock_call *call)
{
	return call->deadlock || call->flags & LKF_CANCEL;
}

/*
 * The end of a lock with an operation in progress. A plain unlock is right where the lock waits on
 * a queue, and EBUSY where an answer of its master is due: only the engine knows. A completion that
 * came before the answer belongs to the call before; one that follows, to ours.
 */
static void overtake_apply(struct handle *handle, struct answer *answer, uint32_t value)
{
	const struct unlock_call *call = answer->call;
	struct lock *lock;

	if (answer->result)
		return;
	lock = table_find(&handle->table, answer->lkid);
	if (!lock || (lock->op == LOCK_IDLE && is_cancel(call))) {
		answer->result = OPS_DONE;
		return;
	}
	if (call->lksb)
		lksb_status(call->lksb, EINPROG);
	completion_expect_unlock(handle, lock, call, answer->reserved);
	answer->reserved = NULL;
}

static int overtake(struct handle *handle, const struct unlock_call *call)
{
	struct answer answer = {.apply = overtake_apply, .call = call, .lkid = call->lkid};
	int result = completion_reserve(handle, call->wait || call->deadlock, &answer.reserved);

	if (result)
		return result;
	answer.serial = userlink_serial(handle->engine);
	result = append_unlock(handle, call, answer.serial);
	if (!result)
		result = userlink_ask(handle, &answer);
	if (!handle->closed)
		dispatch_drop(&handle->dispatch, answer.reserved);
	return result;
}

/* Nothing to cancel. What was cancelled once refuses to be again before another lock call. */
static int cancel_idle(const struct lock *lock)
{
	return lock->cancelled ? -EINVAL : OPS_DONE;
}

static int unlock_by_state(struct handle *handle, const struct unlock_call *call)
{
	struct lock *lock = find_idle(handle, call->lkid);
	int result;

	if (!lock)
		return -ENOENT;
	result = check_unlock(call);
	if (result)
		return result;
	if (lock->op == LOCK_IDLE)
		return is_cancel(call) ? cancel_idle(lock) : unlock_idle(handle, lock, call);
	if (lock->op == LOCK_UNLOCK && !is_cancel(call) && !(call->flags & LKF_FORCEUNLOCK))
		return -EBUSY;
	return overtake(handle, call);
}

int usercall_unlock(struct handle *handle, const struct unlock_call *call)
{
	return settle(handle, unlock_by_state(handle, call));
}

static void purge_apply(struct handle *handle, struct answer *answer, uint32_t value)
{
	if (!answer->result && answer->call)
		completion_purge_all(handle);
}

/* Our own pid is what the daemon calls us, in case it counts pids otherwise. */
int usercall_purge(struct handle *handle, int nodeid, int pid)
{
	struct user *user = handle->engine;
	struct connection *connection = user->connection;
	bool here = !nodeid || (uint32_t)nodeid == connection->welcome.nodeid;
	bool own = here && pid == fork_pid();
	struct answer answer = {.apply = purge_apply, .call = own ? handle : NULL};
	struct client_purge *purge;
	void *room;
	int result = userlink_append(handle, CLIENT_PURGE, sizeof(*purge), &room);

	if (result)
		return result;
	answer.serial = userlink_serial(user);
	purge = room;
	purge->head.serial = answer.serial;
	purge->nodeid = (uint32_t)nodeid;
	purge->pid = own ? connection->owner : (uint32_t)pid;
	return userlink_ask(handle, &answer);
}
