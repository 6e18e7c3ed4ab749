/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/node.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"

/* Outputs that are not "a peer has bytes" or "a client has callbacks". */
struct node_event {
	struct list entry; /* engine->ready */
	struct engine_output output;
};

struct link *node_link(const struct engine *engine, uint32_t nodeid)
{
	struct link *link;

	list_for_each (link, &engine->links, entry) {
		if (link->nodeid == nodeid)
			return link;
		if (link->nodeid > nodeid)
			break;
	}
	return NULL;
}

size_t node_queued_bytes(const struct link *link)
{
	return (size_t)link->page_count * WIRE_FRAME_MAX;
}

int node_send(
	struct engine *engine, uint32_t nodeid, const uint8_t *frame, size_t bytes, bool must_go)
{
	struct link *link = node_link(engine, nodeid);
	int error;

	if (!link)
		return -ENOENT;
	error = link_send(link, frame, bytes, must_go);
	if (error == -ENOMEM && must_go)
		node_fatal(engine, error);
	return error;
}

void node_fatal(struct engine *engine, int error)
{
	if (!engine->fatal)
		engine->fatal = error;
}

/*
 * Without memory even for this, the node fails: the caller would wait for the event for ever.
 */
static void add_event(struct engine *engine, const struct engine_output *output)
{
	struct node_event *event = alloc_get(engine->settings.alloc, sizeof(*event));

	if (!event) {
		node_fatal(engine, -ENOMEM);
		return;
	}
	event->output = *output;
	list_add_tail(&engine->ready, &event->entry);
}

void node_recovered(struct engine_lockspace *ls, uint32_t start_number, int error)
{
	const struct engine_output output = {
		.kind = error ? ENGINE_OUT_FAILED : ENGINE_OUT_RECOVERED,
		.lockspace = ls,
		.error = error,
		.start_number = start_number,
	};

	add_event(ls->engine, &output);
}

void node_client_closed(struct engine_client *client)
{
	const struct engine_output output = {
		.kind = ENGINE_OUT_CLIENT_CLOSED,
		.lockspace = client->ls,
		.client_context = client->context,
	};

	add_event(client->ls->engine, &output);
}

void node_peer_event(struct engine *engine, enum engine_output_kind kind, uint32_t nodeid)
{
	const struct engine_output output = {.kind = kind, .nodeid = nodeid};

	add_event(engine, &output);
}

static void event_free(struct engine *engine, struct node_event *event)
{
	list_remove(&event->entry);
	alloc_put(engine->settings.alloc, event, sizeof(*event));
}

bool node_event_take(struct engine *engine, struct engine_output *ret)
{
	struct node_event *event = list_first(&engine->ready, struct node_event, entry);

	if (!event)
		return false;
	*ret = event->output;
	event_free(engine, event);
	return true;
}

void node_events_forget(struct engine *engine, const struct engine_lockspace *ls)
{
	struct node_event *event, *next;

	list_for_each_safe (event, next, &engine->ready, entry)
		if (!ls || event->output.lockspace == ls)
			event_free(engine, event);
}

void node_peer_forget(struct engine *engine, uint32_t nodeid)
{
	struct node_event *event, *next;

	list_for_each_safe (event, next, &engine->ready, entry)
		if (event->output.nodeid == nodeid)
			event_free(engine, event);
}

/* splitmix64: for numbers that must differ from run to run, never for secrets. */
uint64_t node_random(struct engine *engine)
{
	uint64_t z = engine->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

bool node_is_traced(const struct engine *engine)
{
	return engine->settings.trace != NULL;
}

void node_trace(const struct engine *engine, const struct engine_trace *trace)
{
	if (engine->settings.trace)
		engine->settings.trace(engine->settings.trace_context, trace);
}
