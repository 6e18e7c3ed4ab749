/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages about locks of our programs: replies of their masters, grants, blocking ASTs. */
#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/callback.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/message.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/owner.h"
#include "engine/receive.h"
#include "engine/request.h"
#include "engine/resource.h"
#include "engine/waiter.h"

/* The process copy that a message is about; NULL: ignore the message. */
static struct lock *find_own(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = lock_find(ls, msg->remid);
	const char *why = NULL;

	if (!lock || !lock->resource)
		why = "no such lock";
	else if (lock->flags & LOCK_MASTER_COPY)
		why = "the lock is not ours";
	else if (lock->nodeid != nodeid)
		why = "the sender is not its master";
	if (!why)
		return lock;
	message_refused(ls, nodeid, msg, why);
	return NULL;
}

/* An overlapping cancel or unlock was sent, and not just remembered for later. */
static bool overlap_is_sent(const struct lock *lock, uint16_t flag)
{
	return (lock->flags & flag) && lock->wait_count > (lock->wait_type ? 1 : 0);
}

/* Whether a reply of @type can belong to what we have asked: a master that errs must not lead us
 * on. */
static bool is_awaited(const struct lock *lock, enum wire_msg_type type)
{
	if (type == WIRE_MSG_REQUEST_REPLY)
		return lock->wait_type == WIRE_MSG_LOOKUP || lock->wait_type == WIRE_MSG_REQUEST;
	if (type == WIRE_MSG_CONVERT_REPLY)
		return lock->wait_type == WIRE_MSG_CONVERT;
	if (type == WIRE_MSG_UNLOCK_REPLY)
		return lock->wait_type == WIRE_MSG_UNLOCK ||
		       overlap_is_sent(lock, LOCK_OVERLAP_UNLOCK);
	return !(lock->flags & LOCK_OVERLAP_CANCEL) || overlap_is_sent(lock, LOCK_OVERLAP_CANCEL);
}

static struct owner_answer answer_of(const struct wire_msg *msg)
{
	return (struct owner_answer){
		.result = msg->result,
		.sbflags = (uint8_t)(msg->sbflags & 7u),
		.shared = (uint8_t)(msg->flags & (WIRE_FLAG_USER | WIRE_FLAG_ORPHAN)),
		.grmode = msg->grmode,
		.remid = msg->lkid,
		.lvb = msg->extra,
		.lvb_bytes = msg->extra_bytes,
		.lvbseq = msg->lvbseq,
	};
}

/*
 * A LOOKUP may be answered by the directory node as master, so for that one the sender is not known
 * to be master before; nor need it be the directory still, where a recovery came in between.
 */
void receive_request_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = lock_find(ls, msg->remid);
	struct owner_answer answer = answer_of(msg);
	bool was_lookup;

	if (!lock || !lock->resource || (lock->flags & LOCK_MASTER_COPY)) {
		message_refused(ls, nodeid, msg, "no such lock of ours");
		return;
	}
	was_lookup = lock->wait_type == WIRE_MSG_LOOKUP;
	if (!was_lookup && lock->nodeid != nodeid) {
		message_refused(ls, nodeid, msg, "the sender is not its master");
		return;
	}
	if (!is_awaited(lock, WIRE_MSG_REQUEST_REPLY) ||
		waiter_reply(lock, WIRE_MSG_REQUEST_REPLY, msg->result)) {
		message_refused(ls, nodeid, msg, "nothing was asked");
		return;
	}
	if (was_lookup) {
		resource_set_master(lock->resource, nodeid);
		lock->nodeid = nodeid;
	}
	owner_request_reply(lock, &answer);
}

void receive_lookup_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = lock_find(ls, msg->lkid);

	if (!lock || !lock->resource || (lock->flags & LOCK_MASTER_COPY) ||
		lock->wait_type != WIRE_MSG_LOOKUP) {
		message_refused(ls, nodeid, msg, "no lookup of ours");
		return;
	}
	if (waiter_reply(lock, WIRE_MSG_LOOKUP_REPLY, 0)) {
		message_refused(ls, nodeid, msg, "nothing was asked");
		return;
	}
	owner_lookup_reply(lock, member_find(ls, msg->nodeid) ? msg->nodeid : 0);
}

void receive_convert_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_own(ls, nodeid, msg);
	struct owner_answer answer = answer_of(msg);

	if (!lock)
		return;
	if (!is_awaited(lock, WIRE_MSG_CONVERT_REPLY) ||
		waiter_reply(lock, WIRE_MSG_CONVERT_REPLY, msg->result)) {
		message_refused(ls, nodeid, msg, "nothing was asked");
		return;
	}
	owner_convert_reply(lock, &answer);
}

void receive_unlock_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_own(ls, nodeid, msg);
	struct owner_answer answer = answer_of(msg);

	if (!lock)
		return;
	if (!is_awaited(lock, WIRE_MSG_UNLOCK_REPLY) ||
		waiter_reply(lock, WIRE_MSG_UNLOCK_REPLY, msg->result)) {
		message_refused(ls, nodeid, msg, "nothing was asked");
		return;
	}
	owner_unlock_reply(lock, &answer);
}

void receive_cancel_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_own(ls, nodeid, msg);
	struct owner_answer answer = answer_of(msg);

	if (!lock)
		return;
	if (!is_awaited(lock, WIRE_MSG_CANCEL_REPLY) ||
		waiter_reply(lock, WIRE_MSG_CANCEL_REPLY, msg->result)) {
		message_refused(ls, nodeid, msg, "nothing was asked");
		return;
	}
	owner_cancel_reply(lock, &answer);
}

void receive_grant(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_own(ls, nodeid, msg);
	struct owner_answer answer = answer_of(msg);

	if (!lock)
		return;
	if (lock->status != LOCK_WAITING && lock->status != LOCK_CONVERTING) {
		message_refused(ls, nodeid, msg, "the lock waits for no grant");
		return;
	}
	owner_granted(lock, &answer);
}

void receive_bast(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct lock *lock = find_own(ls, nodeid, msg);

	if (!lock)
		return;
	if (!mode_valid(msg->bastmode)) {
		message_refused(ls, nodeid, msg, "blocks no mode");
		return;
	}
	lock->highbast = (int8_t)msg->bastmode;
	callback_blocking(lock, msg->bastmode);
}
