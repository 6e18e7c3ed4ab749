/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_program.h"

#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "scenario.h"
#include "scenario_message.h"

/* ---- programs ---- */

struct scenario_program *scenario_program_get(
	struct scenario *scenario, uint32_t node, const char *name)
{
	struct scenario_program *unused = NULL;

	if (!scenario->nodes[node].ls)
		return NULL;
	for (size_t i = 0; i < SCENARIO_PROGRAMS_MAX; i++) {
		struct scenario_program *program = &scenario->programs[i];

		if (program->client && program->node == node && !strcmp(program->name, name))
			return program;
		if (!program->node)
			unused = program;
	}
	must(unused);
	memset(unused, 0, sizeof(*unused));
	snprintf(unused->name, sizeof(unused->name), "%s", name);
	unused->node = node;
	must(!engine_client_new(scenario->nodes[node].ls, unused, &unused->client));
	return unused;
}

void scenario_program_exit(struct scenario *scenario, struct scenario_program *program)
{
	(void)scenario;
	engine_client_close(program->client);
	program->client = NULL;
	program->has_callbacks = false;
}

void scenario_program_closed(struct scenario *scenario, void *context)
{
	struct scenario_program *program = context;

	(void)scenario;
	program->node = 0;
}

void scenario_program_node_ended(struct scenario *scenario, uint32_t node)
{
	for (size_t i = 0; i < SCENARIO_PROGRAMS_MAX; i++)
		if (scenario->programs[i].node == node)
			memset(&scenario->programs[i], 0, sizeof(scenario->programs[i]));
}

/* ---- locks ---- */

static void scenario_program_forget_id(struct scenario *scenario, uint32_t node, uint32_t lkid)
{
	for (size_t i = 0; i < SCENARIO_LOCKS_MAX; i++)
		if (scenario->locks[i].node == node && scenario->locks[i].lkid == lkid)
			scenario->locks[i].label[0] = 0;
}

static uint32_t scenario_program_next_id(struct scenario_program *program)
{
	if (program->next_id == program->end_id) {
		must(!engine_client_ids(program->client, &program->next_id));
		program->end_id = program->next_id + ENGINE_ID_BLOCK;
	}
	return program->next_id++;
}

struct scenario_lock *scenario_program_lock_new(
	struct scenario *scenario, struct scenario_program *program, const char *label)
{
	struct scenario_lock *lock = NULL;

	for (size_t i = 0; i < SCENARIO_LOCKS_MAX; i++)
		if (!strcmp(scenario->locks[i].label, label) || !scenario->locks[i].label[0])
			if (!lock || scenario->locks[i].label[0])
				lock = &scenario->locks[i];
	must(lock);
	lock->node = program->node;
	lock->program = program;
	lock->label[0] = 0;
	scenario_program_lock_move(scenario, lock, scenario_program_next_id(program));
	snprintf(lock->label, sizeof(lock->label), "%s", label);
	return lock;
}

void scenario_program_lock_move(
	struct scenario *scenario, struct scenario_lock *lock, uint32_t lkid)
{
	char label[SCENARIO_LABEL_BYTES];

	memcpy(label, lock->label, sizeof(label));
	scenario_program_forget_id(scenario, lock->node, lkid);
	lock->lkid = lkid;
	memcpy(lock->label, label, sizeof(label));
}

struct scenario_lock *scenario_program_lock_find(
	struct scenario *scenario, uint32_t node, const char *label)
{
	for (size_t i = 0; i < SCENARIO_LOCKS_MAX; i++)
		if (scenario->locks[i].label[0] && scenario->locks[i].node == node &&
			!strcmp(scenario->locks[i].label, label))
			return &scenario->locks[i];
	return NULL;
}

const char *scenario_program_label(const struct scenario *scenario, uint32_t node, uint32_t lkid)
{
	for (size_t i = 0; i < SCENARIO_LOCKS_MAX; i++)
		if (scenario->locks[i].label[0] && scenario->locks[i].node == node &&
			scenario->locks[i].lkid == lkid)
			return scenario->locks[i].label;
	return "?";
}

/* ---- callbacks ---- */

static const char *scenario_program_outcome(const struct engine_callback *callback)
{
	switch (callback->status) {
	case 0:
		return "granted";
	case -DLM_STATUS_EUNLOCK:
		return "unlocked";
	case -DLM_STATUS_ECANCEL:
		return "cancelled";
	default:
		return scenario_error_name(callback->status);
	}
}

static void scenario_program_completion(struct scenario *scenario,
	const struct scenario_program *program, const struct engine_callback *callback)
{
	char mode[16] = "", value[80] = "";

	if (!callback->status)
		snprintf(mode, sizeof(mode), " %s", scenario_message_mode(callback->mode));
	else if (!callback->ended)
		snprintf(mode, sizeof(mode), ", keeps %s", scenario_message_mode(callback->mode));
	if (callback->lvb)
		snprintf(value, sizeof(value), ", value \"%.*s\"", DLM_USER_LVB_BYTES,
			(const char *)callback->lvb);
	scenario_event(scenario, "node %u: %s %s%s%s%s%s%s", program->node,
		scenario_program_label(scenario, program->node, callback->lkid),
		scenario_program_outcome(callback), mode, value,
		callback->sbflags & DLM_SBF_DEMOTED_BIT ? ", was demoted" : "",
		callback->sbflags & DLM_SBF_VALNOTVALID_BIT ? ", value not valid" : "",
		callback->sbflags & DLM_SBF_ALTMODE_BIT ? ", in the other mode" : "");
}

static void scenario_program_told(struct scenario *scenario, const struct scenario_program *program,
	const struct engine_callback *callback)
{
	if (callback->is_bast)
		scenario_event(scenario, "node %u: %s blocks %s", program->node,
			scenario_program_label(scenario, program->node, callback->lkid),
			scenario_message_mode(callback->mode));
	else
		scenario_program_completion(scenario, program, callback);
}

static void scenario_program_take_all(struct scenario *scenario, struct scenario_program *program)
{
	struct engine_callback callback;

	program->has_callbacks = false;
	while (engine_client_take(program->client, &callback))
		scenario_program_told(scenario, program, &callback);
}

void scenario_program_has_callbacks(struct scenario *scenario, void *context)
{
	struct scenario_program *program = context;

	program->has_callbacks = true;
	if (scenario->taking)
		scenario_program_take_all(scenario, program);
}

void scenario_program_take(struct scenario *scenario, uint32_t node)
{
	for (size_t i = 0; i < SCENARIO_PROGRAMS_MAX; i++) {
		struct scenario_program *program = &scenario->programs[i];

		if (program->client && program->has_callbacks && (!node || program->node == node))
			scenario_program_take_all(scenario, program);
	}
}
