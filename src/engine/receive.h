/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What each DLM_MSG does; called by message.c only. The sender is a member. */
#include <stdint.h>

#include "engine/wire.h"

struct engine_lockspace;

/* receive_master.c: the sender owns the lock, we are (to be) its master */
void receive_request(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_convert(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_unlock(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_cancel(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);

/* receive_owner.c: the lock is ours, the sender is its master (or the directory) */
void receive_request_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_convert_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_unlock_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_cancel_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_grant(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_bast(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
void receive_lookup_reply(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg);
