/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/rcom.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/barrier.h"
#include "engine/directory.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/names.h"
#include "engine/node.h"
#include "engine/rebuild.h"
#include "engine/recovery.h"
#include "engine/recovery_room.h"
#include "engine/remaster.h"
#include "engine/resource.h"

#define TRACE_RCOM 0x100u

/* ---- sending ---- */

static void trace(const struct engine *engine, const struct engine_lockspace *ls,
	enum engine_trace_kind kind, uint32_t nodeid, const struct wire_rcom *rcom,
	const char *text)
{
	const struct engine_trace trace = {
		.kind = kind,
		.lockspace = ls,
		.nodeid = nodeid,
		.code = TRACE_RCOM | (uint32_t)rcom->type,
		.result = rcom->result,
		.text = text,
	};

	if (node_is_traced(engine))
		node_trace(engine, &trace);
}

/*
 * STATUS and NAMES are asked again after a while, so that they may be lost; the others stay where
 * they are put until they are acknowledged, and count.
 */
static bool must_go(enum wire_rcom_type type)
{
	return type == WIRE_RCOM_LOOKUP || type == WIRE_RCOM_LOCK ||
	       type == WIRE_RCOM_LOOKUP_REPLY || type == WIRE_RCOM_LOCK_REPLY;
}

static void send(struct engine *engine, const struct engine_lockspace *ls, uint32_t global_id,
	uint32_t nodeid, const struct wire_rcom *rcom, const struct wire_rcom_slot *slots)
{
	uint8_t frame[WIRE_INNER_MAX];
	int bytes = wire_rcom_encode(
		engine->send_version, global_id, engine->nodeid, rcom, slots, frame, sizeof(frame));

	must(bytes > 0);
	trace(engine, ls, ENGINE_TRACE_SEND, nodeid, rcom, NULL);
	/* Where there is no way to the node now, its removal or its next STATUS sorts it out. */
	(void)node_send(engine, nodeid, frame, (size_t)bytes, must_go(rcom->type));
}

static void send_ours(struct engine_lockspace *ls, uint32_t nodeid, struct wire_rcom *rcom,
	const struct wire_rcom_slot *slots)
{
	rcom->seq = ls->recovery.number;
	send(ls->engine, ls, ls->global_id, nodeid, rcom, slots);
}

static struct recovery_ask *ask_begin(
	struct engine_lockspace *ls, enum wire_rcom_type type, uint32_t nodeid)
{
	struct recovery_room *room = ls->recovery.room;
	struct recovery_ask *ask = &room->ask;

	ask->state = ASK_SENT;
	ask->type = type;
	ask->nodeid = nodeid;
	ask->id = ++room->next_id;
	ask->at_ms = ls->engine->now_ms + ls->engine->settings.recover_timer_ms;
	ask->status = 0;
	ask->names_end = false;
	return ask;
}

void rcom_ask_status(struct engine_lockspace *ls, uint32_t nodeid, uint32_t flags)
{
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_STATUS,
		.status_flags = flags,
	};

	rcom.id = ask_begin(ls, WIRE_RCOM_STATUS, nodeid)->id;
	send_ours(ls, nodeid, &rcom, NULL);
}

/*
 * A name of one byte would make a kernel start over, for ever where it is always the last of its
 * block: then the name before it does as well.
 */
void rcom_ask_names(struct engine_lockspace *ls, uint32_t nodeid)
{
	const struct names *names = &ls->recovery.room->names;
	bool step_back = names->last_bytes == 1 && names->before_bytes > 1;
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_NAMES,
		.payload = step_back ? names->before : names->last,
		.payload_bytes = step_back ? names->before_bytes : names->last_bytes,
	};

	rcom.id = ask_begin(ls, WIRE_RCOM_NAMES, nodeid)->id;
	send_ours(ls, nodeid, &rcom, NULL);
}

void rcom_send_probe(struct engine *engine, uint32_t nodeid, uint32_t global_id, uint64_t id)
{
	const struct wire_rcom rcom = {.type = WIRE_RCOM_STATUS, .id = id, .seq = id};

	send(engine, NULL, global_id, nodeid, &rcom, NULL);
}

void rcom_send_names(struct engine_lockspace *ls, uint32_t nodeid, uint64_t id, uint64_t number,
	const uint8_t *payload)
{
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_NAMES_REPLY,
		.id = id,
		.seq_reply = number,
		.payload = payload,
		.payload_bytes = WIRE_NAMES_BYTES,
	};

	send_ours(ls, nodeid, &rcom, NULL);
}

void rcom_send_lookup(struct engine_lockspace *ls, const struct resource *resource, uint64_t id)
{
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_LOOKUP,
		.id = id,
		.payload = resource->name,
		.payload_bytes = resource->name_bytes,
	};

	send_ours(ls, resource->dir_nodeid, &rcom, NULL);
}

