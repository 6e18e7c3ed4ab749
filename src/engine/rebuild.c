/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/rebuild.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/queue.h"
#include "engine/rcom.h"
#include "engine/remaster.h"
#include "engine/request.h"
#include "engine/resource.h"

/* A master that does not know the resource yet is asked again after this. */
#define AGAIN_MS 20u

static struct recovery_room *room_of(const struct engine_lockspace *ls)
{
	return ls->recovery.room;
}

static void drop_copy(struct engine_lockspace *ls, struct lock *lock)
{
	lock_dequeue(lock);
	lock_free(ls, lock);
}

/* ---- purge ---- */

/* Where the master is another live node, and always was, there are no copies. */
static bool may_have_copies(const struct engine_lockspace *ls, const struct resource *resource)
{
	return resource_is_master(resource) || !resource->master_nodeid ||
	       (resource->flags & RESOURCE_NEW_MASTER) ||
	       member_is_gone(ls, resource->master_nodeid);
}

static void purge(struct engine_lockspace *ls, struct resource *resource, struct lock *lock)
{
	if (!(lock->flags & LOCK_MASTER_COPY))
		return;
	if (!ls->nodir && !member_is_gone(ls, lock->nodeid))
		return;
	if ((lock->exflags & DLM_LKF_VALBLK) && lock->grmode >= DLM_MODE_PW &&
		member_is_gone(ls, lock->nodeid))
		resource->flags |= RESOURCE_LVB_INVALID;
	if (member_is_gone(ls, lock->nodeid))
		queue_trace(lock, ENGINE_TRACE_UNGRANT, DLM_MODE_IV);
	recovery_want_grant(resource);
	drop_copy(ls, lock);
}

enum recovery_progress rebuild_purge(struct engine_lockspace *ls, uint32_t *budget)
{
	struct walk *walk = &room_of(ls)->walk;
	struct resource *resource;

	for (; (resource = walk_resource(walk)); walk_next(walk)) {
		struct lock *lock;

		if (!*budget)
			return RECOVERY_MORE;
		while (may_have_copies(ls, resource) && (lock = walk_lock(walk))) {
			purge(ls, resource, lock);
			if (!--*budget)
				return RECOVERY_MORE; /* goes on with its next lock */
		}
		--*budget;
	}
	return RECOVERY_NEXT;
}

/* ---- our locks to new masters ---- */

void rebuild_send_begin(struct engine_lockspace *ls)
{
	struct recovery_room *room = room_of(ls);

	room->locks_sent = 0;
	room->locks_again = false;
	room->locks_resending = false;
}

static uint16_t stamp_of(const struct engine_lockspace *ls)
{
	return (uint16_t)ls->recovery.number;
}

static void send_lock(struct engine_lockspace *ls, struct lock *lock)
{
	struct member *master = member_find(ls, lock->resource->master_nodeid);

	must(master);
	master->outstanding++;
	room_of(ls)->locks_sent++;
	lock->recover_stamp = stamp_of(ls);
	rcom_send_lock(ls, lock);
}

/*
 * Bring one lock in line with the new master of its resource. A master copy on a resource that
 * another node masters is left from an aborted recovery, in which it was to be us.
 */
static void align(struct engine_lockspace *ls, struct resource *resource, struct lock *lock)
{
	bool ours = resource_is_master(resource);

	if (lock->flags & LOCK_MASTER_COPY) {
		if (!ours)
			drop_copy(ls, lock);
		return;
	}
	if (room_of(ls)->locks_resending && lock->recover_stamp == stamp_of(ls))
		return;
	lock->nodeid = ours ? 0 : resource->master_nodeid;
	lock->remid = 0;
	lock->late_cancels = 0; /* what the old master owed will not come */
	if (!ours)
		send_lock(ls, lock);
}

static enum recovery_progress wait_for_masters(struct engine_lockspace *ls)
{
	ls->recovery.wait_nodeid = member_waited_for(ls);
	return RECOVERY_WAIT;
}

static bool is_window_full(const struct engine_lockspace *ls)
{
	return room_of(ls)->locks_sent >= RECOVERY_WINDOW;
}

