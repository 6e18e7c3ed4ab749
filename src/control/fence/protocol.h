/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The protocol that all run: each says what it can do at most; the members that come first take the
 * least of it, whoever comes later takes what runs, or stays outside.
 */
#include "control/fence/parts.h"

void protocol_init(struct fence *fence);
/** protocol_broadcast() - ours, as it stands */
void protocol_broadcast(struct fence *fence);
/** protocol_receive() - Return: 0; -EBADMSG refused and noted */
int protocol_receive(
	struct fence *fence, struct fence_now now, uint32_t sender, const void *data, size_t bytes);
/** protocol_negotiate() - propose, once everybody has spoken and nothing runs yet */
void protocol_negotiate(struct fence *fence);
