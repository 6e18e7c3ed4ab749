/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The local admin sockets of dlm_controld: the reference's protocol, so that its dlm_tool and
 *library work against ours and ours against it, and our own commands, which start at 1000.
 *
 * Where:	two AF_UNIX stream sockets, DLMC_SOCKET and DLMC_QUERY_SOCKET. With the default run
 *		directory they are abstract names without a final NUL (address length 2 + 1 +
 *strlen). Where UDLM_RUN_DIR (secure_getenv) is set, not empty and not CLIENT_RUN_DIR, they are
 *files of those names in that directory, so that many daemons can live on one machine. Trust: a
 *client asks SO_PEERCRED first: the server is root or its own user, or it hangs up (anybody can
 *take an abstract name). The server answers queries for everyone, changes and what shows names and
 *value blocks for root and for its own user.
 * Form:	request = struct dlmc_header [+ payload]; reply the same, native byte order. Query
 *socket: one request a connection, the server closes after the reply. Change socket: as many as
 *wanted. A request that is malformed or unknown ends the connection without a reply.
 *
 * Which server is it? Ask DLMC_CMD_DAEMON_INFO on the query socket: the reference closes without a
 *reply.
 *
 * Our own commands always reply. `data` is 0 or a negative errno; on an error the payload is one
 * sentence for people (object, cause, cure), without a newline, not NUL-terminated, never empty.
 * Source: docs/protocol/control.md, "Local sockets".
 */
#include <stdint.h>

#include "proto/client.h"

#define DLMC_SOCKET        "dlmc_sock"       /* changes */
#define DLMC_QUERY_SOCKET  "dlmc_query_sock" /* queries */
#define DLMC_MAGIC         0xD13CD13Cu
#define DLMC_VERSION       0x00010001u /* the upper 16 bits must match */
#define DLMC_NAME_BYTES    64
#define DLMC_PAYLOAD_MAX   4096u /* of a request */
#define DLMC_COMMAND_BYTES 1024u /* payload of RUN_START and SET_CONFIG */

/* Q: on the query socket, C: on the change socket; then what goes with the request; what comes back
 */
enum dlmc_command {
	DLMC_CMD_DUMP_DEBUG = 1,     /* Q. -; text */
	DLMC_CMD_DUMP_PLOCKS = 2,    /* Q. name; data 0, -ENOENT, -ENOSPC, text */
	DLMC_CMD_LOCKSPACE_INFO = 3, /* Q. name; data, struct dlmc_wire_lockspace, zeros on error */
	DLMC_CMD_NODE_INFO = 4,      /* Q. name, data = nodeid; data, struct dlmc_wire_node */
	DLMC_CMD_LOCKSPACES = 5,     /* Q. data = max (0: all); data = count, -E2BIG, array */
	DLMC_CMD_LOCKSPACE_NODES = 6, /* Q. name, option = type, data = max; data = count, -E2BIG */
	DLMC_CMD_FS_REGISTER = 7,     /* C. name; data */
	DLMC_CMD_FS_UNREGISTER = 8,   /* C. name; no reply */
	DLMC_CMD_FS_NOTIFIED = 9,     /* C. name, data = nodeid; option = nodeid, data */
	DLMC_CMD_DEADLOCK_CHECK = 10, /* C. name; no reply */
	DLMC_CMD_DUMP_LOG_PLOCK = 11, /* Q. -; header whose command is 1, text */
	DLMC_CMD_FENCE_ACK = 12,      /* C. name = node id as decimal text; no reply */
	DLMC_CMD_DUMP_STATUS = 13,    /* Q. -; no header: struct dlmc_state records to the end */
	DLMC_CMD_DUMP_CONFIG = 14,    /* Q. -; text */
	DLMC_CMD_RUN_START = 15,      /* C. data = nodeid, flags, command text; name = uuid, data */
	DLMC_CMD_RUN_CHECK = 16,      /* C. name = uuid, flags; data, uint32_t status */
	DLMC_CMD_DUMP_RUN = 17,       /* Q. -; text */
	DLMC_CMD_RELOAD_CONFIG = 18,  /* C. -; no reply */
	DLMC_CMD_SET_CONFIG = 19,     /* C. text; no reply */