enum recovery_progress rebuild_send_locks(struct engine_lockspace *ls, uint32_t *budget)
{
	struct recovery_room *room = room_of(ls);
	struct walk *walk = &room->walk;
	struct resource *resource;

	for (; (resource = walk_resource(walk)); walk_next(walk)) {
		struct lock *lock;

		if (!*budget)
			return RECOVERY_MORE;
		while (resource->flags & RESOURCE_NEW_MASTER) {
			if (is_window_full(ls))
				return wait_for_masters(ls);
			lock = walk_lock(walk);
			if (!lock)
				break;
			align(ls, resource, lock);
			if (!--*budget)
				return RECOVERY_MORE; /* goes on with its next lock */
		}
		--*budget;
	}
	return room->locks_sent || room->locks_again ? wait_for_masters(ls) : RECOVERY_NEXT;
}

bool rebuild_send_tick(struct engine_lockspace *ls)
{
	struct recovery_room *room = room_of(ls);

	if (ls->recovery.step != RECOVERY_LOCKS || !room->locks_again ||
		ls->engine->now_ms < room->again_at_ms || walk_resource(&room->walk))
		return false;
	room->locks_again = false;
	room->locks_resending = true;
	walk_begin(&room->walk, room->root, &ls->active);
	return true;
}

static void refused(const struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_rcom *rcom, const char *why)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_REFUSED,
		.lockspace = ls,
		.nodeid = nodeid,
		.lkid = rcom->lock.lkid,
		.code = 0x100u | (uint32_t)rcom->type,
		.result = rcom->lock.result,
		.text = why,
	};

	node_trace(ls->engine, &trace);
}

/* The lock that an answer is about, sent in this recovery and not answered yet; NULL: none. */
static struct lock *answered(
	const struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom_lock *from)
{
	struct lock *lock = lock_find(ls, from->lkid);

	if (ls->recovery.step != RECOVERY_LOCKS || !room_of(ls)->locks_sent)
		return NULL;
	if (!lock || !lock->resource || (lock->flags & LOCK_MASTER_COPY) ||
		lock->status == LOCK_NONE)
		return NULL;
	if (!(lock->resource->flags & RESOURCE_NEW_MASTER) || lock->nodeid != nodeid ||
		lock->remid || lock->resource->master_nodeid != nodeid ||
		lock->recover_stamp != stamp_of(ls))
		return NULL;
	return lock;
}

static void send_again(struct engine_lockspace *ls, struct lock *lock)
{
	struct recovery_room *room = room_of(ls);

	lock->recover_stamp = (uint16_t)(stamp_of(ls) - 1);
	if (!room->locks_again)
		room->again_at_ms = ls->engine->now_ms + AGAIN_MS;
	room->locks_again = true;
}

void rebuild_receive_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	const struct wire_rcom_lock *from = &rcom->lock;
	struct lock *lock = answered(ls, nodeid, from);
	struct member *member = member_find(ls, nodeid);

	if (!lock || !member->outstanding) {
		refused(ls, nodeid, rcom, "answers no lock");
		return;
	}
	member->outstanding--;
	room_of(ls)->locks_sent--;
	if (from->result == -EBADR) {
		send_again(ls, lock);
	} else if ((!from->result || from->result == -EEXIST) && from->remid) {
		lock->remid = from->remid;
	} else {
		/* Its new master does not have it: to go on would be to hold what others may get.
		 */
		refused(ls, nodeid, rcom, "the new master has refused a lock");
		ls->recovery.wait_nodeid = nodeid;
		recovery_fail(ls, from->result ? from->result : -EPROTO);
	}
}

/* ---- as new master ---- */

/*
 * Without a directory the name says that we are master, and the resource may be new here. With one,
 * a sender was told by it that we are: so we are from now on, even where its answer to ourselves is
 * still under way and an abort may yet lose it. Otherwise the next recovery could name another,
 * while the sender takes its lock for settled.
 */
