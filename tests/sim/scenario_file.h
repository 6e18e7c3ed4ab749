/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A scenario as text: comments (#) and blocks between empty lines. A block is commands, a line of
 * four dashes, and what is expected of them; without the dashes nothing is expected. An indented
 * line goes on with the command before it.
 */
#include <stdbool.h>

/**
 * scenario_file_play() - play a file and print where it is not as expected
 * @rewrite: put what happened into the file in place of what was expected
 * Return: 0 all as expected, or rewritten; 1 not; negative errno: the file cannot be read or
 * written
 */
int scenario_file_play(const char *path, bool rewrite);
