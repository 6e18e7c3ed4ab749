/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands on nodes, members, connections and time, and those that look.
 */
#include <stdlib.h>
#include <string.h>

#include "scenario.h"
#include "scenario_carrier.h"
#include "scenario_command.h"
#include "scenario_node.h"
#include "scenario_program.h"
#include "scenario_show.h"

static bool scenario_command_in(uint32_t mask, uint32_t node)
{
	return mask & 1u << node;
}

static bool scenario_command_word(const struct scenario_words *words, const char *word)
{
	for (size_t i = 1; i < words->count; i++)
		if (!strcmp(words->word[i], word))
			return true;
	return false;
}

/* ---- processes and members ---- */

static const char *scenario_command_nodes_new(
	struct scenario *scenario, const struct scenario_words *words)
{
	unsigned long count = words->count > 1 ? strtoul(words->word[1], NULL, 10) : 0;

	if (!count || count > SCENARIO_NODES_MAX || scenario->node_count)
		return "once, 1 to 8";
	scenario->node_count = (uint32_t)count;
	scenario->nodir = scenario_command_word(words, "nodir");
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		scenario_node_boot(scenario, i);
	return NULL;
}

static const char *scenario_command_boot(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);

	if (!node || scenario->nodes[node].engine)
		return "a node that is down";
	scenario_node_boot(scenario, node);
	return NULL;
}

static const char *scenario_command_kill(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);

	if (!node || !scenario->nodes[node].engine)
		return "a node that is up";
	scenario_node_end(scenario, node, scenario_command_word(words, "late"));
	return NULL;
}

static const char *scenario_command_join(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t mask = scenario_command_mask(scenario, words, 1);
	const char *lvb = scenario_command_option(words, "value-bytes");
	int r;

	if (!mask)
		return "nodes";
	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		if (!scenario_command_in(mask, i))
			continue;
		if (!scenario->nodes[i].engine || scenario->nodes[i].ls)
			return "nodes that are up and no members";
		r = scenario_node_join(
			scenario, i, lvb ? (uint32_t)strtoul(lvb, NULL, 10) : DLM_USER_LVB_BYTES);
		if (r < 0)
			return scenario_error_name(r);
	}
	return NULL;
}

static const char *scenario_command_probe(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	uint32_t peer = scenario_command_node(scenario, words, 2);
	const char *lvb = scenario_command_option(words, "value-bytes");
	const char *flags = scenario_command_option(words, "flags");
	int r;

	if (!node || !peer || !scenario->nodes[node].engine)
		return "a node that is up, and another";
	r = scenario_node_probe(scenario, node, peer, flags ? (uint32_t)strtoul(flags, NULL, 0) : 0,
		lvb ? (uint32_t)strtoul(lvb, NULL, 10) : DLM_USER_LVB_BYTES,
		scenario_command_word(words, "keep"));
	return r < 0 ? scenario_error_name(r) : NULL;
}

static const char *scenario_command_probe_end(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	uint32_t peer = scenario_command_node(scenario, words, 2);

	if (!node || !peer || !scenario->nodes[node].engine)
		return "a node that is up, and another";
	scenario_node_probe_end(scenario, node, peer);
	return NULL;
}

static const char *scenario_command_leave(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);

	if (!node || !scenario->nodes[node].ls)
		return "a node with the lockspace";
	scenario_node_leave(scenario, node);
	return NULL;
}

static const char *scenario_command_stop(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t mask = scenario_command_mask(scenario, words, 1);

	if (!mask)
		return "nodes";
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario_command_in(mask, i) && scenario->nodes[i].ls)
			scenario_node_stop(scenario, i);
	return NULL;
}

static const char *scenario_command_start(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t members = scenario_command_mask(scenario, words, 1), on = members;
	const char *only = scenario_command_option(words, "on");
	int r;

	for (on = only ? 0 : members; only && *only; only++)
		if (*only >= '1' && *only <= '8')
			on |= 1u << (*only - '0');
	if (!members)
		return "nodes";
	scenario->start_number++;
	for (uint32_t i = 1; i <= scenario->node_count; i++) {
		if (!scenario_command_in(on, i))
			continue;
		if (!scenario->nodes[i].ls)
			return "nodes with the lockspace";
		r = scenario_node_start(scenario, i, members, scenario->start_number);
		if (r < 0)
			scenario_say(scenario, "node %u: %s", i, scenario_error_name(r));
	}
	return NULL;
}

/* ---- connections and time ---- */

static const char *scenario_command_pair(const struct scenario *scenario,
	const struct scenario_words *words, uint32_t *ret_from, uint32_t *ret_to)
{
	*ret_from = scenario_command_node(scenario, words, 1);
	*ret_to = scenario_command_node(scenario, words, 2);
	return *ret_from && *ret_to && *ret_from != *ret_to ? NULL : "two nodes";
}

static const char *scenario_command_hold(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t from, to;
	const char *wrong = scenario_command_pair(scenario, words, &from, &to);

	if (!wrong)
		scenario->pipes[from][to].held = !strcmp(words->word[0], "hold");
	return wrong;
}

static const char *scenario_command_break(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t from, to;
	const char *wrong = scenario_command_pair(scenario, words, &from, &to);

	if (wrong)
		return wrong;
	scenario_carrier_break(scenario, from, to);
	scenario_carrier_break(scenario, to, from);
	scenario_node_pump(scenario, from);
	scenario_node_pump(scenario, to);
	return NULL;
}

