/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/fence.h"

#include <errno.h>
#include <string.h>

#include "control/fence/attempt.h"
#include "control/fence/fellow.h"
#include "control/fence/fipu.h"
#include "control/fence/merge.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/parts.h"
#include "control/fence/protocol.h"
#include "control/fence/quorum.h"
#include "control/fence/result.h"
#include "control/fence/startup.h"
#include "control/fence/victim.h"

static int fill_configured(struct fence *fence, const struct fence_settings *settings)
{
	size_t bytes = settings->configured_count * sizeof(fence->configured[0]);

	if (!bytes || !fence->options.enable_fencing || !fence->options.enable_startup)
		return 0;
	fence->configured = alloc_get(fence->alloc, bytes);
	if (!fence->configured)
		return -ENOMEM;
	memcpy(fence->configured, settings->configured, bytes);
	fence->configured_count = settings->configured_count;
	return startup_fill(fence);
}

int fence_new(const struct fence_settings *settings, struct fence **ret)
{
	struct fence *fence = alloc_zeroed(settings->alloc, sizeof(*fence));
	int rv;

	if (!fence)
		return -ENOMEM;
	fence->alloc = settings->alloc;
	fence->nodeid = settings->nodeid;
	fence->is_two_node = settings->is_two_node;
	fence->options = settings->options;
	fence->note = settings->note;
	fence->context = settings->context;
	fence->wait = "";
	fence->is_fipu = true;
	list_init(&fence->fellows);
	list_init(&fence->startup);
	protocol_init(fence);
	rv = fill_configured(fence, settings);
	if (rv) {
		fence_free(fence);
		return rv;
	}
	*ret = fence;
	return 0;
}

void fence_free(struct fence *fence)
{
	struct fellow *fellow, *next;

	if (!fence)
		return;
	list_for_each_safe (fellow, next, &fence->fellows, entry)
		fellow_free(fence, fellow);
	startup_empty(fence);
	outbox_done(fence);
	quorum_done(fence);
	alloc_put(fence->alloc, fence->configured,
		fence->configured_count * sizeof(fence->configured[0]));
	alloc_put(fence->alloc, fence, sizeof(*fence));
}

void fence_options_set(struct fence *fence, const struct fence_options *options)
{
	fence->options = *options;
	fence->is_waiting = fence->is_begun;
}

/* What has to be done first makes the rest wait. Return: whether fencing may go on */
static bool work_conditions(struct fence *fence)
{
	if (fence->options.enable_quorum && !fence->quorum.is_quorate) {
		fence->wait = "quorum";
		fence->is_waiting = true;
		return false;
	}
	return true;
}

void fence_work(struct fence *fence, struct fence_now now)
{
	if (!fence->is_begun)
		return;
	fence->has_worked = true;
	fence->is_waiting = false;
	fence->wait = "";
	/* Both must speak of the same cluster. */
	if (fence->ring_wait || fence->ring_seq != fence->quorum.ring_seq) {
		fence->wait = "ringid";
		fence->is_waiting = true;
		return;
	}
	if (work_conditions(fence)) {
		if (merge_work(fence, now)) {
			fence->wait = "stateful merge";
			fence->is_waiting = true;
			return;
		}
		startup_work(fence, now);
		attempt_work(fence, now);
	}
	fipu_work(fence);
}

static enum fence_reason reason_of(const struct fence_change *change, uint32_t nodeid)
{
	for (uint32_t i = 0; i < change->left_count; i++) {
		if (change->left[i] == nodeid)
			return change->left_reasons[i];
	}
	return FENCE_REASON_NODEDOWN;
}

static bool is_in(const uint32_t *ids, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static int save_members(struct fence *fence, const struct fence_change *change)
{
	if (change->member_count > CPG_MEMBERS_MAX)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < change->member_count; i++) {
		if (!fellow_get(fence, change->members[i]))
			return -ENOMEM;
		fence->members[i] = change->members[i];
	}
	fence->member_count = change->member_count;
	fence->joined_count = change->joined_count;
	fence->remove_count = change->left_count;
	return 0;
}

/* A member is gone, or has been replaced by another daemon of the same node. */
static void lose(struct fence *fence, struct fence_now now, const struct fence_change *change,
	struct fellow *fellow)
{
	struct victim_failure failure = {
		reason_of(change, fellow->nodeid), .walltime = now.wall, .monotime = now.mono};
	bool was_clean = fellow_leave(fellow, now);

