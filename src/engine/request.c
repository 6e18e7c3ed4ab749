/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/request.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/master.h"
#include "engine/message.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/owner.h"
#include "engine/resource.h"
#include "engine/value.h"
#include "engine/waiter.h"

/* ---- arguments ---- */

static int check_flags(const struct engine_lock_args *args)
{
	uint32_t flags = args->flags;

	if (!mode_valid(args->mode) || (flags & DLM_LKF_CANCEL))
		return -EINVAL;
	if ((flags & (DLM_LKF_QUECVT | DLM_LKF_CONVDEADLK)) && !(flags & DLM_LKF_CONVERT))
		return -EINVAL;
	if ((flags & DLM_LKF_CONVDEADLK) && (flags & DLM_LKF_NOQUEUE))
		return -EINVAL;
	if ((flags & DLM_LKF_EXPEDITE) &&
		((flags & (DLM_LKF_CONVERT | DLM_LKF_QUECVT | DLM_LKF_NOQUEUE)) ||
			args->mode != DLM_MODE_NL))
		return -EINVAL;
	return 0;
}

int request_check_new(const struct engine_client *client, const struct engine_lock_args *args)
{
	uint32_t max = client->ls->engine->settings.client_locks_max;
	int error = check_flags(args);

	if (error)
		return error;
	if (!args->name || !args->name_bytes || args->name_bytes > DLM_NAME_BYTES_MAX)
		return -EINVAL;
	if (max && client->lock_count >= max)
		return -EDQUOT;
	return client->ls->running ? 0 : -EAGAIN;
}

static int check_convert(const struct lock *lock, const struct engine_lock_args *args)
{
	int error = check_flags(args);

	if (error)
		return error;
	if (lock->status != LOCK_GRANTED || list_linked(&lock->waiter) ||
		(lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL)))
		return -EBUSY;
	if ((args->flags & DLM_LKF_QUECVT) && !mode_quecvt_allowed(lock->grmode, args->mode))
		return -EINVAL;
	return callback_room(lock, 2) ? 0 : -EBUSY;
}

/* A lock of this client that has not ended; NULL: none. */
static struct lock *find_own(const struct engine_client *client, uint32_t lkid)
{
	struct lock *lock = lock_find(client->ls, lkid);

	if (!lock || lock->client != client || (lock->flags & LOCK_ENDED))
		return NULL;
	return lock;
}

/* ---- where a new lock goes ---- */

enum route {
	ROUTE_LOCAL,  /* we are master */
	ROUTE_REMOTE, /* lock->nodeid is */
	ROUTE_LOOKUP, /* the directory must be asked */
	ROUTE_WAIT,   /* another lock is asking already */
};

/*
 * Only one lock at a time may go to a master that is not certain, or ask who it is: two that ask
 * could meet the master's removal between them and end with two masters.
 */
static enum route route_choose(struct lock *lock)
{
	struct resource *resource = lock->resource;
	uint32_t ours = resource->ls->engine->nodeid;

	if (resource->flags & RESOURCE_MASTER_UNCERTAIN) {
		resource->flags &= (uint16_t)~RESOURCE_MASTER_UNCERTAIN;
		resource->first_lkid = lock->lkid;
		lock->nodeid = resource->master_nodeid;
		return ROUTE_REMOTE;
	}
	if (resource->first_lkid && resource->first_lkid != lock->lkid)
		return ROUTE_WAIT;
	if (!resource->master_nodeid && resource->dir_nodeid == ours) {
		resource_set_master(resource, ours);
		resource->first_lkid = 0;
	}
	if (resource_is_master(resource)) {
		lock->nodeid = 0;
		return ROUTE_LOCAL;
	}
	if (resource->master_nodeid) {
		lock->nodeid = resource->master_nodeid;
		return ROUTE_REMOTE;
	}
	resource->first_lkid = lock->lkid;
	return ROUTE_LOOKUP;
}

static void run_local(struct lock *lock)
{
	int result = master_request(lock);

	master_request_effects(lock, result);
	client_settle(lock);
}

