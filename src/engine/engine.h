/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The door of the lock engine: the part of a node that holds resources and locks and speaks the
 * lock protocol, without a system call, a clock, a thread or a random number of its own.
 *
 * Everything comes in through the calls of this header, one at a time. What has to go out is
 * gathered, and the caller fetches it when its batch of calls is over:
 *
 *	while (engine_output(engine, &out)) ...	who has something to be fetched, and what ended
 *	engine_peer_take()			bytes for the connection to a peer
 *	engine_client_take()			completions and blocking ASTs for a client
 *
 * Long work (recovery) is done in slices: while engine_work() returns true there is more, and the
 * caller may serve others between two calls. engine_deadline() says when to call engine_tick()
 *next.
 *
 * Three kinds of object: the engine (a node), a lockspace, and a client (one connected program in
 *one lockspace). Peers (other nodes) are named by their node id.
 *
 * Errors are negative errno. A call that fails has changed nothing. Time is in milliseconds of a
 * monotonic clock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pure/alloc.h"
#include "base/pure/dlmconst.h"

struct engine;
struct engine_lockspace;
struct engine_client;

/* ---- trace: what happened inside, for tests and logs ---- */

enum engine_trace_kind {
	ENGINE_TRACE_GRANT = 1, /* we are master: lock granted. lkid, owner nodeid, name, mode */
	ENGINE_TRACE_QUEUE,   /* we are master: put on the wait or convert queue. mode: requested */
	ENGINE_TRACE_UNGRANT, /* we are master: lock removed, or demoted to `mode` */
	ENGINE_TRACE_MASTER,  /* we learnt or changed the master of `name`: nodeid */
	ENGINE_TRACE_SEND,    /* message sent: code = type (wire_msg_type, or 0x100 | rcom type) */
	ENGINE_TRACE_RECEIVE, /* message delivered: code as above */
	ENGINE_TRACE_REFUSED, /* bad or unexpected message, ignored: code as above; text says why */
	ENGINE_TRACE_RECOVERY, /* recovery step begun: code = status bits, text = step */
	ENGINE_TRACE_LINK,     /* link state changed: nodeid, text = state */
	ENGINE_TRACE_NOTE,     /* anything else worth a debug line: text */
};

struct engine_trace {
	enum engine_trace_kind kind;
	const struct engine_lockspace *lockspace; /* NULL where it is about none */
	uint32_t nodeid;                          /* the other node, or the owner; 0: this node */
	uint32_t lkid;                            /* our id of the lock, 0: none */
	uint32_t code;
	int mode;         /* enum dlm_mode */
	int result;       /* negative errno or 0 */
	const void *name; /* resource name, NULL: none; valid during the call */
	uint8_t name_bytes;
	const char *text; /* constant or valid during the call; NULL: none */
};

/* ---- the engine ---- */

struct engine_settings {
	uint32_t nodeid;           /* ours, above 0 */
	uint32_t recover_timer_ms; /* STATUS and NAMES are asked again after this; 0: 5000 */
	uint32_t toss_ms;          /* an unused resource is kept this long; 0: 10000 */
	uint32_t resend_ms;        /* resend of unacknowledged frames while connected; 0: 10000 */
	uint32_t slice_items;      /* locks or resources that one engine_work() handles; 0: 2048 */
	uint32_t client_locks_max; /* locks that one client may have; 0: no limit */
	size_t peer_queue_bytes;   /* queued for one peer, then clients are held back; 0: 64 MiB */
	uint64_t seed;             /* from a random source: start of sequence numbers and ids */
	bool speak_3_1;            /* put 3.1 into our headers: no sequence, no resend */
	size_t reserve_bytes;      /* kept back for answers when memory is short; 0: 1 MiB */
	const struct alloc *alloc; /* borrowed; NULL: alloc_system() */
	void (*trace)(void *context, const struct engine_trace *trace); /* may be NULL; observer
						only: it must not call back into the engine */
	void *trace_context;
};

/** engine_new() - Return: 0; -ENOMEM; -EINVAL nodeid 0. @ret is freed by engine_free(). */
int engine_new(const struct engine_settings *settings, struct engine **ret);
/** engine_free() - with everything in it; NULL is allowed. Nothing is sent. */
void engine_free(struct engine *engine);

/** engine_tick() - the time is now @now_ms (never less than before): run what is due */
void engine_tick(struct engine *engine, uint64_t now_ms);
/** engine_deadline() - when engine_tick() is wanted next; UINT64_MAX: not before other input */
uint64_t engine_deadline(const struct engine *engine);
/** engine_work() - do one slice of pending long work. Return: true if there is more. */
bool engine_work(struct engine *engine);

