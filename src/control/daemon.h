/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * dlm_controld: what is wired to what, and in which state the daemon is. The decisions are made in
 * group/ (and fence/, plock/), bytes are moved by cluster/, driver/ and admin/.
 *
 * A lockspace that a program creates: driver/user.c receive_event() -> daemon.c event_online() ->
 * group_online() -> orders_run() -> cluster join -> event_members() -> group_members() ->
 * orders_run() -> driver ls_new, ls_start -> event_recovered() -> group_recovered() -> orders_run()
 * -> driver event_done.
 */
#include <qb/qbloop.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/text.h"
#include "config/options.h"
#include "control/admin/admin.h"
#include "control/cluster/cluster.h"
#include "control/driver/driver.h"
#include "control/group/group.h"
#include "control/logfile.h"
#include "control/lost/former.h"
#include "control/lost/lost.h"

/* Each state goes to the next; every one of them may also go to STOPPING or FAILED. */
enum daemon_state {
	DAEMON_FORMER,   /* the dlm_lockd of a former daemon may live */
	DAEMON_LOST,     /* the rule of lost rights is being met */
	DAEMON_ENGINE,   /* the engine is starting */
	DAEMON_CLUSTER,  /* the cluster is not there yet */
	DAEMON_READY,    /* lockspaces can be joined */
	DAEMON_STOPPING, /* the engine is ending in order */
	DAEMON_FAILED,   /* the engine is gone; the rule of lost rights, then our end */
};

struct daemon {
	struct options *options; /* borrowed from main */
	const char *config_path; /* the same */
	char run_dir[256];       /* absolute */
	char lockd_path[256];    /* absolute, or "" */
	bool is_detached;        /* in the background: nobody reads our standard error */
	int detach_fd;           /* for detach_end(), once there is something to say; -1 */
	bool is_default_place;   /* abstract sockets, /var/log and so on */
	struct log *log;
	struct logfile logfile;
	qb_loop_t *loop;
	char boot_id[40];
	const struct cluster_ops *cluster_ops;
	struct cluster *cluster;
	char cluster_waiting[256]; /* "": for nothing */
	const struct driver_ops *driver_ops;
	struct driver *driver;
	const char *engine_text; /* how the engine was chosen */
	struct group *group;
	struct admin *admin;
	struct former *former;
	struct lost *lost;
	enum daemon_state state;
	char failure[320]; /* why FAILED */
	int exit_status;
	struct log_limit deny_limit; /* of what is logged about commands that are not permitted */
	qb_loop_timer_handle beat_timer, settle_timer;
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
/** daemon_apply_options() - what options say about logging */
void daemon_apply_options(struct daemon *daemon);
/** daemon_done() - takes one that was started in part */
void daemon_done(struct daemon *daemon);
/** daemon_state_word() - as DAEMON_INFO says it */
const char *daemon_state_word(const struct daemon *daemon);
/** daemon_describe_waiting() - a line for each thing that is waited for: @prefix, sentence, newline
 */
void daemon_describe_waiting(const struct daemon *daemon, const char *prefix, struct text *ret);
/** daemon_reload() - dlm.conf anew; @say: a sentence for each finding. Return: as parse_file() */
int daemon_reload(struct daemon *daemon, struct text *say);
/** daemon_set_config() - as dynamic_set(), and what follows from it */
int daemon_set_config(struct daemon *daemon, const char *text, size_t bytes, struct text *say);
