/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a probe: it waits until the link can carry a new conversation, or joins the one that
 * is there; asks; and when it has its answer, or is not wanted any more, it is decided. When all
 * probes of a link are decided, the conversation that they began is ended, and with its end they
 * are over.
 *
 * A kernel of 6.1 that has no record of us makes one at our first STATUS, answers, and takes us for
 * somebody to talk with at the second: a FIN before that it would not understand. So a conversation
 * of ours has two answers before it ends.
 */
#include "engine/probe.h"

#include <errno.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/rcom.h"

#define ANSWERS_BEFORE_FIN 2u
#define NOT_READY_MAX      5u /* answers, and then the peer has no such lockspace */
#define NOT_READY_MS       1000u
/* A silent peer that nobody needs any more is waited for so long. */
#define GIVE_UP_MS 5000u
/* A peer that has said FIN and does not acknowledge ours, though connected, has forgotten us. */
#define FORGOTTEN_MS 6000u

enum probe_state {
	PROBE_WAITING,  /* for the end of a conversation that cannot be used */
	PROBE_ASKING,   /* STATUS is out, until at_ms */
	PROBE_SLEEPING, /* asks again at at_ms */
	PROBE_DECIDED,  /* waits for the end of the conversation */
};

struct probe {
	struct list entry; /* engine->probes or engine->probes_over */
	struct engine_probed found;
	uint32_t global_id;
	uint32_t flags;
	bool keep;
	enum probe_state state;
	bool cancelled;        /* its answer only helps to end the conversation */
	uint32_t conversation; /* of the link, when it asked */
	uint32_t not_ready_count;
	uint64_t id;    /* of the STATUS */
	uint64_t at_ms; /* see the states; WAITING: when a peer that has forgotten us is given up */
	uint64_t since_ms;      /* of the state */
	uint64_t give_up_at_ms; /* cancelled: an answer is waited for until then */
};

static void move(struct engine *engine, struct probe *probe, enum probe_state state)
{
	if (probe->state != state)
		probe->since_ms = engine->now_ms;
	probe->state = state;
}

static void decide(struct engine *engine, struct probe *probe, int result)
{
	probe->found.result = probe->cancelled ? -ECANCELED : result;
	move(engine, probe, PROBE_DECIDED);
}

static struct probe *find(const struct engine *engine, uint32_t number)
{
	struct probe *probe;

	list_for_each (probe, &engine->probes, entry)
		if (probe->found.number == number)
			return probe;
	list_for_each (probe, &engine->probes_over, entry)
		if (probe->found.number == number)
			return probe;
	return NULL;
}

/* Whether somebody still needs an answer of that node. */
static bool is_asked(const struct engine *engine, uint32_t nodeid)
{
	const struct probe *probe;

	list_for_each (probe, &engine->probes, entry)
		if (probe->found.nodeid == nodeid && probe->state != PROBE_DECIDED &&
			!probe->cancelled)
			return true;
	return false;
}

/* ---- asking ---- */

/* What cannot be sent for want of memory is as good as lost: it is asked again. */
static void ask(struct engine *engine, struct probe *probe)
{
	const struct link *link = node_link(engine, probe->found.nodeid);

	probe->id = node_random(engine);
	probe->conversation = link->conversation;
	probe->at_ms = engine->now_ms + engine->settings.recover_timer_ms;
	move(engine, probe, PROBE_ASKING);
	rcom_send_probe(engine, probe->found.nodeid, probe->global_id, probe->id);
}

static bool may_end(const struct link *link)
{
	return !link->for_probe || link->answer_count >= ANSWERS_BEFORE_FIN;
}

static void not_ready(struct engine *engine, struct probe *probe)
{
	if (++probe->not_ready_count >= NOT_READY_MAX) {
		decide(engine, probe, -EAGAIN);
		return;
	}
	move(engine, probe, PROBE_SLEEPING);
	probe->at_ms = engine->now_ms + NOT_READY_MS;
}

static void answered(struct engine *engine, struct probe *probe, const struct wire_rcom *reply)
{
	const struct link *link = node_link(engine, probe->found.nodeid);
	struct engine_probed *found = &probe->found;

	found->their_version = link->version;
	if (reply->result == WIRE_NOT_READY && !probe->cancelled) {
		not_ready(engine, probe);
		return;
	}
	if (reply->result != WIRE_NOT_READY) {
		found->their_lvb_bytes = reply->config.lvb_bytes;
		found->their_flags = reply->config.flags;
	}
	if (!may_end(link))
		ask(engine, probe);
	else if (rcom_config_equal(probe->flags, found->our_lvb_bytes, reply))
		decide(engine, probe, 0);
	else
		decide(engine, probe, -EPROTO);
}