enum engine_output_kind {
	ENGINE_OUT_PEER = 1,    /* engine_peer_take() has bytes for `nodeid` (it is connected) */
	ENGINE_OUT_CONNECT,     /* there is something to send to `nodeid` and no connection */
	ENGINE_OUT_PEER_CLOSED, /* FIN is done with `nodeid`: its connections may be closed */
	ENGINE_OUT_PEER_GAP, /* `nodeid` skips sequence numbers for seconds: reset, as newer.md says
			      */
	ENGINE_OUT_CLIENT,   /* engine_client_take() has callbacks for `client` */
	ENGINE_OUT_CLIENT_CLOSED, /* all locks of a closed client are gone: `client_context` */
	ENGINE_OUT_PROBED,        /* a probe is over: `probed` */
	ENGINE_OUT_RECOVERED,     /* lockspace runs: a start has been completed */
	ENGINE_OUT_FAILED, /* recovery failed with `error`: blocked until the next stop and start */
	ENGINE_OUT_FATAL,  /* node failure: what had to be stored or answered cannot be (memory).
			      Nothing more is sent by this engine; the caller ends the process. */
};

/* What a probe found: see engine_probe_start(). */
struct engine_probed {
	uint32_t number, nodeid;
	int result;
	uint32_t their_version, our_version; /* of the protocol, 0x00030002; 0: not known */
	uint32_t their_lvb_bytes, our_lvb_bytes;
	uint32_t their_flags, our_flags; /* those that have to be equal */
};

struct engine_output {
	enum engine_output_kind kind;
	uint32_t nodeid;                    /* PEER*, CONNECT */
	struct engine_client *client;       /* CLIENT */
	void *client_context;               /* CLIENT, CLIENT_CLOSED */
	struct engine_lockspace *lockspace; /* RECOVERED, FAILED */
	int error;                          /* FAILED, FATAL */
	uint32_t start_number;              /* RECOVERED, FAILED: of engine_lockspace_start() */
	struct engine_probed probed;        /* PROBED */
};

/** engine_output() - fetch the next output. Return: true and @ret filled; false: none left. */
bool engine_output(struct engine *engine, struct engine_output *ret);

/* ---- peers: the transport side ---- */

struct engine_peer_info {
	uint32_t nodeid;
	const char *state; /* CLOSED, ESTABLISHED, FIN_WAIT1 ... */
	bool is_closed;    /* CLOSED: no conversation, or the FIN exchange is done */
	uint32_t version;  /* of the peer, 0: not known */
	bool connected;
	bool has_output;        /* engine_peer_take() would give bytes, if it is connected */
	uint32_t users;         /* lockspaces that list it as a member */
	uint32_t unacked_count; /* sequenced frames sent or queued, not acknowledged */
	size_t queued_bytes;    /* memory that the send queue holds */
	uint64_t received_count, refused_count, duplicate_count, gap_count;
};

/** engine_peer_add() - this node may be talked to. Idempotent. Return: 0; -ENOMEM; -EINVAL ours or
 * 0 */
int engine_peer_add(struct engine *engine, uint32_t nodeid);
/** engine_peer_remove() - the node left the cluster: all state of its link is dropped, and nothing
 * is told of it any more but that its probes are over. Idempotent. */
void engine_peer_remove(struct engine *engine, uint32_t nodeid);
/** engine_peer_connected() - a connection for sending exists; unacknowledged frames go out again */
void engine_peer_connected(struct engine *engine, uint32_t nodeid);
/** engine_peer_disconnected() - the connection for sending is gone */
void engine_peer_disconnected(struct engine *engine, uint32_t nodeid);
/**
 * engine_peer_receive() - bytes arrived on some connection of this peer
 * @data: begins at a frame boundary; whole frames are consumed, the rest must be given again
 * Return: bytes consumed, 0..@size; -ENOENT no such peer; -EMSGSIZE or -EPROTO: the stream cannot
 * be trusted any more, reset this connection (frames before the bad one were consumed).
 */
int engine_peer_receive(struct engine *engine, uint32_t nodeid, const uint8_t *data, size_t size);
/** engine_peer_take() - copy whole frames to send into @ret. Return: bytes, 0: nothing to send */
size_t engine_peer_take(struct engine *engine, uint32_t nodeid, uint8_t *ret, size_t room);
/**
 * engine_peers_close() - say FIN to every peer that there is a conversation with; nothing where
 * there is a lockspace. ENGINE_OUT_PEER_CLOSED follows for each.
 */
