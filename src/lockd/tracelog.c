/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/tracelog.h"

#include <inttypes.h>
#include <stdio.h>

static const char *lockspace_name(const struct engine_trace *trace)
{
	struct engine_lockspace_info info;

	if (!trace->lockspace)
		return "-";
	engine_lockspace_info(trace->lockspace, &info);
	return info.name;
}

static const char *kind_name(enum engine_trace_kind kind)
{
	switch (kind) {
	case ENGINE_TRACE_GRANT:
		return "grant";
	case ENGINE_TRACE_QUEUE:
		return "queue";
	case ENGINE_TRACE_UNGRANT:
		return "ungrant";
	case ENGINE_TRACE_MASTER:
		return "master";
	case ENGINE_TRACE_SEND:
		return "send";
	case ENGINE_TRACE_RECEIVE:
		return "receive";
	case ENGINE_TRACE_REFUSED:
		return "refused";
	case ENGINE_TRACE_RECOVERY:
		return "recovery";
	case ENGINE_TRACE_LINK:
		return "link";
	case ENGINE_TRACE_NOTE:
		return "note";
	}
	return "?";
}

/* A resource's name is bytes; what cannot be printed becomes a dot. */
static void name_text(const struct engine_trace *trace, char *ret, size_t room)
{
	const uint8_t *name = trace->name;
	size_t i, count = trace->name ? trace->name_bytes : 0;

	if (count > room - 1)
		count = room - 1;
	for (i = 0; i < count; i++)
		ret[i] = name[i] > 0x20 && name[i] < 0x7f ? (char)name[i] : '.';
	ret[count] = 0;
}

static void write_line(struct daemon *daemon, const struct engine_trace *trace)
{
	char name[DLM_NAME_BYTES_MAX + 1];

	name_text(trace, name, sizeof(name));
	log_debug(daemon->log,
		"%s: %s node %" PRIu32 " id %" PRIx32 " code %" PRIx32
		" mode %d result %d name %s %s",
		lockspace_name(trace), kind_name(trace->kind), trace->nodeid, trace->lkid,
		trace->code, trace->mode, trace->result, name, trace->text ? trace->text : "");
}

void tracelog_trace(void *context, const struct engine_trace *trace)
{
	struct daemon *daemon = context;

	switch (trace->kind) {
	case ENGINE_TRACE_REFUSED:
		daemon->counters.engine_refused++;
		log_write_limited(daemon->log, &daemon->limits.peer_message, LOG_LEVEL_WARNING,
			"%s: message of node %" PRIu32 " refused (type %" PRIx32 "): %s",
			lockspace_name(trace), trace->nodeid, trace->code,
			trace->text ? trace->text : "");
		break;
	case ENGINE_TRACE_RECOVERY:
	case ENGINE_TRACE_LINK:
	case ENGINE_TRACE_NOTE:
		write_line(daemon, trace);
		break;
	case ENGINE_TRACE_GRANT:
	case ENGINE_TRACE_QUEUE:
	case ENGINE_TRACE_UNGRANT:
	case ENGINE_TRACE_MASTER:
	case ENGINE_TRACE_SEND:
	case ENGINE_TRACE_RECEIVE:
		if (daemon->settings.flags & CONTROL_SETTING_LOG_DEBUG)
			write_line(daemon, trace);
		break;
	}
}
