/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/source.h"

#include <errno.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

static void path_make(const char *lockspace, enum dlmc_dump_kind kind, char *ret, size_t room)
{
	static const char *const suffixes[] = {
		[DLMC_DUMP_ALL] = "_all",
		[DLMC_DUMP_LOCKS] = "_locks",
		[DLMC_DUMP_TOSS] = "_toss",
		[DLMC_DUMP_WAITERS] = "_waiters",
	};

	snprintf(ret, room, SOURCE_DEBUG_DIR "/%s%s", lockspace, suffixes[kind]);
}

static int kernel_open(const char *lockspace, enum dlmc_dump_kind kind, FILE **ret)
{
	char path[256];

	path_make(lockspace, kind, path, sizeof(path));
	*ret = fopen(path, "re");
	if (*ret)
		return 0;
	if (errno != ENOENT || kind != DLMC_DUMP_ALL)
		return -errno;
	/* Kernels without _all have a text for people under the bare name. */
	snprintf(path, sizeof(path), SOURCE_DEBUG_DIR "/%s", lockspace);
	*ret = fopen(path, "re");
	return *ret ? 0 : -errno;
}

/* Return: 0; -EREMOTEIO the daemon refuses and has been quoted; else -errno of asking it */
static int daemon_open(const char *lockspace, enum dlmc_dump_kind kind, FILE **ret)
{
	struct admin_request request = {
		.command = DLMC_CMD_ENGINE_DUMP,
		.option = (int)kind,
		.name = lockspace,
	};
	char sentence[512];
	FILE *stream;
	int result, rv = admin_open(&request, &result, &stream);

	if (rv)
		return rv;
	if (!result) {
		*ret = stream;
		return 0;
	}
	if (!fgets(sentence, sizeof(sentence), stream))
		snprintf(sentence, sizeof(sentence), "lockspace \"%s\": %s", lockspace,
			strerror(-result));
	fclose(stream);
	say("%s", sentence);
	return -EREMOTEIO;
}

int source_open(const char *lockspace, enum dlmc_dump_kind kind, FILE **ret)
{
	int kernel = kernel_open(lockspace, kind, ret), daemon;

	if (kernel == 0)
		return 0;
	daemon = daemon_open(lockspace, kind, ret);
	if (daemon == 0 || daemon == -EREMOTEIO)
		return daemon;
	/* Without udlm's daemon the kernel's answer is the one that counts. */
	return kernel;
}

void source_say(const char *lockspace, enum dlmc_dump_kind kind, int error)
{
	char path[256];
	int daemon;

	if (error == -EREMOTEIO)
		return;
	if (kind == DLMC_DUMP_ALL)
		snprintf(path, sizeof(path), SOURCE_DEBUG_DIR "/%s", lockspace);
	else
		path_make(lockspace, kind, path, sizeof(path));
	fflush(stdout);
	fprintf(stderr, "can't open %s: %s\n", path, strerror(-error));
	daemon = admin_daemon(0, NULL);
	if (error == -EACCES || error == -EPERM)
		say("only root may look into lockspaces of the kernel; run this command as root");
	else if (daemon < 0)
		say_daemon(-daemon);
	else
		say_lockspace_absent(lockspace);
}
