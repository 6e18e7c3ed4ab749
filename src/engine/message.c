/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/message.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"
#include "engine/directory.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/receive.h"
#include "engine/requestqueue.h"
#include "engine/resource.h"

static void trace(struct engine_lockspace *ls, enum engine_trace_kind kind, uint32_t nodeid,
	const struct wire_msg *msg, const struct resource *resource)
{
	struct engine_trace trace = {
		.kind = kind,
		.lockspace = ls,
		.nodeid = nodeid,
		.code = msg->type,
		.lkid = msg->lkid,
		.mode = msg->rqmode,
		.result = msg->result,
	};

	if (!node_is_traced(ls->engine))
		return;
	if (resource) {
		trace.name = resource->name;
		trace.name_bytes = resource->name_bytes;
	}
	node_trace(ls->engine, &trace);
}

void message_refused(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg, const char *why)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_REFUSED,
		.lockspace = ls,
		.nodeid = nodeid,
		.code = msg->type,
		.lkid = msg->remid,
		.text = why,
	};

	node_trace(ls->engine, &trace);
}

static int send_msg(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg,
	const struct resource *resource, bool must_go)
{
	struct engine *engine = ls->engine;
	uint8_t frame[WIRE_INNER_MAX];
	int bytes = wire_msg_encode(
		engine->send_version, ls->global_id, engine->nodeid, msg, frame, sizeof(frame));

	must(bytes > 0);
	trace(ls, ENGINE_TRACE_SEND, nodeid, msg, resource);
	return node_send(engine, nodeid, frame, (size_t)bytes, must_go);
}

/* The fields that nearly every message carries. */
static struct wire_msg from_lock(const struct lock *lock, enum wire_msg_type type)
{
	return (struct wire_msg){
		.type = type,
		.nodeid = lock->nodeid,
		.pid = lock->pid,
		.lkid = lock->lkid,
		.remid = lock->remid,
		.exflags = lock->exflags,
		.sbflags = lock->sbflags,
		.flags = lock->shared,
		.lvbseq = lock->lvbseq,
		.hash = lock->resource->hash,
		.status = lock->status,
		.grmode = lock->grmode,
		.rqmode = lock->rqmode,
		.bastmode = DLM_MODE_NL,
		.asts = lock->asts,
	};
}

/*
 * As kernel 6.12 does: a value block travels only where it takes part. And a master without a block
 * gives none: what it would send is what the owner has already.
 */
static void add_lvb(struct wire_msg *msg, const struct lock *lock)
{
	const uint8_t *lvb = lock_lvb(lock);

	if (!lvb || !(lock->exflags & DLM_LKF_VALBLK))
		return;
	if ((lock->flags & LOCK_MASTER_COPY) && !lock->resource->lvb)
		return;
	msg->extra = lvb;
	msg->extra_bytes = lock->resource->ls->lvb_bytes;
}

static int send_for(struct lock *lock, uint32_t nodeid, const struct wire_msg *msg, bool must_go)
{
	int error = send_msg(lock->resource->ls, nodeid, msg, lock->resource, must_go);

	client_sent(lock, nodeid);
	return error;
}

static int send_with_name(struct lock *lock, enum wire_msg_type type, uint32_t nodeid, bool must_go)
{
	struct wire_msg msg = from_lock(lock, type);

	msg.nodeid = nodeid;
	msg.remid = 0;
	msg.extra = lock->resource->name;
	msg.extra_bytes = lock->resource->name_bytes;
	return send_for(lock, nodeid, &msg, must_go);
}

int message_send_request(struct lock *lock, uint32_t nodeid, bool must_go)
{
	return send_with_name(lock, WIRE_MSG_REQUEST, nodeid, must_go);
}

int message_send_lookup(struct lock *lock, uint32_t nodeid, bool must_go)
{
	return send_with_name(lock, WIRE_MSG_LOOKUP, nodeid, must_go);
}

static int send_to_other(struct lock *lock, struct wire_msg *msg, bool must_go)
{
	return send_for(lock, lock->nodeid, msg, must_go);
}

int message_send_convert(struct lock *lock, bool must_go)
{
	struct wire_msg msg = from_lock(lock, WIRE_MSG_CONVERT);

	add_lvb(&msg, lock);
	return send_to_other(lock, &msg, must_go);
}

void message_send_unlock(struct lock *lock)
{
	struct wire_msg msg = from_lock(lock, WIRE_MSG_UNLOCK);

	add_lvb(&msg, lock);
	(void)send_to_other(lock, &msg, true);
}

void message_send_cancel(struct lock *lock)
{
	struct wire_msg msg = from_lock(lock, WIRE_MSG_CANCEL);

	(void)send_to_other(lock, &msg, true);
}