bool probe_receive(
	struct engine *engine, uint32_t nodeid, uint32_t global_id, const struct wire_rcom *reply)
{
	struct probe *probe;

	list_for_each (probe, &engine->probes, entry) {
		if (probe->state != PROBE_ASKING || probe->found.nodeid != nodeid ||
			probe->global_id != global_id || probe->id != reply->id)
			continue;
		answered(engine, probe, reply);
		return true;
	}
	return false;
}

/* ---- going on ---- */

/* Another conversation is at its end, or waits for its end; it may never come. */
static void give_up_forgotten(struct engine *engine, struct probe *probe, struct link *link)
{
	if (link->state != LINK_LAST_ACK || !link->connected)
		probe->at_ms = UINT64_MAX;
	else if (probe->at_ms == UINT64_MAX)
		probe->at_ms = engine->now_ms + FORGOTTEN_MS;
	else if (engine->now_ms >= probe->at_ms)
		link_reset(link);
}

static void wait_or_ask(struct engine *engine, struct probe *probe, struct link *link)
{
	if (probe->cancelled) {
		decide(engine, probe, -ECANCELED);
		return;
	}
	give_up_forgotten(engine, probe, link);
	link_probe_begin(link, probe->keep);
	if (link->state == LINK_ESTABLISHED)
		ask(engine, probe);
}

/* It is asked on only to come to an end that the peer understands, and not for ever. */
static bool is_cancel_done(
	const struct engine *engine, const struct probe *probe, const struct link *link)
{
	return probe->cancelled &&
	       (!link->spoken || may_end(link) || is_asked(engine, link->nodeid) ||
		       engine->now_ms >= probe->give_up_at_ms);
}

static void go_on(struct engine *engine, struct probe *probe)
{
	struct link *link = node_link(engine, probe->found.nodeid);

	if (probe->state == PROBE_DECIDED)
		return;
	if (probe->state != PROBE_WAITING &&
		(probe->conversation != link->conversation || link->state != LINK_ESTABLISHED)) {
		move(engine, probe, PROBE_WAITING);
		probe->at_ms = UINT64_MAX;
	}
	if (probe->state == PROBE_WAITING) {
		wait_or_ask(engine, probe, link);
	} else if (link->other_version && !link->answer_count) {
		probe->found.their_version = link->other_version;
		decide(engine, probe, -EPROTO);
	} else if (is_cancel_done(engine, probe, link)) {
		decide(engine, probe, -ECANCELED);
	} else if (engine->now_ms >= probe->at_ms) {
		ask(engine, probe);
	}
}

/* ---- the end ---- */

static bool is_any_open(const struct engine *engine, uint32_t nodeid)
{
	const struct probe *probe;

	list_for_each (probe, &engine->probes, entry)
		if (probe->found.nodeid == nodeid && probe->state != PROBE_DECIDED)
			return true;
	return false;
}

/*
 * FIN, unless the peer does not know of the conversation, or cannot be expected to understand it:
 * then there are no numbers that could come apart.
 */
static void end_conversation(struct engine *engine, struct link *link)
{
	if (!link->for_probe || link->state != LINK_ESTABLISHED ||
		is_any_open(engine, link->nodeid))
		return;
	if (!may_end(link) && !link->seq_next)
		link_reset(link);
	else
		link_close(link);
}

static bool is_over(const struct engine *engine, const struct probe *probe)
{
	const struct link *link = node_link(engine, probe->found.nodeid);

	if (probe->state != PROBE_DECIDED)
		return false;
	if (!link->for_probe || link->conversation != probe->conversation)
		return true;
	return probe->cancelled && is_any_open(engine, link->nodeid);
}

static void note(const struct engine *engine, const struct probe *probe)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_NOTE,
		.nodeid = probe->found.nodeid,
		.code = probe->found.number,
		.result = probe->found.result,
		.text = "probed",
	};

	node_trace(engine, &trace);
}

static void over(struct engine *engine, struct probe *probe)
{
	list_remove(&probe->entry);
	list_add_tail(&engine->probes_over, &probe->entry);
	note(engine, probe);
}

void probe_settle(struct engine *engine)
{
	struct probe *probe, *next;
	struct link *link;

	if (list_empty(&engine->probes))
		return;
	list_for_each (probe, &engine->probes, entry)
		go_on(engine, probe);
	list_for_each (link, &engine->links, entry)
		end_conversation(engine, link);
	list_for_each_safe (probe, next, &engine->probes, entry)
		if (is_over(engine, probe))
			over(engine, probe);
}

static uint32_t asking_count(const struct engine *engine, uint32_t nodeid)
{
	const struct probe *probe;
	uint32_t count = 0;

	list_for_each (probe, &engine->probes, entry)
		count += probe->found.nodeid == nodeid && probe->state == PROBE_ASKING;
	return count;
}

