/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace.h"

#include <string.h>

#include "engine/wire.h"

void trace_init(struct trace *trace, FILE *print)
{
	trace->count = 0;
	trace->hash = 0xcbf29ce484222325u;
	trace->print = print;
}

static void trace_mix(struct trace *trace, uint64_t word)
{
	trace->hash = (trace->hash ^ word) * 0x100000001b3u;
	trace->hash ^= trace->hash >> 29;
}

static void trace_mix_event(struct trace *trace, const struct trace_event *event)
{
	uint64_t words[sizeof(event->name) / 8];

	trace_mix(trace, event->at_us);
	trace_mix(trace, (uint64_t)event->kind << 32 | (uint64_t)event->node << 24 |
				 (uint64_t)(uint8_t)event->mode << 16 | event->name_bytes);
	trace_mix(trace, (uint64_t)event->nodeid << 32 | event->lkid);
	trace_mix(trace, (uint64_t)event->code << 32 | (uint32_t)event->result);
	memcpy(words, event->name, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		trace_mix(trace, words[i]);
	for (const char *c = event->text; *c; c++)
		trace_mix(trace, (uint8_t)*c);
}

void trace_add(
	struct trace *trace, const struct trace_event *event, const void *name, const char *text)
{
	struct trace_event *kept = &trace->kept[trace->count++ % TRACE_KEPT];
	size_t bytes = event->name_bytes;

	*kept = *event;
	memset(kept->name, 0, sizeof(kept->name));
	memset(kept->text, 0, sizeof(kept->text));
	if (name)
		memcpy(kept->name, name, bytes < sizeof(kept->name) ? bytes : sizeof(kept->name));
	if (text)
		strncpy(kept->text, text, sizeof(kept->text) - 1);
	trace_mix_event(trace, kept);
	if (trace->print) {
		char line[256];

		trace_format(kept, line, sizeof(line));
		fprintf(trace->print, "%s\n", line);
	}
}

void trace_engine(struct trace *trace, uint64_t at_us, uint32_t node, char space,
	const struct engine_trace *event)
{
	struct trace_event kept = {
		.at_us = at_us,
		.kind = (uint8_t)event->kind,
		.node = (uint8_t)node,
		.space = space,
		.name_bytes = event->name ? event->name_bytes : 0,
		.mode = (int8_t)event->mode,
		.nodeid = event->nodeid,
		.lkid = event->lkid,
		.code = event->code,
		.result = event->result,
	};

	trace_add(trace, &kept, event->name, event->text);
}

void trace_print(const struct trace *trace, FILE *file, uint32_t count)
{
	uint64_t from = trace->count > count ? trace->count - count : 0;
	char line[256];

	if (trace->count > TRACE_KEPT && from < trace->count - TRACE_KEPT)
		from = trace->count - TRACE_KEPT;
	for (uint64_t i = from; i < trace->count; i++) {
		trace_format(&trace->kept[i % TRACE_KEPT], line, sizeof(line));
		fprintf(file, "%s\n", line);
	}
}

const char *trace_mode_name(int mode)
{
	static const char *const names[] = {"IV", "NL", "CR", "CW", "PR", "PW", "EX"};

	return mode >= -1 && mode <= 5 ? names[mode + 1] : "??";
}

static const char *trace_kind_name(unsigned int kind)
{
	static const char *const engine[] = {"?", "grant", "queue", "ungrant", "master", "send",
		"receive", "refused", "recovery", "link", "note"};
	static const char *const own[] = {"call", "complete", "bast", "net", "member", "phase"};

	if (kind < sizeof(engine) / sizeof(*engine))
		return engine[kind];
	if (kind >= TRACE_CALL && kind - TRACE_CALL < sizeof(own) / sizeof(*own))
		return own[kind - TRACE_CALL];
	return "?";
}

static const char *trace_message_name(uint32_t code)
{
	return code & 0x100 ? wire_rcom_type_name(code & 0xff) : wire_msg_type_name(code);
}

static void trace_name_text(const struct trace_event *event, char ret[17])
{
	size_t bytes = event->name_bytes < 16 ? event->name_bytes : 16;

	for (size_t i = 0; i < bytes; i++)
		ret[i] = event->name[i] > ' ' && event->name[i] < 127 ? event->name[i] : '.';
	ret[bytes] = 0;
}

int trace_format(const struct trace_event *event, char *ret, size_t room)
{
	bool message = event->kind == ENGINE_TRACE_SEND || event->kind == ENGINE_TRACE_RECEIVE ||
		       event->kind == ENGINE_TRACE_REFUSED;
	char name[17], code[32];

	trace_name_text(event, name);
	if (message)
		snprintf(code, sizeof(code), "%s", trace_message_name(event->code));
	else
		snprintf(code, sizeof(code), "%x", event->code);
	return snprintf(ret, room, "%10.3f %2u%c %-8s %3u lk %-5x %-3s %4d %-14s %-10s %s",
		(double)event->at_us / 1000, event->node, event->space,
		trace_kind_name(event->kind), event->nodeid, event->lkid,
		trace_mode_name(event->mode), event->result, code, name, event->text);
}
