/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One peer node, for all lockspaces: detection of its version, sequence numbers, acknowledgements,
 * resending after a reconnect, and the FIN handshake. It moves frames and knows nothing of locks.
 *
 * The link keeps what is to be sent, in the order in which it was said, in pages of 4096 bytes;
 * whoever has the connection takes bytes when it can send (link_take()). Sequenced frames stay
 * until they are acknowledged, and link_connected() makes all of them go out again. Bare frames
 * (STATUS, and everything to a 3.1 peer) that were taken are gone; of STATUS, NAMES and their
 * replies only the newest few are kept while they cannot be sent. ACK takes no room: it is written
 * when bytes are taken.
 *
 * Source: docs/protocol/wire.md, "Links".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "base/pure/list.h"
#include "engine/wire.h"

enum link_state {
	LINK_CLOSED = 0,
	LINK_ESTABLISHED,
	LINK_FIN_WAIT1,
	LINK_FIN_WAIT2,
	LINK_CLOSE_WAIT,
	LINK_CLOSING,
	LINK_LAST_ACK,
};

struct link_page;
struct link_reserve; /* pages kept back, shared by all links of a node */

/*
 * What the link tells its owner while it works on an input. deliver() may call link_send() and
 * link_member_*() of this link; the others must not call back.
 */
struct link_owner {
	/* a whole inner MSG or RCOM frame came, in sequence or bare; @frame: during the call */
	void (*deliver)(void *context, uint32_t nodeid, const struct wire_frame *frame);
	/* something to send became available where there was nothing */
	void (*wakeup)(void *context, uint32_t nodeid);
	/* state changed, e.g. to CLOSED after FIN (an ACK may then still have to be taken) */
	void (*moved)(void *context, uint32_t nodeid, enum link_state from, enum link_state to);
	/* a frame was dropped. @code: 0x100 | rcom type, or msg type, or 0; @why: constant text */
	void (*refused)(void *context, uint32_t nodeid, uint32_t code, const char *why);
	/* a gap in the peer's numbers outlived some seconds of traffic */
	void (*gap)(void *context, uint32_t nodeid);
	void *context;
};

struct link_counters {
	uint64_t received;  /* frames that came, all kinds */
	uint64_t refused;   /* of them dropped as bad or out of place */
	uint64_t duplicate; /* dropped: their number had been seen */
	uint64_t gap;       /* dropped: a number before theirs is missing */
	uint64_t resent;    /* frames that were taken more than once */
	uint64_t dropped;   /* bare frames of ours that gave way to newer ones */
};

struct link {
	struct list entry;              /* the owner's list of peers */
	struct list dirty;              /* the owner's list of peers with output */
	const struct alloc *alloc;      /* borrowed */
	const struct link_owner *owner; /* borrowed */
	struct link_reserve *reserve;   /* borrowed; NULL: none */
	uint32_t nodeid;                /* the peer */
	uint32_t our_nodeid;
	uint32_t our_version; /* in the headers that we send */
	uint32_t version;     /* of the peer, 0: not known yet */
	enum link_state state;
	uint32_t users;         /* lockspaces of ours that list it as a member */
	uint32_t seq_send;      /* of the next sequenced frame */
	uint32_t seq_taken;     /* first that was never taken */
	uint32_t seq_acked;     /* lowest not acknowledged */
	uint32_t seq_next;      /* expected from the peer */
	uint32_t fin_seq;       /* of our FIN; valid once it was queued */
	uint32_t ack_word;      /* what the ACK says; valid if ack_due */
	uint32_t closed_word;   /* the ACK of the FIN that ended the last conversation */
	bool closed_word_valid; /* until anything of a new conversation is said */
	bool heard;             /* a STATUS or STATUS_REPLY arrived since the last reset */
	bool connected;
	bool ack_due;          /* an ACK goes out with the next take */
	bool fin_wanted;       /* FIN is due and there was no memory for it */
	bool names_sequenced;  /* the peer sends NAMES inside OPTS: so do we */
	bool for_probe;        /* a probe began it, and no lockspace has used it since */
	bool spoken;           /* something that we said in it was taken */
	bool reopened;         /* it began where a lockspace waited: for the owner, who clears it */
	uint32_t old_word;     /* an ACK up to this may be of the conversation before, */
	uint64_t old_until_ms; /* until then */
	uint32_t conversation; /* counts resets: says whether it is still the same */
	uint32_t answer_count; /* STATUS_REPLYs of this conversation */
	uint32_t other_version;  /* a version that we do not speak, seen in it; 0: none */
	uint64_t reopen_at_ms;   /* a lockspace waits for the end of a probe's conversation, until
				    then; UINT64_MAX: none waits */
	uint64_t resend_at_ms;   /* UINT64_MAX: nothing unacknowledged */
	uint64_t gap_since_ms;   /* UINT64_MAX: no gap */
	uint64_t give_up_at_ms;  /* of a LAST_ACK that is not answered; UINT64_MAX: another state */
	uint32_t resend_ms;      /* interval */
	uint32_t resend_wait_ms; /* the interval of now: doubles while nothing is acknowledged */
	uint64_t now_ms;
	struct list pages;           /* struct link_page, oldest first */
	struct link_page *take_page; /* next to be taken is here or later; NULL: no pages */
	uint32_t take_offset;        /* in take_page, at a frame boundary */
	uint32_t page_count;
	uint32_t live_count;    /* frames in the pages that are still wanted */
	uint32_t untaken_count; /* of them at or behind the place of taking */
	uint32_t bare_count;    /* of these: STATUS, NAMES and their replies */
	struct link_counters counters;
};

