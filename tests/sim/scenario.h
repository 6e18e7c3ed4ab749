/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One scenario while it is played: nodes 1..8, each an engine with one lockspace, the frames on
 * their way between them, the programs and their locks by label, and the text that is to be
 * compared.
 *
 * Nothing moves by itself: commands put things in, and `settle`, `deliver` and `tick` let frames
 * arrive, always in the same order. Rooms: scenario_node (processes, members, time),
 * scenario_carrier (frames on their way), scenario_message (frames as text), scenario_program
 * (programs, locks, callbacks), scenario_show (state as text), scenario_command (the table),
 * scenario_file (the text file).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#define SCENARIO_NODES_MAX    8
#define SCENARIO_LOCKS_MAX    64
#define SCENARIO_PROGRAMS_MAX 32
#define SCENARIO_LABEL_BYTES  24

/* Text that grows. */
struct scenario_text {
	char *bytes; /* ends with NUL once something was added; NULL before */
	size_t used, room;
};

struct scenario_frame;

/* What one node sends to another. */
struct scenario_pipe {
	struct scenario_frame *first, *last;
	bool held;      /* frames wait until `release` */
	bool connected; /* as the sending engine was told */
	bool wanted;    /* the engine asked for a connection, and the other was not there */
	uint32_t seen;  /* sequence numbers below were sent before */
};

struct scenario_node {
	struct engine *engine; /* NULL: no process */
	struct engine_lockspace *ls;
	uint32_t boots;
	uint32_t joins;                              /* times that it made the lockspace */
	uint32_t seen_joins[SCENARIO_NODES_MAX + 1]; /* of the members at its last start; 0: none */
	bool started; /* neither recovered nor failed nor stopped since */
};

struct scenario_program {
	char name[SCENARIO_LABEL_BYTES];
	uint32_t node;                /* 0: free */
	struct engine_client *client; /* NULL: it ended */
	uint32_t next_id, end_id;
	bool has_callbacks;
};

struct scenario_lock {
	char label[SCENARIO_LABEL_BYTES]; /* "": free */
	uint32_t node, lkid;
	struct scenario_program *program;
};

struct scenario {
	uint64_t now_ms;
	uint32_t node_count; /* nodes 1..node_count exist */
	uint32_t start_number;
	bool nodir;
	bool refused; /* something that no file may expect */
	bool taking;  /* callbacks are taken as they come */
	struct scenario_node nodes[SCENARIO_NODES_MAX + 1];
	struct scenario_pipe pipes[SCENARIO_NODES_MAX + 1][SCENARIO_NODES_MAX + 1]; /* from, to */
	struct scenario_program programs[SCENARIO_PROGRAMS_MAX];
	struct scenario_lock locks[SCENARIO_LOCKS_MAX];
	uint32_t recovered;          /* bit i: node i runs since this command */
	struct scenario_text out;    /* of the block that is played */
	struct scenario_text events; /* of the command that is played: go behind its first lines */
	struct scenario_text messages; /* frames sent since the last `messages` */
	const char *until;          /* settle stops when a message with this text was sent; NULL */
	size_t until_from;          /* in messages */
	struct scenario_text polls; /* the same with STATUS, NAMES and ACK in between */
};

void scenario_init(struct scenario *scenario);
/** scenario_done() - end all processes; nothing of it is left */
void scenario_done(struct scenario *scenario);
/** scenario_say() - a line of output, without its newline */
void scenario_say(struct scenario *scenario, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** scenario_event() - a line on what happened by itself; shown when the command ends */
void scenario_event(struct scenario *scenario, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** scenario_events_show() - who runs again, then the events, become output */
void scenario_events_show(struct scenario *scenario);
/** scenario_error_name() - "EAGAIN"; @error negative or positive */
const char *scenario_error_name(int error);

/** scenario_text_add() - append; ends the program where memory is short */
void scenario_text_add(struct scenario_text *text, const char *bytes, size_t count);
void scenario_text_clear(struct scenario_text *text);
void scenario_text_free(struct scenario_text *text);
