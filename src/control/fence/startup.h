/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The startup list: configured nodes of which nothing is known, since we have just come. Whoever of
 * them does not show up as a clean member in time has to be fenced.
 */
#include "control/fence/parts.h"

/** startup_fill() - all configured nodes but those that have been clean since we came, or have to
 * be fenced already. Return: 0; -ENOMEM nothing has changed */
int startup_fill(struct fence *fence);
/** startup_empty() - Return: how many there were */
uint32_t startup_empty(struct fence *fence);
/** startup_remove() - Return: whether it was listed */
bool startup_remove(struct fence *fence, uint32_t nodeid);
/** startup_failed() - @sender, which had to, could not fence it: it will not be the actor here */
void startup_failed(struct fence *fence, uint32_t nodeid, uint32_t sender);
bool startup_has(const struct fence *fence, uint32_t nodeid);
/** startup_work() - strike out who has come; when it is time, the rest have to be fenced */
void startup_work(struct fence *fence, struct fence_now now);
