/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <libdlm.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096

struct word {
	const char *name;
	uint32_t value;
};

static const struct word verbs[] = {
	{"lock", STEP_LOCK},
	{"convert", STEP_CONVERT},
	{"unlock", STEP_UNLOCK},
	{"cancel", STEP_CANCEL},
	{"deadlock", STEP_DEADLOCK},
	{"adopt", STEP_ADOPT},
	{"purge", STEP_PURGE},
	{"close", STEP_CLOSE},
	{NULL, 0},
};

static const struct word modes[] = {
	{"NL", LKM_NLMODE},
	{"CR", LKM_CRMODE},
	{"CW", LKM_CWMODE},
	{"PR", LKM_PRMODE},
	{"PW", LKM_PWMODE},
	{"EX", LKM_EXMODE},
	{"mode6", 6},
	{"mode-1", UINT32_MAX},
	{NULL, 0},
};

static const struct word flags[] = {
	{"NOQUEUE", LKF_NOQUEUE},
	{"CANCEL", LKF_CANCEL},
	{"CONVERT", LKF_CONVERT},
	{"VALBLK", LKF_VALBLK},
	{"QUECVT", LKF_QUECVT},
	{"IVVALBLK", LKF_IVVALBLK},
	{"CONVDEADLK", LKF_CONVDEADLK},
	{"PERSISTENT", LKF_PERSISTENT},
	{"NODLCKWT", LKF_NODLCKWT},
	{"NODLCKBLK", LKF_NODLCKBLK},
	{"EXPEDITE", LKF_EXPEDITE},
	{"NOQUEUEBAST", LKF_NOQUEUEBAST},
	{"HEADQUE", LKF_HEADQUE},
	{"NOORDER", LKF_NOORDER},
	{"ORPHAN", LKF_ORPHAN},
	{"ALTPR", LKF_ALTPR},
	{"ALTCW", LKF_ALTCW},
	{"FORCEUNLOCK", LKF_FORCEUNLOCK},
	{NULL, 0},
};

static const struct word errors[] = {
	{"EINVAL", EINVAL},
	{"EBUSY", EBUSY},
	{"ENOENT", ENOENT},
	{"EAGAIN", EAGAIN},
	{"EDEADLK", EDEADLK},
	{"ECANCEL", ECANCEL},
	{"EUNLOCK", EUNLOCK},
	{"EPERM", EPERM},
	{"ENOBUFS", ENOBUFS},
	{NULL, 0},
};

static const struct word *word_find(const struct word *words, const char *name)
{
	for (; words->name; words++)
		if (!strcmp(words->name, name))
			return words;
	return NULL;
}

const char *table_errno_name(int error)
{
	for (const struct word *word = errors; word->name; word++)
		if (word->value == (uint32_t)error)
			return word->name;
	return NULL;
}

static bool is_actor(const char *word)
{
	return word[0] >= 'A' && word[0] <= 'Z' && !word[1];
}

/* One word after the verb: a mode, a flag, "=v1", "name=65", "noblock", "wrongid". */
static bool argument_parse(const char *text, struct step *step)
{
	const struct word *word;

	if ((word = word_find(modes, text))) {
		step->has_mode = true;
		step->mode = word->value;
	} else if ((word = word_find(flags, text)))
		step->flags |= word->value;
	else if (text[0] == '=' && strlen(text) < sizeof(step->value))
		memcpy(step->value, text + 1, strlen(text));
	else if (!strncmp(text, "name=", 5))
		step->name_bytes = (int)strtol(text + 5, NULL, 10);
	else if (!strcmp(text, "noblock"))
		step->no_block = true;
	else if (!strcmp(text, "wrongid"))
		step->wrong_id = true;
	else
		return false;
	return true;
}

static bool call_parse(char *text, struct step *step)
{
	const struct word *word;
	char *rest, *actor = strtok_r(text, " ", &rest), *verb = strtok_r(NULL, " ", &rest);

	if (!actor || !verb || !is_actor(actor) || !(word = word_find(verbs, verb)))
		return false;
	step->actor = actor[0];
	step->verb = (enum step_verb)word->value;
	step->name_bytes = -1;
	for (char *next; (next = strtok_r(NULL, " ", &rest));)
		if (!argument_parse(next, step))
			return false;
	return step->has_mode ==
	       (step->verb == STEP_LOCK || step->verb == STEP_CONVERT || step->verb == STEP_ADOPT);
}

/* "A ok+alt=v1", "B bast", "call EINVAL" */
static bool event_parse(char *text, struct step *step)
{
	char *rest, *who = strtok_r(text, " ", &rest), *what = strtok_r(NULL, " ", &rest), *value;
	struct step_event *event = &step->events[step->event_count];

	if (!who || !what || strtok_r(NULL, " ", &rest))
		return false;
	if (!strcmp(who, "call")) {
		const struct word *error = word_find(errors, what);

		step->call_errno = error ? (int)error->value : 0;
		return error;
	}
	value = strchr(what, '=');
	if (value)
		*value++ = '\0';
	if (!is_actor(who) || step->event_count == TABLE_EVENTS_MAX ||
		strlen(what) >= sizeof(event->what) ||
		(value && strlen(value) >= sizeof(event->value)))
		return false;
	event->actor = who[0];
	snprintf(event->what, sizeof(event->what), "%s", what);
	snprintf(event->value, sizeof(event->value), "%s", value ? value : "");
	step->event_count++;
	return true;
}

bool table_step(char *text, struct step *ret)
{
	char *events = strchr(text, ':'), *rest, *next;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->text, sizeof(ret->text), "%s", text + strspn(text, " "));
	if (!events)
		return false;
	*events++ = '\0';
	if (!call_parse(text, ret))
		return false;
	for (next = strtok_r(events, ",", &rest); next; next = strtok_r(NULL, ",", &rest))
		if (strspn(next, " ") != strlen(next) && !event_parse(next, ret))
			return false;
	return true;
}

static bool row_parse(char *line, struct row *ret)
{
	char *rest, *name = strtok_r(line, "|", &rest), *next;

	memset(ret, 0, sizeof(*ret));
	if (!name)
		return false;
	name[strcspn(name, " ")] = '\0';
	if (!name[0] || strlen(name) >= sizeof(ret->name))
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	while ((next = strtok_r(NULL, "|", &rest))) {
		struct step *step = &ret->steps[ret->step_count];

		if (ret->step_count == TABLE_STEPS_MAX || !table_step(next, step))
			return false;
		ret->step_count++;
		ret->actors |= 1u << (step->actor - 'A');
		for (unsigned i = 0; i < step->event_count; i++)
			ret->actors |= 1u << (step->events[i].actor - 'A');
	}
	return ret->step_count > 0;
}

int table_next(FILE *file, const char *path, unsigned *inout_line, struct row *ret)
{
	char line[LINE_BYTES];

	while (fgets(line, sizeof(line), file)) {
		++*inout_line;
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (row_parse(line, ret))
			return 1;
		fprintf(stderr, "%s:%u: not understood: a row is NAME | A lock PR: A ok | ...\n",
			path, *inout_line);
		return -EINVAL;
	}
	return 0;
}
