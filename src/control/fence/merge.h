/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Halves of a cluster that went on without each other, and meet again with state each. They are
 * never one again: of the one that kept quorum the other is killed; of two that did not, the
 * greater kills the less, of equal ones the one with the lowest node that has state; else an
 * administrator has to restart nodes.
 */
#include "control/fence/parts.h"

/** merge_found() - @fellow has joined with state, and so have we */
void merge_found(struct fence *fence, struct fellow *fellow, struct fence_now now);
/** merge_work() - Return: whether there are such members, so that nothing else may be done yet */
bool merge_work(struct fence *fence, struct fence_now now);
/** merge_is_kept() - whether it has state of its own and no rule removes it: of two nodes each
 * began while it had not seen the other. What both have running stays stopped, all else goes on. */
bool merge_is_kept(const struct fence *fence, const struct fellow *fellow);
