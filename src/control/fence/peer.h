/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Nodes whose daemons are or have been in the group. */
#include "control/fence/parts.h"

/** peer_new() - on no list. NULL: no memory */
struct peer *peer_new(const struct fence *fence, uint32_t nodeid);
void peer_free(struct fence *fence, struct peer *peer);
/** peer_find() - NULL: never seen in the group */
struct peer *peer_find(const struct fence *fence, uint32_t nodeid);
/** peer_get() - the one that there is, or a new one. NULL: no memory */
struct peer *peer_get(struct fence *fence, uint32_t nodeid);
/** peer_is_clean() - a member whose protocol we have accepted since it joined */
bool peer_is_clean(const struct peer *peer);
void peer_join(struct fence *fence, struct peer *peer, struct fence_now now, bool we_joined);
/** peer_leave() - Return: whether it had been clean */
bool peer_leave(struct peer *peer, struct fence_now now);