	/* ours */
	DLMC_CMD_DAEMON_INFO = 1000, /* Q. -; text, DLMC_INFO_* */
	DLMC_CMD_ENGINE_INFO = 1001, /* Q. -; text of the engine (CONTROL_STATUS_IS) */
	DLMC_CMD_ENGINE_DUMP = 1002, /* Q, trusted. name, option = enum dlmc_dump_kind; text */
	DLMC_CMD_LOST_ACK = 1003,    /* C. -; text: what was acknowledged; -ENOENT: nothing waits */
	DLMC_CMD_LOCKSPACE_WAITING =
		1004,              /* Q. name (none: all); text, see DLMC_WAITING_LOCKSPACE */
	DLMC_CMD_ALL_NODES = 1005, /* Q, trusted. option = enum dlmc_all_nodes; text */
};

/*
 * In `flags` of RELOAD_CONFIG, SET_CONFIG and FENCE_ACK: answer with a header of that command, data
 * and a text, as our own commands do. To be set only after DAEMON_INFO has shown that the server is
 * ours.
 */
#define DLMC_FLAG_ANSWER 0x80000000u

/* What ALL_NODES asks each node: the numbers of enum udlm_question. Of each comes "node N:" and the
 * lines that dlm_tool prints there, or one line "node N: REASON". */
enum dlmc_all_nodes {
	DLMC_ALL_LS = 1,
	DLMC_ALL_LS_NODES = 2, /* -n */
	DLMC_ALL_STATUS = 3,
	DLMC_ALL_STATUS_VERBOSE = 4, /* -v */
};

/* Which text ENGINE_DUMP gives: the numbers of enum engine_dump_kind, as a test checks. */
enum dlmc_dump_kind {
	DLMC_DUMP_ALL = 0,     /* as debugfs NAME_all */
	DLMC_DUMP_LOCKS = 1,   /* as NAME_locks */
	DLMC_DUMP_TOSS = 2,    /* as NAME_toss */
	DLMC_DUMP_WAITERS = 3, /* as NAME_waiters */
};

/*
 * Keys of DAEMON_INFO, one "key=value" a line, in this order. A value is the rest of the line and
 *may be empty. Keys may be added, so that readers skip what they do not know. What dlm_tool status
 * prints of it is "cluster_text" as a line of its own where not empty, each "warning" as
 * "warning: VALUE" and each "waiting" as "waiting: VALUE".
 *	version=0.1.0
 *	pid=123
 *	uid=0			that the daemon runs as
 *	state=starting | waiting | ready | stopping | failed
 *	waiting=SENTENCE	0 or more lines: what it waits for, and what to do about it
 *	warning=SENTENCE	0 or more lines: what was chosen and is dangerous
 *	cluster=single | corosync
 *	cluster_text=single: not a cluster	(empty with corosync)
 *	cluster_name=alpha	as corosync says it; empty before that, and with single
 *	engine=user | kernel
 *	engine_text=		how it was chosen: "cluster=single is always user"
 *	nodeid=1
 *	run_dir=/run/udlm	where programs find the engine's sockets
 *	boot_id=...
 *	lockd_pid=124		0: none runs
 *	lockd_memory_locked=1
 *	lockd_realtime=1	its priority, 0: none
 *	lockd_text=		what it could not have, and why
 *	lost_ack_needed=1	root's `dlm_tool lost_ack` is waited for
 *	lockspace_count=2
 *	admin_connections=3	local clients now; each of the following counts since the start:
 *	admin_accepted=90	connections taken
 *	admin_refused=7		not taken, or not answered: too many, or too much unsent
 *	admin_malformed=2	what was no request
 *	admin_expired=1		that were too slow to ask or to read
 *	admin_denied=4		commands of those who may not give them
 */
#define DLMC_INFO_STATE        "state="
#define DLMC_INFO_WAITING      "waiting="
#define DLMC_INFO_CLUSTER      "cluster="
#define DLMC_INFO_CLUSTER_TEXT "cluster_text="
#define DLMC_INFO_ENGINE       "engine="
#define DLMC_INFO_ENGINE_TEXT  "engine_text="
#define DLMC_INFO_RUN_DIR      "run_dir="
#define DLMC_INFO_WARNING      "warning="

