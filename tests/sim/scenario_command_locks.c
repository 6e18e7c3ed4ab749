/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands on programs and their locks. A lock has a label, and a program a name (none: the only
 * program of its node).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"
#include "scenario_command.h"
#include "scenario_message.h"
#include "scenario_node.h"
#include "scenario_program.h"

static const struct {
	const char *name;
	uint32_t flag;
} scenario_command_flags[] = {
	{"noqueue", DLM_LKF_NOQUEUE},
	{"noqueuebast", DLM_LKF_NOQUEUEBAST},
	{"valblk", DLM_LKF_VALBLK},
	{"ivvalblk", DLM_LKF_IVVALBLK},
	{"quecvt", DLM_LKF_QUECVT},
	{"convdeadlk", DLM_LKF_CONVDEADLK},
	{"nodlckwt", DLM_LKF_NODLCKWT},
	{"persistent", DLM_LKF_PERSISTENT},
	{"expedite", DLM_LKF_EXPEDITE},
	{"headque", DLM_LKF_HEADQUE},
	{"noorder", DLM_LKF_NOORDER},
	{"altpr", DLM_LKF_ALTPR},
	{"altcw", DLM_LKF_ALTCW},
};

/* What a lock or unlock call is made of. */
struct scenario_command_call {
	struct engine_lock_args args;
	uint8_t lvb[512]; /* as large as value blocks can be */
};

static bool scenario_command_flag(const char *word, uint32_t *flags)
{
	for (size_t i = 0; i < sizeof(scenario_command_flags) / sizeof(*scenario_command_flags);
		i++) {
		if (strcmp(scenario_command_flags[i].name, word))
			continue;
		*flags |= scenario_command_flags[i].flag;
		return true;
	}
	return false;
}

static bool scenario_command_mode(const char *word, int *ret)
{
	for (int mode = DLM_MODE_NL; mode <= DLM_MODE_EX; mode++) {
		if (strcmp(scenario_message_mode(mode), word))
			continue;
		*ret = mode;
		return true;
	}
	return false;
}

/* The words behind NODE LABEL: mode, flags, value=, pid=, in any order. */
static const char *scenario_command_call_read(
	const struct scenario_words *words, size_t from, struct scenario_command_call *ret)
{
	const char *value = scenario_command_option(words, "value");
	const char *pid = scenario_command_option(words, "pid");

	memset(ret, 0, sizeof(*ret));
	ret->args.wants_bast = true;
	ret->args.mode = DLM_MODE_IV;
	ret->args.pid = pid ? (uint32_t)strtoul(pid, NULL, 10) : 100;
	for (size_t i = from; i < words->count; i++) {
		if (strchr(words->word[i], '='))
			continue;
		if (!strcmp(words->word[i], "nobast"))
			ret->args.wants_bast = false;
		else if (!scenario_command_mode(words->word[i], &ret->args.mode) &&
			 !scenario_command_flag(words->word[i], &ret->args.flags))
			return "a mode or flag is not known";
	}
	if (value) {
		ret->args.flags |= DLM_LKF_VALBLK;
		memcpy(ret->lvb, value, strlen(value));
	}
	if (ret->args.flags & DLM_LKF_VALBLK)
		ret->args.lvb = ret->lvb;
	return NULL;
}

static const char *scenario_command_by(const struct scenario_words *words)
{
	const char *by = scenario_command_option(words, "by");

	return by ? by : "";
}

static void scenario_command_result(
	struct scenario *scenario, uint32_t node, const struct scenario_words *words, int result)
{
	if (result < 0)
		scenario_say(scenario, "%s %s: %s", words->word[0], words->word[2],
			scenario_error_name(result));
	else if (result > 0)
		scenario_say(scenario, "%s %s: nothing to cancel", words->word[0], words->word[2]);
	scenario_node_pump(scenario, node);
}

static const char *scenario_command_lock(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	struct scenario_command_call call;
	struct scenario_program *program;
	struct scenario_lock *lock;
	const char *wrong;
	int r;

	if (!node || words->count < 5)
		return "NODE LABEL NAME MODE";
	wrong = scenario_command_call_read(words, 4, &call);
	program = scenario_program_get(scenario, node, scenario_command_by(words));
	if (wrong || !program)
		return wrong ? wrong : "the node has no lockspace";
	lock = scenario_program_lock_new(scenario, program, words->word[2]);
	call.args.lkid = lock->lkid;
	call.args.name = words->word[3];
	call.args.name_bytes = (uint32_t)strlen(words->word[3]);
	r = engine_lock(program->client, &call.args);
	if (r < 0)
		lock->label[0] = 0;
	scenario_command_result(scenario, node, words, r);
	return NULL;
}

static struct scenario_lock *scenario_command_lock_of(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	struct scenario_lock *lock = node && words->count > 2 ? scenario_program_lock_find(scenario,
									node, words->word[2])
							      : NULL;

	return lock && lock->program && lock->program->client ? lock : NULL;
}