static int find_resource(
	struct engine_lockspace *ls, const struct wire_rcom_lock *from, struct resource **ret)
{
	uint32_t ours = ls->engine->nodeid;
	uint32_t hash = resource_hash(from->name, from->name_bytes);
	struct resource *resource = resource_find(ls, from->name, from->name_bytes, hash);

	if (ls->nodir && member_directory(ls, hash) != ours)
		return -EBADR;
	if (!resource && !ls->nodir)
		return -EBADR;
	if (!resource && resource_new(ls, from->name, from->name_bytes, hash, &resource))
		return -ENOMEM;
	if (ls->nodir)
		resource->flags |= RESOURCE_NEW_MASTER2;
	else if (!resource_is_master(resource) && !may_have_copies(ls, resource))
		return -EBADR; /* another node that is there masters it */
	else if (!resource_is_master(resource))
		remaster_set(resource, ours);
	*ret = resource;
	return 0;
}

static struct lock *find_copy(struct engine_lockspace *ls, const struct resource *resource,
	uint32_t nodeid, uint32_t remid)
{
	struct remote_index *copies = &room_of(ls)->copies;
	struct lock *lock = remote_index_find(copies, ls, nodeid, remid);

	/* Where we were master all along nobody has to send a lock; if one does, look closely. */
	if (!lock && (copies->incomplete || !(resource->flags & RESOURCE_NEW_MASTER2)))
		lock = lock_find_remote(resource, nodeid, remid);
	return lock && lock->resource == resource ? lock : NULL;
}

static int take_value(
	struct engine_lockspace *ls, struct lock *lock, const struct wire_rcom_lock *from)
{
	uint32_t bytes = from->lvb_bytes < ls->lvb_bytes ? from->lvb_bytes : ls->lvb_bytes;
	uint32_t i;

	if (!(from->exflags & DLM_LKF_VALBLK))
		return 0;
	if (lock_lvb_make(ls, lock))
		return -ENOMEM;
	for (i = 0; i < bytes; i++)
		lock_lvb(lock)[i] = from->lvb[i];
	return 0;
}

/* PR to CW or back, not known to be granted; a kernel that has seen the old master go may send no
 * grmode. */
static bool is_middle_conversion(const struct wire_rcom_lock *from)
{
	if (from->status == LOCK_CONVERTING && from->grmode == DLM_MODE_IV)
		return true;
	return from->wait_type == WIRE_MSG_CONVERT &&
	       mode_is_middle_pair(from->grmode, from->rqmode);
}

/* What a conversion asks for is not in its block yet: its program may have given any bytes with the
 * call. */
static bool has_fresh_value(const struct wire_rcom_lock *from)
{
	if (!(from->exflags & DLM_LKF_VALBLK) || from->status == LOCK_CONVERTING)
		return false;
	return from->wait_type != WIRE_MSG_CONVERT ||
	       mode_value(from->grmode, from->rqmode) != MODE_VALUE_READ;
}

static void fill_copy(struct lock *lock, uint32_t nodeid, const struct wire_rcom_lock *from)
{
	lock->flags |= LOCK_MASTER_COPY;
	if (has_fresh_value(from))
		lock->flags |= LOCK_VALUE_FRESH;
	lock->nodeid = nodeid;
	lock->remid = from->lkid;
	lock->pid = from->pid;
	lock->exflags = from->exflags;
	lock->shared = (uint8_t)(from->flags & (WIRE_FLAG_USER | WIRE_FLAG_ORPHAN));
	lock->lvbseq = from->lvbseq;
	lock->grmode = (int8_t)from->grmode;
	lock->rqmode = (int8_t)from->rqmode;
	lock->asts = from->asts;
}

static void enqueue_copy(
	struct resource *resource, struct lock *lock, const struct wire_rcom_lock *from)
{
	enum lock_status status = (enum lock_status)from->status;

	if (is_middle_conversion(from)) {
		if (status != LOCK_CONVERTING)
			lock->grmode = DLM_MODE_IV; /* its answer was lost */
		status = LOCK_CONVERTING;
		resource->flags |= RESOURCE_RECOVER_CONVERT;
	}
	lock_enqueue_tail(lock, status);
}

