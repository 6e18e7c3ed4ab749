/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/must.h"
#include "scenario_node.h"

void scenario_text_add(struct scenario_text *text, const char *bytes, size_t count)
{
	if (text->used + count + 1 > text->room) {
		text->room = (text->used + count + 1) * 2;
		text->bytes = realloc(text->bytes, text->room);
		must(text->bytes);
	}
	memcpy(text->bytes + text->used, bytes, count);
	text->used += count;
	text->bytes[text->used] = 0;
}

void scenario_text_clear(struct scenario_text *text)
{
	text->used = 0;
	if (text->bytes)
		text->bytes[0] = 0;
}

void scenario_text_free(struct scenario_text *text)
{
	free(text->bytes);
	*text = (struct scenario_text){0};
}

static void scenario_text_line(struct scenario_text *text, const char *format, va_list args)
{
	char line[512];
	int bytes = vsnprintf(line, sizeof(line), format, args);

	must(bytes >= 0 && (size_t)bytes < sizeof(line));
	scenario_text_add(text, line, (size_t)bytes);
	scenario_text_add(text, "\n", 1);
}

void scenario_say(struct scenario *scenario, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	scenario_text_line(&scenario->out, format, args);
	va_end(args);
}

void scenario_event(struct scenario *scenario, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	scenario_text_line(&scenario->events, format, args);
	va_end(args);
}

void scenario_events_show(struct scenario *scenario)
{
	char line[64] = "";
	size_t used = 0;

	for (uint32_t i = 1; i <= SCENARIO_NODES_MAX; i++)
		if (scenario->recovered & 1u << i)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %u", i);
	if (used)
		scenario_say(scenario, "recovered:%s", line);
	if (scenario->events.used)
		scenario_text_add(&scenario->out, scenario->events.bytes, scenario->events.used);
	scenario_text_clear(&scenario->events);
	scenario->recovered = 0;
}

void scenario_init(struct scenario *scenario)
{
	memset(scenario, 0, sizeof(*scenario));
}

void scenario_done(struct scenario *scenario)
{
	for (uint32_t i = 1; i <= SCENARIO_NODES_MAX; i++)
		scenario_node_end(scenario, i, false);
	scenario_text_free(&scenario->out);
	scenario_text_free(&scenario->events);
	scenario_text_free(&scenario->messages);
	scenario_text_free(&scenario->polls);
}

const char *scenario_error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{EAGAIN, "EAGAIN"},
		{EBUSY, "EBUSY"},
		{ECANCELED, "ECANCELED"},
		{EDEADLK, "EDEADLK"},
		{EDQUOT, "EDQUOT"},
		{EEXIST, "EEXIST"},
		{EBADR, "EBADR"},
		{EINPROGRESS, "EINPROGRESS"},
		{EINVAL, "EINVAL"},
		{ENOBUFS, "ENOBUFS"},
		{ENOENT, "ENOENT"},
		{ENOMEM, "ENOMEM"},
		{ENOSPC, "ENOSPC"},
		{ENOTBLK, "ENOTBLK"},
		{EPROTO, "EPROTO"},
		{ETIMEDOUT, "ETIMEDOUT"},
		{DLM_STATUS_ECANCEL, "ECANCEL"},
		{DLM_STATUS_EUNLOCK, "EUNLOCK"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == (error < 0 ? -error : error))
			return names[i].name;
	return error ? "another error" : "0";
}
