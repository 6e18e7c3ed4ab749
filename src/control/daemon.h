/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * dlm_controld: what is wired to what, and in which state the daemon is. The decisions are made in
 * fence/ and group/ (and plock/), bytes are moved by cluster/, driver/ and admin/.
 *
 *	daemon.c	states, the turn that follows every input, the whole
 *	daemon_life.c	from the start to the engine; failure, the loss of the cluster, the end
 *	daemon_cluster.c	what the cluster says
 *	daemon_peers.c	the cluster's nodes as the engine has to know them
 *	daemon_orders.c	orders of fence/ and group/ carried out
 *	daemon_engine.c	what the engine says
 *	daemon_waits.c	what is waited for, as sentences
 *	daemon_config.c	options that change while it runs
 *
 * A lockspace that a program creates: driver/user_receive.c receive_event() -> daemon_engine.c
 * event_online() -> group_online() -> daemon_turn() -> orders: cluster look, driver probe, cluster
 *join
 * -> event_confchg() -> group_confchg() -> ... -> driver ls_new, ls_start -> event_recovered() ->
 * group_recovered() -> driver event_done.
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/pure/dlmconst.h"
#include "base/pure/list.h"
#include "base/text.h"
#include "config/options.h"
#include "control/admin/admin.h"
#include "control/again.h"
#include "control/cluster/cluster.h"
#include "control/driver/driver.h"
#include "control/fence/fence.h"
#include "control/goodbye.h"
#include "control/group/group.h"
#include "control/logfile.h"
#include "control/lost/former.h"
#include "control/lost/lost.h"
#include "control/peers/peers.h"

/* Each state goes to a later one, never back. */
enum daemon_state {
	DAEMON_FORMER,   /* the dlm_lockd of a former daemon may live */
	DAEMON_LOST,     /* the rule of lost rights is being met */
	DAEMON_CLUSTER,  /* the cluster is not there yet, or peers of a former life are in it */
	DAEMON_ENGINE,   /* the engine is starting */
	DAEMON_JOIN,     /* the daemons of the cluster agree on their protocol */
	DAEMON_READY,    /* lockspaces can be joined */
	DAEMON_STOPPING, /* the engine is ending in order */
	DAEMON_LEAVING,  /* it has ended; the daemon group is being left */
	DAEMON_AGAIN,    /* the cluster is gone: the engine's end, lost rights, and all anew */
	DAEMON_FAILED,   /* the engine is gone; the rule of lost rights, then our end */
};

/* A node of the cluster, as the engine knows it. */
struct daemon_peer {
	uint32_t nodeid;
	bool is_added;  /* the engine has been told its addresses */
	bool is_linked; /* a lockspace or a probe was shared with it */
};

/* A lockspace of which there is something to remember. */
struct daemon_note {
	struct list on_daemon;
	char name[DLM_NAME_BYTES_MAX + 1];
	uint32_t flags; /* of an online that has to wait */
	char text[256]; /* what the engine waits for */
};

struct daemon {
	struct options *options; /* borrowed from main */
	const char *config_path; /* the same */
	char *const *argv;       /* the same */
	char run_dir[256];       /* absolute */
	char lockd_path[256];    /* absolute, or "" */
	struct again again;      /* what a next life has to know */
	bool is_detached;        /* in the background: nobody reads our standard error */
	int detach_fd;           /* for detach_end(), once there is something to say; -1 */
	bool is_default_place;   /* abstract sockets, /var/log and so on */
	struct log *log;
	struct logfile logfile;
	qb_loop_t *loop;
	char boot_id[40];

	const struct cluster_ops *cluster_ops;
	struct cluster *cluster;
	bool is_up;                 /* the cluster */
	bool is_counted;            /* it has said who is in it */
	bool is_quorate;            /* as it said last */
	struct cluster_facts facts; /* while it is up */
	char cluster_waiting[256];  /* "": for nothing */
	char engine_waiting[400];   /* the same: why the engine is not started yet */
	struct goodbye goodbye;     /* peers of a former life */
	struct daemon_peer peers[CLUSTER_NODES_MAX];
	uint32_t peer_count;

