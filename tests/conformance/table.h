/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reading the tables of the exam: rows of steps, each with what must be seen after it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_ACTORS     26 /* named A to Z */
#define TABLE_STEPS_MAX  16
#define TABLE_EVENTS_MAX 8
#define TABLE_NAME_BYTES 80
#define TABLE_WORD_BYTES 32

enum step_verb {
	STEP_LOCK,
	STEP_CONVERT,
	STEP_UNLOCK,
	STEP_CANCEL,
	STEP_DEADLOCK,
	STEP_ADOPT,
	STEP_PURGE,
	STEP_CLOSE,
	STEP_VERB_MAX,
};

struct step_event {
	char actor;                   /* 'A'.. */
	char what[TABLE_WORD_BYTES];  /* "ok", "ok+alt", "bast", "EAGAIN" ... */
	char value[TABLE_WORD_BYTES]; /* of the value block, "": not looked at */
};

struct step {
	enum step_verb verb;
	char actor;
	bool has_mode;
	uint32_t mode;
	uint32_t flags;
	char value[TABLE_WORD_BYTES]; /* put into the value block before the call, "": nothing */
	int name_bytes;               /* of the resource, -1: the row's own name */
	bool no_block;                /* the call has no value block */
	bool wrong_id;                /* the call names a lock that does not exist */
	int call_errno;               /* that the call must fail with, 0: it must not fail */
	struct step_event events[TABLE_EVENTS_MAX];
	unsigned event_count;
	char text[256]; /* of the step, as it stands in the table */
};

struct row {
	char name[TABLE_NAME_BYTES];
	struct step steps[TABLE_STEPS_MAX];
	unsigned step_count;
	uint32_t actors; /* bit 0: A */
};

/** table_next() - Return: 1 and the next row; 0 end of the file; -EINVAL, said on stderr */
int table_next(FILE *file, const char *path, unsigned *inout_line, struct row *ret);

/** table_step() - one step as it stands in a table; @text is changed. Return: false: not understood
 */
bool table_step(char *text, struct step *ret);

/** table_errno_name() - "EAGAIN" and so on; NULL: none that a table names */
const char *table_errno_name(int error);
