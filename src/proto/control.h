/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The control connection: dlm_controld (root, decides) to the dlm_lockd that it started, over a
 * SOCK_SEQPACKET pair inherited as descriptor CONTROL_FD. One message a packet, native byte order.
 * The vocabulary is that of the kernel's configfs, sysfs and uevents, so that a decision means the
 * same whichever engine carries it out.
 *
 * dlm_lockd looks at this connection before any other input of a turn. At its end it sends nothing
 * more, closes every socket and exits. A malformed message on it ends dlm_lockd.
 *
 * Order at start: controld SETTINGS -> lockd READY. A lockspace, asked for by a program:
 *	lockd ONLINE -> controld LS_NEW, LS_START -> lockd RECOVERED -> controld EVENT_DONE(0)
 * EVENT_DONE may come before RECOVERED; the program is answered after both. If the start FAILED
 * instead, EVENT_DONE(-errno) takes EVENT_DONE(0) back. A change:
 *	controld LS_STOP n -> lockd STOPPED n -> controld LS_START
 * A release:
 *	lockd OFFLINE -> controld LS_STOP -> lockd STOPPED -> controld EVENT_DONE(0) -> freed
 * A refused ONLINE: controld EVENT_DONE(-errno), and the lockspace never came into being.
 */
#include <stdint.h>

#include "proto/client.h"

#define CONTROL_FD         3
#define CONTROL_VERSION    1u
#define CONTROL_PACKET_MAX 65536u

enum control_type {
	/* dlm_controld -> dlm_lockd */
	CONTROL_SETTINGS = 1, /* struct control_settings */
	CONTROL_PEER_ADD,     /* struct control_peer: as writing comms/NODEID */
	CONTROL_PEER_REMOVE,  /* struct control_peer: as removing it */
	CONTROL_LS_NEW,       /* struct control_ls_new */
	CONTROL_LS_STOP,      /* struct control_ls: number = of this stop */
	CONTROL_LS_START,     /* struct control_ls, then count * struct control_member */
	CONTROL_EVENT_DONE,   /* struct control_ls: result of the pending ONLINE or OFFLINE */
	CONTROL_PING,         /* struct control_ls: number; answered by PONG from the main loop */
	CONTROL_STATUS,       /* struct control_ls: number; answered by STATUS_IS */
	CONTROL_DUMP, /* struct control_ls: number, name, result = enum engine_dump_kind; DUMP_IS */
	CONTROL_PROBE,     /* struct control_probe: ask a peer's STATUS before a join; PROBED */
	CONTROL_PROBE_END, /* struct control_probe: number; that question is not needed any more */
	CONTROL_STOP, /* struct control_ls: number = milliseconds at most; the orderly end; ENDING
		       */
	/* dlm_lockd -> dlm_controld */
	CONTROL_READY = 64, /* struct control_ready */
	CONTROL_ONLINE,     /* struct control_event: a program creates this lockspace */
	CONTROL_OFFLINE,    /* struct control_event: a program releases it (no locks, or forced) */
	CONTROL_STOPPED,    /* struct control_ls: number of the stop */
	CONTROL_RECOVERED,  /* struct control_ls: number of the start */
	CONTROL_FAILED,     /* struct control_ls: number of the start, result */
	CONTROL_PONG,
	CONTROL_STATUS_IS, /* struct control_ls: number; count bytes of text follow ("key=value"
			      lines) */
	CONTROL_DUMP_IS,   /* struct control_ls: number, result; on success a memfd with the text
			      (SCM_RIGHTS) */
	CONTROL_FATAL,     /* struct control_fatal: dlm_lockd ends itself, why */
	CONTROL_PROBED,    /* struct control_probed: the answer to a PROBE, once */
	CONTROL_WAITING,   /* struct control_ls: name; count bytes of text follow: what its recovery
			      or probe has waited for, a sentence; again when it changes; count 0: for
			      nothing any more */
	CONTROL_ENDING,    /* struct control_ls: count * uint32_t follow: the peers that have not
			      finished the FIN exchange; then dlm_lockd ends with status 0 */
};

struct control_head {
	uint32_t type;  /* enum control_type */
	uint32_t bytes; /* of the whole message */
};

/* In CONTROL_DUMP for a kind, without a name: the newest lines of dlm_lockd's log, all levels. */
#define CONTROL_DUMP_LOG 255

