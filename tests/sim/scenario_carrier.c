/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_carrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/wire.h"
#include "scenario.h"
#include "scenario_message.h"

struct scenario_frame {
	struct scenario_frame *next;
	uint32_t count;
	uint8_t bytes[];
};

static void scenario_carrier_put(struct scenario_pipe *pipe, const uint8_t *bytes, uint32_t count)
{
	struct scenario_frame *frame = malloc(sizeof(*frame) + count);

	must(frame);
	frame->next = NULL;
	frame->count = count;
	memcpy(frame->bytes, bytes, count);
	if (pipe->last)
		pipe->last->next = frame;
	else
		pipe->first = frame;
	pipe->last = frame;
}

static struct scenario_frame *scenario_carrier_take(struct scenario_pipe *pipe)
{
	struct scenario_frame *frame = pipe->first;

	if (!frame)
		return NULL;
	pipe->first = frame->next;
	if (!pipe->first)
		pipe->last = NULL;
	return frame;
}

static void scenario_carrier_lose(struct scenario_pipe *pipe)
{
	struct scenario_frame *frame;

	while ((frame = scenario_carrier_take(pipe)))
		free(frame);
}

void scenario_carrier_collect(struct scenario *scenario, uint32_t node, uint32_t peer)
{
	struct scenario_pipe *pipe = &scenario->pipes[node][peer];
	uint8_t room[WIRE_FRAME_MAX * 4];
	struct wire_header header;
	size_t count, at;

	while ((count = engine_peer_take(scenario->nodes[node].engine, peer, room, sizeof(room)))) {
		for (at = 0; at < count; at += header.length) {
			must(!wire_header_decode(room + at, count - at, &header));
			must(header.length <= count - at);
			scenario_message_note(scenario, node, peer, room + at, header.length);
			scenario_carrier_put(pipe, room + at, header.length);
		}
	}
}

void scenario_carrier_connect(struct scenario *scenario, uint32_t node, uint32_t peer)
{
	struct scenario_pipe *pipe = &scenario->pipes[node][peer];

	pipe->wanted = true;
	if (pipe->connected || !scenario->nodes[peer].engine)
		return;
	pipe->wanted = false;
	pipe->connected = true;
	engine_peer_connected(scenario->nodes[node].engine, peer);
}

void scenario_carrier_retry(struct scenario *scenario, uint32_t peer)
{
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[i].engine && scenario->pipes[i][peer].wanted)
			scenario_carrier_connect(scenario, i, peer);
}

void scenario_carrier_close(struct scenario *scenario, uint32_t node, uint32_t peer)
{
	struct scenario_pipe *pipe = &scenario->pipes[node][peer];

	pipe->seen = 0;
	if (!pipe->connected)
		return;
	pipe->connected = false;
	engine_peer_disconnected(scenario->nodes[node].engine, peer);
}

void scenario_carrier_break(struct scenario *scenario, uint32_t node, uint32_t peer)
{
	struct scenario_pipe *pipe = &scenario->pipes[node][peer];

	scenario_carrier_lose(pipe);
	if (!pipe->connected)
		return;
	pipe->connected = false;
	if (scenario->nodes[node].engine)
		engine_peer_disconnected(scenario->nodes[node].engine, peer);
}

void scenario_carrier_forget(struct scenario *scenario, uint32_t node, uint32_t peer, bool late)
{
	struct scenario_pipe *pipe = &scenario->pipes[node][peer];

	if (late)
		pipe->connected = false;
	else
		scenario_carrier_break(scenario, node, peer);
	pipe->wanted = false;
	pipe->seen = 0;
}

bool scenario_carrier_deliver(struct scenario *scenario, uint32_t node, uint32_t peer)
{
	struct scenario_frame *frame = scenario_carrier_take(&scenario->pipes[node][peer]);
	struct engine *engine = scenario->nodes[peer].engine;
	int r;

	if (!frame)
		return false;
	r = engine ? engine_peer_receive(engine, node, frame->bytes, frame->count) : -ENOENT;
	must(r == (int)frame->count || r == -ENOENT);
	free(frame);
	return true;
}

int scenario_carrier_waiting(const struct scenario *scenario, uint32_t node, uint32_t peer)
{
	const struct scenario_frame *frame = scenario->pipes[node][peer].first;

	return frame ? !scenario_message_is_ack(frame->bytes, frame->count) : -1;
}