int request_start(struct lock *lock, bool must_go)
{
	struct resource *resource = lock->resource;
	int error = 0;

	switch (route_choose(lock)) {
	case ROUTE_LOCAL:
		run_local(lock);
		return 0;
	case ROUTE_WAIT:
		lock->flags |= LOCK_LOOKUP_WAIT;
		list_add_tail(&resource->lookup, &lock->queue);
		return 0;
	case ROUTE_REMOTE:
		error = message_send_request(lock, lock->nodeid, must_go);
		if (error != -ENOMEM)
			waiter_add(lock, WIRE_MSG_REQUEST);
		break;
	case ROUTE_LOOKUP:
		error = message_send_lookup(lock, resource->dir_nodeid, must_go);
		if (error != -ENOMEM)
			waiter_add(lock, WIRE_MSG_LOOKUP);
		break;
	}
	if (error == -ENOMEM && !must_go) {
		if (resource->first_lkid == lock->lkid) {
			resource->first_lkid = 0;
			if (resource->master_nodeid)
				resource->flags |= RESOURCE_MASTER_UNCERTAIN;
		}
		return -ENOMEM;
	}
	return 0;
}

void request_run_lookups(struct resource *resource)
{
	struct list waiting;
	struct lock *lock;

	list_init(&waiting);
	list_take_all(&waiting, &resource->lookup);
	while ((lock = list_first(&waiting, struct lock, queue))) {
		list_remove(&lock->queue);
		lock->flags &= (uint16_t)~LOCK_LOOKUP_WAIT;
		(void)request_start(lock, true);
	}
}

/* The one that tried has failed for a reason of its own: the next in line tries. */
static void try_next(struct resource *resource)
{
	struct lock *lock = list_first(&resource->lookup, struct lock, queue);

	if (!lock)
		return;
	list_remove(&lock->queue);
	lock->flags &= (uint16_t)~LOCK_LOOKUP_WAIT;
	resource->first_lkid = lock->lkid;
	(void)request_start(lock, true);
}

void request_confirm_master(struct resource *resource, uint32_t lkid, int result)
{
	if (resource_is_master(resource)) {
		resource->first_lkid = 0;
		request_run_lookups(resource);
		return;
	}
	if (resource->first_lkid != lkid)
		return;
	resource->first_lkid = 0;
	if (!result || result == -EINPROGRESS)
		request_run_lookups(resource);
	else
		try_next(resource);
}

/* ---- new locks ---- */

static int make_resource(
	struct engine_lockspace *ls, const struct engine_lock_args *args, struct resource **ret)
{
	uint32_t hash = resource_hash(args->name, args->name_bytes);
	struct resource *resource = resource_find(ls, args->name, args->name_bytes, hash);

	if (!resource)
		return resource_new(ls, args->name, args->name_bytes, hash, ret);
	*ret = resource;
	return 0;
}

/* An unused record's master may have dropped the resource meanwhile: ask it with care. */
static void revive(struct resource *resource)
{
	if (!(resource->flags & RESOURCE_IN_USE) && !resource->ls->nodir) {
		resource->first_lkid = 0;
		if (resource->master_nodeid && !resource_is_master(resource))
			resource->flags |= RESOURCE_MASTER_UNCERTAIN;
	}
	resource_hold(resource);
}

static void set_caller(struct lock *lock, const struct engine_lock_args *args)
{
	lock->exflags = args->flags;
	lock->sbflags = 0;
	lock->pid = args->pid;
	lock->rqmode = (int8_t)args->mode;
	lock->since_s = (uint32_t)(lock->resource->ls->engine->now_ms / 1000);
	if (args->wants_bast)
		lock->flags |= LOCK_WANTS_BAST;
	else
		lock->flags &= (uint16_t)~LOCK_WANTS_BAST;
}

