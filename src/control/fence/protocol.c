/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/fence/protocol.h"

#include <stdio.h>

#include "control/fence/attempt.h"
#include "control/fence/fellow.h"
#include "control/fence/merge.h"
#include "control/fence/note.h"
#include "control/fence/outbox.h"
#include "control/fence/victim.h"

/* What this daemon can do at most. */
static const struct cpg_version DAEMON_MAX = {3, 1, 1, 0};
static const struct cpg_version KERNEL_MAX = {1, 1, 1, 0};

void protocol_init(struct fence *fence)
{
	fence->ours.daemon_max = DAEMON_MAX;
	fence->ours.kernel_max = KERNEL_MAX;
}

void protocol_broadcast(struct fence *fence)
{
	outbox_protocol(fence, &fence->ours);
}

static bool has_zero(const struct cpg_version *version)
{
	return !version->major || !version->minor || !version->patch;
}

static bool is_stateful(const struct cpg_version *run)
{
	return run->flags & CPG_VERSION_STATEFUL;
}

static bool can_run(const struct cpg_version *run, const struct cpg_version *max)
{
	return run->major == max->major && run->minor <= max->minor;
}

static void numbers(struct cpg_version *to, const struct cpg_version *from)
{
	to->major = from->major;
	to->minor = from->minor;
	to->patch = from->patch;
}

static void refuse(struct fence *fence)
{
	const struct cpg_protocol *ours = &fence->ours;

	fence->is_refused = true;
	snprintf(fence->refused_text, sizeof(fence->refused_text),
		"the cluster's daemons run protocol %u.%u.%u (locks %u.%u.%u) and this one can do "
		"%u.%u.%u (locks %u.%u.%u): it stays outside until both fit",
		ours->daemon_run.major, ours->daemon_run.minor, ours->daemon_run.patch,
		ours->kernel_run.major, ours->kernel_run.minor, ours->kernel_run.patch,
		ours->daemon_max.major, ours->daemon_max.minor, ours->daemon_max.patch,
		ours->kernel_max.major, ours->kernel_max.minor, ours->kernel_max.patch);
	outbox_order(fence, FENCE_ORDER_REFUSED, 0);
}

/* The first that runs is what runs. */
static void adopt(struct fence *fence, uint32_t sender, const struct cpg_protocol *protocol)
{
	struct cpg_protocol *ours = &fence->ours;

	if (ours->daemon_run.major || !protocol->daemon_run.major)
		return;
	numbers(&ours->daemon_run, &protocol->daemon_run);
	numbers(&ours->kernel_run, &protocol->kernel_run);
	note_line(fence, FENCE_INFO, "protocol %u.%u.%u, from node %u", ours->daemon_run.major,
		ours->daemon_run.minor, ours->daemon_run.patch, sender);
	if (!can_run(&ours->daemon_run, &ours->daemon_max) ||
		!can_run(&ours->kernel_run, &ours->kernel_max)) {
		refuse(fence);
		return;
	}
	fence->is_agreed = true;
	protocol_broadcast(fence);
	outbox_order(fence, FENCE_ORDER_AGREED, 0);
}

static const char *fault(const struct cpg_protocol *protocol, const struct fellow *fellow)
{
	if (has_zero(&protocol->daemon_max) || has_zero(&protocol->kernel_max))
		return "a protocol without numbers";
	if (protocol->daemon_run.major &&
		(has_zero(&protocol->daemon_run) || has_zero(&protocol->kernel_run)))
		return "a running protocol without numbers";
	if (!fellow || !fellow->is_member)
		return "it is not a member";
	return NULL;
}

/* It is a clean member now. If it had to be fenced, all see here, in one order with its failures,
 * that it has come back by itself. */
