/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What dlm_controld needs of a lock engine, in the vocabulary of the kernel's configfs, sysfs and
 * uevents. One file a kind (user.c: dlm_lockd; the kernel has its own). A kind never calls an event
 * from within one of its functions, and none of its functions waits.
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/log.h"

struct driver; /* each kind has its own */

struct driver_settings {
	const char *run_dir;    /* borrowed for the driver's life */
	const char *lockd_path; /* the same; "": beside our own executable */
	uint32_t nodeid;
	bool is_single;
	bool log_debug;
	uint32_t port, mark, protocol;
	uint32_t client_count_max, client_locks_max;
	uint32_t peer_queue_mib;
	int error_fd;        /* for the standard error of the engine; -1: ours, -2: nowhere */
	uint32_t timeout_ms; /* an engine that says nothing for so long is dead */
	uint32_t address_count;
	struct sockaddr_storage addresses[3]; /* ours */
	char boot_id[40];
	char cluster_name[64];
};

struct driver_peer {
	uint32_t nodeid;
	uint32_t mark;
	uint32_t address_count;
	struct sockaddr_storage addresses[3]; /* port 0 */
};

struct driver_probe {
	uint32_t number, nodeid, global_id, flags;
	bool keep; /* see struct control_probe */
	const char *name;
};

/* Its answer; see struct control_probed. */
struct driver_probed {
	uint32_t number, nodeid;
	int32_t result;
	uint32_t their_version, our_version, their_lvb_bytes, our_lvb_bytes, their_flags, our_flags;
	const char *name;
};

struct driver_member {
	uint32_t nodeid;
	uint32_t weight;
	bool rejoined;
};

struct driver_lockspace {
	const char *name;
	uint32_t global_id;
	uint32_t flags; /* DLM_LSFL_BIT_* */
	uint32_t nodir;
};

struct driver_events {
	void *context;
	void (*ready)(void *context);
	/* A program creates or releases a lockspace; answered by event_done. */
	void (*online)(void *context, const char *name, uint32_t flags, uint32_t pid, uint32_t uid);
	void (*offline)(void *context, const char *name, uint32_t pid, uint32_t uid);
	void (*stopped)(void *context, const char *name, uint32_t number);
	void (*recovered)(void *context, const char *name, uint32_t number);
	void (*failed)(void *context, const char *name, uint32_t number, int32_t error);
	void (*probed)(void *context, const struct driver_probed *probed);
	/* What a recovery or a probe has waited for, a sentence; "": for nothing any more. */
	void (*waiting)(void *context, const char *name, const char *text);
	/* In answer to stop(): the peers that have not finished their goodbye. `ended` follows. */
	void (*unfinished)(void *context, const uint32_t *nodes, uint32_t count);
	/* Nothing is heard of the engine any more, why, and its end takes a while. `ended` follows.
	 */
	void (*parted)(void *context, const char *text);
	/* The engine is gone, for certain; @text: why. Nothing else comes after it. */
	void (*ended)(void *context, const char *text);
};

struct driver_view {
	pid_t pid; /* 0: none runs */
	bool is_ready, memory_locked;
	uint32_t realtime;
	const char *text; /* what it could not have, and why; "" */
};

/*
 * The engine's answer to a question. @error: 0 or -errno. The text is in @fd (borrowed, from offset
 * 0 to its end) or in
 * @text, @bytes (borrowed); both may be empty.
 */
typedef void (*driver_answer)(
	void *context, uint64_t id, int error, int fd, const char *text, uint32_t bytes);

struct driver_ops {
	const char *name; /* as --engine says it */
	/* Start the engine; `ready` or `ended` follows. Return: 0; -errno with the sentence logged
	 */
	int (*open)(qb_loop_t *loop, struct log *log, const struct driver_settings *settings,
		const struct driver_events *events, struct driver **ret);
	/* A node of the cluster, from its coming to its leaving. Again with other values: replaced.
	 */
	void (*peer_add)(struct driver *driver, const struct driver_peer *peer);
	void (*peer_remove)(struct driver *driver, uint32_t nodeid);
	/* Would this peer take us into the lockspace? `probed` follows. NULL: it cannot be asked.
	 */
	void (*probe)(struct driver *driver, const struct driver_probe *probe);
	void (*probe_end)(struct driver *driver, uint32_t number);
	void (*ls_new)(struct driver *driver, const struct driver_lockspace *lockspace);
	void (*ls_start)(struct driver *driver, const char *name, uint32_t number,
		const struct driver_member *members, uint32_t member_count);
	void (*ls_stop)(struct driver *driver, const char *name, uint32_t number);
	void (*event_done)(struct driver *driver, const char *name, int32_t result);
	/*
	 * Questions. @answer is called once, with @id, from the loop; with -ENOTCONN when the
	 * engine ends first. Return: 0; -EBUSY too many are open; -ENOTCONN; -ENOMEM
	 */
	int (*status)(struct driver *driver, driver_answer answer, void *context, uint64_t id);
	int (*dump)(struct driver *driver, const char *name, uint32_t kind, driver_answer answer,
		void *context, uint64_t id);
	void (*view)(const struct driver *driver, struct driver_view *ret);
	/* Orderly end: the goodbye to each peer is waited for, `unfinished`, then `ended` follow,
	 * by force where it does not go by itself. */
	void (*stop)(struct driver *driver);
	/* The end at once, by force; `ended` follows. */
	void (*kill)(struct driver *driver);
	/* After `ended`, or before our own end. NULL is allowed. */
	void (*close)(struct driver *driver);
};

extern const struct driver_ops driver_user;
