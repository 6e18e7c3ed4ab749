/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_node.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "scenario.h"
#include "scenario_carrier.h"
#include "scenario_program.h"

/* A recovery that is not over then waits for somebody. */
#define SCENARIO_PATIENCE_MS 4000
/* Frames that one story could need in a moment; more of them go round in circles. */
#define SCENARIO_ROUNDS_MAX 2000

/* ---- processes ---- */

void scenario_node_boot(struct scenario *scenario, uint32_t nodeid)
{
	struct scenario_node *node = &scenario->nodes[nodeid];
	struct engine_settings settings = {
		.nodeid = nodeid,
		.resend_ms = 120000, /* so that only a broken connection makes frames go again */
		.seed = nodeid * 1000 + ++node->boots,
	};

	must(!engine_new(&settings, &node->engine));
	engine_tick(node->engine, scenario->now_ms);
	memset(node->seen_joins, 0, sizeof(node->seen_joins));
	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		if (i == nodeid || !scenario->nodes[i].engine)
			continue;
		must(!engine_peer_add(node->engine, i));
		must(!engine_peer_add(scenario->nodes[i].engine, nodeid));
	}
	scenario_carrier_retry(scenario, nodeid);
}

void scenario_node_end(struct scenario *scenario, uint32_t nodeid, bool late)
{
	struct scenario_node *node = &scenario->nodes[nodeid];

	if (!node->engine)
		return;
	scenario_program_node_ended(scenario, nodeid);
	engine_free(node->engine);
	node->engine = NULL;
	node->ls = NULL;
	node->started = false;
	for (uint32_t i = 1; i <= SCENARIO_NODES_MAX; i++) {
		scenario_carrier_forget(scenario, nodeid, i, late);
		scenario_carrier_forget(scenario, i, nodeid, false);
		if (scenario->nodes[i].engine)
			engine_peer_remove(scenario->nodes[i].engine, nodeid);
	}
}

/* ---- members ---- */

int scenario_node_join(struct scenario *scenario, uint32_t nodeid, uint32_t lvb_bytes)
{
	struct scenario_node *node = &scenario->nodes[nodeid];
	int r = engine_lockspace_new(node->engine, "story", lockspace_global_id("story"), 0,
		lvb_bytes, scenario->nodir, &node->ls);

	if (r < 0)
		return r;
	node->joins++;
	memset(node->seen_joins, 0, sizeof(node->seen_joins));
	return 0;
}

void scenario_node_leave(struct scenario *scenario, uint32_t nodeid)
{
	struct scenario_node *node = &scenario->nodes[nodeid];

	scenario_program_node_ended(scenario, nodeid);
	engine_lockspace_free(node->ls);
	node->ls = NULL;
	node->started = false;
	scenario_node_pump(scenario, nodeid);
}

/* One question at a time from a node to another. */
static uint32_t scenario_node_probe_number(uint32_t nodeid, uint32_t peer)
{
	return nodeid * 16 + peer;
}

int scenario_node_probe(struct scenario *scenario, uint32_t nodeid, uint32_t peer, uint32_t flags,
	uint32_t lvb_bytes, bool keep)
{
	const struct engine_probe_args args = {
		.number = scenario_node_probe_number(nodeid, peer),
		.nodeid = peer,
		.global_id = lockspace_global_id("story"),
		.flags = flags,
		.lvb_bytes = lvb_bytes,
		.keep = keep,
	};
	int r = engine_probe_start(scenario->nodes[nodeid].engine, &args);

	scenario_node_pump(scenario, nodeid);
	return r;
}

void scenario_node_probe_end(struct scenario *scenario, uint32_t nodeid, uint32_t peer)
{
	engine_probe_end(scenario->nodes[nodeid].engine, scenario_node_probe_number(nodeid, peer));
	scenario_node_pump(scenario, nodeid);
}

static void scenario_node_say_probed(
	struct scenario *scenario, uint32_t nodeid, const struct engine_probed *found)
{
	if (found->result == -EPROTO)
		scenario_event(scenario,
			"node %u: %u differs: version %x and %x, value blocks %u and %u bytes, "
			"flags %x and %x",
			nodeid, found->nodeid, found->their_version, found->our_version,
			found->their_lvb_bytes, found->our_lvb_bytes, found->their_flags,
			found->our_flags);
	else if (found->result)
		scenario_event(scenario, "node %u: probe of %u: %s", nodeid, found->nodeid,
			scenario_error_name(found->result));
	else
		scenario_event(scenario, "node %u: %u would take it", nodeid, found->nodeid);
}

void scenario_node_stop(struct scenario *scenario, uint32_t nodeid)
{
	struct scenario_node *node = &scenario->nodes[nodeid];

	node->started = false;
	engine_lockspace_stop(node->ls);
	scenario_node_pump(scenario, nodeid);
}

int scenario_node_start(
	struct scenario *scenario, uint32_t nodeid, uint32_t members, uint32_t number)
{
	struct scenario_node *node = &scenario->nodes[nodeid];
	struct engine_member list[SCENARIO_NODES_MAX];
	size_t count = 0;
	int r;

	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		if (!(members & 1u << i))
			continue;
		list[count++] = (struct engine_member){
			.nodeid = i,
			.weight = 1,
			.rejoined = i != nodeid && node->seen_joins[i] &&
				    node->seen_joins[i] != scenario->nodes[i].joins,
		};
	}
	r = engine_lockspace_start(node->ls, list, count, number);
	if (r < 0)
		return r;
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		node->seen_joins[i] = members & 1u << i ? scenario->nodes[i].joins : 0;
	node->started = true;
	scenario_node_pump(scenario, nodeid);
	return 0;
}