/*
 * What a conversion between PR and CW holds is for the new master to settle, by what the others
 * hold (rebuild.c). A kernel takes that care only where it sees both modes and a conversion that is
 * pending.
 */
static void mark_middle(struct wire_rcom_lock *lock)
{
	if (lock->status != LOCK_CONVERTING)
		return;
	if (lock->rqmode != DLM_MODE_PR && lock->rqmode != DLM_MODE_CW)
		return;
	if (lock->grmode == DLM_MODE_IV)
		lock->grmode = lock->rqmode == DLM_MODE_PR ? DLM_MODE_CW : DLM_MODE_PR;
	if (mode_is_middle_pair(lock->grmode, lock->rqmode))
		lock->wait_type = WIRE_MSG_CONVERT;
}

/*
 * A new master takes the value from a granted lock above CR that says VALBLK. So it is not said
 * where the block is not the resource's. A conversion says it in any case: that is about the block
 * it asks for.
 */
static uint32_t lock_exflags(const struct lock *lock)
{
	if (lock->status != LOCK_GRANTED || lock->grmode <= DLM_MODE_CR ||
		(lock->flags & LOCK_VALUE_FRESH))
		return lock->exflags;
	if (lock->wait_type == WIRE_MSG_CONVERT &&
		mode_value(lock->grmode, lock->rqmode) == MODE_VALUE_READ)
		return lock->exflags;
	return lock->exflags & ~DLM_LKF_VALBLK;
}

void rcom_send_lock(struct engine_lockspace *ls, const struct lock *lock)
{
	const struct resource *resource = lock->resource;
	const uint8_t *lvb = lock_lvb(lock);
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_LOCK,
		.id = lock->lkid,
		.lock =
			{
				.pid = lock->pid,
				.lkid = lock->lkid,
				.exflags = lock_exflags(lock),
				.flags = lock->shared,
				.lvbseq = lock->lvbseq,
				.rqmode = lock->rqmode,
				.grmode = lock->grmode,
				.status = lock->status,
				.asts = lock->asts,
				.wait_type = lock->wait_type,
				.name_bytes = resource->name_bytes,
				.lvb = lvb,
				.lvb_bytes = lvb ? ls->lvb_bytes : 0,
			},
	};

	memcpy(rcom.lock.name, resource->name, resource->name_bytes);
	mark_middle(&rcom.lock);
	send_ours(ls, resource->master_nodeid, &rcom, NULL);
}

/* ---- receiving ---- */

uint32_t rcom_compared_flags(uint32_t flags)
{
	return flags & ~(DLM_LSFL_BIT_FS | DLM_LSFL_BIT_NEWEXCL);
}

bool rcom_config_equal(uint32_t flags, uint32_t lvb_bytes, const struct wire_rcom *reply)
{
	return reply->config.lvb_bytes == lvb_bytes &&
	       reply->config.flags == rcom_compared_flags(flags);
}

/* Always, also while stopped and long after a recovery: slower nodes still poll. */
static void answer_status(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *request)
{
	const struct member_table *members = &ls->members;
	bool slots = request->status_flags & WIRE_STATUS_NEED_SLOTS;
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_STATUS_REPLY,
		.result = (int)ls->recovery.status,
		.id = request->id,
		.seq_reply = request->seq,
		.config =
			{
				.lvb_bytes = ls->lvb_bytes,
				.flags = rcom_compared_flags(ls->flags),
				.slot = (uint16_t)members->our_slot,
				.slot_count = slots ? (uint16_t)members->slot_count : 0,
				.generation = members->generation,
			},
	};

	send_ours(ls, nodeid, &rcom, members->slots);
}

void recovery_receive_unknown(
	struct engine *engine, uint32_t nodeid, uint32_t global_id, const struct wire_rcom *request)
{
	const struct wire_rcom rcom = {
		.type = WIRE_RCOM_STATUS_REPLY,
		.result = WIRE_NOT_READY,
		.id = request->id,
		.seq = request->seq,
		.seq_reply = request->seq,
		.config = {.lvb_bytes = WIRE_NOT_READY_LVB},
	};

	trace(engine, NULL, ENGINE_TRACE_RECEIVE, nodeid, request, NULL);
	if (request->type == WIRE_RCOM_STATUS)
		send(engine, NULL, global_id, nodeid, &rcom, NULL);
}

static void receive_status_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *reply)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	if (reply->result == WIRE_NOT_READY) {
		ask->status = 0;
	} else if (!rcom_config_equal(ls->flags, ls->lvb_bytes, reply)) {
		ls->recovery.wait_nodeid = nodeid;
		recovery_fail(ls, -EPROTO);
		return;
	} else {
		ask->status = (uint32_t)reply->result;
		barrier_note_reply(ls, nodeid, reply);
	}
	ask->state = ASK_ANSWERED;
}

