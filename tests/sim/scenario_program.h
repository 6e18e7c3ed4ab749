/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The programs of the nodes, their locks by label, and what they are told.
 */
#include <stdbool.h>
#include <stdint.h>

struct scenario;
struct scenario_lock;
struct scenario_program;

/** scenario_program_get() - the program of this name on the node; made if there is none.
 * Return: NULL: the node has no lockspace */
struct scenario_program *scenario_program_get(
	struct scenario *scenario, uint32_t node, const char *name);
/** scenario_program_lock_new() - a place for a lock with this label, with a free id */
struct scenario_lock *scenario_program_lock_new(
	struct scenario *scenario, struct scenario_program *program, const char *label);
/** scenario_program_lock_move() - the lock of this id goes under this label from now on */
void scenario_program_lock_move(
	struct scenario *scenario, struct scenario_lock *lock, uint32_t lkid);
/** scenario_program_lock_find() - Return: NULL: no such label on the node */
struct scenario_lock *scenario_program_lock_find(
	struct scenario *scenario, uint32_t node, const char *label);
/** scenario_program_label() - of the lock with this id of its owner; "?" where there is none */
const char *scenario_program_label(const struct scenario *scenario, uint32_t node, uint32_t lkid);
/** scenario_program_exit() - it is gone without a word */
void scenario_program_exit(struct scenario *scenario, struct scenario_program *program);
/** scenario_program_has_callbacks() - the engine says so; taken now if the command takes */
void scenario_program_has_callbacks(struct scenario *scenario, void *program);
void scenario_program_closed(struct scenario *scenario, void *program);
/** scenario_program_take() - what the programs of the node (0: all) are told */
void scenario_program_take(struct scenario *scenario, uint32_t node);
/** scenario_program_node_ended() - node or lockspace are gone, with all programs there */
void scenario_program_node_ended(struct scenario *scenario, uint32_t node);
