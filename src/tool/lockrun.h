/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command that runs under a lock: its process group, the terminal, signals, and its end.
 *
 * The command is the leader of a group of its own. Where dlm_tool was in the terminal's foreground,
 * the command's group is put there in its place, and back at the end. What dlm_tool gets as signals
 * it passes on to the group. When the command stops, dlm_tool stops, so that the shell that
 * started it notices; and when dlm_tool is continued, so is the command.
 *
 * While the command runs, dlm_tool adopts its orphans (PR_SET_CHILD_SUBREAPER): that is how it
 * knows whether somebody is left who has inherited the lock.
 */
#include "tool/lockhold.h"

/**
 * lockrun_command() - run args->command under the granted lock @hold, to its end
 * Gives the lock back, unless descendants of the command that have inherited it are left.
 * Return: the exit status of the tool
 */
int lockrun_command(struct lockhold *hold);

/**
 * lockrun_hold() - without a command: keep the lock until standard input ends
 * Return: the exit status of the tool; does not return when a signal ends the process
 */
int lockrun_hold(struct lockhold *hold);
