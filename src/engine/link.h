/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One peer node, for all lockspaces: detection of its version, sequence numbers, acknowledgements,
 * resending after a reconnect, and the FIN handshake. It moves frames and knows nothing of locks.
 *
 * The link keeps what is to be sent in pages of 4096 bytes; whoever has the connection takes bytes
 * when it can send (link_take()). Sequenced frames stay until acknowledged; link_connected() makes
 * all of them go out again. Bare frames (STATUS, ACK) that were taken are gone; while there is no
 * connection only the newest few are kept. Source: docs/protocol/wire.md, "Links".
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

/* What the link tells its owner while it works on an input; the callbacks must not call back. */
struct link_owner {
	/* a whole inner MSG or RCOM frame arrived in sequence (or bare). @frame is valid during the
	 * call */
	void (*deliver)(void *context, uint32_t nodeid, const struct wire_frame *frame);
	/* something to send became available where there was nothing */
	void (*wakeup)(void *context, uint32_t nodeid);
	/* state changed, e.g. to CLOSED after FIN */
	void (*moved)(void *context, uint32_t nodeid, enum link_state from, enum link_state to);
	/* a frame was dropped. @code: 0x100 | rcom type, or msg type, or 0; @why: constant text */
	void (*refused)(void *context, uint32_t nodeid, uint32_t code, const char *why);
	/* a gap in the peer's numbers outlived some seconds of traffic */
	void (*gap)(void *context, uint32_t nodeid);
	void *context;
};

struct link_counters {
	uint64_t received, refused, duplicate, gap, resent;
};

struct link {
	struct list entry;              /* the owner's list of peers */
	struct list dirty;              /* the owner's list of peers with output */
	const struct alloc *alloc;      /* borrowed */
	const struct link_owner *owner; /* borrowed */
	struct link_reserve *reserve;   /* borrowed */
	uint32_t nodeid;                /* the peer */
	uint32_t our_nodeid;
	uint32_t our_version; /* in the headers that we send */
	uint32_t version;     /* of the peer, 0: not known yet */
	enum link_state state;
	uint32_t users;     /* lockspaces of ours that list it as a member */
	uint32_t seq_send;  /* of the next sequenced frame */
	uint32_t seq_acked; /* lowest not acknowledged */
	uint32_t seq_next;  /* expected from the peer */
	uint32_t fin_seq;   /* of our FIN; valid in FIN_WAIT1, CLOSING, LAST_ACK */
	bool heard;         /* a STATUS or STATUS_REPLY arrived since the last reset */
	bool connected;
	bool ack_due;          /* an ACK goes out with the next take */
	bool names_sequenced;  /* the peer sends NAMES inside OPTS: so do we */
	uint64_t resend_at_ms; /* UINT64_MAX: nothing unacknowledged */
	uint64_t gap_since_ms; /* UINT64_MAX: no gap */
	uint32_t resend_ms;    /* interval */
	uint64_t now_ms;
	struct list pages;           /* struct link_page, oldest first: sequenced frames */
	struct link_page *take_page; /* next to be taken; NULL: everything was taken */
	uint32_t take_offset;        /* in take_page, at a frame boundary */
	uint32_t page_count;
	struct list bare; /* small records: frames without a sequence number */
	uint32_t bare_count;
	struct link_counters counters;
};

/** link_reserve_new() - @bytes kept back for frames that must be sent. NULL: no memory */
struct link_reserve *link_reserve_new(const struct alloc *alloc, size_t bytes);
void link_reserve_free(struct link_reserve *reserve);

void link_init(struct link *link, const struct alloc *alloc, const struct link_owner *owner,
	struct link_reserve *reserve, uint32_t our_nodeid, uint32_t nodeid, uint32_t our_version,
	uint32_t resend_ms, uint64_t now_ms);
/** link_done() - free all memory; takes a zeroed struct */
void link_done(struct link *link);
/** link_reset() - as after FIN or when the node left the cluster: numbers 0, version unset, queue
 * empty */
void link_reset(struct link *link);

/**
 * link_send() - queue one encoded MSG or RCOM frame
 * @frame: with its own header (version link->our_version), copied
 * @must_go: take from the reserve if memory is short (answers, unlocks)
 *
 * STATUS and STATUS_REPLY go bare, NAMES and its reply as the peer does it, LOOKUP, LOCK, their
 * replies and every MSG sequenced when both speak 3.2, else bare. STATUS_REPLY for an unknown
 * lockspace: @sequenced. Return: 0; -ENOBUFS the peer's version is not known and the frame needs
 * it; -ENOMEM; -EPIPE after our FIN nothing sequenced may be sent.
 */
int link_send(struct link *link, const uint8_t *frame, size_t bytes, bool must_go);
/** link_member_added(), link_member_removed() - a lockspace lists the peer, or no longer */
void link_member_added(struct link *link);
void link_member_removed(struct link *link);
/** link_close() - our last lockspace was released: send FIN (if ever established) */
void link_close(struct link *link);
void link_connected(struct link *link);
void link_disconnected(struct link *link);
/** link_receive() - see engine_peer_receive() */
int link_receive(struct link *link, const uint8_t *data, size_t size);
/** link_take() - copy whole frames. Return: bytes */
size_t link_take(struct link *link, uint8_t *ret, size_t room);
/** link_has_output() - whether link_take() would give bytes on a connection */
bool link_has_output(const struct link *link);
void link_tick(struct link *link, uint64_t now_ms);
uint64_t link_deadline(const struct link *link);
const char *link_state_name(enum link_state state);