void engine_peers_close(struct engine *engine);
/** engine_peer_info() - Return: 0; -ENOENT */
int engine_peer_info(const struct engine *engine, uint32_t nodeid, struct engine_peer_info *ret);

/* ---- probes: would a member of a lockspace take us? ---- */

struct engine_probe_args {
	uint32_t number; /* the caller's, not that of another open probe */
	uint32_t nodeid;
	uint32_t global_id, flags, lvb_bytes; /* as for engine_lockspace_new(); it need not exist
						 here */
	bool keep; /* leave the conversation open: some lockspace may be started with this peer at
		      any moment, on its side too */
};

/**
 * engine_probe_start() - ask a peer for the STATUS of a lockspace and compare it with ours, before
 * we join: there is no other way to see that values differ but to block those who have it
 *
 * ENGINE_OUT_PROBED follows once, with one of these results:
 *	0		the peer has it and the values are equal
 *	-EPROTO		the values differ, or the peer speaks another version
 *	-EAGAIN		the peer does not have it, or not yet: asked some times, a second apart
 *	-ENOENT		engine_peer_remove()
 *	-ECANCELED	engine_probe_end()
 * A peer that does not answer is asked again until engine_probe_end().
 *
 * Where no conversation with that peer exists, the probe makes one and ends it with the FIN
 * exchange, and only then comes PROBED, unless it is to be kept. Until then no lockspace may be
 * started with us on that peer, since the FIN would find it; a start here waits for that end.
 *
 * Return: 0; -ENOENT no such peer; -EEXIST the number is in use; -EINVAL; -ENOMEM
 */
int engine_probe_start(struct engine *engine, const struct engine_probe_args *args);
/** engine_probe_end() - the answer is not needed any more. PROBED comes all the same, when nothing
 * of the conversation is left; a peer that stays silent is waited for some seconds at most. */
void engine_probe_end(struct engine *engine, uint32_t number);

struct engine_probe_info {
	uint32_t nodeid;
	const char *step;  /* what of that node it waits for: constant */
	uint64_t since_ms; /* when that began */
};

/** engine_probe_info() - of an open probe. Return: 0; -ENOENT */
int engine_probe_info(const struct engine *engine, uint32_t number, struct engine_probe_info *ret);

/* ---- lockspaces: the membership side, in the vocabulary of fs/dlm ---- */

struct engine_member {
	uint32_t nodeid;
	uint32_t weight; /* in the directory; 1 unless configured */
	bool rejoined;   /* left and joined again since the last start: gone and new at once */
};

/**
 * engine_lockspace_new() - a lockspace that is stopped and has no members
 * @name:      1..64 bytes, copied
 * @global_id: not 0; the same on all nodes (lockspace_global_id())
 * @flags:     DLM_LSFL_*, compared with the other members'
 * @lvb_bytes: of value blocks, a multiple of 8; DLM_USER_LVB_BYTES for programs
 * @nodir:     no directory: the name alone decides who is master
 * Return: 0; -ENOMEM; -EINVAL name or argument; -EEXIST name or global id in use here
 */
int engine_lockspace_new(struct engine *engine, const char *name, uint32_t global_id,
	uint32_t flags, uint32_t lvb_bytes, bool nodir, struct engine_lockspace **ret);
/**
 * engine_lockspace_free() - drop it with all locks, telling nobody; clients of it are gone too
 *
 * When it was the last lockspace, FIN is sent to every peer (ENGINE_OUT_PEER_CLOSED follows).
 */
void engine_lockspace_free(struct engine_lockspace *ls);
/** engine_lockspace_stop() - block locking and abort a running recovery. Complete on return. */
void engine_lockspace_stop(struct engine_lockspace *ls);
/**
 * engine_lockspace_start() - recover with these members; ENGINE_OUT_RECOVERED or _FAILED follows
 * @members: any order; must contain this node
 * @start_number: the caller's, given back in the output
 * Return: 0; -EINVAL no members, this node is not one, or a node twice; -EBUSY not stopped;
 * -ENOMEM; -ENOENT a member without engine_peer_add()
 */
int engine_lockspace_start(struct engine_lockspace *ls, const struct engine_member *members,
	size_t count, uint32_t start_number);

struct engine_lockspace_info {
	const char *name;
	uint32_t global_id;
	bool running;           /* locking is open */
	uint32_t status;        /* recovery status bits */
	const char *step;       /* of a running recovery, "" otherwise */
	uint32_t wait_nodeid;   /* the node that this step waits for, 0: none */
	bool wait_answers;      /* that node answers, and has not come so far itself */
	uint64_t step_since_ms; /* when the step began */
	uint32_t generation;
	uint32_t slot; /* ours, 0: none */
	uint32_t member_count;
	size_t lock_count;     /* all kinds */
	size_t resource_count; /* in use and unused */
	size_t client_count;
	uint32_t orphan_count;      /* locks that survived their owner */
	uint32_t orphan_held_count; /* of them above NL */
	uint64_t recovery_count;
};

