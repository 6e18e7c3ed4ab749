/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What happened in a simulated cluster: the last events in memory, all of them on demand, and a
 * hash of all, by which two runs of one seed are compared.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"

#define TRACE_KEPT       256
#define TRACE_TEXT_BYTES 40

/* After the engine's kinds (enum engine_trace_kind) come the simulator's own. */
enum trace_kind {
	TRACE_CALL = 64, /* a program calls the engine: text = operation */
	TRACE_COMPLETE,  /* completion taken by a program */
	TRACE_BAST,      /* blocking AST taken by a program */
	TRACE_NET,       /* connections */
	TRACE_MEMBER,    /* membership */
	TRACE_PHASE,     /* the run itself */
};

struct trace_event {
	uint64_t at_us;
	uint8_t kind;
	uint8_t node; /* where it happened, 0: nowhere */
	char space;   /* 'a', 'b': lockspace; '-': none */
	uint8_t name_bytes;
	int8_t mode;
	uint32_t nodeid; /* the other node */
	uint32_t lkid;
	uint32_t code;
	int32_t result;
	char name[16]; /* its beginning */
	char text[TRACE_TEXT_BYTES];
};

struct trace {
	struct trace_event kept[TRACE_KEPT];
	uint64_t count;
	uint64_t hash;
	FILE *print; /* every event goes here too; NULL: not */
};

void trace_init(struct trace *trace, FILE *print);
/** trace_add() - @text may be NULL; name may be NULL */
void trace_add(
	struct trace *trace, const struct trace_event *event, const void *name, const char *text);
/** trace_engine() - what an engine of node @node reports */
void trace_engine(struct trace *trace, uint64_t at_us, uint32_t node, char space,
	const struct engine_trace *event);
/** trace_print() - the kept events, oldest first, at most @count */
void trace_print(const struct trace *trace, FILE *file, uint32_t count);
/** trace_format() - one event as one line without its end. Return: bytes, cut to @room */
int trace_format(const struct trace_event *event, char *ret, size_t room);
const char *trace_mode_name(int mode);