static void scenario_command_begin(struct scenario *scenario, const struct scenario_words *words)
{
	scenario->taking = !scenario_command_word(words, "keep");
	if (scenario->taking)
		scenario_program_take(scenario, 0);
}

static const char *scenario_command_deliver(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t from, to;
	const char *wrong = scenario_command_pair(scenario, words, &from, &to);
	unsigned long left = words->count > 3 ? strtoul(words->word[3], NULL, 10) : 1000;
	int counts;

	if (wrong)
		return wrong;
	scenario_command_begin(scenario, words);
	while (left && (counts = scenario_carrier_waiting(scenario, from, to)) >= 0) {
		left -= (unsigned long)counts;
		scenario_carrier_deliver(scenario, from, to);
		scenario_node_pump(scenario, to);
	}
	scenario->taking = false;
	return NULL;
}

static const char *scenario_command_settle(
	struct scenario *scenario, const struct scenario_words *words)
{
	scenario_command_begin(scenario, words);
	scenario->until = scenario_command_option(words, "until");
	scenario->until_from = scenario->messages.used;
	scenario_node_settle(scenario);
	scenario->until = NULL;
	scenario->taking = false;
	return NULL;
}

static const char *scenario_command_tick(
	struct scenario *scenario, const struct scenario_words *words)
{
	if (words->count < 2)
		return "milliseconds";
	scenario_command_begin(scenario, words);
	scenario_node_pass(scenario, strtoul(words->word[1], NULL, 10));
	scenario->taking = false;
	return NULL;
}

/* ---- looking ---- */

static const char *scenario_command_messages(
	struct scenario *scenario, const struct scenario_words *words)
{
	struct scenario_text *text = &scenario->messages;

	if (scenario_command_word(words, "all"))
		text = &scenario->polls;
	if (text->used && !scenario_command_word(words, "forget"))
		scenario_text_add(&scenario->out, text->bytes, text->used);
	scenario_text_clear(&scenario->messages);
	scenario_text_clear(&scenario->polls);
	return NULL;
}

static const char *scenario_command_each(struct scenario *scenario,
	const struct scenario_words *words, void (*show)(struct scenario *scenario, uint32_t node))
{
	uint32_t mask = scenario_command_mask(scenario, words, 1);

	if (!mask)
		return "nodes";
	for (uint32_t i = 1; i <= scenario->node_count; i++)
		if (scenario_command_in(mask, i))
			show(scenario, i);
	return NULL;
}

static const char *scenario_command_locks_show(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_each(scenario, words, scenario_show_locks);
}

static const char *scenario_command_peers(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_each(scenario, words, scenario_show_peers);
}

static const char *scenario_command_dump(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_each(scenario, words, scenario_show_dump);
}

static const char *scenario_command_resource(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);

	if (!node || words->count < 3)
		return "a node and a name";
	for (size_t i = 2; i < words->count; i++)
		scenario_show_resource(scenario, node, words->word[i]);
	return NULL;
}

const struct scenario_command scenario_command_nodes[] = {
	{"nodes", "COUNT [nodir]; that many processes, which know each other",
		scenario_command_nodes_new},
	{"kill",
		"NODE [late]; the process ends, and the cluster removes the node; what it sent is "
		"lost "
		"or (late) on its way",
		scenario_command_kill},
	{"boot", "NODE; a new process on a node that was killed", scenario_command_boot},
	{"join", "[NODE...] [value-bytes=N]; make the lockspace there, stopped",
		scenario_command_join},
	{"leave", "NODE; release the lockspace there", scenario_command_leave},
	{"probe",
		"NODE PEER [value-bytes=N] [flags=N] [keep]; the node asks the peer whether it "
		"would "
		"take it",
		scenario_command_probe},
	{"probe-end", "NODE PEER; the answer is not needed any more", scenario_command_probe_end},
	{"stop", "[NODE...]; stop the lockspace there", scenario_command_stop},
	{"start", "[NODE...] [on=NODE,...]; start with these members, on all of them or on some",
		scenario_command_start},
	{"hold", "FROM TO; messages of this direction wait", scenario_command_hold},
	{"release", "FROM TO; they arrive again", scenario_command_hold},
	{"break", "NODE NODE; the connection breaks, what is on its way is lost",
		scenario_command_break},
	{"deliver", "FROM TO [COUNT]; messages arrive, held or not", scenario_command_deliver},
	{"settle",
		"[keep] [until=TEXT]; messages arrive until nothing moves, or one with this text "
		"was "
		"sent; programs are told, or (keep) not",
		scenario_command_settle},
	{"tick", "MILLISECONDS [keep]; settle, and time passes", scenario_command_tick},
	{"messages",
		"[all] [forget]; what was sent since the last `messages`; not STATUS, NAMES, ACK",
		scenario_command_messages},
	{"locks", "[NODE...]; the locks of the programs there", scenario_command_locks_show},
	{"resource", "NODE NAME...; the resource as the node sees it", scenario_command_resource},
	{"peers", "[NODE...]; how it stands with the others", scenario_command_peers},
	{"dump", "[NODE...]; debug files, with lock ids", scenario_command_dump},
	{NULL, NULL, NULL},
};
