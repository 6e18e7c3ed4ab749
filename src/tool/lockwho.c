/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockwho.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/admin.h"
#include "tool/dumpline.h"
#include "tool/tool.h"

#define STATUS_GRANTED   2
#define ASK_TIMEOUT_MS   500u
#define LOCK_COUNT_MAX   20000 /* with more, looking would cost the lock engine too much */
#define HOLDER_COUNT_MAX 4

static void command_name(uint32_t pid, char *ret, size_t room)
{
	char path[64];
	FILE *file;

	ret[0] = 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(ret, (int)room, file))
		ret[strcspn(ret, "\n")] = 0;
	fclose(file);
}

static void holder_add(const struct dumpline_plain *lock, int count, char *ret, size_t room)
{
	bool is_remote = lock->resource_nodeid == 0 && lock->nodeid != 0;
	const char *mode = dumpline_mode_name(lock->granted_mode);
	const char *separator = count ? ", " : "";
	size_t used = strlen(ret);
	char command[32] = "";

	if (count == HOLDER_COUNT_MAX) {
		snprintf(ret + used, room - used, " and others");
		return;
	}
	if (is_remote) {
		snprintf(ret + used, room - used, "%spid %" PRIu32 " on node %d (%s)", separator,
			lock->pid, lock->nodeid, mode);
		return;
	}
	command_name(lock->pid, command, sizeof(command));
	snprintf(ret + used, room - used, "%spid %" PRIu32 "%s%s (%s)", separator, lock->pid,
		*command ? " " : "", command, mode);
}

void lockwho_read(FILE *in, const char *resource, char *ret, size_t room)
{
	size_t bytes = strlen(resource), line_room = 0;
	struct dumpline_plain lock;
	char *line = NULL;
	int count = 0;

	ret[0] = 0;
	for (int i = 0; i < LOCK_COUNT_MAX && getline(&line, &line_room, in) > 0; i++) {
		line[strcspn(line, "\n")] = 0;
		if (dumpline_plain_parse(line, &lock) || lock.status != STATUS_GRANTED ||
			(size_t)lock.name_shown_bytes != bytes ||
			memcmp(lock.name, resource, bytes) != 0)
			continue;
		if (count <= HOLDER_COUNT_MAX)
			holder_add(&lock, count, ret, room);
		count++;
	}
	free(line);
}

/* Whether a line ends with @key and @value. Values that may hold blanks are last in a line. */
static bool line_ends_with(const char *line, const char *end, const char *key, const char *value)
{
	const char *at = memmem(line, (size_t)(end - line), key, strlen(key));

	return at && strlen(value) == (size_t)(end - at) - strlen(key) &&
	       memcmp(at + strlen(key), value, strlen(value)) == 0;
}

/* The line of @lockspace: "lockspace state=up ... locks=12 ... name=NAME". */
static uint64_t lock_count_read(const char *info, const char *lockspace)
{
	const char *line, *locks, *end;

	for (line = info; line && *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "lockspace ", 10) != 0 ||
			!line_ends_with(line, end, " name=", lockspace))
			continue;
		locks = memmem(line, (size_t)(end - line), " locks=", 7);
		if (locks)
			return strtoull(locks + 7, NULL, 10);
	}
	return UINT64_MAX;
}

/* Lines of programs: "client id=4 pid=12 ... lockspace=NAME". */
void lockwho_users_read(
	const char *info, const char *lockspace, uint32_t except_pid, char *ret, size_t room)
{
	const char *line, *at, *end;
	char command[32];
	int count = 0;

	ret[0] = 0;
	for (line = info; line && *line; line = *end ? end + 1 : end) {
		size_t used = strlen(ret);
		uint32_t pid;

		end = strchrnul(line, '\n');
		at = memmem(line, (size_t)(end - line), " pid=", 5);
		if (strncmp(line, "client ", 7) != 0 || !at ||
			!line_ends_with(line, end, " lockspace=", lockspace))
			continue;
		pid = (uint32_t)strtoul(at + 5, NULL, 10);
		if (pid == except_pid || count > HOLDER_COUNT_MAX)
			continue;
		if (count++ == HOLDER_COUNT_MAX) {
			snprintf(ret + used, room - used, " and others");
			continue;
		}
		command_name(pid, command, sizeof(command));
		snprintf(ret + used, room - used, "%spid %" PRIu32 "%s%s", used ? ", " : "", pid,
			*command ? " " : "", command);
	}
}

static bool engine_info(struct admin_answer *ret)
{
	struct admin_request request = {
		.command = DLMC_CMD_ENGINE_INFO, .timeout_ms = ASK_TIMEOUT_MS};

	return admin_ask(&request, ret) == 0;
}

bool lockwho_users(const char *lockspace, char *ret, size_t room)
{
	struct admin_answer info;

	if (!engine_info(&info))
		return false;
	lockwho_users_read(info.text, lockspace, (uint32_t)getpid(), ret, room);
	admin_answer_done(&info);
	return true;
}

/* How many locks the user engine has in @lockspace; UINT64_MAX: it does not say. */
static uint64_t lock_count(const char *lockspace)
{
	struct admin_answer info;
	uint64_t count;

	if (!engine_info(&info))
		return UINT64_MAX;
	count = lock_count_read(info.text, lockspace);
	admin_answer_done(&info);
	return count;
}

/* The kernel's dump, else the daemon's. It gives it to root and its own user only. */
static FILE *dump_open(const char *lockspace)
{
	struct admin_request request = {
		.command = DLMC_CMD_ENGINE_DUMP,
		.option = DLMC_DUMP_LOCKS,
		.name = lockspace,
		.timeout_ms = ASK_TIMEOUT_MS,
	};
	char path[256];
	FILE *stream;
	int result;

	snprintf(path, sizeof(path), "/sys/kernel/debug/dlm/%s_locks", lockspace);
	stream = fopen(path, "re");
	if (stream)
		return stream;
	if (lock_count(lockspace) > LOCK_COUNT_MAX || admin_open(&request, &result, &stream))
		return NULL;
	if (!result)
		return stream;
	fclose(stream);
	return NULL;
}

void lockwho_say(const struct lockargs *args)
{
	char holders[512] = "";
	FILE *in = dump_open(args->lockspace);

	if (in) {
		lockwho_read(in, args->resource, holders, sizeof(holders));
		fclose(in);
	}
	say("waiting for %s on \"%s\" in lockspace \"%s\"%s%s", dumpline_mode_name(args->mode),
		args->resource, args->lockspace, *holders ? ", held by " : "", holders);
}
