/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Nodes whose daemons are or have been in the group. */
#include "control/fence/parts.h"

/** fellow_new() - on no list. NULL: no memory */
struct fellow *fellow_new(const struct fence *fence, uint32_t nodeid);
void fellow_free(struct fence *fence, struct fellow *fellow);
/** fellow_find() - NULL: never seen in the group */
struct fellow *fellow_find(const struct fence *fence, uint32_t nodeid);
/** fellow_get() - the one that there is, or a new one. NULL: no memory */
struct fellow *fellow_get(struct fence *fence, uint32_t nodeid);
/** fellow_is_clean() - a member whose protocol we have accepted since it joined */
bool fellow_is_clean(const struct fellow *fellow);
void fellow_join(struct fence *fence, struct fellow *fellow, struct fence_now now, bool we_joined);
/** fellow_leave() - Return: whether it had been clean */
bool fellow_leave(struct fellow *fellow, struct fence_now now);
