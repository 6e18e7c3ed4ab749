/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Frames as lines of text: who sent what to whom, with labels instead of lock ids.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario;

/** scenario_message_note() - remember that a frame was sent */
void scenario_message_note(
	struct scenario *scenario, uint32_t from, uint32_t to, const uint8_t *frame, size_t bytes);
bool scenario_message_is_ack(const uint8_t *frame, size_t bytes);
/** scenario_message_mode() - "EX"; IV is "none" */
const char *scenario_message_mode(int mode);
