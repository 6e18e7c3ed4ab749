/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UDLM_LIBDLMCONTROL_H
#define UDLM_LIBDLMCONTROL_H
/*
 * libdlmcontrol: reads and steers dlm_controld, the daemon of the distributed lock manager.
 *
 * Releases 4.2 and 4.3 of the dlm suite give other arguments to five functions under the same names
 * and the same library name (a caller and a library of different releases misbehave without a
 * warning). A build of this library serves one of them: LIBDLMCONTROL_GENERATION, which a program
 * does not define itself.
 *
 * All calls block for as long as the daemon takes to answer; none keeps a state between calls, so
 * that they may be made from several threads at once. Functions that return int return 0, or a
 * negative number: -1 with errno set where the daemon cannot be reached, else the daemon's negative
 * errno.
 */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef LIBDLMCONTROL_GENERATION
#define LIBDLMCONTROL_GENERATION 402 /* 402: release 4.2, 403: release 4.3 */
#endif

#ifndef DLM_LOCKSPACE_LEN
#define DLM_LOCKSPACE_LEN 64
#endif

/* Room that the buffer of each dlmc_dump function must have. */
#define DLMC_DUMP_SIZE (1024 * 1024)

/* dlmc_node.flags */
#define DLMC_NF_MEMBER       0x00000001 /* member of the lockspace */
#define DLMC_NF_START        0x00000002 /* its start message has come */
#define DLMC_NF_DISALLOWED   0x00000004
#define DLMC_NF_NEED_FENCING 0x00000008
#define DLMC_NF_CHECK_FS     0x00000010

struct dlmc_node {
	int nodeid;
	uint32_t flags;
	uint32_t added_seq;   /* change that added it */
	uint32_t removed_seq; /* change that removed it, 0: none */
	int fail_reason;
	uint64_t fail_walltime;
	uint64_t fail_monotime;
};

/* dlmc_change.wait_condition where wait_messages is 0 */
#define DLMC_LS_WAIT_RINGID  1
#define DLMC_LS_WAIT_QUORUM  2
#define DLMC_LS_WAIT_FENCING 3
#define DLMC_LS_WAIT_FSDONE  4

struct dlmc_change {
	int member_count;
	int joined_count;
	int remove_count;
	int failed_count;
	int wait_condition; /* DLMC_LS_WAIT_, or how many messages are missing */
	int wait_messages;  /* 1: waits for messages */
	uint32_t seq;
	uint32_t combined_seq;
};

/* dlmc_lockspace.flags */
#define DLMC_LF_JOINING        0x00000001
#define DLMC_LF_LEAVING        0x00000002
#define DLMC_LF_KERNEL_STOPPED 0x00000004 /* the lock engine, whichever it is, is stopped */
#define DLMC_LF_FS_REGISTERED  0x00000008
#define DLMC_LF_NEED_PLOCKS    0x00000010
#define DLMC_LF_SAVE_PLOCKS    0x00000020

struct dlmc_lockspace {
	struct dlmc_change cg_prev; /* the last change that was completed; zeros: none yet */
	struct dlmc_change cg_next; /* the change in progress; seq 0: none */
	uint32_t flags;
	uint32_t global_id;
	char name[DLM_LOCKSPACE_LEN + 1];
};

/* Types of dlmc_lockspace_nodes(): all ever seen, members of cg_prev, members of cg_next. */
#define DLMC_NODES_ALL     1
#define DLMC_NODES_MEMBERS 2
#define DLMC_NODES_NEXT    3

/* Flag of dlmc_print_status(). */
#define DLMC_STATUS_VERBOSE 0x00000001

/*
 * Texts. @buf has DLMC_DUMP_SIZE bytes; what comes beyond is dropped, and the text has no final NUL
 * (clear the buffer first).
 */
