/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All programs of a row here, or in turn on two nodes. Between nodes, who is master of the row's
 * resource is settled before the row: the one that locks it first; its name is chosen so that the
 * wanted node has the directory entry. A step then has come to its end when its node says so, see
 * place.h, and each node has asked its own engine what else there is.
 */
#include "exam.h"

#include <libdlm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "base/pure/hash.h"
#include "place.h"

struct exam {
	const struct exam_options *options;
	struct place *place; /* NULL: there are agents */
	struct agent *agents[EXAM_NODES];
	bool broken;
	unsigned row_count;
	unsigned seats[TABLE_ACTORS]; /* index of each actor's node */
	struct report report;
};

/* ---- who sits where ---- */

/** row_closer() - the actor whose orphans the row is about, -1: none. Orphans are a node's own. */
static int row_closer(const struct row *row)
{
	for (unsigned i = 0; i < row->step_count; i++)
		if (row->steps[i].verb == STEP_CLOSE)
			return row->steps[i].actor - 'A';
	return -1;
}

static void exam_seat(struct exam *exam, const struct row *row)
{
	uint32_t seated = 0;
	unsigned next = 0;
	int closer = row_closer(row);

	for (unsigned i = 0; i < row->step_count; i++) {
		unsigned actor = (unsigned)(row->steps[i].actor - 'A');

		if (seated & 1u << actor)
			continue;
		exam->seats[actor] = next++ % EXAM_NODES;
		seated |= 1u << actor;
	}
	for (unsigned i = 0; i < row->step_count && closer >= 0; i++)
		if (row->steps[i].verb == STEP_ADOPT || row->steps[i].verb == STEP_PURGE)
			exam->seats[row->steps[i].actor - 'A'] = exam->seats[closer];
}

/** exam_name() - of the row's resource. The directory of two nodes of equal weight: the hash's
 * upper half, even or odd. */
static void exam_name(struct exam *exam, char *ret, size_t size)
{
	unsigned number = exam->row_count++, salt = 0;

	do
		snprintf(ret, size, "conformance-%d-%u-%u", (int)getpid(), number, salt++);
	while (!exam->place && (hash_name(ret, strlen(ret), 0) >> 16) % EXAM_NODES !=
				       exam->options->directory - 1);
}

static bool exam_begin(struct exam *exam, const struct row *row)
{
	char name[DLM_RESNAME_MAXLEN];

	exam_name(exam, name, sizeof(name));
	if (exam->place) {
		place_row(exam->place, name, row->actors);
		return true;
	}
	exam_seat(exam, row);
	for (unsigned node = 0; node < EXAM_NODES; node++) {
		uint32_t actors = 0;

		for (unsigned i = 0; i < TABLE_ACTORS; i++)
			if (row->actors & 1u << i && exam->seats[i] == node)
				actors |= 1u << i;
		agent_row(exam->agents[node], name, actors);
	}
	return agent_ask(exam->agents[exam->options->master - 1], "own");
}

/* ---- comparing ---- */