void engine_lockspace_info(const struct engine_lockspace *ls, struct engine_lockspace_info *ret);
struct engine_lockspace *engine_lockspace_find(const struct engine *engine, const char *name);
/** engine_lockspace_running() - clients may be served now. While false, keep their requests unread.
 */
bool engine_lockspace_running(const struct engine_lockspace *ls);
/** lockspace_global_id() - CRC-32 of "dlm:ls:NAME" with its final NUL */
uint32_t lockspace_global_id(const char *name);

/* ---- clients ---- */

#define ENGINE_ID_BLOCK 4096u

struct engine_lock_args {
	uint32_t lkid;    /* new: from the client's id blocks, not in use; convert: the lock */
	uint32_t flags;   /* DLM_LKF_* */
	int mode;         /* enum dlm_mode */
	const void *name; /* new locks: 1..64 bytes, copied */
	uint32_t name_bytes;
	const uint8_t *lvb; /* lvb_bytes of the lockspace, or NULL; read if VALBLK */
	uint32_t pid;       /* of the caller */
	uint64_t xid;
	bool wants_bast; /* deliver blocking ASTs */
};

struct engine_callback {
	uint32_t lkid;
	bool is_bast;
	int mode;        /* BAST: the mode that is blocked; completion: mode now granted, or IV */
	int status;      /* completion: 0, -EAGAIN, -EDEADLK, -ETIMEDOUT, -DLM_STATUS_ECANCEL,
			    -DLM_STATUS_EUNLOCK */
	uint8_t sbflags; /* DLM_SBF_* bits */
	bool ended;      /* the lock is no more, its id is free */
	const uint8_t
		*lvb; /* lvb_bytes to give to the program, NULL: none; valid until the next call */
};

/* What a client has at this moment: for leases, limits and status. */
struct engine_client_info {
	uint32_t lock_count;
	uint32_t held_count;            /* granted above NL */
	uint32_t persistent_held_count; /* of them PERSISTENT */
	uint32_t waiting_count;         /* with an operation in progress */
	uint32_t callback_count;        /* not taken yet */
};

/** engine_client_new() - @context comes back in outputs. Return: 0; -ENOMEM */
int engine_client_new(struct engine_lockspace *ls, void *context, struct engine_client **ret);
/**
 * engine_client_close() - the program is gone: no more callbacks; locks are force-unlocked (PW and
 * EX invalidate the value block), PERSISTENT ones become orphans. Allowed at any time; done when
 * the lockspace runs. @client may not be used afterwards; ENGINE_OUT_CLIENT_CLOSED with its context
 * ends it.
 */
void engine_client_close(struct engine_client *client);
/**
 * engine_client_ids() - a block of ENGINE_ID_BLOCK lock ids for new locks of this client
 *
 * A client has at most two blocks: a third call gives back the oldest. Ids never exceed
 * DLM_LOCKID_MAX and are reused as late as possible.
 * Return: 0 and the first id; -ENOSPC all blocks hold live locks; -ENOMEM
 */
int engine_client_ids(struct engine_client *client, uint32_t *ret_first);
/**
 * engine_client_held() - whether its requests are to be left unread for now, since they go to a
 * peer that does not take what it is sent
 *
 * More than peer_queue_bytes wait for a peer that a message of this client went to: true, until
 * they are half as many, or the peer is removed. Its requests are still accepted; holding them back
 * is up to the caller. What else waits for a peer has its bound in what that peer and the locks
 * that there are have asked for: answers, grants, one blocking AST a mode, and recovery.
 */
bool engine_client_held(struct engine_client *client);
/** engine_client_info() - walks all locks of the client: for status, not for each turn */
void engine_client_info(const struct engine_client *client, struct engine_client_info *ret);
/** engine_client_counts() - locks above NL, and of them PERSISTENT; constant time, for leases */
void engine_client_counts(
	const struct engine_client *client, uint32_t *ret_held, uint32_t *ret_persistent_held);

/**
 * engine_lock() - request a new lock, or convert (DLM_LKF_CONVERT)
 *
 * Return: 0 accepted, exactly one completion follows; -EINVAL arguments (wire.md "Argument
 * validation"), or an id that is not of this client's blocks; -EEXIST the id is in use; -ENOENT
 * convert of a lock that is not this client's; -EBUSY an operation of it is in progress or its
 * completion has not been taken; -EDQUOT client_locks_max; -ENOMEM; -EAGAIN the lockspace does not
 * run.
 */