#if LIBDLMCONTROL_GENERATION >= 403
/* *data: what the daemon said, 0 or a negative errno */
int dlmc_dump_debug(char *buf, int *data);
int dlmc_dump_config(char *buf, int *data);
int dlmc_dump_run(char *buf, int *data);
int dlmc_dump_log_plock(char *buf, int *data);
int dlmc_dump_plocks(char *name, char *buf, int *data);
#else
int dlmc_dump_debug(char *buf);
int dlmc_dump_config(char *buf);
int dlmc_dump_run(char *buf);
int dlmc_dump_log_plock(char *buf);
int dlmc_dump_plocks(char *name, char *buf);
#endif

/* dlmc_lockspace_info() - state of one lockspace: -ENOENT: this node does not have it */
int dlmc_lockspace_info(char *lsname, struct dlmc_lockspace *ls);
/* dlmc_node_info() - one node of a lockspace, in its newest change; zeros for a node never seen */
int dlmc_node_info(char *lsname, int nodeid, struct dlmc_node *node);
/* dlmc_lockspaces() - all of them. *lss is for the caller to free(); NULL where *count is 0 */
int dlmc_lockspaces(int *count, struct dlmc_lockspace **lss);
/* dlmc_lockspace_nodes() - at most @max nodes; *count is -E2BIG where there are more, the return
 * still 0 */
int dlmc_lockspace_nodes(char *lsname, int type, int max, int *count, struct dlmc_node *nodes);
/* dlmc_print_status() - the daemon's state to the standard output, or "cannot connect to
 * dlm_controld" */
int dlmc_print_status(uint32_t flags);

/* dlmc_reload_config(), dlmc_set_config() - 0: the request was sent (the daemon says nothing) */
int dlmc_reload_config(void);
int dlmc_set_config(char *command);

/*
 * Lockspaces of file systems that register (legacy: only with enable_fscontrol). dlmc_fs_connect()
 * gives a descriptor; register, unregister and notified only write to it, and dlmc_fs_result()
 * reads the next answer.
 */
#define DLMC_RESULT_REGISTER 1
#define DLMC_RESULT_NOTIFIED 2

int dlmc_fs_connect(void);
void dlmc_fs_disconnect(int fd);
int dlmc_fs_register(int fd, char *name);
int dlmc_fs_unregister(int fd, char *name);
int dlmc_fs_notified(int fd, char *name, int nodeid);
int dlmc_fs_result(int fd, char *name, int *type, int *nodeid, int *result);

/* dlmc_deadlock_check() - 0: the request was sent */
int dlmc_deadlock_check(char *name);
/* dlmc_fence_ack() - tell the cluster that node @name (a decimal number) is down for certain */
int dlmc_fence_ack(char *name);

/* Commands that are run on all nodes. */
#define DLMC_RUN_UUID_LEN    DLM_LOCKSPACE_LEN
#define DLMC_RUN_COMMAND_LEN 1024

#define DLMC_FLAG_RUN_START_NODE_NONE  0x00000001 /* not on this node */
#define DLMC_FLAG_RUN_START_NODE_FIRST 0x00000002 /* here at once */
#define DLMC_FLAG_RUN_START_NODE_RECV  0x00000004 /* here too, when the message comes back */

#define DLMC_FLAG_RUN_CHECK_CLEAR  0x00000001 /* forget it when it is done */
#define DLMC_FLAG_RUN_CHECK_CANCEL 0x00000002

#define DLMC_RUN_STATUS_WAITING 0x00000001
#define DLMC_RUN_STATUS_DONE    0x00000002
#define DLMC_RUN_STATUS_FAILED  0x00000004

/* dlmc_run_start() - @nodeid 0: all; @run_uuid: DLMC_RUN_UUID_LEN bytes, names the run afterwards
 */
int dlmc_run_start(char *run_command, int len, int nodeid, uint32_t flags, char *run_uuid);
/* dlmc_run_check() - asks each second for at most @wait_sec while it is WAITING */
int dlmc_run_check(char *run_uuid, int len, int wait_sec, uint32_t flags, uint32_t *check_status);

#ifdef __cplusplus
}
#endif

#endif
