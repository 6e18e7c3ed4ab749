/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from owners of locks to us as their master. */
#include <errno.h>
#include <string.h>

#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/master.h"
#include "engine/message.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/receive.h"
#include "engine/request.h"
#include "engine/resource.h"

/* A master copy that is over: it is on no queue, and nobody here is told. */
static void copy_free(struct engine_lockspace *ls, struct lock *lock)
{
	struct resource *resource = lock->resource;

	lock_free(ls, lock);
	resource_put(resource);
}

static void take_flags(struct lock *lock, const struct wire_msg *msg)
{
	lock->exflags = msg->exflags;
	lock->sbflags = (uint8_t)(msg->sbflags & 7u);
	lock->shared = (uint8_t)(msg->flags & (WIRE_FLAG_USER | WIRE_FLAG_ORPHAN));
}

/*
 * What the directory asks of us, we take on: its record says that we are master, or it says that
 * there is no other. But what lay in the request queue was sent before the directory was rebuilt,
 * when the sender need not have been it, and another may be master meanwhile: it asks again if we
 * are to be.
 */
static bool directory_asks(const struct engine_lockspace *ls, uint32_t dir, uint32_t nodeid)
{
	return dir == nodeid && !ls->nodir && ls->recovery.step != RECOVERY_REQUESTS;
}

static int accept(struct resource *resource, uint32_t nodeid)
{
	if (resource_is_master(resource))
		return 0;
	if (!directory_asks(resource->ls, resource->dir_nodeid, nodeid))
		return -ENOTBLK;
	resource_set_master(resource, resource->ls->engine->nodeid);
	resource->first_lkid = 0;
	return 0;
}

static int find_or_make(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg,
	struct resource **ret)
{
	uint32_t hash = resource_hash(msg->extra, msg->extra_bytes);
	struct resource *resource = resource_find(ls, msg->extra, msg->extra_bytes, hash);
	uint32_t dir = member_directory(ls, hash);
	int error;

	if (!resource) {
		if (ls->nodir && dir != ls->engine->nodeid)
			return -ENOTBLK;
		if (dir != ls->engine->nodeid && !directory_asks(ls, dir, nodeid))
			return -EBADR;
		error = resource_new(ls, msg->extra, msg->extra_bytes, hash, &resource);
		if (error)
			return error;
		resource_set_master(resource, ls->engine->nodeid);
	}
	error = accept(resource, nodeid);
	if (!error)
		*ret = resource;
	return error;
}

static int copy_new(struct engine_lockspace *ls, uint32_t nodeid, struct resource *resource,
	const struct wire_msg *msg, struct lock **ret)
{
	struct lock *lock;
	int error = lock_new(ls, resource, 0, &lock);

	if (error)
		return error;
	take_flags(lock, msg);
	if ((msg->exflags & DLM_LKF_VALBLK) && lock_lvb_make(ls, lock)) {
		lock_free(ls, lock);
		return -ENOMEM;
	}
	lock->flags |= LOCK_MASTER_COPY;
	lock->nodeid = nodeid;
	lock->remid = msg->lkid;
	lock->pid = msg->pid;
	lock->rqmode = (int8_t)msg->rqmode;
	lock->asts = (uint8_t)msg->asts;
	*ret = lock;
	return 0;
}

static bool is_sane_request(const struct wire_msg *msg)
{
	return msg->lkid && mode_valid(msg->rqmode) && msg->extra_bytes >= 1 &&
	       msg->extra_bytes <= WIRE_NAME_MAX;
}

void receive_request(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct resource *resource;
	struct lock *lock;
	int result;

	if (!is_sane_request(msg)) {
		message_refused(ls, nodeid, msg, "request without id, name or mode");
		return;
	}
	result = find_or_make(ls, nodeid, msg, &resource);
	if (!result)
		result = copy_new(ls, nodeid, resource, msg, &lock);
	if (result) {
		/* A node that has no memory for it now lets the owner ask again: any other answer
		   would leave a kernel's lock without end. */
		if (result == -ENOMEM || result == -ENOSPC)
			result = -EBADR;
		message_send_refusal(ls, nodeid, msg, WIRE_MSG_REQUEST_REPLY, result);
		return;
	}
	resource_hold(resource);
	result = master_request(lock);
	message_send_reply(lock, WIRE_MSG_REQUEST_REPLY, result);
	master_request_effects(lock, result);
	if (result == -EAGAIN)
		copy_free(ls, lock);
}

