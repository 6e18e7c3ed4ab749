/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who masters a resource: the directory's records and answers, the asking side, and the life of
 * unused records with their REMOVE messages.
 * Source: docs/protocol/wire.md, "Directory".
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/wire.h"

struct engine_lockspace;
struct lock;
struct resource;

/** directory_receive_lookup() - answer who masters a name, or the request itself where it is us */
void directory_receive_lookup(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
/** directory_receive_remove() - a master has dropped a resource that nobody uses */
void directory_receive_remove(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
/** directory_tick() - drop unused records whose time has come, tell their directory */
void directory_tick(struct engine_lockspace *ls);
uint64_t directory_deadline(const struct engine_lockspace *ls);
/**
 * directory_recover_lookup() - the RCOM LOOKUP of recovery: who is master of @name? The first to
 * ask becomes it where the recorded one is gone or none is. Return: the master's nodeid; 0 out of
 * memory (then the node fails, nothing may be answered)
 */
uint32_t directory_recover_lookup(
	struct engine_lockspace *ls, uint32_t nodeid, const uint8_t *name, uint32_t bytes);
/**
 * directory_recover_name() - a record of NAMES_REPLY: @nodeid says that it masters @name
 * Return: 0; -ENOMEM (the node fails)
 */
int directory_recover_name(
	struct engine_lockspace *ls, uint32_t nodeid, const uint8_t *name, uint32_t bytes);