static int new_lock(struct engine_client *client, const struct engine_lock_args *args)
{
	struct engine_lockspace *ls = client->ls;
	struct resource *resource;
	struct lock *lock;
	int error = request_check_new(client, args);

	if (error)
		return error;
	if (lockid_holder(&ls->ids, args->lkid) != client->number || (args->flags & DLM_LKF_ORPHAN))
		return -EINVAL;
	error = make_resource(ls, args, &resource);
	if (!error)
		error = lock_new(ls, resource, args->lkid, &lock);
	if (error)
		return error;
	if (((args->flags & DLM_LKF_VALBLK) && lock_lvb_make(ls, lock)) ||
		lock_set_xid(ls, lock, args->xid)) {
		lock_free(ls, lock);
		return -ENOMEM;
	}
	set_caller(lock, args);
	lock->shared = WIRE_FLAG_USER;
	lock->asts = WIRE_ASTS_CAST | WIRE_ASTS_BAST;
	lock->flags |= LOCK_PENDING;
	resource->pending_count++;
	client_attach(client, lock);
	revive(resource);
	error = request_start(lock, false);
	if (error) {
		/* As if it had never been: no callback, the id is free again. */
		lock->flags |= LOCK_ENDED;
		client_settle(lock);
	}
	return error;
}

/* ---- conversions ---- */

/* What a failed conversion must put back. */
struct before {
	uint32_t exflags, pid, since_s;
	uint16_t flags;
	uint8_t sbflags;
	int8_t rqmode;
};

static void convert_local(struct lock *lock)
{
	int result = master_convert(lock);

	master_convert_effects(lock, result);
}

/* The master grants it in any case and does not answer: it is granted here as it is sent. */
static void convert_down_granted(struct lock *lock)
{
	struct owner_answer answer = {.grmode = DLM_MODE_IV, .shared = lock->shared};

	owner_convert_reply(lock, &answer);
}

static int convert_remote(struct lock *lock, bool must_go)
{
	bool down = mode_goes_down(lock->grmode, lock->rqmode);
	int error = message_send_convert(lock, must_go);

	if (error == -ENOMEM)
		return error;
	if (down)
		convert_down_granted(lock);
	else
		waiter_add(lock, WIRE_MSG_CONVERT);
	return 0;
}

static int convert(struct engine_client *client, const struct engine_lock_args *args)
{
	struct engine_lockspace *ls = client->ls;
	struct lock *lock = find_own(client, args->lkid);
	struct before before;
	int error;

	if (!ls->running)
		return -EAGAIN;
	if (!lock)
		return -ENOENT;
	error = check_convert(lock, args);
	if (error)
		return error;
	if (((args->flags & DLM_LKF_VALBLK) && lock_lvb_make(ls, lock)) ||
		lock_set_xid(ls, lock, args->xid))
		return -ENOMEM;
	before = (struct before){
		lock->exflags, lock->pid, lock->since_s, lock->flags, lock->sbflags, lock->rqmode};
	set_caller(lock, args);
	value_replaced(lock, args->lvb);
	client_account(lock); /* PERSISTENT may have changed */
	if (resource_is_master(lock->resource)) {
		convert_local(lock);
		return 0;
	}
	error = convert_remote(lock, false);
	if (error) {
		lock->exflags = before.exflags;
		lock->pid = before.pid;
		lock->since_s = before.since_s;
		lock->flags = before.flags & (uint16_t)~LOCK_VALUE_FRESH;
		lock->sbflags = before.sbflags;
		lock->rqmode = before.rqmode;
		client_account(lock);
	}
	return error;
}

void request_restart_convert(struct lock *lock)
{
	if (lock->status != LOCK_GRANTED)
		return;
	if (resource_is_master(lock->resource)) {
		lock->nodeid = 0;
		convert_local(lock);
	} else {
		(void)convert_remote(lock, true);
	}
}

int engine_lock(struct engine_client *client, const struct engine_lock_args *args)
{
	if (args->flags & DLM_LKF_CONVERT)
		return convert(client, args);
	return new_lock(client, args);
}

/* ---- unlock and cancel ---- */

