/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the commands of dlm_tool share: how they are called, and the sentences that they say when
 * something fails. Each sentence names the object, the cause and the cure, and goes to standard
 * error; what other programs read on standard output stays in the field's formats.
 */
#include <stdbool.h>

#include "proto/dlmc.h"
#include "tool/args.h"

/* What a failed command has returned ever since: exit(-1). */
#define TOOL_EXIT_REFUSED 255

/* One file a command. Return: the exit status. */
int cmd_join(const struct args *args);
int cmd_leave(const struct args *args);
int cmd_joinleave(const struct args *args);
int cmd_ls(const struct args *args);
int cmd_status(const struct args *args);
int cmd_deadlock_check(const struct args *args);
int cmd_fence_ack(const struct args *args);
int cmd_dump(const struct args *args); /* dump, dump_config, plocks, log_plock, run_list */
int cmd_reload_config(const struct args *args);
int cmd_set_config(const struct args *args);
int cmd_run(const struct args *args); /* run, run_start, run_check, run_cancel */
int cmd_lockdump(const struct args *args);
int cmd_lockdebug(const struct args *args);
int cmd_lost_ack(const struct args *args);
int cmd_lock(const struct args *args);

/** usage_print() - what -h says, on standard output */
void usage_print(void);
/** usage_lock_print() - what lock -h says */
void usage_lock_print(void);
/** version_print() - what -V says. @program: as it was called */
void version_print(const char *program);

/** say() - one sentence on standard error, with the tool's name in front */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** say_daemon() - why dlm_controld could not be asked. @error: positive errno */
void say_daemon(int error);
/** say_lockspace_absent() - there is no such lockspace, and how to make it */
void say_lockspace_absent(const char *name);
/** say_lockspace() - why lockspace @name could not be opened, joined or left. @error: positive
 * errno */
void say_lockspace(const char *name, int error);
/** say_not_yet() - the command is known, but this release cannot do it. Return: exit status 1 */
int say_not_yet(const char *command);

/** everywhere_print() - ls or status of all nodes. @which: what is asked. Return: the exit status
 */
int everywhere_print(enum dlmc_all_nodes which);

/**
 * word_first() - the word after the command
 * @what: says it is required, where it is missing: "lockspace name"
 * Return: NULL: missing, and said
 */
const char *word_first(const struct args *args, const char *what);
/** word_lockspace() - the same for the name of a lockspace, which is checked too */
const char *word_lockspace(const struct args *args);
/**
 * words_join() - the words after the command, each followed by a blank
 * Return: 0; -E2BIG they do not fit
 */
int words_join(const struct args *args, char *ret, unsigned room);
