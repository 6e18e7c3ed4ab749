/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The control connection: dlm_controld (root, decides) to the dlm_lockd that it started, over a
 * SOCK_SEQPACKET pair inherited as descriptor CONTROL_FD. One message a packet, native byte order.
 *The vocabulary is that of the kernel's configfs, sysfs and uevents, so that a decision means the
 *same whichever engine carries it out.
 *
 * dlm_lockd looks at this connection before any other input of a turn. At its end it sends nothing
 * more, closes every socket and exits. A malformed message on it ends dlm_lockd.
 *
 * Order at start: controld SETTINGS -> lockd READY. A lockspace, asked for by a program:
 *	lockd ONLINE -> controld LS_NEW, LS_START -> lockd RECOVERED -> controld EVENT_DONE(0)
 *	   (in that order; EVENT_DONE may come before RECOVERED, and the program is answered after
 *both) change:  controld LS_STOP n -> lockd STOPPED n -> controld LS_START release: lockd OFFLINE
 *-> controld LS_STOP -> lockd STOPPED -> controld EVENT_DONE(0) -> lockd frees it A refused ONLINE:
 *controld EVENT_DONE(-errno), and the lockspace never came into being.
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