void request_send_unlock(struct lock *lock)
{
	struct resource *resource = lock->resource;

	if (lock->flags & LOCK_PENDING && lock->status == LOCK_NONE)
		return;
	if (resource_is_master(resource)) {
		master_unlock(lock);
		master_left_effects(resource);
		client_settle(lock);
		return;
	}
	message_send_unlock(lock);
	waiter_add(lock, WIRE_MSG_UNLOCK);
}

void request_send_cancel(struct lock *lock)
{
	struct resource *resource = lock->resource;

	if (resource_is_master(resource)) {
		if (master_cancel(lock))
			master_left_effects(resource);
		else
			lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
		client_settle(lock);
		return;
	}
	message_send_cancel(lock);
	waiter_add(lock, WIRE_MSG_CANCEL);
}

void request_end_overlapped(struct lock *lock)
{
	bool unlocks = lock->flags & LOCK_OVERLAP_UNLOCK;

	lock->flags &= (uint16_t) ~(LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL);
	callback_completion(lock, unlocks ? -DLM_STATUS_EUNLOCK : -DLM_STATUS_ECANCEL);
	client_settle(lock);
}

/* It waits in line for another lock's lookup: nobody else knows of it. */
static void end_in_line(struct lock *lock, int status)
{
	lock_dequeue(lock);
	callback_completion(lock, status);
	client_settle(lock);
}

enum check {
	CHECK_SEND = 2,  /* go on and send it */
	CHECK_LATER = 1, /* it was noted, or there is nothing to do: no message now */
};

static bool awaits_request(const struct lock *lock)
{
	return lock->wait_type == WIRE_MSG_LOOKUP || lock->wait_type == WIRE_MSG_REQUEST;
}

static int check_cancel(struct lock *lock)
{
	if (lock->exflags & DLM_LKF_CANCEL)
		return -EINVAL;
	if (lock->flags & (LOCK_OVERLAP_UNLOCK | LOCK_OVERLAP_CANCEL))
		return -EINVAL;
	if ((lock->flags & LOCK_RESEND) || awaits_request(lock)) {
		lock->flags |= LOCK_OVERLAP_CANCEL;
		return CHECK_LATER;
	}
	if (lock->wait_type == WIRE_MSG_UNLOCK || lock->wait_type == WIRE_MSG_CANCEL)
		return -EINVAL;
	if (lock->status == LOCK_GRANTED && !lock->wait_type)
		return CHECK_LATER;
	return CHECK_SEND;
}

static int check_force_unlock(struct lock *lock)
{
	if ((lock->exflags & DLM_LKF_FORCEUNLOCK) || (lock->flags & LOCK_OVERLAP_UNLOCK))
		return -EINVAL;
	if ((lock->flags & LOCK_RESEND) || awaits_request(lock)) {
		lock->flags |= LOCK_OVERLAP_UNLOCK;
		return CHECK_LATER;
	}
	return lock->wait_type == WIRE_MSG_UNLOCK ? -EINVAL : CHECK_SEND;
}

static int check_unlock(const struct lock *lock)
{
	return list_linked(&lock->waiter) || lock->status == LOCK_NONE ? -EBUSY : CHECK_SEND;
}

static int check_end(struct lock *lock, uint32_t flags)
{
	if (flags & DLM_LKF_CANCEL)
		return check_cancel(lock);
	if (flags & DLM_LKF_FORCEUNLOCK)
		return check_force_unlock(lock);
	return check_unlock(lock);
}

/* A cancel of what is granted and idle ends without a completion of its own: say so. */
static bool is_idle(const struct lock *lock)
{
	return lock->status == LOCK_GRANTED && !list_linked(&lock->waiter);
}

