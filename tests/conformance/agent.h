/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A place on another node: its programs run there, in a process that this one started by a command,
 * and the two speak in lines.
 *
 *	row NAME LETTERS     place_row()
 *	hold NAME, fence NAME, own, let-go   -> done
 *	do STEP              -> call ERRNO
 *	report STEP          -> LETTER WHAT VALUE-IN-HEX, one a callback; then done
 *	anything that fails  -> failed SENTENCE
 *
 * STEP is as the table has it. The agent says "ready" when it is in the lockspace, and ends with
 * its input.
 */
#include <stdbool.h>
#include <stdint.h>

#include "place.h"

struct agent;

/** agent_new() - start one. @node: what runs a command on that node, as a shell reads it, "ssh
 * node1"; @lockspace: opened, or created. Return: NULL, said on stderr */
struct agent *agent_new(const char *node, const char *lockspace);
/** agent_ready() - wait until it is in the lockspace. Return: false, said on stderr; so below */
bool agent_ready(struct agent *agent);
void agent_free(struct agent *agent);

void agent_row(struct agent *agent, const char *name, uint32_t actors);
/** agent_ask() - "hold NAME", "fence NAME", "own" or "let-go" */
bool agent_ask(struct agent *agent, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool agent_do(struct agent *agent, const struct step *step, int *ret_error);
/** agent_report_begin() - ask for it; all agents look at the same time */
void agent_report_begin(struct agent *agent, const struct step *step);
/** agent_report_end() - @inout: what its programs saw is added */
bool agent_report_end(struct agent *agent, struct report *inout);

/** agent_main() - the other side: serve standard input and output. Return: exit status */
int agent_main(struct place *place);
