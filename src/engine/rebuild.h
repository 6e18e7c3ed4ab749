/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Recovery's work on locks: those of gone nodes go, ours go to the new masters, other nodes' come
 * to us where we are one, and at the end what the new masters have is settled and granted. Source:
 * docs/protocol/wire.md, "Recovery", "Locks" and "Finalising".
 */
#include <stdint.h>

#include "engine/recovery_room.h"

struct engine_lockspace;

/** rebuild_purge() - the step: master copies of gone nodes; without a directory all of them */
enum recovery_progress rebuild_purge(struct engine_lockspace *ls, uint32_t *budget);
/** rebuild_send_begin(), rebuild_send_locks() - the step: our locks to new masters, and all answers
 */
void rebuild_send_begin(struct engine_lockspace *ls);
enum recovery_progress rebuild_send_locks(struct engine_lockspace *ls, uint32_t *budget);
/** rebuild_send_tick() - the time to send some again may have come */
bool rebuild_send_tick(struct engine_lockspace *ls);
/**
 * rebuild_receive_lock() - a LOCK: keep it as master copy
 * Return: 0, id and result for the answer; -ENOMEM: the node has failed, nothing may be answered
 */
int rebuild_receive_lock(struct engine_lockspace *ls, uint32_t nodeid,
	const struct wire_rcom_lock *from, uint32_t *ret_remid, int *ret_result);
/** rebuild_receive_reply() - LOCK_REPLY */
void rebuild_receive_reply(
	struct engine_lockspace *ls, uint32_t nodeid, const struct wire_rcom *rcom);
/**
 * rebuild_finalise() - the step: conversions between PR and CW, value blocks; flags are cleared;
 * resources without locks become unused
 */
enum recovery_progress rebuild_finalise(struct engine_lockspace *ls, uint32_t *budget);
/** rebuild_grant() - the step: grant what the recovery has made possible */
enum recovery_progress rebuild_grant(struct engine_lockspace *ls, uint32_t *budget);