/* Return: 0; 1 nothing to cancel; -EINVAL, -EBUSY */
static int end_lock(struct lock *lock, uint32_t flags, const uint8_t *lvb, bool deadlock)
{
	bool cancels = flags & DLM_LKF_CANCEL;
	int check;

	if (lock->flags & LOCK_LOOKUP_WAIT) {
		if (!(flags & (DLM_LKF_CANCEL | DLM_LKF_FORCEUNLOCK)))
			return -EBUSY;
		if (deadlock)
			lock->flags |= LOCK_DEADLOCK_CANCEL;
		end_in_line(lock, cancels ? -DLM_STATUS_ECANCEL : -DLM_STATUS_EUNLOCK);
		return 0;
	}
	check = check_end(lock, flags);
	if (check < 0)
		return check;
	if (cancels && deadlock && !is_idle(lock))
		lock->flags |= LOCK_DEADLOCK_CANCEL;
	if (check == CHECK_LATER)
		return cancels && is_idle(lock) ? 1 : 0;
	if (!lock_lvb(lock))
		flags &= ~DLM_LKF_VALBLK; /* a kernel master would take zeros for the block */
	lock->exflags |= flags;
	/* a cancelled conversion leaves NL where it was demoted: its program must be told */
	lock->sbflags &= cancels ? DLM_SBF_DEMOTED_BIT : 0;
	value_replaced(lock, lvb);
	/* what it has is not what it would have to write */
	if (!cancels && !lvb && !(lock->flags & LOCK_VALUE_FRESH))
		lock->exflags &= ~DLM_LKF_VALBLK;
	if (cancels)
		request_send_cancel(lock);
	else
		request_send_unlock(lock);
	return 0;
}

#define END_FLAGS (DLM_LKF_CANCEL | DLM_LKF_VALBLK | DLM_LKF_IVVALBLK | DLM_LKF_FORCEUNLOCK)

static int end_own(struct engine_client *client, uint32_t lkid, uint32_t flags, const uint8_t *lvb,
	bool deadlock)
{
	struct lock *lock = find_own(client, lkid);

	if (!client->ls->running)
		return -EAGAIN;
	if (!lock)
		return -ENOENT;
	if ((flags & ~END_FLAGS) || ((flags & DLM_LKF_CANCEL) && (flags & DLM_LKF_FORCEUNLOCK)))
		return -EINVAL;
	if (!callback_room(lock, 1))
		return -EBUSY;
	return end_lock(lock, flags, lvb, deadlock);
}

int engine_unlock(struct engine_client *client, uint32_t lkid, uint32_t flags, const uint8_t *lvb)
{
	return end_own(client, lkid, flags, lvb, false);
}

int engine_deadlock_cancel(struct engine_client *client, uint32_t lkid)
{
	return end_own(client, lkid, DLM_LKF_CANCEL, NULL, true);
}

/* ---- when the program is gone ---- */

void request_abandon(struct lock *lock)
{
	lock->flags |= LOCK_SILENT;
	/* A lock call takes this flag and ignores it: it says nothing about an unlock. */
	lock->exflags &= ~DLM_LKF_FORCEUNLOCK;
	/* -EINVAL: an unlock is on its way already */
	(void)end_lock(lock, DLM_LKF_FORCEUNLOCK | DLM_LKF_IVVALBLK, NULL, false);
}

void request_orphan(struct lock *lock)
{
	bool converts = lock->status == LOCK_CONVERTING || lock->wait_type == WIRE_MSG_CONVERT;

	if (converts) {
		(void)end_lock(lock, DLM_LKF_CANCEL, NULL, false);
		return;
	}
	/* A cancel of what is granted changes nothing and carries the ORPHAN flag to the master. */
	if (!resource_is_master(lock->resource) && !list_linked(&lock->waiter))
		request_send_cancel(lock);
}

void request_adopt(
	struct engine_client *client, struct lock *lock, const struct engine_lock_args *args)
{
	client_adopted(client, lock);
	lock->exflags = args->flags & ~DLM_LKF_ORPHAN;
	lock->pid = args->pid;
	if (args->wants_bast)
		lock->flags |= LOCK_WANTS_BAST;
	client_account(lock);
}

int request_send_purge(struct engine_lockspace *ls, uint32_t nodeid, uint32_t pid)
{
	if (!member_find(ls, nodeid))
		return -ENOBUFS;
	return message_send_purge(ls, nodeid, pid);
}