static const char *scenario_command_convert(
	struct scenario *scenario, const struct scenario_words *words)
{
	struct scenario_lock *lock = scenario_command_lock_of(scenario, words);
	struct scenario_command_call call;
	const char *wrong;

	if (!lock)
		return "NODE LABEL of a lock";
	wrong = scenario_command_call_read(words, 3, &call);
	if (wrong)
		return wrong;
	call.args.lkid = lock->lkid;
	call.args.flags |= DLM_LKF_CONVERT;
	scenario_command_result(
		scenario, lock->node, words, engine_lock(lock->program->client, &call.args));
	return NULL;
}

static const char *scenario_command_unlock_with(
	struct scenario *scenario, const struct scenario_words *words, uint32_t flags)
{
	struct scenario_lock *lock = scenario_command_lock_of(scenario, words);
	struct scenario_command_call call;
	const char *wrong;

	if (!lock)
		return "NODE LABEL of a lock";
	wrong = scenario_command_call_read(words, 3, &call);
	if (wrong)
		return wrong;
	scenario_command_result(scenario, lock->node, words,
		engine_unlock(
			lock->program->client, lock->lkid, call.args.flags | flags, call.args.lvb));
	return NULL;
}

static const char *scenario_command_unlock(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_unlock_with(scenario, words, 0);
}

static const char *scenario_command_cancel(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_unlock_with(scenario, words, DLM_LKF_CANCEL);
}

static const char *scenario_command_force(
	struct scenario *scenario, const struct scenario_words *words)
{
	return scenario_command_unlock_with(scenario, words, DLM_LKF_FORCEUNLOCK);
}

static const char *scenario_command_take(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);

	if (!node)
		return "a node";
	scenario_program_take(scenario, node);
	return NULL;
}

static const char *scenario_command_exit(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	struct scenario_program *program;

	if (!node)
		return "a node";
	program = scenario_program_get(scenario, node, scenario_command_by(words));
	if (!program)
		return "the node has no lockspace";
	scenario_program_exit(scenario, program);
	scenario_node_pump(scenario, node);
	return NULL;
}

static const char *scenario_command_adopt(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1), lkid;
	struct scenario_command_call call;
	struct scenario_program *program;
	struct scenario_lock *lock;
	const char *wrong;
	int r;

	if (!node || words->count < 5)
		return "NODE LABEL NAME MODE";
	wrong = scenario_command_call_read(words, 4, &call);
	program = scenario_program_get(scenario, node, scenario_command_by(words));
	if (wrong || !program)
		return wrong ? wrong : "the node has no lockspace";
	call.args.flags |= DLM_LKF_ORPHAN;
	call.args.name = words->word[3];
	call.args.name_bytes = (uint32_t)strlen(words->word[3]);
	r = engine_adopt(program->client, &call.args, &lkid);
	scenario_command_result(scenario, node, words, r);
	if (r < 0)
		return NULL;
	lock = scenario_program_lock_new(scenario, program, words->word[2]);
	scenario_program_lock_move(scenario, lock, lkid);
	scenario_say(scenario, "node %u: %s adopted", node, words->word[2]);
	return NULL;
}

static const char *scenario_command_purge(
	struct scenario *scenario, const struct scenario_words *words)
{
	uint32_t node = scenario_command_node(scenario, words, 1);
	uint32_t at = scenario_command_node(scenario, words, 2);
	const char *pid = scenario_command_option(words, "pid");
	struct scenario_program *program;

	if (!node || !at)
		return "NODE AT-NODE";
	program = scenario_program_get(scenario, node, scenario_command_by(words));
	if (!program)
		return "the node has no lockspace";
	scenario_command_result(scenario, node, words,
		engine_purge(program->client, at, pid ? (uint32_t)strtoul(pid, NULL, 10) : 0,
			UINT32_MAX));
	return NULL;
}

const struct scenario_command scenario_command_locks[] = {
	{"lock", "NODE LABEL NAME MODE [FLAG...] [by=PROGRAM] [pid=N]; request a lock",
		scenario_command_lock},
	{"convert", "NODE LABEL MODE [FLAG...] [value=TEXT]; ask for another mode",
		scenario_command_convert},
	{"unlock", "NODE LABEL [ivvalblk] [value=TEXT]; give it back", scenario_command_unlock},
	{"cancel", "NODE LABEL; no longer wait", scenario_command_cancel},
	{"force-unlock", "NODE LABEL; give it up whatever its state", scenario_command_force},
	{"take", "NODE; the programs there are told what happened", scenario_command_take},
	{"exit", "NODE [by=PROGRAM]; the program is gone without a word", scenario_command_exit},
	{"adopt", "NODE LABEL NAME MODE [by=PROGRAM]; take over an orphan", scenario_command_adopt},
	{"purge", "NODE AT-NODE [pid=N]; drop orphans there", scenario_command_purge},
	{NULL, NULL, NULL},
};
