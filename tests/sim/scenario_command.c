/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

static void scenario_command_cut(const char *line, struct scenario_words *ret)
{
	char *rest = ret->text, *word;

	ret->count = 0;
	snprintf(ret->text, sizeof(ret->text), "%s", line);
	while (ret->count < SCENARIO_WORDS_MAX && (word = strtok_r(rest, " \t", &rest)))
		ret->word[ret->count++] = word;
}

static const struct scenario_command *scenario_command_find(
	const struct scenario_command *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

void scenario_command_run(struct scenario *scenario, const char *line)
{
	const struct scenario_command *command;
	struct scenario_words words;
	const char *wrong = "no such command";

	scenario_command_cut(line, &words);
	if (!words.count)
		return;
	command = scenario_command_find(scenario_command_nodes, words.word[0]);
	if (!command)
		command = scenario_command_find(scenario_command_locks, words.word[0]);
	if (command)
		wrong = command->run(scenario, &words);
	scenario_events_show(scenario);
	if (!wrong)
		return;
	scenario->refused = true;
	scenario_say(scenario, "WRONG: %s: %s", line, wrong);
}

void scenario_command_help(void)
{
	const struct scenario_command *command;

	for (command = scenario_command_nodes; command->name; command++)
		printf("%s %s\n", command->name, command->usage);
	for (command = scenario_command_locks; command->name; command++)
		printf("%s %s\n", command->name, command->usage);
}

static uint32_t scenario_command_number(const struct scenario *scenario, const char *word)
{
	unsigned long node = strtoul(word, NULL, 10);

	return node && node <= scenario->node_count && !word[1] ? (uint32_t)node : 0;
}

uint32_t scenario_command_node(
	const struct scenario *scenario, const struct scenario_words *words, size_t index)
{
	return index < words->count ? scenario_command_number(scenario, words->word[index]) : 0;
}

uint32_t scenario_command_mask(
	const struct scenario *scenario, const struct scenario_words *words, size_t index)
{
	uint32_t mask = 0, node;

	for (size_t i = index; i < words->count; i++) {
		if (strchr(words->word[i], '='))
			continue;
		node = scenario_command_number(scenario, words->word[i]);
		if (!node)
			return 0;
		mask |= 1u << node;
	}
	return mask ? mask : (2u << scenario->node_count) - 2;
}

const char *scenario_command_option(const struct scenario_words *words, const char *key)
{
	size_t bytes = strlen(key);

	for (size_t i = 1; i < words->count; i++)
		if (!strncmp(words->word[i], key, bytes) && words->word[i][bytes] == '=')
			return words->word[i] + bytes + 1;
	return NULL;
}