/* ---- outputs ---- */

static void scenario_node_output(
	struct scenario *scenario, uint32_t nodeid, const struct engine_output *out)
{
	struct scenario_node *node = &scenario->nodes[nodeid];

	switch (out->kind) {
	case ENGINE_OUT_PEER:
		scenario_carrier_collect(scenario, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_CONNECT:
		scenario_carrier_connect(scenario, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_PEER_CLOSED:
		if (scenario->nodes[out->nodeid].engine)
			scenario_event(scenario, "node %u: conversation with %u is over", nodeid,
				out->nodeid);
		scenario_carrier_close(scenario, nodeid, out->nodeid);
		break;
	case ENGINE_OUT_PEER_GAP:
		scenario_event(scenario, "node %u: %u skips messages", nodeid, out->nodeid);
		break;
	case ENGINE_OUT_CLIENT:
		scenario_program_has_callbacks(scenario, out->client_context);
		break;
	case ENGINE_OUT_CLIENT_CLOSED:
		scenario_program_closed(scenario, out->client_context);
		break;
	case ENGINE_OUT_PROBED:
		scenario_node_say_probed(scenario, nodeid, &out->probed);
		break;
	case ENGINE_OUT_RECOVERED:
		node->started = false;
		scenario->recovered |= 1u << nodeid;
		break;
	case ENGINE_OUT_FAILED:
		node->started = false;
		scenario_event(scenario, "node %u: start failed, %s", nodeid,
			scenario_error_name(out->error));
		break;
	case ENGINE_OUT_FATAL:
		scenario_event(scenario, "node %u: node failure, %s", nodeid,
			scenario_error_name(out->error));
		break;
	}
}

void scenario_node_pump(struct scenario *scenario, uint32_t nodeid)
{
	struct engine *engine = scenario->nodes[nodeid].engine;
	struct engine_output out;
	bool more = true;

	while (engine && more) {
		more = engine_work(engine);
		while (engine_output(engine, &out))
			scenario_node_output(scenario, nodeid, &out);
	}
}

/* ---- movement ---- */

static bool scenario_node_is_there(const struct scenario *scenario)
{
	return scenario->until && scenario->messages.used > scenario->until_from &&
	       strstr(scenario->messages.bytes + scenario->until_from, scenario->until);
}

/* One frame of each pair. Return: true if something arrived. */
static bool scenario_node_round(struct scenario *scenario)
{
	bool moved = false;

	for (uint32_t from = 1; from <= scenario->node_count; from++) {
		for (uint32_t to = 1; to <= scenario->node_count; to++) {
			if (scenario->pipes[from][to].held ||
				!scenario_carrier_deliver(scenario, from, to))
				continue;
			moved = true;
			scenario_node_pump(scenario, to);
			if (scenario_node_is_there(scenario))
				return false;
		}
	}
	return moved;
}

static void scenario_node_move(struct scenario *scenario)
{
	uint32_t rounds = 0;

	do {
		for (uint32_t i = 1; i <= scenario->node_count; i++)
			scenario_node_pump(scenario, i);
	} while (++rounds < SCENARIO_ROUNDS_MAX && scenario_node_round(scenario));
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[i].engine)
			engine_check(scenario->nodes[i].engine);
	if (rounds < SCENARIO_ROUNDS_MAX)
		return;
	scenario->refused = true;
	scenario_event(scenario, "messages go round without end");
}

/* Advance to the next moment that some engine asked for, at most @limit_ms. */
static bool scenario_node_next_moment(struct scenario *scenario, uint64_t limit_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		uint64_t at_ms = scenario->nodes[i].engine
					 ? engine_deadline(scenario->nodes[i].engine)
					 : UINT64_MAX;

		next_ms = at_ms < next_ms ? at_ms : next_ms;
	}
	if (next_ms <= scenario->now_ms)
		next_ms = scenario->now_ms + 1;
	if (next_ms > limit_ms)
		return false;
	scenario->now_ms = next_ms;
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[i].engine)
			engine_tick(scenario->nodes[i].engine, next_ms);
	return true;
}

static bool scenario_node_recovers(const struct scenario *scenario)
{
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[i].started)
			return true;
	return false;
}

static void scenario_node_say_waiting(struct scenario *scenario)
{
	struct engine_lockspace_info info;

	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		if (!scenario->nodes[i].started)
			continue;
		engine_lockspace_info(scenario->nodes[i].ls, &info);
		if (info.wait_nodeid)
			scenario_event(scenario, "node %u: recovery waits for node %u", i,
				info.wait_nodeid);
		else
			scenario_event(scenario, "node %u: recovery waits", i);
	}
}

void scenario_node_settle(struct scenario *scenario)
{
	uint64_t limit_ms = scenario->now_ms + SCENARIO_PATIENCE_MS;

	do
		scenario_node_move(scenario);
	while (!scenario_node_is_there(scenario) && scenario_node_recovers(scenario) &&
		scenario_node_next_moment(scenario, limit_ms));
	if (!scenario->until)
		scenario_node_say_waiting(scenario);
	else if (!scenario_node_is_there(scenario))
		scenario_event(scenario, "no %s was sent", scenario->until);
}

void scenario_node_pass(struct scenario *scenario, uint64_t ms)
{
	uint64_t until_ms = scenario->now_ms + ms;

	do
		scenario_node_move(scenario);
	while (scenario_node_next_moment(scenario, until_ms));
	scenario->now_ms = until_ms;
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[i].engine)
			engine_tick(scenario->nodes[i].engine, until_ms);
	scenario_node_move(scenario);
	scenario_node_say_waiting(scenario);
}