/*
 * The master copy that a message is about. NULL: there is none, or it is not the sender's; where
 * the sender waits for an answer it gets -ENOENT as @reply.
 */
static struct lock *find_copy(struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_msg *msg, enum wire_msg_type reply)
{
	struct lock *lock = lock_find(ls, msg->remid);

	if (lock && lock->resource && (lock->flags & LOCK_MASTER_COPY)) {
		if (lock->nodeid != nodeid) {
			message_refused(ls, nodeid, msg, "the lock belongs to another node");
			return NULL;
		}
		if (msg->type == WIRE_MSG_CANCEL || lock->remid == msg->lkid)
			return lock;
	} else if (lock) {
		message_refused(ls, nodeid, msg, "we are not the master of this lock");
		return NULL;
	}
	message_send_refusal(ls, nodeid, msg, reply, -ENOENT);
	return NULL;
}

/* The owner's block, for a message that carries one. Lost memory makes the value not valid. */
static void take_value(struct engine_lockspace *ls, struct lock *lock, const struct wire_msg *msg)
{
	uint32_t bytes = msg->extra_bytes < ls->lvb_bytes ? msg->extra_bytes : ls->lvb_bytes;

	if (!(lock->exflags & DLM_LKF_VALBLK))
		return;
	if (!bytes && !lock_lvb(lock)) {
		/* an owner without a block has none to write: zeros are not what he means */
		lock->exflags &= ~DLM_LKF_VALBLK;
		return;
	}
	if (lock_lvb_make(ls, lock)) {
		lock->exflags &= ~DLM_LKF_VALBLK;
		lock->exflags |= DLM_LKF_IVVALBLK;
		/* to be told where there is no block; and what would be read has no room either */
		lock->resource->flags |= RESOURCE_VALUE_LOST;
		lock->sbflags |= DLM_SBF_VALNOTVALID_BIT;
		return;
	}
	if (bytes)
		memcpy(lock_lvb(lock), msg->extra, bytes);
	lock->lvbseq = msg->lvbseq;
}

void receive_convert(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_copy(ls, nodeid, msg, WIRE_MSG_CONVERT_REPLY);
	bool answers;
	int result;

	if (!lock)
		return;
	if (!mode_valid(msg->rqmode)) {
		message_refused(ls, nodeid, msg, "conversion to no mode");
		return;
	}
	if (lock->status != LOCK_GRANTED) {
		message_send_reply(lock, WIRE_MSG_CONVERT_REPLY, -EBUSY);
		return;
	}
	take_flags(lock, msg);
	take_value(ls, lock, msg);
	lock->pid = msg->pid;
	lock->rqmode = (int8_t)msg->rqmode;
	answers = !mode_goes_down(lock->grmode, lock->rqmode);
	result = master_convert(lock);
	if (answers)
		message_send_reply(lock, WIRE_MSG_CONVERT_REPLY, result);
	master_convert_effects(lock, result);
}

void receive_unlock(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_copy(ls, nodeid, msg, WIRE_MSG_UNLOCK_REPLY);
	struct resource *resource;
	int result;

	if (!lock)
		return;
	take_flags(lock, msg);
	take_value(ls, lock, msg);
	resource = lock->resource;
	result = master_unlock(lock);
	message_send_reply(lock, WIRE_MSG_UNLOCK_REPLY, result);
	master_left_effects(resource);
	copy_free(ls, lock);
}

void receive_cancel(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_copy(ls, nodeid, msg, WIRE_MSG_CANCEL_REPLY);
	struct resource *resource;
	uint8_t demoted;
	int result;

	if (!lock)
		return;
	demoted = lock->sbflags & DLM_SBF_DEMOTED_BIT;
	take_flags(lock, msg);
	lock->sbflags |= demoted; /* the owner may not know of it yet */
	resource = lock->resource;
	result = master_cancel(lock);
	message_send_reply(lock, WIRE_MSG_CANCEL_REPLY, result);
	if (result)
		master_left_effects(resource);
	if (lock->status == LOCK_NONE)
		copy_free(ls, lock);
}