static void receive_lookup(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *request)
{
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_LOOKUP_REPLY,
		.id = request->id,
		.seq_reply = request->seq,
	};
	uint32_t hash = resource_hash(request->payload, request->payload_bytes);
	uint32_t master;

	if (request->id == UINT32_MAX || ls->nodir ||
		member_directory(ls, hash) != ls->engine->nodeid) {
		trace(ls->engine, ls, ENGINE_TRACE_REFUSED, nodeid, request,
			"the name is not in our directory");
		return;
	}
	master = directory_recover_lookup(ls, nodeid, request->payload, request->payload_bytes);
	if (!master)
		return; /* the node has failed: no answer */
	rcom.result = (int)master;
	send_ours(ls, nodeid, &rcom, NULL);
}

static void receive_lock(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *request)
{
	struct wire_rcom rcom = {
		.type = WIRE_RCOM_LOCK_REPLY,
		.id = request->id,
		.seq_reply = request->seq,
		.lock = request->lock,
	};

	if (rebuild_receive_lock(ls, nodeid, &request->lock, &rcom.lock.remid, &rcom.lock.result))
		return; /* the node has failed: no answer */
	send_ours(ls, nodeid, &rcom, NULL);
}

/* Whether this is the answer to the one request that is out. */
static bool is_awaited(
	const struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	const struct recovery_ask *ask = &ls->recovery.room->ask;
	enum wire_rcom_type answers =
		rcom->type == WIRE_RCOM_STATUS_REPLY ? WIRE_RCOM_STATUS : WIRE_RCOM_NAMES;

	return ask->state == ASK_SENT && ask->type == answers && ask->nodeid == nodeid &&
	       ask->id == rcom->id;
}

/*
 * A LOOKUP or LOCK from before the sender's last stop may arrive late, after a reconnect. Since it
 * has told us its number in this recovery, we can see that.
 */
static bool is_outdated(const struct engine_lockspace *ls, uint32_t nodeid, uint64_t number)
{
	const struct member *member = member_find(ls, nodeid);

	return member->number_known && (int64_t)(number - member->number) < 0;
}

/* Return: why the message is not looked at; NULL: it is */
static const char *gate(
	const struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	uint32_t status = ls->recovery.status;

	if (ls->stopped)
		return "stopped";
	if (!member_find(ls, nodeid))
		return "the sender is no member";
	switch (rcom->type) {
	case WIRE_RCOM_STATUS:
		return NULL;
	case WIRE_RCOM_NAMES:
		if (!(status & RECOVERY_STATUS_NODES))
			return "our members are not known yet";
		/* Whoever still asks has its answer: all have said that they are complete. */
		return ls->nodir || (status & RECOVERY_STATUS_LOCKS) ? "the directory is complete"
								     : NULL;
	case WIRE_RCOM_LOOKUP:
	case WIRE_RCOM_LOCK:
		if (!(status & RECOVERY_STATUS_DIR))
			return "our directory is not complete yet";
		return is_outdated(ls, nodeid, rcom->seq) ? "of an earlier recovery" : NULL;
	case WIRE_RCOM_STATUS_REPLY:
	case WIRE_RCOM_NAMES_REPLY:
		if (rcom->seq_reply != ls->recovery.number || !is_awaited(ls, nodeid, rcom))
			return "not awaited";
		return NULL;
	case WIRE_RCOM_LOOKUP_REPLY:
	case WIRE_RCOM_LOCK_REPLY:
		return rcom->seq_reply != ls->recovery.number ? "not awaited" : NULL;
	}
	return "type";
}

static void dispatch(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	switch (rcom->type) {
	case WIRE_RCOM_STATUS:
		answer_status(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_STATUS_REPLY:
		receive_status_reply(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_NAMES:
		names_receive(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_NAMES_REPLY:
		if (names_receive_reply(ls, nodeid, rcom))
			recovery_fail(ls, -EINVAL);
		break;
	case WIRE_RCOM_LOOKUP:
		receive_lookup(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_LOOKUP_REPLY:
		remaster_receive_reply(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_LOCK:
		receive_lock(ls, nodeid, rcom);
		break;
	case WIRE_RCOM_LOCK_REPLY:
		rebuild_receive_reply(ls, nodeid, rcom);
		break;
	}
}

void recovery_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	const char *refused = rcom->type == WIRE_RCOM_STATUS ? NULL : gate(ls, nodeid, rcom);

	if (refused) {
		trace(ls->engine, ls, ENGINE_TRACE_REFUSED, nodeid, rcom, refused);
		return;
	}
	trace(ls->engine, ls, ENGINE_TRACE_RECEIVE, nodeid, rcom, NULL);
	dispatch(ls, nodeid, rcom);
}