static void difference(FILE *out, const struct row *row, unsigned index, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void difference(FILE *out, const struct row *row, unsigned index, const char *format, ...)
{
	va_list args;

	fprintf(out, "%s: step %u \"%s\": ", row->name, index + 1, row->steps[index].text);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fprintf(out, "\n");
}

static bool value_matches(const char *expected, const char *seen)
{
	char want[DLM_LVB_LEN] = {0};

	if (!expected[0])
		return true;
	if (strcmp(expected, "0") != 0)
		memcpy(want, expected, strlen(expected));
	return !memcmp(want, seen, sizeof(want));
}

/* The callbacks of one actor are in order; between actors there is none. */
static bool actor_compare(
	struct exam *exam, const struct row *row, unsigned index, char letter, FILE *out)
{
	const struct step *step = &row->steps[index];
	const struct seen *seen = exam->report.seen[letter - 'A'];
	unsigned place = 0, seen_count = exam->report.counts[letter - 'A'];
	bool good = true;

	for (unsigned i = 0; i < step->event_count; i++) {
		const struct step_event *want = &step->events[i];

		if (want->actor != letter)
			continue;
		if (place >= seen_count) {
			difference(
				out, row, index, "%c got nothing, expected %s", letter, want->what);
			good = false;
		} else if (strcmp(seen[place].what, want->what) != 0) {
			difference(out, row, index, "%c got %s, expected %s", letter,
				seen[place].what, want->what);
			good = false;
		} else if (!value_matches(want->value, seen[place].value)) {
			difference(out, row, index, "%c got value %.*s, expected %s", letter,
				DLM_LVB_LEN, seen[place].value, want->value);
			good = false;
		}
		place++;
	}
	for (; place < seen_count; place++) {
		difference(
			out, row, index, "%c got %s, expected nothing", letter, seen[place].what);
		good = false;
	}
	return good;
}

/* ---- steps ---- */

static bool agents_step(struct exam *exam, const struct step *step, int *ret_error)
{
	bool good = agent_do(exam->agents[exam->seats[step->actor - 'A']], step, ret_error);

	for (unsigned node = 0; good && node < EXAM_NODES; node++)
		agent_report_begin(exam->agents[node], step);
	for (unsigned node = 0; good && node < EXAM_NODES; node++)
		good = agent_report_end(exam->agents[node], &exam->report);
	return good;
}

static bool place_step(struct exam *exam, const struct step *step, int *ret_error)
{
	if (place_do(exam->place, step, ret_error) &&
		place_report(exam->place, step, &exam->report))
		return true;
	fprintf(stderr, "%s\n", place_why(exam->place));
	return false;
}

static bool step_run(struct exam *exam, const struct row *row, unsigned index, FILE *out)
{
	const struct step *step = &row->steps[index];
	bool good = true;
	int error = 0;

	memset(exam->report.counts, 0, sizeof(exam->report.counts));
	if (!(exam->place ? place_step : agents_step)(exam, step, &error)) {
		difference(out, row, index, "the exam cannot go on");
		exam->broken = true;
		return false;
	}
	if (error != step->call_errno) {
		const char *name = table_errno_name(error);

		difference(out, row, index, "the call gave %s, expected %s",
			error ? (name ? name : strerror(error)) : "success",
			step->call_errno ? table_errno_name(step->call_errno) : "success");
		good = false;
	}
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		if (row->actors & 1u << i)
			good &= actor_compare(exam, row, index, (char)('A' + i), out);
	return good;
}

bool exam_row(struct exam *exam, const struct row *row, FILE *out)
{
	bool good;

	if (!exam_begin(exam, row)) {
		exam->broken = true;
		return false;
	}
	good = true;
	for (unsigned i = 0; i < row->step_count && good; i++)
		good = step_run(exam, row, i, out);
	return good;
}

bool exam_broken(const struct exam *exam)
{
	return exam->broken;
}

/* ---- beginning and end ---- */

/* Each node holds a lock that is the other's fence. */
static bool agents_start(struct exam *exam)
{
	const char *lockspace = exam->options->lockspace;
	bool good = true;

	for (unsigned node = 0; good && node < EXAM_NODES; node++) {
		exam->agents[node] = agent_new(exam->options->nodes[node], lockspace);
		good = exam->agents[node];
	}
	for (unsigned node = 0; good && node < EXAM_NODES; node++)
		good = agent_ready(exam->agents[node]);
	for (unsigned node = 0; good && node < EXAM_NODES; node++)
		good = agent_ask(exam->agents[node], "hold fence-%u-%d", node, (int)getpid()) &&
		       agent_ask(exam->agents[!node], "fence fence-%u-%d", node, (int)getpid());
	return good;
}

struct exam *exam_new(const struct exam_options *options)
{
	struct exam *exam = calloc(1, sizeof(*exam));

	if (!exam)
		return NULL;
	exam->options = options;
	if (options->nodes[0] ? agents_start(exam)
			      : !!(exam->place = place_new(options->lockspace, options->settle_ms)))
		return exam;
	exam->broken = true;
	exam_free(exam);
	return NULL;
}

void exam_free(struct exam *exam)
{
	if (!exam)
		return;
	place_free(exam->place);
	for (unsigned node = 0; node < EXAM_NODES && exam->agents[node] && !exam->broken; node++)
		agent_ask(exam->agents[node], "let-go");
	for (unsigned node = 0; node < EXAM_NODES; node++)
		agent_free(exam->agents[node]);
	free(exam);
}