#define CONTROL_SETTING_LOG_DEBUG 0x1u
#define CONTROL_SETTING_SINGLE    0x2u /* no cluster: open no port */
#define CONTROL_SETTING_SPEAK_3_1 0x4u

struct control_settings {
	struct control_head head;
	uint32_t version; /* CONTROL_VERSION */
	uint32_t flags;
	uint32_t nodeid;
	uint32_t recover_timer_ms, toss_ms; /* 0: default */
	uint32_t port;                      /* 0 with SINGLE */
	uint32_t mark;                      /* SO_MARK, 0: none */
	uint32_t protocol;                  /* 0 TCP, 1 SCTP */
	uint32_t client_count_max;          /* connections; 0: default 4096 */
	uint32_t client_locks_max;          /* locks a connection; 0: default 1000000 */
	uint32_t peer_queue_mib; /* waiting for one node, then programs are held back; 0: 64 */
	uint32_t address_count;
	uint8_t addresses[3][128]; /* struct sockaddr_storage of this node */
	char boot_id[40];
	char cluster_name[64];
};

struct control_peer {
	struct control_head head;
	uint32_t nodeid;
	uint32_t mark;
	uint32_t address_count;
	uint32_t reserved;
	uint8_t addresses[3][128]; /* struct sockaddr_storage, port 0 */
};

struct control_ls_new {
	struct control_head head;
	uint32_t global_id;
	uint32_t flags; /* DLM_LSFL_BIT_* */
	uint32_t nodir;
	uint32_t lvb_bytes; /* DLM_USER_LVB_BYTES */
	char name[72];
};

/*
 * Whether a member of a lockspace would take us: its STATUS is asked and compared. It is asked
 * until it has answered, or PROBE_END or PEER_REMOVE has come; PROBED comes only when nothing of
 * the conversation is left on the link (FIN done), unless a lockspace is shared with that peer.
 *
 * From the moment that a START of ours names a node, that node may start a lockspace with us, and a
 * FIN must not find it there. So dlm_controld sends no START that names a node with an open probe,
 * except a kept one; and where a START that names the node is out and the LS_START for it has not
 * been given, a probe says keep: then the conversation stays open, for the lockspace to go on with.
 */
struct control_probe {
	struct control_head head;
	uint32_t number; /* chosen by dlm_controld, never one that is still open */
	uint32_t nodeid;
	uint32_t global_id;
	uint32_t flags;     /* as in LS_NEW */
	uint32_t lvb_bytes; /* as in LS_NEW */
	uint32_t keep;      /* 1: see above */
	char name[72];
};

struct control_probed {
	struct control_head head;
	uint32_t number;
	uint32_t nodeid;
	/* 0: it would take us; -EAGAIN: it has no such lockspace, or not yet (it was asked for four
	 * seconds); -EPROTO: values differ; -ENOENT: it is no peer (any more); -ECANCELED:
	 * PROBE_END; -ENOMEM and the like: it could not be asked */
	int32_t result;
	uint32_t their_version, our_version; /* protocol, 0x00030002; 0: not known */
	uint32_t their_lvb_bytes, our_lvb_bytes;
	uint32_t their_flags, our_flags; /* those that have to be equal */
	uint32_t reserved;
	char name[72];
};

struct control_member {
	uint32_t nodeid;
	uint32_t weight;
	uint32_t rejoined; /* left and joined again since the last start */
	uint32_t reserved;
};

struct control_ls {
	struct control_head head;
	uint32_t number;
	int32_t result;
	uint32_t count; /* of what follows */
	uint32_t reserved;
	char name[72];
};

struct control_event {
	struct control_head head;
	uint32_t flags; /* ONLINE: DLM_LSFL_BIT_* */
	uint32_t pid;   /* of the program */
	uint32_t uid;
	uint32_t reserved;
	char name[72];
};

struct control_ready {
	struct control_head head;
	uint32_t version;
	uint32_t pid;
	uint32_t memory_locked; /* 1: mlockall succeeded */
	uint32_t realtime;      /* priority, 0: none */
	char text[128];         /* what could not be had and why, "" if nothing */
};

struct control_fatal {
	struct control_head head;
	int32_t error;
	uint32_t reserved;
	char text[240];
};

/** control_check() - Return: 0; -EBADMSG wrong length for its type, unknown type or an unterminated
 * string */
int control_check(const void *message, uint32_t bytes);
