/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The owner's side of a lock whose master is another node: what an answer of the master (real, or
 * made up by recovery) does to the process copy.
 * Source: docs/protocol/wire.md, "Results of replies".
 */
#include <stdint.h>

struct lock;

struct owner_answer {
	int result;         /* 0 or negative */
	uint8_t sbflags;    /* DLM_SBF_* */
	uint8_t shared;     /* WIRE_FLAG_* */
	int grmode;         /* as the master has it; IV: not said */
	uint32_t remid;     /* the master's id of the lock */
	const uint8_t *lvb; /* NULL: none came */
	uint32_t lvb_bytes;
	uint32_t lvbseq;
};

/* Each may end the lock: it must not be used afterwards. */
void owner_request_reply(struct lock *lock, const struct owner_answer *answer);
/** owner_lookup_reply() - @master_nodeid 0: unknown, ask again */
void owner_lookup_reply(struct lock *lock, uint32_t master_nodeid);
void owner_convert_reply(struct lock *lock, const struct owner_answer *answer);
void owner_unlock_reply(struct lock *lock, const struct owner_answer *answer);
void owner_cancel_reply(struct lock *lock, const struct owner_answer *answer);
void owner_granted(struct lock *lock, const struct owner_answer *answer);