	victim_actor_left(fence, fellow->nodeid);
	if (!was_clean || failure.reason == FENCE_REASON_LEAVE || !fence->options.enable_fencing ||
		fellow->need_fencing)
		return;
	victim_add(fence, fellow, &failure, change->joined, change->joined_count);
}

static void change_fellows(
	struct fence *fence, struct fence_now now, const struct fence_change *change)
{
	bool we_joined = is_in(change->joined, change->joined_count, fence->nodeid);
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		bool is_member = is_in(change->members, change->member_count, fellow->nodeid);
		bool is_left = is_in(change->left, change->left_count, fellow->nodeid);

		if (change->joined_count)
			fellow->is_heard = false;
		if (fellow->is_member && (!is_member || is_left))
			lose(fence, now, change, fellow);
		if (!fellow->is_member && is_member)
			fellow_join(fence, fellow, now, we_joined);
	}
}

int fence_confchg(struct fence *fence, struct fence_now now, const struct fence_change *change)
{
	int rv = save_members(fence, change);

	if (rv)
		return rv;
	for (uint32_t i = 0; i < change->left_count; i++) {
		if (change->left_reasons[i] == FENCE_REASON_NODEDOWN)
			fence->ring_wait = true;
	}
	if (change->joined_count)
		protocol_broadcast(fence);
	change_fellows(fence, now, change);
	protocol_negotiate(fence);
	fence_work(fence, now);
	return outbox_status(fence);
}

void fence_ring(struct fence *fence, struct fence_now now, uint32_t nodeid, uint64_t seq)
{
	fence->ring_seq = seq;
	fence->ring_wait = false;
	fence_work(fence, now);
}

static int deliver_fence(struct fence *fence, struct fence_now now, const struct cpg_header *header,
	const void *data, size_t bytes)
{
	struct cpg_fence body;

	/* Before the agreement nothing of this is known here. */
	if (!fence->is_agreed)
		return 0;
	if (cpg_fence_decode(data, bytes, &body))
		return note_refused(fence, header->nodeid, "a word on fencing that is too short");
	if (body.version)
		note_line(fence, FENCE_WARNING, "node %u: a word on fencing of unknown version %u",
			header->nodeid, body.version);
	if (header->type == CPG_FENCE_RESULT)
		result_receive(fence, now, header->nodeid, &body);
	else
		fipu_receive(fence, header->nodeid, &body);
	return 0;
}

int fence_deliver(
	struct fence *fence, struct fence_now now, uint32_t sender, const void *data, size_t bytes)
{
	struct cpg_header header;
	int rv;

	if (cpg_header_decode(data, bytes, &header))
		return note_refused(fence, sender, "it is too short");
	if (header.nodeid != sender)
		return note_refused(fence, sender, "it says that another node has sent it");
	switch (header.type) {
	case CPG_PROTOCOL:
		rv = protocol_receive(fence, now, sender, data, bytes);
		break;
	case CPG_FENCE_RESULT:
	case CPG_FENCE_CLEAR:
		rv = deliver_fence(fence, now, &header, data, bytes);
		break;
	default:
		return -EOPNOTSUPP;
	}
	protocol_negotiate(fence);
	fence_work(fence, now);
	return rv ? rv : outbox_status(fence);
}

void fence_tick(struct fence *fence, struct fence_now now)
{
	fence_work(fence, now);
}

bool fence_is_waiting(const struct fence *fence)
{
	return fence->is_waiting;
}

void fence_begin(struct fence *fence, struct fence_now now)
{
	fence->is_begun = true;
	fence->is_waiting = true;
}

int fence_ack(struct fence *fence, struct fence_now now, uint32_t nodeid)
{
	const struct fellow *fellow = fellow_find(fence, nodeid);

	if (!fence->is_agreed)
		return -EAGAIN;
	outbox_result(fence, nodeid, -ECANCELED, now.wall);
	if (!startup_has(fence, nodeid) && (!fellow || !fellow->need_fencing))
		return -ENOENT;
	return outbox_status(fence);
}

bool fence_is_outstanding(const struct fence *fence)
{
	return fence->is_fipu || !list_empty(&fence->startup) || victim_any(fence);
}

bool fence_done_since(const struct fence *fence, uint32_t nodeid, uint64_t mono)
{
	const struct fellow *fellow = fellow_find(fence, nodeid);

	if (!fellow || fellow->fence_monotime >= mono)
		return true;
	/* What has been seen of it since was the shadow of what is fenced: nothing could lock
	 * there. */
	return fellow->fence_monotime && !fellow->need_fencing && !fellow->is_clean_since;
}