int engine_lock(struct engine_client *client, const struct engine_lock_args *args);
/**
 * engine_unlock() - unlock, cancel (DLM_LKF_CANCEL) or force-unlock (DLM_LKF_FORCEUNLOCK)
 * @lvb: lvb_bytes, or NULL: the block stays what it is
 * Return: 0 accepted (a cancel of a granted lock gets no completion); 1 accepted and nothing to
 * cancel: no completion follows; -ENOENT, -EBUSY, -EINVAL, -EAGAIN as above.
 */
int engine_unlock(struct engine_client *client, uint32_t lkid, uint32_t flags, const uint8_t *lvb);
/** engine_deadlock_cancel() - cancel whose completion has status -EDEADLK. Return: as
 * engine_unlock() */
int engine_deadlock_cancel(struct engine_client *client, uint32_t lkid);
/**
 * engine_adopt() - make an orphan lock this client's own (DLM_LKF_ORPHAN)
 * Return: 0 and @ret_lkid (no completion follows); -EAGAIN orphans of that name have other modes
 * only; -ENOENT none; -EINVAL; -EDQUOT
 */
int engine_adopt(
	struct engine_client *client, const struct engine_lock_args *args, uint32_t *ret_lkid);
/**
 * engine_purge() - drop locks: with the client's own @pid all its locks without callbacks; another
 * pid: the orphans of that pid; 0: all orphans. @nodeid 0 or ours: here; else that member is told.
 * Return: 0; -ENOBUFS @nodeid is no member; -EAGAIN not running; -ENOMEM
 */
int engine_purge(struct engine_client *client, uint32_t nodeid, uint32_t pid, uint32_t own_pid);

/** engine_client_take() - the next callback. Return: true and @ret filled; false: none. */
bool engine_client_take(struct engine_client *client, struct engine_callback *ret);

/* ---- looking inside: dumps for people, views for checkers ---- */

enum engine_dump_kind {
	ENGINE_DUMP_ALL,     /* the text of debugfs <ls>_all */
	ENGINE_DUMP_LOCKS,   /* <ls>_locks */
	ENGINE_DUMP_TOSS,    /* <ls>_toss */
	ENGINE_DUMP_WAITERS, /* <ls>_waiters */
};

struct engine_dump_cursor {
	uint32_t position[4]; /* zero to begin; owned by the engine's dump room */
};

/**
 * engine_dump() - the next piece of text, whole lines
 * @room: at least 4096
 * Return: bytes written; 0: the end
 */
size_t engine_dump(const struct engine_lockspace *ls, enum engine_dump_kind kind,
	struct engine_dump_cursor *cursor, char *ret, size_t room);

struct engine_lock_view {
	const uint8_t *name;
	uint8_t name_bytes;
	uint32_t lkid, remote_lkid;
	uint32_t owner_nodeid;  /* this node for local and process copies */
	uint32_t master_nodeid; /* 0: not known */
	bool is_master;         /* we are the master of its resource */
	int granted_mode, requested_mode;
	int status; /* 0 none, 1 waiting, 2 granted, 3 converting */
	uint32_t exflags;
	bool waiting_reply; /* an operation of ours has not been answered */
	bool orphan;
	const void *client_context; /* NULL: master copy or orphan */
};

/** engine_lockspace_each_lock() - call @see for every lock, resource by resource */
void engine_lockspace_each_lock(const struct engine_lockspace *ls,
	void (*see)(void *context, const struct engine_lock_view *view), void *context);
/** engine_resource_each_lock() - the same for the locks of one resource, queues in order */
void engine_resource_each_lock(const struct engine_lockspace *ls, const void *name,
	size_t name_bytes, void (*see)(void *context, const struct engine_lock_view *view),
	void *context);

struct engine_resource_view {
	uint32_t master_nodeid; /* 0: not known; ours if we are */
	uint32_t dir_nodeid;
	bool in_use;
	bool value_valid; /* false: VALNOTVALID */
	uint32_t value_seq;
	const uint8_t *value; /* lvb_bytes, NULL: none */
};

/** engine_resource_view() - Return: 0; -ENOENT */
int engine_resource_view(const struct engine_lockspace *ls, const void *name, size_t name_bytes,
	struct engine_resource_view *ret);
/** engine_check() - whole-state invariants; ends the process where one is broken */
void engine_check(const struct engine *engine);
/**
 * engine_check_structure() - the same without what is granted to whom: for use with peers that lie
 * about their locks, which nobody can tell
 */
void engine_check_structure(const struct engine *engine);