void message_send_reply(struct lock *lock, enum wire_msg_type type, int result)
{
	struct wire_msg msg = from_lock(lock, type);

	msg.result = result;
	if (type == WIRE_MSG_REQUEST_REPLY || type == WIRE_MSG_CONVERT_REPLY)
		add_lvb(&msg, lock);
	(void)send_to_other(lock, &msg, true);
}

void message_send_grant(struct lock *lock)
{
	struct wire_msg msg = from_lock(lock, WIRE_MSG_GRANT);

	add_lvb(&msg, lock);
	(void)send_to_other(lock, &msg, true);
}

void message_send_bast(struct lock *lock, int mode)
{
	struct wire_msg msg = from_lock(lock, WIRE_MSG_BAST);

	msg.bastmode = mode;
	(void)send_to_other(lock, &msg, true);
}

void message_send_refusal(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg,
	enum wire_msg_type type, int result)
{
	const struct wire_msg reply = {
		.type = type,
		.nodeid = nodeid,
		.remid = msg->lkid,
		.flags = msg->flags & WIRE_FLAG_USER,
		.grmode = DLM_MODE_IV,
		.rqmode = msg->rqmode,
		.result = result,
	};

	(void)send_msg(ls, nodeid, &reply, NULL, true);
}

int message_send_remove(struct resource *resource)
{
	const struct wire_msg msg = {
		.type = WIRE_MSG_REMOVE,
		.hash = resource->hash,
		.extra = resource->name,
		.extra_bytes = resource->name_bytes,
	};

	return send_msg(resource->ls, resource->dir_nodeid, &msg, resource, false);
}

void message_send_lookup_reply(struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_msg *lookup, uint32_t master_nodeid)
{
	const struct wire_msg reply = {
		.type = WIRE_MSG_LOOKUP_REPLY,
		.nodeid = master_nodeid ? master_nodeid : UINT32_MAX,
		.lkid = lookup->lkid,
	};

	(void)send_msg(ls, nodeid, &reply, NULL, true);
}

int message_send_purge(struct engine_lockspace *ls, uint32_t nodeid, uint32_t pid)
{
	const struct wire_msg msg = {.type = WIRE_MSG_PURGE, .nodeid = nodeid, .pid = pid};

	return send_msg(ls, nodeid, &msg, NULL, true);
}

void message_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	if (ls->running && list_empty(&ls->requests)) {
		message_process(ls, nodeid, msg);
		return;
	}
	/*
	 * What a node sent before it left can arrive when it is gone, and nothing tells it from
	 * what it will say when it has joined again: so it is not kept. A node that joins sends
	 * nothing before we have taken it in.
	 */
	if (!member_find(ls, nodeid)) {
		message_refused(ls, nodeid, msg, "the sender is no member");
		return;
	}
	/* Before our first recovery gave the lockspace a generation nobody can mean us. */
	if (!ls->members.generation) {
		message_refused(ls, nodeid, msg, "no recovery was completed yet");
		return;
	}
	requestqueue_add(ls, nodeid, msg);
}

void message_process(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	if (!member_find(ls, nodeid)) {
		message_refused(ls, nodeid, msg, "the sender is no member");
		return;
	}
	trace(ls, ENGINE_TRACE_RECEIVE, nodeid, msg, NULL);
	switch (msg->type) {
	case WIRE_MSG_REQUEST:
		receive_request(ls, nodeid, msg);
		return;
	case WIRE_MSG_CONVERT:
		receive_convert(ls, nodeid, msg);
		return;
	case WIRE_MSG_UNLOCK:
		receive_unlock(ls, nodeid, msg);
		return;
	case WIRE_MSG_CANCEL:
		receive_cancel(ls, nodeid, msg);
		return;
	case WIRE_MSG_REQUEST_REPLY:
		receive_request_reply(ls, nodeid, msg);
		return;
	case WIRE_MSG_CONVERT_REPLY:
		receive_convert_reply(ls, nodeid, msg);
		return;
	case WIRE_MSG_UNLOCK_REPLY:
		receive_unlock_reply(ls, nodeid, msg);
		return;
	case WIRE_MSG_CANCEL_REPLY:
		receive_cancel_reply(ls, nodeid, msg);
		return;
	case WIRE_MSG_GRANT:
		receive_grant(ls, nodeid, msg);
		return;
	case WIRE_MSG_BAST:
		receive_bast(ls, nodeid, msg);
		return;
	case WIRE_MSG_LOOKUP:
		directory_receive_lookup(ls, nodeid, msg);
		return;
	case WIRE_MSG_REMOVE:
		directory_receive_remove(ls, nodeid, msg);
		return;
	case WIRE_MSG_LOOKUP_REPLY:
		receive_lookup_reply(ls, nodeid, msg);
		return;
	case WIRE_MSG_PURGE:
		client_purge_orphans(ls, msg->pid);
		return;
	}
}
