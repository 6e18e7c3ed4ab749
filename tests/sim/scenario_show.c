/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_show.h"

#include <stdio.h>
#include <string.h>

#include "scenario.h"
#include "scenario_message.h"
#include "scenario_program.h"

struct scenario_show_walk {
	struct scenario *scenario;
	uint32_t node;
	int status; /* only these */
};

static void scenario_show_modes(const struct engine_lock_view *view, char *ret, size_t room)
{
	if (view->status == 3)
		snprintf(ret, room, "%s to %s", scenario_message_mode(view->granted_mode),
			scenario_message_mode(view->requested_mode));
	else
		snprintf(ret, room, "%s",
			scenario_message_mode(
				view->status == 2 ? view->granted_mode : view->requested_mode));
}

static const char *scenario_show_label(
	const struct scenario_show_walk *walk, const struct engine_lock_view *view)
{
	return scenario_program_label(walk->scenario, view->owner_nodeid,
		view->owner_nodeid == walk->node ? view->lkid : view->remote_lkid);
}

static void scenario_show_queue_lock(void *context, const struct engine_lock_view *view)
{
	static const char *const queues[] = {
		"on its way ", "waiting    ", "granted    ", "converting "};
	const struct scenario_show_walk *walk = context;
	char modes[32];

	if (view->status != walk->status)
		return;
	scenario_show_modes(view, modes, sizeof(modes));
	scenario_say(walk->scenario, "  %s%s %s, node %u%s", queues[view->status & 3],
		scenario_show_label(walk, view), modes, view->owner_nodeid,
		view->orphan ? ", orphan" : "");
}

void scenario_show_resource(struct scenario *scenario, uint32_t node, const char *name)
{
	static const int order[] = {2, 3, 1, 0};
	struct scenario_show_walk walk = {scenario, node, 0};
	struct engine_lockspace *ls = scenario->nodes[node].ls;
	struct engine_resource_view view;
	char master[32] = "not known", value[96] = "";

	if (!ls || engine_resource_view(ls, name, strlen(name), &view) < 0) {
		scenario_say(scenario, "node %u: %s is not here", node, name);
		return;
	}
	if (view.master_nodeid)
		snprintf(master, sizeof(master), "%u", view.master_nodeid);
	if (view.value)
		snprintf(value, sizeof(value), ", value \"%.*s\"", DLM_USER_LVB_BYTES,
			(const char *)view.value);
	scenario_say(scenario, "node %u: %s has master %s, directory %u%s%s%s", node, name, master,
		view.dir_nodeid, view.in_use ? "" : ", unused", value,
		view.value_valid ? "" : ", value not valid");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		walk.status = order[i];
		engine_resource_each_lock(ls, name, strlen(name), scenario_show_queue_lock, &walk);
	}
}

static void scenario_show_own_lock(void *context, const struct engine_lock_view *view)
{
	static const char *const states[] = {"on its way to", "waits for", "holds", "converts"};
	const struct scenario_show_walk *walk = context;
	char modes[32];

	if (view->owner_nodeid != walk->node)
		return;
	scenario_show_modes(view, modes, sizeof(modes));
	scenario_say(walk->scenario, "node %u: %s %s %s on %.*s%s%s", walk->node,
		scenario_show_label(walk, view), states[view->status & 3], modes,
		(int)view->name_bytes, (const char *)view->name,
		view->waiting_reply ? ", waits for an answer" : "", view->orphan ? ", orphan" : "");
}

void scenario_show_locks(struct scenario *scenario, uint32_t node)
{
	struct scenario_show_walk walk = {scenario, node, 0};

	if (scenario->nodes[node].ls)
		engine_lockspace_each_lock(scenario->nodes[node].ls, scenario_show_own_lock, &walk);
}

void scenario_show_peers(struct scenario *scenario, uint32_t node)
{
	struct engine_peer_info info;

	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario->nodes[node].engine &&
			!engine_peer_info(scenario->nodes[node].engine, i, &info))
			scenario_say(scenario,
				"node %u with %u: %s, %u not acknowledged, %u doubled, %u missed",
				node, i, info.state, info.unacked_count,
				(unsigned int)info.duplicate_count, (unsigned int)info.gap_count);
}

void scenario_show_dump(struct scenario *scenario, uint32_t node)
{
	struct engine_dump_cursor cursor = {0};
	char text[8192];
	size_t bytes;

	if (!scenario->nodes[node].ls)
		return;
	while ((bytes = engine_dump(
			scenario->nodes[node].ls, ENGINE_DUMP_ALL, &cursor, text, sizeof(text))))
		scenario_text_add(&scenario->out, text, bytes);
}
