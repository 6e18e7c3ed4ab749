/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the rooms of recovery share among themselves: recovery.c (the steps), barrier.c (waiting for
 * others), rcom.c (messages), names.c (the directory's names), remaster.c and rebuild.c (masters
 * and locks). Nobody else includes this.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/dlmconst.h"
#include "engine/recover_value.h"
#include "engine/remote_index.h"
#include "engine/walk.h"
#include "engine/wire.h"

struct engine_lockspace;
struct resource;

/* So many LOOKUPs, or LOCKs, may be without an answer at once: it bounds the memory of the links.
 */
#define RECOVERY_WINDOW 4096u

/* What a step says when it returns. */
enum recovery_progress {
	RECOVERY_MORE, /* the budget is used up */
	RECOVERY_WAIT, /* for a message or the time */
	RECOVERY_NEXT, /* the step is complete */
};

enum ask_state {
	ASK_NONE = 0,
	ASK_SENT,     /* until at_ms, then it is asked again */
	ASK_ANSWERED, /* for the step to look at */
	ASK_SLEEPING, /* until at_ms */
};

/* STATUS and NAMES: one request of a lockspace at a time. */
struct recovery_ask {
	enum ask_state state;
	enum wire_rcom_type type;
	uint32_t nodeid;
	uint64_t id;
	uint64_t at_ms;
	uint32_t sleep_ms; /* of the last sleep between two polls of this node */
	uint32_t status;   /* STATUS: the answer */
	bool names_end;    /* NAMES: there are no more */
};

/* NAMES: a question of another node that is being answered. */
struct names_job {
	uint32_t nodeid;
	bool pending;
	uint64_t id, number; /* of the request */
	struct list *at;     /* next resource to look at */
};

struct names {
	struct names_job *jobs; /* one a member */
	uint32_t job_count, job_room;
	uint32_t current; /* whose answer the payload is */
	uint32_t pending_count;
	uint32_t at;        /* bytes used in payload */
	uint8_t last_bytes; /* asking side: where to go on, 0: at the start */
	uint8_t last[WIRE_NAME_MAX];
	uint8_t before_bytes; /* the name before it */
	uint8_t before[WIRE_NAME_MAX];
	uint8_t payload[WIRE_NAMES_BYTES];
};

/* LOOKUPs that were sent: the request id is the index + 1. */
struct lookup_table {
	struct resource *sent[RECOVERY_WINDOW];
	uint16_t free[RECOVERY_WINDOW]; /* indexes that are free, a stack */
	uint32_t count;                 /* in use */
};

struct recovery_room {
	bool rebuild;      /* somebody went, or nodir: locks and masters are recovered */
	struct list *root; /* first of the resources in use when the recovery began, to the end of
			      ls->active */
	struct walk walk;  /* of the step */
	struct recovery_ask ask;
	uint64_t next_id;
	uint32_t target; /* index of the member that is asked */
	struct names names;
	struct lookup_table lookups;
	uint32_t locks_sent;  /* LOCKs without an answer */
	bool locks_again;     /* some must be sent again, at again_at_ms */
	bool locks_resending; /* the walk sends only those again */
	uint64_t again_at_ms;
	struct remote_index copies;
	struct recover_value value; /* finalise: of the resource that the walk stands on */
	bool finalising;            /* finalise: that resource has been begun */
	bool sweeping;              /* finalise: what has no locks may become unused */
	bool settling;              /* finalise: its locks are seen for the second time */
	uint32_t mode_count[DLM_MODE_EX + 1]; /* finalise: locks that hold each mode */
	int middle_mode;   /* finalise: PR or CW, as granted there; IV: neither */
	bool grant_wanted; /* some resource is flagged RECOVER_GRANT */
};

/** recovery_fail() - blocked until the next stop and start; the caller is told @error */
void recovery_fail(struct engine_lockspace *ls, int error);
/** recovery_want_grant() - the grant pass at the end must look at @resource */
void recovery_want_grant(struct resource *resource);