static int make_copy(struct engine_lockspace *ls, uint32_t nodeid, struct resource *resource,
	const struct wire_rcom_lock *from, struct lock **ret)
{
	struct lock *lock;
	int error = lock_new(ls, resource, 0, &lock);

	if (error)
		return error;
	if (take_value(ls, lock, from)) {
		lock_free(ls, lock);
		return -ENOMEM;
	}
	fill_copy(lock, nodeid, from);
	resource_hold(resource);
	enqueue_copy(resource, lock, from);
	remote_index_add(&room_of(ls)->copies, lock);
	*ret = lock;
	return 0;
}

int rebuild_receive_lock(struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_rcom_lock *from, uint32_t *ret_remid, int *ret_result)
{
	struct resource *resource;
	struct lock *lock;
	int error;

	*ret_result = 0;
	if (from->parent_lkid) {
		*ret_result = -EOPNOTSUPP;
		return 0;
	}
	if ((from->exflags & DLM_LKF_VALBLK) && from->lvb_bytes > ls->lvb_bytes) {
		*ret_result = -EINVAL;
		return 0;
	}
	error = find_resource(ls, from, &resource);
	if (error == -EBADR) {
		*ret_result = error;
		return 0;
	}
	lock = error ? NULL : find_copy(ls, resource, nodeid, from->lkid);
	if (lock)
		*ret_result = -EEXIST;
	else if (!error)
		error = make_copy(ls, nodeid, resource, from, &lock);
	if (error) {
		node_fatal(ls->engine, error);
		return error;
	}
	lock->recover_stamp = stamp_of(ls);
	if (!list_empty(&resource->waiting) || !list_empty(&resource->converting))
		recovery_want_grant(resource);
	*ret_remid = lock->lkid;
	return 0;
}

/* ---- finalise ---- */

/* What waits to be converted may need what the other locks hold: then they are seen twice. */
static void finalise_begin(struct recovery_room *room, const struct resource *resource)
{
	recover_value_begin(&room->value);
	memset(room->mode_count, 0, sizeof(room->mode_count));
	room->middle_mode = DLM_MODE_IV;
	room->settling = list_empty(&resource->converting);
	room->finalising = true;
}

/*
 * A conversion between PR and CW: neither is above the other, so that what its owner last knew is
 * no safe guess. The old master may have granted it, and then others what goes with the new mode
 * only.
 */
static bool is_ambiguous(const struct lock *lock)
{
	return lock->status == LOCK_CONVERTING &&
	       (lock->grmode == DLM_MODE_IV || mode_is_middle_pair(lock->grmode, lock->rqmode));
}

static void count_mode(struct recovery_room *room, const struct lock *lock)
{
	if (is_ambiguous(lock) || lock->grmode == DLM_MODE_IV)
		return;
	room->mode_count[lock->grmode]++;
	if (lock->grmode == DLM_MODE_PR || lock->grmode == DLM_MODE_CW)
		room->middle_mode = lock->grmode;
}

/*
 * It holds what the others let it hold: their mode if one of them has PR or CW, else what its owner
 * says, or asked for. Kernels look at granted locks only, let several such conversions disagree,
 * and believe one that is known to have been queued.
 */
static void settle_middle(struct recovery_room *room, struct lock *lock)
{
	int8_t before = lock->grmode;

	if (!is_ambiguous(lock))
		return;
	if (room->middle_mode == DLM_MODE_IV)
		room->middle_mode = before == DLM_MODE_IV ? lock->rqmode : before;
	lock->grmode = (int8_t)room->middle_mode;
	room->mode_count[lock->grmode]++;
	if (lock->grmode == before)
		return;
	client_account(lock);
	queue_trace(lock, ENGINE_TRACE_GRANT, lock->grmode);
}

static bool is_in_the_way(struct recovery_room *room, const struct lock *lock)
{
	int mode;

	for (mode = DLM_MODE_NL; mode <= DLM_MODE_EX; mode++) {
		uint32_t others = room->mode_count[mode] - (mode == lock->grmode);

		if (others && !mode_compatible(mode, lock->grmode))
			return true;
	}
	return false;
}

