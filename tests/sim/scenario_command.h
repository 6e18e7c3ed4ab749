/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The commands of a scenario: one small function each, in one table. `dlm_scenario --commands`
 * lists them with their arguments.
 */
#include <stddef.h>
#include <stdint.h>

struct scenario;

#define SCENARIO_WORDS_MAX 24

/* A command cut into words; the first is its name. */
struct scenario_words {
	char text[512];
	size_t count;
	const char *word[SCENARIO_WORDS_MAX];
};

struct scenario_command {
	const char *name;
	const char *usage; /* arguments, and after a semicolon what it does */
	/* Return: NULL or what is wrong with the words */
	const char *(*run)(struct scenario *scenario, const struct scenario_words *words);
};

extern const struct scenario_command scenario_command_locks[]; /* end with a NULL name */
extern const struct scenario_command scenario_command_nodes[];

/** scenario_command_run() - play one line; what it says is added to scenario->out */
void scenario_command_run(struct scenario *scenario, const char *line);
/** scenario_command_help() - list all commands on stdout */
void scenario_command_help(void);

/** scenario_command_node() - word @index is a node. Return: 0: it is not */
uint32_t scenario_command_node(
	const struct scenario *scenario, const struct scenario_words *words, size_t index);
/** scenario_command_mask() - the nodes named from word @index on, none: all. Return: 0: bad word */
uint32_t scenario_command_mask(
	const struct scenario *scenario, const struct scenario_words *words, size_t index);
/** scenario_command_option() - the value of a word KEY=VALUE. Return: NULL: there is none */
const char *scenario_command_option(const struct scenario_words *words, const char *key);
