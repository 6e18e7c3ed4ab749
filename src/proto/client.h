/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The program's path: records between libdlm and dlm_lockd.
 *
 * Both sockets are AF_UNIX SOCK_SEQPACKET in the run directory (RUN, by default /run/udlm):
 *	RUN/control		anyone may connect; makes and releases lockspaces (root, or the
 *daemon's own user) RUN/lockspaces/NAME	its mode is the lockspace's permission A packet
 *holds one or more records, back to back; a record is a struct below, in native byte order, its
 *length a multiple of 8 and never crossing a packet. Packets travel whole, so that several
 * processes may share a connection after fork(). dlm_lockd takes the sender's credentials with
 * every packet.
 *
 * A record whose header is wrong (length, type, a field out of range) ends the connection after a
 * CLIENT_BYE that says why. A request that is refused for its meaning is answered and changes
 *nothing.
 *
 * Order at start:	program HELLO -> daemon WELCOME (+ lease descriptor by SCM_RIGHTS on a
 * lockspace socket), or BYE.
 * Reserved fields are 0.
 */
#include <stdint.h>

#include "base/pure/dlmconst.h"

#define CLIENT_MAGIC          0x4d4c4455u /* "UDLM" */
#define CLIENT_VERSION_MAJOR  1u          /* another major: no conversation */
#define CLIENT_VERSION_MINOR  0u          /* features are negotiated by bits, not by this */
#define CLIENT_PACKET_MAX     65536u
#define CLIENT_RECORD_MAX     4096u
#define CLIENT_RUN_DIR        "/run/udlm"
#define CLIENT_RUN_DIR_ENV    "UDLM_RUN_DIR" /* read with secure_getenv */
#define CLIENT_CONTROL_SOCKET "control"
#define CLIENT_SOCKET_DIR     "lockspaces"
#define CLIENT_LEASE_DIR      "leases"

enum client_record_type {
	/* program -> daemon */
	CLIENT_HELLO = 1,
	CLIENT_LOCK,     /* new lock, or conversion; struct client_lock */
	CLIENT_UNLOCK,   /* unlock, cancel, force-unlock, deadlock cancel; struct client_unlock */
	CLIENT_ADOPT,    /* orphan; struct client_lock with lkid 0; ANSWER value = lkid */
	CLIENT_PURGE,    /* struct client_purge; ANSWER */
	CLIENT_NEED_IDS, /* struct client_head only: IDS follows */
	CLIENT_TAKEOVER, /* after fork: struct client_head; IDS then ANSWER follow; the lease names
			    us */
	CLIENT_CREATE,  /* control socket: struct client_create; ANSWER when the join is complete */
	CLIENT_RELEASE, /* control socket: struct client_release; ANSWER */
	CLIENT_POKE,    /* struct client_head; ANSWER: the descriptor is to become readable */
	/* daemon -> program */
	CLIENT_WELCOME = 64,
	CLIENT_BYE,        /* struct client_bye, then the connection ends */
	CLIENT_ANSWER,     /* to a record with a serial; struct client_answer */
	CLIENT_COMPLETION, /* struct client_completion [+ value block] */
	CLIENT_BAST,       /* struct client_bast */
	CLIENT_REFUSED, /* an operation without a serial was refused; it completes with this errno
			 */
	CLIENT_IDS,     /* struct client_ids: another block of lock ids */
};

struct client_head {
	uint16_t bytes;  /* of the record, with this header; a multiple of 8 */
	uint8_t type;    /* enum client_record_type */
	uint8_t flags;   /* by type */
	uint32_t serial; /* not 0: an ANSWER with it is wanted, before any completion it causes */
};

struct client_hello {
	struct client_head head;
	uint32_t magic;
	uint16_t version_major, version_minor;
	uint32_t features; /* bits that the program's library knows; none yet */
	uint32_t pid;      /* as the program sees itself, for the log only */
};

struct client_welcome {
	struct client_head head;
	uint32_t magic;
	uint16_t version_major, version_minor;
	uint32_t features; /* both sides know them */
	uint32_t nodeid;
	uint32_t global_id;         /* of the lockspace; 0 on the control socket */
	uint32_t lvb_bytes;         /* DLM_USER_LVB_BYTES */
	uint32_t device_version[3]; /* as /dev/misc/dlm-control would say: 6, 0, 2 */
	uint32_t id_block_count;    /* ids in a block; the IDS records follow in the same packet */
};

struct client_ids {
	struct client_head head;
	uint32_t first,
		count; /* ids first .. first + count - 1, to be used in this order, once each */
};

/* flags of CLIENT_LOCK */
#define CLIENT_LOCK_WANTS_BAST 0x1u
#define CLIENT_LOCK_HAS_LVB    0x2u /* a value block follows the name, at the next multiple of 8 */

struct client_lock {
	struct client_head head;
	uint32_t lkid;  /* new: the next id of our blocks */
	uint32_t flags; /* DLM_LKF_* */
	uint64_t xid;
	uint8_t mode;
	uint8_t name_bytes; /* 0 with DLM_LKF_CONVERT */
	uint8_t reserved[6];
	/* name, padded with 0 to a multiple of 8, then the value block */
};

/* flags of CLIENT_UNLOCK */
#define CLIENT_UNLOCK_HAS_LVB  0x2u
#define CLIENT_UNLOCK_DEADLOCK 0x4u /* a cancel that completes with EDEADLK */

struct client_unlock {
	struct client_head head;
	uint32_t lkid;
	uint32_t flags; /* DLM_LKF_CANCEL, VALBLK, IVVALBLK, FORCEUNLOCK */
			/* value block */
};

struct client_purge {
	struct client_head head;
	uint32_t nodeid, pid;
};

struct client_answer {
	struct client_head head; /* serial: of the request */
	int32_t result;          /* 0, 1 (unlock: no completion follows) or negative errno */
	uint32_t value;
};

/* flags of CLIENT_COMPLETION */
#define CLIENT_COMPLETION_ENDED   0x1u /* the lock is no more */
#define CLIENT_COMPLETION_HAS_LVB 0x2u

struct client_completion {
	struct client_head head;
	uint32_t lkid;
	int32_t status; /* 0 or negative: -EAGAIN, -DLM_STATUS_EUNLOCK ... */
	uint64_t token; /* room for a grant token; 0 */
	uint8_t sbflags;
	int8_t mode; /* granted now, or DLM_MODE_IV */
	uint8_t reserved[6];
	/* value block */
};

struct client_bast {
	struct client_head head;
	uint32_t lkid;
	uint8_t mode; /* that is blocked */
	uint8_t reserved[3];
};

struct client_refused {
	struct client_head head; /* flags: type of the refused record */
	uint32_t lkid;
	int32_t error; /* negative errno */
};

struct client_bye {
	struct client_head head;
	int32_t error; /* negative errno */
	uint32_t reserved;
	char text[112]; /* one sentence, ends with NUL */
};

struct client_create {
	struct client_head head;
	uint32_t flags; /* DLM_LSFL_BIT_* */
	uint32_t mode;  /* of the socket, 07777; 0: 0600 */
	char name[72];  /* NUL-terminated, up to 64 bytes, padded with 0 */
};

/* flags of CLIENT_RELEASE */
#define CLIENT_RELEASE_FORCE 0x1u /* with locks on it too */

struct client_release {
	struct client_head head;
	char name[72];
};

/*
 * The lease: a file in RUN/leases, one a connection. The program gets a read-only descriptor whose
 * open file description holds flock(LOCK_EX); dlm_lockd closes its own copy and keeps a shared
 * mapping to write to. A right that the program had has ended when somebody else can flock the
 * file.
 */
#define LEASE_MAGIC 0x5341454cu /* "LEAS" */

struct lease {
	uint32_t magic;
	uint32_t version;   /* 1 */
	uint32_t owner_pid; /* the process that uses the connection now (as the daemon sees it) */
	uint32_t held;      /* locks above NL, written before the completion leaves */
	uint32_t persistent_held; /* of them PERSISTENT */
	uint32_t range_held;      /* range (posix) locks */
	uint32_t closed; /* 1: the daemon has ended this connection in order; nothing is held */
	uint32_t reserved;
	char boot_id[40]; /* of the boot that wrote it; a lease of another boot means nothing */
	char lockspace[72];
	char command[64]; /* of the program at the handshake, for people */
};

/* RUN/leases/orphans: the same struct, without a holder; `held` counts orphans above NL. */
#define LEASE_ORPHANS_FILE "orphans"

/** client_record_check() - Return: 0; -EAGAIN fewer bytes than a record; -EBADMSG malformed */
int client_record_check(const void *record, uint32_t bytes_there);
/** client_lock_name() - where the name of a checked CLIENT_LOCK or ADOPT begins */
const uint8_t *client_lock_name(const struct client_lock *lock);
/** client_lock_lvb() - its value block, NULL: none */
const uint8_t *client_lock_lvb(const struct client_lock *lock);
/**
 * client_lockspace_name_check() - whether a lockspace may be called so
 * Return: 0; -EINVAL empty, a '/', a leading '.', or a control character; -ENAMETOOLONG above 64
 * bytes
 */
int client_lockspace_name_check(const char *name);
