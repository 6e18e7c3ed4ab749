/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is inside a lockspace, as text that a lock engine gives: single lines of its dumps. They are
 * those of the kernel's debugfs (/sys/kernel/debug/dlm/NAME_all, _toss, _waiters, _locks); the user
 * engine gives the same text over the admin socket, so that there is one reader for both.
 *
 * Fields are separated by one blank (d decimal, x hexadecimal). NAME is the rest of the line, in
 * hexadecimal where it cannot be printed.
 *
 * NAME_all, first line "version rsb 1.1 lvb 1.1 lkb 1.1" (newer kernels: "rsb ptr nodeid ..."):
 *	rsb PTR NODEID:d FIRST_LKID:x FLAGS:x ROOT:d RECOVER:d RECOVER_COUNT:d LEN:d str NAME
 *	rsb PTR NODEID:d FIRST_LKID:x FLAGS:x ROOT:d RECOVER:d RECOVER_COUNT:d LEN:d hex 61 62 00
 *	lvb SEQ:d LEN:d 00 01 02 ...
 *	lkb ID:x NODEID:d REMID:x OWNPID:d XID:d EXFLAGS:x FLAGS:x STATUS:d GRMODE:d RQMODE:d
 *		BASTMODE:d LOOKUP:d WAIT_TYPE:d LVBSEQ:d TIMESTAMP_NS:d BASTTIME_NS:d
 *		(one line)
 *
 * NAME_toss, first line "version 4 rsb 2" (newer kernels: "rsb ptr nodeid ..."):
 *	rsb PTR NODEID:d MASTER:d DIR:d OUR:d TOSS_TIME:d FLAGS:x LEN:d str NAME
 *
 * NAME_waiters, without a first line of its own:
 *	ID:x WAIT_TYPE:d NODEID:d NAME
 *
 * NAME_locks, first line "id nodeid remid pid xid ...":
 *	ID:x NODEID:d REMID:x PID:d XID:d EXFLAGS:x FLAGS:x STS:d GRMODE:d RQMODE:d TIME:d
 *		R_NODEID:d R_LEN:d "NAME"
 *		(one line)
 *
 * NODEID of a resource: 0 this node is its master, -1 its master is being looked up. STATUS: 1
 * waiting, 2 granted, 3 converting. Modes: -1 none.
 */
#include <stdbool.h>
#include <stdint.h>

struct dumpline_resource {
	int nodeid;
	char first_lkid[32]; /* as text: "0" is none */
	uint32_t flags;
	int root, recover; /* on the lists of a recovery */
	uint32_t recover_count;
	int name_bytes;
	bool name_is_hex;
	const char *name; /* rest of the line that was read, borrowed */
};

struct dumpline_toss {
	int nodeid, master_nodeid, dir_nodeid, our_nodeid;
	int name_bytes;
	bool name_is_hex;
	const char *name; /* borrowed */
};

struct dumpline_lock {
	uint32_t lkid, remote_lkid;
	int nodeid;
	uint32_t pid;
	uint64_t xid;
	uint32_t exflags, flags;
	int status, granted_mode, requested_mode;
	int bast_mode, lookup, wait_type;
	uint32_t lvb_seq;
	uint64_t timestamp_ns, bast_ns;
};

struct dumpline_waiter {
	uint32_t lkid;
	int wait_type, nodeid;
	const char *name; /* borrowed */
};

/* A line of NAME_locks. */
struct dumpline_plain {
	uint32_t lkid, remote_lkid;
	int nodeid;
	uint32_t pid;
	uint32_t flags;
	int status, granted_mode, requested_mode;
	uint64_t age_us;
	int resource_nodeid;
	int name_bytes;
	const char *name;     /* between the first and the last quote, borrowed */
	int name_shown_bytes; /* of it */
};

/*
 * dumpline_x_parse() - read one line, without its newline
 * Return: 0; -EBADMSG a field is missing or is not what it should be.
 */
int dumpline_resource_parse(const char *line, struct dumpline_resource *ret);
int dumpline_toss_parse(const char *line, struct dumpline_toss *ret);
int dumpline_lock_parse(const char *line, struct dumpline_lock *ret);
int dumpline_waiter_parse(const char *line, struct dumpline_waiter *ret);
int dumpline_plain_parse(const char *line, struct dumpline_plain *ret);

/* Whether a line is the heading that debugfs puts first. */
bool dumpline_is_heading(const char *line);

/** dumpline_mode_name() - "NL" .. "EX", "IV" for -1, "??" for anything else */
const char *dumpline_mode_name(int mode);