	const struct driver_ops *driver_ops;
	struct driver *driver;
	const char *engine_text;  /* how the engine was chosen */
	bool engine_runs;         /* until `ended` */
	bool engine_said_goodbye; /* and told who did not answer it */
	uint64_t shared_until;    /* when a lockspace was last there, monotonic s; 0: never */

	struct fence *fence;  /* NULL before the cluster is up */
	struct group *group;  /* the same */
	struct peers *others; /* the same: questions to all nodes */
	bool fence_changed;   /* since group/ last looked */
	bool is_joined;       /* to the daemon group, or about to be */
	struct list onlines;  /* struct daemon_note: lockspaces that were asked for before READY */
	struct list looks;    /* the same: those whose members must be asked for again */
	struct list waits;    /* the same: what the engine waits for */
	uint32_t agentless[CLUSTER_NODES_MAX]; /* victims whose missing agent has been noted */
	uint32_t agentless_count;

	struct admin *admin;
	struct former *former;
	struct lost *lost;
	enum daemon_state state;
	bool is_announced; /* READY, and that lockspaces can be joined has been said */
	bool is_over;      /* the loop has been told to stop */
	bool was_in_use;   /* FAILED, AGAIN: lockspaces were open */
	char failure[320]; /* why FAILED or AGAIN */
	int exit_status;
	bool is_untold;               /* something has happened since */
	char told[512];               /* what the service manager was told last */
	uint64_t denied_count;        /* commands of those who may not give them */
	struct log_limit deny_limit;  /* of what is logged about commands that are not permitted */
	struct log_limit fence_limit; /* of what fence/ says that goes wrong */
	struct log_limit group_limit; /* the same of group/ */
	struct log_limit others_limit;
	struct log_limit send_limit; /* of messages that the cluster does not take */
	qb_loop_timer_handle beat_timer, settle_timer, second_timer;
	qb_loop_signal_handle signals[4];
};

/**
 * daemon_start() - open the local sockets and begin
 * @daemon: options, places, log, ops filled in by main
 * BEFORE daemon_run(). Return: 0; -errno, with the sentence logged
 */
int daemon_start(struct daemon *daemon);
/** daemon_run() - until the end. Return: the exit status */
int daemon_run(struct daemon *daemon);
/** daemon_done() - takes one that was started in part */
void daemon_done(struct daemon *daemon);

/** daemon_apply_options() - what options say about logging, fencing and lockspaces */
void daemon_apply_options(struct daemon *daemon);
/** daemon_reload() - dlm.conf anew; @say: a sentence for each finding. Return: as parse_file() */
int daemon_reload(struct daemon *daemon, struct text *say);
/** daemon_set_config() - as dynamic_set(), and what follows from it */
int daemon_set_config(struct daemon *daemon, const char *text, size_t bytes, struct text *say);

/** daemon_state_word() - as DAEMON_INFO says it */
const char *daemon_state_word(const struct daemon *daemon);
/** daemon_describe_waiting() - a line for each thing that is waited for: @prefix, sentence, newline
 */
void daemon_describe_waiting(const struct daemon *daemon, const char *prefix, struct text *ret);
/** daemon_describe_lockspace() - the same for one lockspace */
void daemon_describe_lockspace(const struct daemon *daemon, const struct group_view *view,
	const char *prefix, struct text *ret);
/** daemon_describe_warnings() - the same for what an administrator has chosen and should know */
void daemon_describe_warnings(const struct daemon *daemon, const char *prefix, struct text *ret);
/** daemon_now() - for fence/ and group/ */
struct fence_now daemon_now(void);
/** daemon_turn() - AFTER every input of fence/ or group/: what they order is done, until nothing is
 * left to do */
void daemon_turn(struct daemon *daemon);
/**
 * daemon_ask_all() - all nodes, see enum udlm_question; commands_all_nodes() follows
 * Return: 0; -EINVAL no such question; -ENOTCONN not READY; -EBUSY too many are open; -errno
 */
int daemon_ask_all(struct daemon *daemon, uint32_t question, uint64_t request);
/** daemon_lockspace_count() - that are open here */
uint32_t daemon_lockspace_count(const struct daemon *daemon);
