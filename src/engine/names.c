/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/names.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/directory.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/rcom.h"
#include "engine/resource.h"

/* A node that sends a block with neither names nor an end is asked again, from the start, after
 * this. */
#define EMPTY_BLOCK_MS 100u

static struct names *names_of(const struct engine_lockspace *ls)
{
	return &ls->recovery.room->names;
}

int names_prepare(struct engine_lockspace *ls, uint32_t members)
{
	struct names *names = names_of(ls);
	const struct alloc *alloc = ls->engine->settings.alloc;
	struct names_job *jobs;

	if (members <= names->job_room)
		return 0;
	jobs = alloc_zeroed(alloc, members * sizeof(*jobs));
	if (!jobs)
		return -ENOMEM;
	alloc_put(alloc, names->jobs, names->job_room * sizeof(*jobs));
	names->jobs = jobs;
	names->job_room = members;
	names->job_count = 0;
	names->pending_count = 0;
	return 0;
}

void names_done(struct engine_lockspace *ls)
{
	struct names *names = names_of(ls);

	alloc_put(ls->engine->settings.alloc, names->jobs, names->job_room * sizeof(*names->jobs));
	memset(names, 0, sizeof(*names));
}

void names_drop(struct engine_lockspace *ls)
{
	struct names *names = names_of(ls);

	names->job_count = 0;
	names->pending_count = 0;
	names->at = 0;
	names_restart(ls);
}

void names_restart(struct engine_lockspace *ls)
{
	names_of(ls)->last_bytes = 0;
	names_of(ls)->before_bytes = 0;
}

/* ---- answering ---- */

static struct names_job *job_for(struct names *names, uint32_t nodeid)
{
	struct names_job *job;
	uint32_t i;

	for (i = 0; i < names->job_count; i++)
		if (names->jobs[i].nodeid == nodeid)
			return &names->jobs[i];
	must(names->job_count < names->job_room);
	job = &names->jobs[names->job_count++];
	memset(job, 0, sizeof(*job));
	job->nodeid = nodeid;
	return job;
}

/*
 * Where to go on after a name: any that we know will do, so that a question may be repeated.
 * Unknown ones, and none, begin again; what is told twice does no harm.
 */
static struct list *place_after(
	const struct engine_lockspace *ls, const uint8_t *name, uint32_t bytes)
{
	struct resource *resource =
		bytes ? resource_find(ls, name, bytes, resource_hash(name, bytes)) : NULL;

	if (!resource || !(resource->flags & RESOURCE_IN_USE))
		return ls->recovery.room->root;
	return resource->entry.next;
}

void names_receive(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	struct names *names = names_of(ls);
	struct names_job *job = job_for(names, nodeid);

	if (!job->pending)
		names->pending_count++;
	else if (&names->jobs[names->current] == job)
		names->at = 0;
	job->pending = true;
	job->id = rcom->id;
	job->number = rcom->seq;
	job->at = place_after(ls, rcom->payload, rcom->payload_bytes);
}

static bool is_for(const struct resource *resource, uint32_t nodeid)
{
	return resource->dir_nodeid == nodeid && resource_is_master(resource);
}

static void answer(struct engine_lockspace *ls, struct names_job *job, bool end)
{
	struct names *names = names_of(ls);

	memset(names->payload + names->at, 0, sizeof(names->payload) - names->at);
	if (end)
		wire_name_end(names->payload, names->at);
	rcom_send_names(ls, job->nodeid, job->id, job->number, names->payload);
	job->pending = false;
	names->pending_count--;
	names->at = 0;
}

/* Return: true if the answer is out, false if the budget ended first */
static bool fill(struct engine_lockspace *ls, struct names_job *job, uint32_t *budget)
{
	struct names *names = names_of(ls);

	for (; *budget; --*budget, job->at = job->at->next) {
		const struct resource *resource;

		if (job->at == &ls->active) {
			answer(ls, job, true);
			return true;
		}
		resource = list_entry(job->at, struct resource, entry);
		if (!is_for(resource, job->nodeid))
			continue;
		if (!wire_name_put(
			    names->payload, &names->at, resource->name, resource->name_bytes)) {
			answer(ls, job, false);
			return true;
		}
	}
	return false;
}

bool names_answer(struct engine_lockspace *ls, uint32_t *budget)
{
	struct names *names = names_of(ls);

	while (names->pending_count) {
		while (names->current >= names->job_count || !names->jobs[names->current].pending)
			names->current =
				names->current + 1 < names->job_count ? names->current + 1 : 0;
		if (!fill(ls, &names->jobs[names->current], budget))
			return true;
	}
	return false;
}

/* ---- asking ---- */

static void keep_last(struct names *names, const uint8_t *name, uint8_t bytes)
{
	memcpy(names->before, names->last, names->last_bytes);
	names->before_bytes = names->last_bytes;
	memcpy(names->last, name, bytes);
	names->last_bytes = bytes;
}

static void ask_again_later(struct engine_lockspace *ls)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;

	names_restart(ls);
	ask->state = ASK_SLEEPING;
	ask->at_ms = ls->engine->now_ms + EMPTY_BLOCK_MS;
}

int names_receive_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom)
{
	struct recovery_ask *ask = &ls->recovery.room->ask;
	struct names *names = names_of(ls);
	uint32_t at = 0, count = 0;
	const uint8_t *name;
	uint8_t bytes;
	int kind;

	while ((kind = wire_name_next(rcom, &at, &name, &bytes)) == 1) {
		if (directory_recover_name(ls, nodeid, name, bytes))
			return 0; /* the node has failed */
		keep_last(names, name, bytes);
		count++;
	}
	if (kind < 0)
		return -EINVAL;
	if (kind == 0 && !count) {
		ask_again_later(ls);
		return 0;
	}
	ask->state = ASK_ANSWERED;
	ask->names_end = kind == 2;
	return 0;
}

enum recovery_progress names_collect(struct engine_lockspace *ls, uint32_t *budget)
{
	struct recovery_room *room = ls->recovery.room;
	struct recovery_ask *ask = &room->ask;

	for (; room->target < ls->members.count; room->target++) {
		uint32_t nodeid = ls->members.list[room->target].nodeid;

		if (nodeid == ls->engine->nodeid)
			continue;
		ls->recovery.wait_nodeid = nodeid;
		if (ask->state == ASK_SENT || ask->state == ASK_SLEEPING)
			return RECOVERY_WAIT;
		if (ask->state == ASK_NONE || !ask->names_end) {
			rcom_ask_names(ls, nodeid);
			return RECOVERY_WAIT;
		}
		ask->state = ASK_NONE;
		names_restart(ls);
	}
	return RECOVERY_NEXT;
}