/*
 * LOCKSPACE_WAITING: for each lockspace, in the order of LOCKSPACES, a line "lockspace=NAME", then
 * 0 or more lines "waiting=SENTENCE" (DLMC_INFO_WAITING): whom or what its change or its recovery
 * waits for, by name.
 */
#define DLMC_WAITING_LOCKSPACE "lockspace="

struct dlmc_header {
	uint32_t magic;
	uint32_t version;
	uint32_t command;
	uint32_t option;
	uint32_t len; /* header and payload */
	int32_t data; /* argument, or result */
	uint32_t flags;
	uint32_t unused;
	char name[DLMC_NAME_BYTES]; /* without a final NUL where all 64 bytes are used */
};

struct dlmc_wire_change {
	int32_t member_count, joined_count, remove_count, failed_count;
	/* Where wait_messages is 0: DLMC_LS_WAIT_* of libdlmcontrol.h, and ours: 5 this node's
	 * engine to stop, 6 members to say whether they would take it. Else the number of missing
	 * messages. */
	int32_t wait_condition;
	int32_t wait_messages;
	uint32_t seq, combined_seq;
};

struct dlmc_wire_lockspace {
	struct dlmc_wire_change cg_prev; /* started; zeros if none is */
	struct dlmc_wire_change cg_next; /* pending; seq 0 if none is */
	uint32_t flags;
	uint32_t global_id;
	char name[DLMC_NAME_BYTES + 1];
	uint8_t pad[3];
};

struct dlmc_wire_node {
	int32_t nodeid;
	uint32_t flags;
	uint32_t added_seq, removed_seq;
	int32_t fail_reason;
	uint32_t pad;
	uint64_t fail_walltime, fail_monotime;
};

enum dlmc_state_type {
	DLMC_STATE_DAEMON = 1,
	DLMC_STATE_DAEMON_NODE = 2,
	DLMC_STATE_STARTUP_NODE = 3,
};

struct dlmc_state {
	uint32_t type; /* enum dlmc_state_type */
	uint32_t flags;
	int32_t nodeid;
	uint32_t data32, data64;
	uint32_t str_len; /* bytes that follow, "key=value " each, the final NUL counted */
	uint32_t bin_len; /* bytes after those; 0 */
};

/* flags of struct dlmc_wire_lockspace */
#define DLMC_WIRE_LF_JOINING        0x01u
#define DLMC_WIRE_LF_LEAVING        0x02u
#define DLMC_WIRE_LF_KERNEL_STOPPED 0x04u
#define DLMC_WIRE_LF_FS_REGISTERED  0x08u
#define DLMC_WIRE_LF_NEED_PLOCKS    0x10u
#define DLMC_WIRE_LF_SAVE_PLOCKS    0x20u

/* flags of struct dlmc_wire_node */
#define DLMC_WIRE_NF_MEMBER       0x01u
#define DLMC_WIRE_NF_START        0x02u
#define DLMC_WIRE_NF_DISALLOWED   0x04u
#define DLMC_WIRE_NF_NEED_FENCING 0x08u
#define DLMC_WIRE_NF_CHECK_FS     0x10u

/* option of LOCKSPACE_NODES */
#define DLMC_WIRE_NODES_ALL     1u
#define DLMC_WIRE_NODES_MEMBERS 2u
#define DLMC_WIRE_NODES_NEXT    3u

/**
 * dlmc_header_init() - a header without payload, all else zero
 * @name: copied, at most 64 bytes of it; NULL: none
 */
void dlmc_header_init(struct dlmc_header *header, uint32_t command, const char *name);

/**
 * dlmc_header_check() - whether a request or reply may be read on
 * @payload_max: bytes beyond the header that the reader is ready to take
 * Return: 0; -EBADMSG wrong magic, or a length below the header's; -EPROTONOSUPPORT another major
 * version; -EMSGSIZE more payload than @payload_max
 */
int dlmc_header_check(const struct dlmc_header *header, uint32_t payload_max);

/** dlmc_header_name() - the name as a string; @ret has room for 65 bytes */
void dlmc_header_name(const struct dlmc_header *header, char ret[DLMC_NAME_BYTES + 1]);