/** link_reserve_new() - @bytes kept back for frames that must be sent. NULL: no memory */
struct link_reserve *link_reserve_new(const struct alloc *alloc, size_t bytes);
/** link_reserve_free() - after all links that use it are done; takes NULL */
void link_reserve_free(struct link_reserve *reserve);

/**
 * link_init() - a link in state CLOSED, without connection
 * @alloc, @owner, @reserve: borrowed until link_done(); @reserve may be NULL
 * @our_version: WIRE_VERSION_3_1 or WIRE_VERSION_3_2
 * @resend_ms: unacknowledged frames are repeated on a living connection after this, above 0
 */
void link_init(struct link *link, const struct alloc *alloc, const struct link_owner *owner,
	struct link_reserve *reserve, uint32_t our_nodeid, uint32_t nodeid, uint32_t our_version,
	uint32_t resend_ms, uint64_t now_ms);
/** link_done() - free all memory; takes a zeroed struct */
void link_done(struct link *link);
/**
 * link_reset() - as when the node left the cluster: numbers 0, version unset, queue empty, CLOSED.
 * Users and connection stay what they are.
 */
void link_reset(struct link *link);

/**
 * link_send() - queue one encoded MSG or RCOM frame
 * @frame: with its own header (version link->our_version), copied
 * @must_go: take from the reserve if memory is short (answers, unlocks)
 *
 * STATUS and STATUS_REPLY go bare, NAMES and its reply as the peer does it, LOOKUP, LOCK, their
 * replies and every MSG sequenced when both speak 3.2, else bare. "Not ready" (a STATUS_REPLY with
 * result WIRE_NOT_READY) is sequenced as well.
 *
 * Return: 0; -ENOBUFS the peer's version is not known and the frame needs it; -ENOMEM; -EPIPE
 * we have sent FIN, nothing may follow it. Nothing changed then.
 * Source: docs/protocol/wire.md, "Links".
 */
int link_send(struct link *link, const uint8_t *frame, size_t bytes, bool must_go);
/**
 * link_member_added(), link_member_removed() - a lockspace lists the peer, or no longer
 *
 * While the FIN exchange of a probe is under way the lockspace waits for its end, and the new
 * conversation begins right then: what is sent before is refused as after any FIN.
 */
void link_member_added(struct link *link);
void link_member_removed(struct link *link);
/**
 * link_probe_begin() - a probe wants to ask the peer: where there is no conversation it begins one,
 * which the probe has to end, with link_close() or link_reset(), unless a lockspace has come to use
 * it (then for_probe is false again)
 * @keep: a lockspace will, so that nobody has to end it
 */
void link_probe_begin(struct link *link, bool keep);
/**
 * link_close() - our last lockspace was released: send FIN if we and the peer ever spoke
 *
 * owner->moved() tells of CLOSED, now or later. A link that is CLOSED already stays so.
 */
void link_close(struct link *link);
/** link_connected() - a connection for sending exists: all that is unacknowledged is sent again */
void link_connected(struct link *link);
void link_disconnected(struct link *link);
/**
 * link_receive() - bytes from some connection of this peer, beginning at a frame boundary
 * Return: bytes consumed, whole frames; -EMSGSIZE a length that cannot be: the stream is lost
 * (frames before it were taken)
 */
int link_receive(struct link *link, const uint8_t *data, size_t size);
/** link_take() - copy whole frames; nothing while there is no connection. Return: bytes */
size_t link_take(struct link *link, uint8_t *ret, size_t room);
/** link_has_output() - whether link_take() would give bytes on a connection */
bool link_has_output(const struct link *link);
/** link_tick() - the time is now @now_ms: repeat what nobody acknowledged */
void link_tick(struct link *link, uint64_t now_ms);
/** link_deadline() - when link_tick() is wanted next; UINT64_MAX: not before other input */
uint64_t link_deadline(const struct link *link);
/** link_check() - invariants of the whole link; ends the process where one is broken */
void link_check(const struct link *link);
/** link_state_name() - constant text, e.g. "FIN_WAIT1" */
const char *link_state_name(enum link_state state);