void probe_connected(struct engine *engine, uint32_t nodeid)
{
	const struct link *link = node_link(engine, nodeid);
	struct probe *probe;

	if (!link->spoken && link->bare_count >= asking_count(engine, nodeid))
		return; /* the questions have not left yet */
	list_for_each (probe, &engine->probes, entry)
		if (probe->found.nodeid == nodeid && probe->state == PROBE_ASKING)
			probe->at_ms = engine->now_ms;
}

void probe_peer_gone(struct engine *engine, uint32_t nodeid)
{
	struct probe *probe, *next;

	list_for_each_safe (probe, next, &engine->probes, entry) {
		if (probe->found.nodeid != nodeid)
			continue;
		decide(engine, probe, -ENOENT);
		over(engine, probe);
	}
}

uint64_t probe_deadline(const struct engine *engine)
{
	const struct probe *probe;
	uint64_t at_ms = UINT64_MAX;

	list_for_each (probe, &engine->probes, entry) {
		if (probe->state == PROBE_DECIDED)
			continue;
		if (probe->at_ms < at_ms)
			at_ms = probe->at_ms;
		if (probe->give_up_at_ms < at_ms)
			at_ms = probe->give_up_at_ms;
	}
	return at_ms;
}

bool probe_take(struct engine *engine, struct engine_output *ret)
{
	struct probe *probe = list_first(&engine->probes_over, struct probe, entry);

	if (!probe)
		return false;
	*ret = (struct engine_output){
		.kind = ENGINE_OUT_PROBED,
		.nodeid = probe->found.nodeid,
		.probed = probe->found,
	};
	list_remove(&probe->entry);
	alloc_put(engine->settings.alloc, probe, sizeof(*probe));
	return true;
}

void probe_free_all(struct engine *engine)
{
	struct engine_output out;
	struct probe *probe, *next;

	list_for_each_safe (probe, next, &engine->probes, entry) {
		list_remove(&probe->entry);
		list_add_tail(&engine->probes_over, &probe->entry);
	}
	while (probe_take(engine, &out))
		;
}

void probe_check(const struct engine *engine)
{
	const struct probe *probe;
	const struct link *link;

	list_for_each (probe, &engine->probes, entry) {
		must(node_link(engine, probe->found.nodeid));
		must(probe->cancelled == (probe->give_up_at_ms != UINT64_MAX));
	}
	/* A conversation of a probe's does not outlive the probe. */
	list_for_each (link, &engine->links, entry)
		must(!link->for_probe || link->state != LINK_ESTABLISHED ||
			is_any_open(engine, link->nodeid));
}

/* ---- the door ---- */

int engine_probe_start(struct engine *engine, const struct engine_probe_args *args)
{
	struct probe *probe;

	if (!args->global_id)
		return -EINVAL;
	if (!node_link(engine, args->nodeid))
		return -ENOENT;
	if (find(engine, args->number))
		return -EEXIST;
	probe = alloc_zeroed(engine->settings.alloc, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	probe->found = (struct engine_probed){
		.number = args->number,
		.nodeid = args->nodeid,
		.our_version = engine->send_version,
		.our_lvb_bytes = args->lvb_bytes,
		.our_flags = rcom_compared_flags(args->flags),
	};
	probe->global_id = args->global_id;
	probe->flags = args->flags;
	probe->keep = args->keep;
	probe->state = PROBE_WAITING;
	probe->since_ms = engine->now_ms;
	probe->at_ms = UINT64_MAX;
	probe->give_up_at_ms = UINT64_MAX;
	list_add_tail(&engine->probes, &probe->entry);
	probe_settle(engine);
	return 0;
}

void engine_probe_end(struct engine *engine, uint32_t number)
{
	struct probe *probe = find(engine, number);

	if (!probe || probe->cancelled)
		return;
	probe->found.result = -ECANCELED;
	probe->cancelled = true;
	probe->give_up_at_ms = engine->now_ms + GIVE_UP_MS;
	if (probe->state == PROBE_SLEEPING)
		probe->at_ms = engine->now_ms;
	probe_settle(engine);
}

int engine_probe_info(const struct engine *engine, uint32_t number, struct engine_probe_info *ret)
{
	static const char *const STEPS[] = {
		[PROBE_WAITING] = "end of the last conversation",
		[PROBE_ASKING] = "question",
		[PROBE_SLEEPING] = "lockspace not ready",
		[PROBE_DECIDED] = "end of the conversation",
	};
	const struct probe *probe = find(engine, number);

	if (!probe)
		return -ENOENT;
	*ret = (struct engine_probe_info){
		.nodeid = probe->found.nodeid,
		.step = STEPS[probe->state],
		.since_ms = probe->since_ms,
	};
	return 0;
}
