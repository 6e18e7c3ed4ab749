/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads single lines of the dumps. The formats are in the header. */
#include "tool/dumpline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/dlmconst.h"

bool dumpline_is_heading(const char *line)
{
	return strncmp(line, "version", 7) == 0 || strncmp(line, "rsb ptr", 7) == 0 ||
	       strncmp(line, "id nodeid", 9) == 0;
}

const char *dumpline_mode_name(int mode)
{
	static const char *const names[] = {"IV", "NL", "CR", "CW", "PR", "PW", "EX"};

	if (mode < DLM_MODE_IV || mode > DLM_MODE_EX)
		return "??";
	return names[mode + 1];
}

/* "str NAME" or "hex 61 62" at the end of a line. */
static int name_parse(const char *rest, bool *ret_is_hex, const char **ret_name)
{
	bool is_hex = strncmp(rest, "hex", 3) == 0;

	if (!is_hex && strncmp(rest, "str", 3) != 0)
		return -EBADMSG;
	rest += 3;
	if (*rest && *rest != ' ')
		return -EBADMSG;
	*ret_is_hex = is_hex;
	*ret_name = *rest ? rest + 1 : rest;
	return 0;
}

int dumpline_resource_parse(const char *line, struct dumpline_resource *ret)
{
	struct dumpline_resource res = {0};
	int end = -1;

	(void)sscanf(line, "rsb %*s %d %31s %" SCNx32 " %d %d %" SCNu32 " %d %n", &res.nodeid,
		res.first_lkid, &res.flags, &res.root, &res.recover, &res.recover_count,
		&res.name_bytes, &end);
	if (end < 0 || name_parse(line + end, &res.name_is_hex, &res.name))
		return -EBADMSG;
	*ret = res;
	return 0;
}

int dumpline_toss_parse(const char *line, struct dumpline_toss *ret)
{
	struct dumpline_toss toss = {0};
	int end = -1;

	(void)sscanf(line, "rsb %*s %d %d %d %d %*u %*x %d %n", &toss.nodeid, &toss.master_nodeid,
		&toss.dir_nodeid, &toss.our_nodeid, &toss.name_bytes, &end);
	if (end < 0 || name_parse(line + end, &toss.name_is_hex, &toss.name))
		return -EBADMSG;
	*ret = toss;
	return 0;
}

int dumpline_lock_parse(const char *line, struct dumpline_lock *ret)
{
	struct dumpline_lock lock = {0};
	int count = sscanf(line,
		"lkb %" SCNx32 " %d %" SCNx32 " %" SCNu32 " %" SCNu64 " %" SCNx32 " %" SCNx32
		" %d %d %d %d %d %d %" SCNu32 " %" SCNu64 " %" SCNu64,
		&lock.lkid, &lock.nodeid, &lock.remote_lkid, &lock.pid, &lock.xid, &lock.exflags,
		&lock.flags, &lock.status, &lock.granted_mode, &lock.requested_mode,
		&lock.bast_mode, &lock.lookup, &lock.wait_type, &lock.lvb_seq, &lock.timestamp_ns,
		&lock.bast_ns);

	if (count != 16)
		return -EBADMSG;
	*ret = lock;
	return 0;
}

int dumpline_waiter_parse(const char *line, struct dumpline_waiter *ret)
{
	struct dumpline_waiter waiter = {0};
	int end = -1;

	(void)sscanf(
		line, "%" SCNx32 " %d %d%n", &waiter.lkid, &waiter.wait_type, &waiter.nodeid, &end);
	if (end < 0 || (line[end] && line[end] != ' '))
		return -EBADMSG;
	waiter.name = line[end] ? line + end + 1 : line + end;
	*ret = waiter;
	return 0;
}

int dumpline_plain_parse(const char *line, struct dumpline_plain *ret)
{
	struct dumpline_plain lock = {0};
	const char *last;
	int end = -1;

	(void)sscanf(line,
		"%" SCNx32 " %d %" SCNx32 " %" SCNu32 " %*u %*x %" SCNx32 " %d %d %d %" SCNu64
		" %d %d %n",
		&lock.lkid, &lock.nodeid, &lock.remote_lkid, &lock.pid, &lock.flags, &lock.status,
		&lock.granted_mode, &lock.requested_mode, &lock.age_us, &lock.resource_nodeid,
		&lock.name_bytes, &end);
	if (end < 0)
		return -EBADMSG;
	lock.name = line + end;
	lock.name_shown_bytes = (int)strlen(lock.name);
	last = strrchr(lock.name, '"');
	if (lock.name[0] == '"' && last > lock.name) {
		lock.name++;
		lock.name_shown_bytes = (int)(last - lock.name);
	}
	*ret = lock;
	return 0;
}