static void store(struct fence *fence, struct fence_now now, struct fellow *fellow,
	const struct cpg_protocol *protocol)
{
	const struct cpg_version *max = &protocol->daemon_max, *ours = &fence->ours.daemon_max;

	if (max->major != fellow->protocol.daemon_max.major && max->major != ours->major)
		note_line(fence, FENCE_WARNING,
			"node %u can do protocol %u.%u.%u, this node %u.%u.%u", fellow->nodeid,
			max->major, max->minor, max->patch, ours->major, ours->minor, ours->patch);
	fellow->protocol = *protocol;
	fellow->has_been_clean = true;
	fellow->is_clean_since = true;
	attempt_cancel(fence, fellow);
	if (!fellow->need_fencing)
		return;
	note_line(fence, FENCE_INFO, "node %u is back and clean: not fenced", fellow->nodeid);
	victim_done(fellow, now.wall, now.mono, fellow->nodeid);
}

/* Our own word has come round. The first since somebody joined is what that one heard of us first:
 * it may be from before, when we had no state, and then we are clean to it, so it is to us. */
static void come_round(struct fence *fence, struct fence_now now, const struct cpg_protocol *own)
{
	bool has_state = is_stateful(&own->daemon_run);
	struct fellow *fellow;

	list_for_each (fellow, &fence->fellows, entry) {
		if (!fellow->is_member || fellow->is_sure)
			continue;
		fellow->is_sure = true;
		fellow->is_told = fellow->is_told && has_state;
		if (fellow->is_told || !fellow->is_merge || fellow->is_killed)
			continue;
		fellow->is_merge = false;
		store(fence, now, fellow, &fellow->claimed);
	}
}

int protocol_receive(
	struct fence *fence, struct fence_now now, uint32_t sender, const void *data, size_t bytes)
{
	struct fellow *fellow = fellow_find(fence, sender);
	struct cpg_protocol protocol;
	const char *why;

	if (cpg_protocol_decode(data, bytes, &protocol))
		return note_refused(fence, sender, "a protocol that is too short");
	why = fault(&protocol, fellow);
	if (why)
		return note_refused(fence, sender, why);
	fellow->is_heard = true;
	/* Of our state counts what it has been told, as of its state counts what it tells: so it
	 * thinks of us what we think of it, whoever starts a lockspace meanwhile. */
	if (sender != fence->nodeid && !fellow_is_clean(fellow) && fellow->is_told &&
		is_stateful(&protocol.daemon_run)) {
		fellow->claimed = protocol;
		merge_found(fence, fellow, now);
		return 0;
	}
	if (sender == fence->nodeid)
		come_round(fence, now, &protocol);
	store(fence, now, fellow, &protocol);
	if (!fence->is_refused)
		adopt(fence, sender, &protocol);
	return 0;
}

/* The lower of both by major, then minor, then patch. */
static void lower(struct cpg_version *least, const struct cpg_version *other)
{
	uint64_t a = (uint64_t)least->major << 32 | (uint64_t)least->minor << 16 | least->patch;
	uint64_t b = (uint64_t)other->major << 32 | (uint64_t)other->minor << 16 | other->patch;

	if (b < a)
		numbers(least, other);
}

void protocol_negotiate(struct fence *fence)
{
	struct cpg_protocol proposal = fence->ours;
	const struct fellow *fellow;
	bool has_member = false;

	if (fence->is_proposed || fence->ours.daemon_run.major)
		return;
	proposal.daemon_run = (struct cpg_version){UINT16_MAX, UINT16_MAX, UINT16_MAX, 0};
	proposal.kernel_run = proposal.daemon_run;
	list_for_each (fellow, &fence->fellows, entry) {
		if (!fellow->is_member)
			continue;
		if (!fellow_is_clean(fellow))
			return;
		has_member = true;
		lower(&proposal.daemon_run, &fellow->protocol.daemon_max);
		lower(&proposal.kernel_run, &fellow->protocol.kernel_max);
	}
	if (!has_member)
		return;
	fence->is_proposed = true;
	outbox_protocol(fence, &proposal);
}

void fence_stateful(struct fence *fence)
{
	fence->ours.daemon_run.flags |= CPG_VERSION_STATEFUL;
}

void fence_version(const struct fence *fence, uint16_t ret[3])
{
	ret[0] = fence->ours.daemon_run.major;
	ret[1] = fence->ours.daemon_run.minor;
	ret[2] = fence->ours.daemon_run.patch;
}
