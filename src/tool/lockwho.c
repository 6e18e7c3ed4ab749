/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockwho.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* The line of @lockspace: "lockspace state=up ... locks=12 ... name=NAME". */
static uint64_t lock_count_read(const char *status, const char *lockspace)
{
	const char *line, *locks, *name, *end;

	for (line = status; line && *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "lockspace ", 10) != 0)
			continue;
		locks = memmem(line, (size_t)(end - line), " locks=", 7);
		name = memmem(line, (size_t)(end - line), " name=", 6);
		if (locks && name && strlen(lockspace) == (size_t)(end - name) - 6 &&
			memcmp(name + 6, lockspace, strlen(lockspace)) == 0)
			return strtoull(locks + 7, NULL, 10);
	}
	return UINT64_MAX;
}

/* How many locks the user engine has in @lockspace; UINT64_MAX: it does not say. */
static uint64_t lock_count(const char *lockspace)
{
	struct admin_request request = {
		.command = DLMC_CMD_ENGINE_INFO, .timeout_ms = ASK_TIMEOUT_MS};
	struct admin_answer answer;
	uint64_t count;

	if (admin_ask(&request, &answer))
		return UINT64_MAX;
	count = lock_count_read(answer.text, lockspace);
	admin_answer_done(&answer);
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