/*
 * The old master demoted a conversion to NL and let others have what that made free; the owner is
 * told only when it is granted, and so has sent us the mode that it had before.
 */
static void settle_demoted(struct recovery_room *room, struct lock *lock)
{
	if (!(lock->exflags & DLM_LKF_CONVDEADLK) || !is_in_the_way(room, lock))
		return;
	room->mode_count[lock->grmode]--;
	lock->grmode = DLM_MODE_NL;
	lock->sbflags |= DLM_SBF_DEMOTED_BIT;
	room->mode_count[DLM_MODE_NL]++;
	client_account(lock);
	queue_trace(lock, ENGINE_TRACE_UNGRANT, DLM_MODE_NL);
}

static void finalise_lock(struct recovery_room *room, struct lock *lock)
{
	if (!room->settling) {
		count_mode(room, lock);
		return;
	}
	if (lock->status == LOCK_CONVERTING) {
		settle_middle(room, lock);
		settle_demoted(room, lock);
	}
	recover_value_see(&room->value, lock);
}

/* Return: true where its locks must be seen again */
static bool begin_settling(struct recovery_room *room)
{
	if (room->settling)
		return false;
	room->settling = true;
	walk_again(&room->walk);
	return true;
}

static bool needs_locks(const struct resource *resource)
{
	return resource_is_master(resource) &&
	       (resource->flags & (RESOURCE_RECOVER_CONVERT | RESOURCE_NEW_MASTER2));
}

static void finalise_end(struct engine_lockspace *ls, struct resource *resource)
{
	struct recovery_room *room = room_of(ls);

	recover_value_settle(&room->value, resource);
	if (resource_is_master(resource) && (resource->flags & RESOURCE_NEW_MASTER2) &&
		(!list_empty(&resource->waiting) || !list_empty(&resource->converting)))
		recovery_want_grant(resource);
	resource->flags &= (uint16_t) ~(RESOURCE_RECOVER_CONVERT | RESOURCE_LVB_INVALID |
					RESOURCE_NEW_MASTER | RESOURCE_NEW_MASTER2);
	if (!resource_has_locks(resource))
		resource->flags &= (uint16_t)~RESOURCE_RECOVER_GRANT;
	walk_next(&room->walk);
	room->finalising = false;
	room->sweeping = true;
	resource_put(resource);
	room->sweeping = false;
}

enum recovery_progress rebuild_finalise(struct engine_lockspace *ls, uint32_t *budget)
{
	struct recovery_room *room = room_of(ls);
	struct resource *resource;

	while ((resource = walk_resource(&room->walk))) {
		struct lock *lock;

		if (!*budget)
			return RECOVERY_MORE;
		if (!room->finalising)
			finalise_begin(room, resource);
		while (needs_locks(resource) && (lock = walk_lock(&room->walk))) {
			finalise_lock(room, lock);
			if (!--*budget)
				return RECOVERY_MORE; /* goes on with its next lock */
		}
		--*budget;
		if (!begin_settling(room))
			finalise_end(ls, resource);
	}
	return RECOVERY_NEXT;
}

/* ---- grant ---- */

static void grant(struct resource *resource)
{
	resource->flags &= (uint16_t)~RESOURCE_RECOVER_GRANT;
	if (!resource_is_master(resource))
		return;
	queue_rescan(resource, true);
	request_confirm_master(resource, 0, 0);
}

enum recovery_progress rebuild_grant(struct engine_lockspace *ls, uint32_t *budget)
{
	struct recovery_room *room = room_of(ls);
	struct resource *resource;

	if (!room->grant_wanted)
		return RECOVERY_NEXT;
	while ((resource = walk_resource(&room->walk))) {
		if (!*budget)
			return RECOVERY_MORE;
		--*budget;
		/* What is granted, or started behind it, ends no lock of another resource. */
		walk_next(&room->walk);
		if (resource->flags & RESOURCE_RECOVER_GRANT)
			grant(resource);
	}
	room->grant_wanted = false;
	return RECOVERY_NEXT;
}
